//! The Rust library's source from Debian: the package `rust-src` of exactly the compiler's release.
//!
//! apt is used with a configuration of its own (lists, cache, status), so that neither the system's package
//! lists nor its packages are touched and no privilege is needed; Debian's signatures are checked as always.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::interrupt;
use super::programs::{find_program, output_of};
use super::step::Step;
use super::toolbox::{TARGET, Toolbox};

/// Debian's suites, those likely to have a recent release first.
const SUITES: [&str; 5] = ["trixie-backports", "sid", "forky", "trixie", "bookworm-backports"];
const MIRROR: &str = "http://deb.debian.org/debian";
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
const PACKAGE: &str = "rust-src";

/// Fetches the source of `release` (like "1.95.0") and unpacks it below `folder`; the path of its `library`.
///
/// # Errors
/// When this is not Debian, its servers cannot be reached, or no suite has that release.
pub fn fetch_library(toolbox: &Toolbox, folder: &Path, release: &str) -> Result<PathBuf> {
    for program in ["apt-get", "apt-cache", "dpkg-deb"] {
        if find_program(program).is_none() {
            bail!(
                "this system has no {program}: run `rustup target add {target}` where rustup's server can be reached, \
                 or install your system's package of that library for Rust {release}",
                target = TARGET
            );
        }
    }
    if !Path::new(KEYRING).is_file() {
        bail!("Debian's keys, {KEYRING}, are missing: install the package debian-archive-keyring");
    }
    let apt = Apt::prepare(folder)?;
    let (suite, version) = apt.find(toolbox, release)?;
    let step = Step {
        what: format!("fetching {PACKAGE} {version} from Debian's {suite}"),
        why: "the source of Rust's library for exactly this compiler, about 45 MB, once".into(),
        log: toolbox.log("apt-download"),
        reaches: Some(MIRROR),
        ..Step::default()
    };
    step.run(apt.command("apt-get").args(["download", &format!("{PACKAGE}={version}")]).current_dir(folder))?;
    apt.unpack(toolbox)
}

/// apt with a configuration of its own.
struct Apt {
    folder: PathBuf,
}

impl Apt {
    fn prepare(folder: &Path) -> Result<Self> {
        for part in ["lists/partial", "cache/archives/partial", "state"] {
            let part = folder.join(part);
            fs::create_dir_all(&part).with_context(|| format!("cannot create the folder {}", part.display()))?;
        }
        fs::write(folder.join("status"), "").context("cannot write apt's status file")?;
        Ok(Self { folder: folder.to_path_buf() })
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let places = [
            ("Etc::SourceList", "sources.list"),
            ("State", "state"),
            ("State::Lists", "lists"),
            ("State::status", "status"),
            ("Cache", "cache"),
        ];
        for (setting, place) in places {
            command.arg("-o").arg(format!("Dir::{setting}={}", self.folder.join(place).display()));
        }
        // Without the system's sources, and without a change to a user that cannot write here.
        command.args(["-o", "Dir::Etc::SourceParts=-", "-o", "APT::Sandbox::User=root"]);
        command
    }

    /// The suite that has the release, and the package's version there.
    fn find(&self, toolbox: &Toolbox, release: &str) -> Result<(&'static str, String)> {
        let mut problem = None;
        for suite in SUITES {
            let source = format!("deb [signed-by={KEYRING}] {MIRROR} {suite} main\n");
            fs::write(self.folder.join("sources.list"), source).context("cannot write apt's list of sources")?;
            let step = Step {
                what: format!("looking up {PACKAGE} {release} in Debian's {suite}"),
                why: "fetches that suite's list of packages, up to 10 MB".into(),
                log: toolbox.log("apt-update"),
                reaches: Some(MIRROR),
                ..Step::default()
            };
            let asked = step.run(self.command("apt-get").args(["update", "--error-on=any"]));
            if interrupt::requested() {
                asked?;
            } else if let Err(error) = asked {
                // One suite may be gone; another may still be there.
                problem = Some(error);
                continue;
            }
            let listed = output_of(self.command("apt-cache").args(["madison", PACKAGE]))?;
            if let Some(version) = matching_version(&listed, release) {
                return Ok((suite, version.to_owned()));
            }
        }
        let nowhere = format!("none of Debian's suites {} has {PACKAGE} {release}", SUITES.join(", "));
        match problem {
            None => bail!(
                "{nowhere}: use a Rust release that one of them has, or run `rustup target add {}` where \
                 rustup's server can be reached",
                TARGET
            ),
            Some(error) => Err(error).context(format!("{nowhere}, among those that could be reached")),
        }
    }

