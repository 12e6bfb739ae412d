//! What each package has.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::super::home::MODULE;
use super::super::toolbox::Toolbox;
use super::archive::Archive;
use crate::common::template;

const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The platforms with a package, by node's names.
pub const PLATFORMS: [[&str; 2]; 4] = [["linux", "x64"], ["linux", "arm64"], ["darwin", "x64"], ["darwin", "arm64"]];
/// Files that all packages have.
const LICENCES: [&str; 2] = ["LICENSE-APACHE", "LICENSE-MIT"];
/// What `deploy` needs to fetch wrangler.
const WRANGLER: [&str; 2] = ["tools/deploy/package.json", "tools/deploy/package-lock.json"];
/// The names by which the companion is another program: links to it, and npm's launchers.
const LINKS: [&str; 2] = ["pebble", "pebble-challtestsrv"];
/// How `serve` runs as a service.
const SERVICE: [&str; 3] =
    ["packages/systemd/selvedge.service", "packages/container/Dockerfile", "packages/container/compose.yaml"];
/// The versions of node with the launcher's language.
const NODE: &str = ">=18";

/// A package with the name of its file.
type Named = (String, Archive);

/// A man page or the completions of a shell, with its path below `share`.
pub type SharedFile = (String, Vec<u8>);

/// The folder of man pages, below `share`.
const MAN: &str = "man/man1/";

/// The parts of all packages.
pub struct Parts<'a> {
    toolbox: &'a Toolbox,
    companion: Vec<u8>,
    shared: &'a [SharedFile],
    system: &'static str,
    machine: &'static str,
}

impl<'a> Parts<'a> {
    /// Reads the companion, a program for this machine.
    ///
    /// # Errors
    /// When it cannot be read, or this machine has no package.
    pub fn collect(toolbox: &'a Toolbox, companion: &Path, shared: &'a [SharedFile]) -> Result<Self> {
        let (system, machine) = (std::env::consts::OS, std::env::consts::ARCH);
        let wanted = [
            if system == "macos" { "darwin" } else { system },
            match machine {
                "x86_64" => "x64",
                "aarch64" => "arm64",
                other => other,
            },
        ];
        let Some([system, machine]) = PLATFORMS.into_iter().find(|platform| *platform == wanted) else {
            bail!(
                "there is no package for {}: use one of {}",
                wanted.join("-"),
                PLATFORMS.map(|p| p.join("-")).join(", ")
            );
        };
        Ok(Self { toolbox, companion: read(companion)?, shared, system, machine })
    }

    /// The package `selvedge` and that of this platform.
    ///
    /// # Errors
    /// When a file of the checkout cannot be read.
    pub fn npm(&self) -> Result<Vec<Named>> {
        let mut main = Archive::default();
        main.add("package/package.json", manifest(self.main_manifest()?)?);
        main.add("package/wrangler.toml", template::wrangler_toml(template::WORKER)?);
        main.add_program("package/bin/selvedge.js", self.read("packages/npm/bin/selvedge.js")?);
        for name in LINKS {
            main.add_program(format!("package/bin/{name}.js"), self.read(&format!("packages/npm/bin/{name}.js"))?);
        }
        main.add("package/README.md", self.read("packages/npm/README.md")?);
        for file in MODULE.into_iter().chain(WRANGLER).chain(LICENCES) {
            main.add(format!("package/{file}"), self.read(file)?);
        }
        for (page, text) in self.pages() {
            main.add(format!("package/man/{page}"), text);
        }
        let mut platform = Archive::default();
        platform.add("package/package.json", manifest(self.platform_manifest())?);
        platform.add_program("package/bin/selvedge", self.companion.clone());
        for file in LICENCES {
            platform.add(format!("package/{file}"), self.read(file)?);
        }
        // Named as npm names them.
        let platform_file = format!("selvedge-{}-{}-{VERSION}.tgz", self.system, self.machine);
        Ok(vec![(format!("selvedge-{VERSION}.tgz"), main), (platform_file, platform)])
    }

