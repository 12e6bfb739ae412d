//! Programs from Debian's packages that tests run, fetched into the target folder once.
//!
//! apt is asked with a configuration of its own, so the system's lists and packages stay as they are. Several test
//! processes may ask for the same package at the same time: the first fetches it, the others wait at a file lock.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The suites that are asked for a release, the one that changes most rarely last: it is too old for some.
const SUITES: [&str; 3] = ["forky", "sid", "trixie"];
const MIRROR: &str = "http://deb.debian.org/debian";
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// A package, unpacked.
pub struct Unpacked {
    /// The folder that stands for `/`.
    pub root: PathBuf,
    /// Its version.
    pub version: String,
}

/// A package that runs on any Debian (a script, a static program), at a version that begins with `version`, from
/// the newest suite that has one.
pub fn release(package: &str, version: &str) -> Unpacked {
    fetched(package, |folder| {
        let apt = Apt::of(&folder.with_file_name("debian-suites"), true);
        let listed = String::from_utf8(apt.run("apt-cache", &["madison", package], folder).stdout).unwrap();
        let versions: Vec<(&str, &str)> = listed.lines().filter_map(|line| parse_madison(line)).collect();
        let found = SUITES.iter().find_map(|suite| {
            let of_suite = versions.iter().find(|(found, place)| found.starts_with(version) && place.contains(suite));
            of_suite.map(|(found, _)| *found)
        });
        let found = found.unwrap_or_else(|| panic!("none of Debian's {SUITES:?} has {package} {version}:\n{listed}"));
        apt.run("apt-get", &["download", &format!("{package}={found}")], folder);
        found.to_owned()
    })
}

/// A package of this very system with the libraries that it lacks.
pub fn native(package: &str) -> Unpacked {
    fetched(package, |folder| {
        let apt = Apt::of(&folder.with_file_name("debian-native"), false);
        let only = ["install", "--yes", "--download-only", "--no-install-recommends", "--reinstall", package];
        let archives = format!("Dir::Cache::archives={}", folder.display());
        apt.run("apt-get", &[&["-o", &archives], &only[..]].concat(), folder);
        let files: Vec<PathBuf> = packages(folder);
        let file = files.iter().filter_map(|file| file.file_name()?.to_str()).find(|f| f.starts_with(package));
        file.unwrap().split('_').nth(1).unwrap().to_owned()
    })
}

/// The version and the place of a line like `lego | 4.35.2-3 | http://… forky/main amd64 Packages`.
fn parse_madison(line: &str) -> Option<(&str, &str)> {
    let mut parts = line.split('|').skip(1).map(str::trim);
    Some((parts.next()?, parts.next()?))
}

/// Has `fetch` put packages into a folder, unless that was done, and unpacks them. `fetch` gives the version.
fn fetched(package: &str, fetch: impl FnOnce(&Path) -> String) -> Unpacked {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(package);
    let lock = File::create(folder.with_extension("lock")).unwrap();
    lock.lock().unwrap();
    let (root, finished) = (folder.join("unpacked"), folder.join("version"));
    if let Ok(version) = fs::read_to_string(&finished) {
        return Unpacked { root, version };
    }
    eprintln!("fetching {package} from Debian's packages into the target folder, once");
    let _ = fs::remove_dir_all(&folder);
    for part in ["partial", "unpacked"] {
        fs::create_dir_all(folder.join(part)).unwrap();
    }
    let version = fetch(&folder);
    for file in packages(&folder) {
        let unpacked = Command::new("dpkg-deb").arg("-x").args([&file, &root]).status().unwrap();
        assert!(unpacked.success(), "{}", file.display());
        fs::remove_file(file).unwrap();
    }
    // Last, so that only a finished package has it.
    fs::write(&finished, &version).unwrap();
    Unpacked { root, version }
}

fn packages(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.extension().is_some_and(|e| e == "deb")).collect()
}

/// apt with lists of its own.
struct Apt {
    options: Vec<String>,
}

impl Apt {
    /// Over the suites of [`SUITES`], or over what the system is configured for; its lists are fetched once.
    fn of(folder: &Path, suites: bool) -> Self {
        for part in ["lists/partial", "cache/archives/partial", "state"] {
            fs::create_dir_all(folder.join(part)).unwrap();
        }
        let place = |setting: &str, part: &str| format!("Dir::{setting}={}", folder.join(part).display());
        let mut options = vec![place("State::Lists", "lists"), place("Cache", "cache")];
        if suites {
            let line = |suite| format!("deb [signed-by={KEYRING}] {MIRROR} {suite} main\n");
            fs::write(folder.join("sources.list"), SUITES.map(line).concat()).unwrap();
            fs::write(folder.join("status"), "").unwrap();
            options.extend([place("Etc::SourceList", "sources.list"), place("State::status", "status")]);
            options.push("Dir::Etc::SourceParts=-".to_owned());
        }
        let plain = ["APT::Sandbox::User=root", "Acquire::Languages=none", "Debug::NoLocking=1"];
        options.extend(plain.map(str::to_owned));
        options.extend(
            ["DEP-11", "Contents-deb"].map(|kind| format!("Acquire::IndexTargets::deb::{kind}::DefaultEnabled=false")),
        );
        let apt = Self { options };
        let lock = File::create(folder.join("lock")).unwrap();
        lock.lock().unwrap();
        let updated = folder.join("updated");
        if !updated.exists() {
            apt.run("apt-get", &["update"], folder);
            fs::write(updated, "").unwrap();
        }
        apt
    }

    fn run(&self, program: &str, arguments: &[&str], folder: &Path) -> std::process::Output {
        let mut command = Command::new(program);
        for option in &self.options {
            command.args(["-o", option]);
        }
        let output = command.args(arguments).current_dir(folder).output();
        let output = output
            .expect("the tests take ACME clients and GnuTLS from Debian's packages, by apt; this system has none");
        assert!(output.status.success(), "{command:?}\n{output:?}");
        output
    }
}