    fn unpack(&self, toolbox: &Toolbox) -> Result<PathBuf> {
        let package = only_entry(&self.folder, |name| name.ends_with(".deb")).context("apt fetched no package")?;
        let step = Step {
            what: "unpacking the source of Rust's library".into(),
            why: "seconds".into(),
            log: toolbox.log("unpack"),
            ..Step::default()
        };
        let unpacked = self.folder.join("unpacked");
        fs::create_dir_all(&unpacked).with_context(|| format!("cannot create the folder {}", unpacked.display()))?;
        // The compiler's source, ten times as much, is in there too.
        let library_only = r#"dpkg-deb --fsys-tarfile "$1" | tar -x -C "$2" --wildcards './usr/src/rustc-*/library'"#;
        step.run(Command::new("sh").args(["-c", library_only, "unpack"]).arg(package).arg(&unpacked))?;
        let source = only_entry(&unpacked.join("usr/src"), |name| name.starts_with("rustc-"));
        let library = source.map(|source| source.join("library")).filter(|library| library.join("std").is_dir());
        library.with_context(|| format!("Debian's package has no Rust library below {}", unpacked.display()))
    }
}

/// The first version in what `apt-cache madison` lists that is of exactly `release`.
///
/// Lines look like `rust-src | 1.95.0+dfsg1-2~bpo13+1 | http://… trixie-backports/main amd64 Packages`.
fn matching_version<'a>(madison: &'a str, release: &str) -> Option<&'a str> {
    madison.lines().filter_map(|line| line.split('|').nth(1)).map(str::trim).find(|version| {
        // After the release there is `+dfsg1-2` or `-2`; `~beta.3` would be an earlier, other compiler.
        version.strip_prefix(release).is_some_and(|rest| rest.starts_with(['+', '-']))
    })
}

/// The first entry of a folder with such a name.
fn only_entry(folder: &Path, wanted: impl Fn(&str) -> bool) -> Option<PathBuf> {
    let entries = fs::read_dir(folder).ok()?.filter_map(Result::ok);
    entries.map(|entry| entry.path()).find(|path| path.file_name().and_then(|name| name.to_str()).is_some_and(&wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MADISON: &str = "\
  rust-src | 1.95.0~beta.2+dfsg1-1 | http://deb.debian.org/debian sid/main amd64 Packages
  rust-src | 1.95.0+dfsg1-2~bpo13+1 | http://deb.debian.org/debian trixie-backports/main amd64 Packages
  rust-src | 1.94.1+dfsg1-1 | http://deb.debian.org/debian sid/main amd64 Packages
  rust-src | 1.85.0-3 | http://deb.debian.org/debian trixie/main amd64 Packages
";

    #[test]
    fn only_exactly_the_release_matches() {
        assert_eq!(matching_version(MADISON, "1.95.0"), Some("1.95.0+dfsg1-2~bpo13+1"));
        assert_eq!(matching_version(MADISON, "1.85.0"), Some("1.85.0-3"));
        for absent in ["1.95", "1.9", "1.94.0", "1.96.0", "0"] {
            assert_eq!(matching_version(MADISON, absent), None, "{absent}");
        }
        assert_eq!(matching_version("", "1.95.0"), None);
        assert_eq!(matching_version("N: Unable to locate package rust-src", "1.95.0"), None);
    }

    #[test]
    fn apt_stays_in_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let apt = Apt::prepare(folder.path()).unwrap();
        let command = apt.command("apt-get");
        let args: Vec<String> = command.get_args().map(|arg| arg.to_string_lossy().into_owned()).collect();
        for setting in
            ["Dir::Etc::SourceList=", "Dir::State=", "Dir::State::Lists=", "Dir::State::status=", "Dir::Cache="]
        {
            let value = args.iter().find_map(|arg| arg.strip_prefix(setting)).unwrap();
            assert!(Path::new(value).starts_with(folder.path()), "{setting}{value}");
        }
        assert!(args.contains(&"Dir::Etc::SourceParts=-".to_owned()));
    }
}