    /// The tarball, which has the runtime too.
    ///
    /// # Errors
    /// When a file of the checkout cannot be read.
    pub fn tarball(&self) -> Result<Named> {
        let top = format!("selvedge-{VERSION}-{}-{}", self.system, self.machine);
        let mut archive = Archive::default();
        archive.add_program(format!("{top}/bin/selvedge"), self.companion.clone());
        for name in LINKS {
            archive.add_link(format!("{top}/bin/{name}"), "selvedge");
        }
        archive.add(format!("{top}/lib/selvedge/wrangler.toml"), template::wrangler_toml(template::WORKER)?);
        for file in MODULE.into_iter().chain(WRANGLER) {
            archive.add(format!("{top}/lib/selvedge/{file}"), self.read(file)?);
        }
        for file in LICENCES {
            archive.add(format!("{top}/{file}"), self.read(file)?);
        }
        for (file, text) in self.shared {
            archive.add(format!("{top}/share/{file}"), text.as_slice());
        }
        for file in SERVICE {
            let name = file.rsplit('/').next().unwrap_or(file);
            archive.add(format!("{top}/share/selvedge/{name}"), self.read(file)?);
        }
        let workerd = self.toolbox.workerd()?;
        let name = workerd.strip_prefix(&self.toolbox.root).unwrap_or(&workerd).display().to_string();
        archive.add_program(format!("{top}/lib/selvedge/{name}"), read(&workerd)?);
        Ok((format!("{top}.tar.gz"), archive))
    }

    /// The man pages by their names.
    fn pages(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.shared.iter().filter_map(|(file, text)| Some((file.strip_prefix(MAN)?, text.as_slice())))
    }

    fn main_manifest(&self) -> Result<Value> {
        let platforms = PLATFORMS.map(|platform| (format!("@selvedge/{}", platform.join("-")), json!(VERSION)));
        let programs = ["selvedge"].into_iter().chain(LINKS).map(|name| (name, json!(format!("bin/{name}.js"))));
        let workerd = self.pinned("package.json", "workerd")?;
        let wrangler = self.pinned("tools/deploy/package.json", "wrangler")?;
        Ok(json!({
            "name": "selvedge",
            "version": VERSION,
            "description": env!("CARGO_PKG_DESCRIPTION"),
            "license": env!("CARGO_PKG_LICENSE"),
            "bin": Value::from_iter(programs),
            "man": self.pages().map(|(page, _)| format!("./man/{page}")).collect::<Vec<_>>(),
            "engines": { "node": NODE },
            "dependencies": { "workerd": workerd },
            "optionalDependencies": Value::from_iter(platforms),
            "peerDependencies": { "wrangler": wrangler },
            "peerDependenciesMeta": { "wrangler": { "optional": true } },
        }))
    }

    fn platform_manifest(&self) -> Value {
        let mut manifest = json!({
            "name": format!("@selvedge/{}-{}", self.system, self.machine),
            "version": VERSION,
            "description": format!("Selvedge's companion for {} on {}", self.system, self.machine),
            "license": env!("CARGO_PKG_LICENSE"),
            "preferUnplugged": true,
            "os": [self.system],
            "cpu": [self.machine],
        });
        if let (Some(fields), "linux") = (manifest.as_object_mut(), self.system) {
            fields.insert("libc".to_owned(), json!(["glibc"]));
        }
        manifest
    }

    /// The version of a dependency in a manifest of the repository.
    fn pinned(&self, file: &str, package: &str) -> Result<Value> {
        let manifest: Value =
            serde_json::from_slice(&self.read(file)?).with_context(|| format!("{file} is not JSON"))?;
        let version = manifest.pointer(&format!("/devDependencies/{package}")).cloned();
        version.with_context(|| format!("{file} pins no version of {package}: add it to devDependencies"))
    }

    fn read(&self, file: &str) -> Result<Vec<u8>> {
        read(&self.toolbox.root.join(file))
    }
}

fn manifest(value: Value) -> Result<String> {
    Ok(format!("{}\n", serde_json::to_string_pretty(&value)?))
}

fn read(file: &Path) -> Result<Vec<u8>> {
    fs::read(file).with_context(|| format!("cannot read {}", file.display()))
}
