//! Programs from Debian's packages that tests run, fetched into the target folder once.
//!
//! apt is asked with a configuration of its own, so the system's lists and packages stay as they are. Several test
//! processes may ask for the same package at the same time: the first fetches it, the others wait at a file lock.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The suites of a release, the most stable and oldest last.
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

/// A package for any Debian (a script, a static program) from the newest suite with `version`.
pub fn release(package: &str, version: &str) -> Unpacked {
    fetched(package, |folder| {
        let apt = Apt::of(&folder.with_file_name("debian-suites"), Over::Suites);
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
        let apt = Apt::of(&folder.with_file_name("debian-native"), Over::System);
        apt.download(&["--reinstall", package], folder);
        version_of(package, folder)
    })
}

/// Packages of this system in one folder with all dependencies; the version is the first's.
///
/// Installed packages differ from machine to machine, and a program with libraries of both origins fails in obscure
/// ways. So apt sees a system with one package, a stand-in for those of `there`: the base of every Debian, above all
/// the C library, and what the programs name but never open.
pub fn whole(name: &str, programs: &[&str], there: &[&str]) -> Unpacked {
    fetched(name, |folder| {
        // Lists of its own: older ones would name versions that the mirror has replaced since.
        let lists = folder.join("apt");
        let apt = Apt::of(&lists, Over::Nothing { there });
        apt.download(programs, folder);
        fs::remove_dir_all(lists).unwrap();
        version_of(programs[0], folder)
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

/// The dpkg status of one package that provides all these in the newest version.
fn stand_in(packages: &[&str]) -> String {
    let provides: Vec<String> = packages.iter().map(|package| format!("{package} (= 9999)")).collect();
    format!(
        "Package: stand-in\nStatus: install ok installed\nArchitecture: all\nMulti-Arch: foreign\n\
         Maintainer: nobody\nVersion: 9999\nProvides: {}\nDescription: is there\n\n",
        provides.join(", ")
    )
}

/// The version in the name of a package's file, like `uacme_1.7.4-1_amd64.deb`.
fn version_of(package: &str, folder: &Path) -> String {
    let files = packages(folder);
    let names = files.iter().filter_map(|file| file.file_name()?.to_str());
    let version = names.filter_map(|name| name.strip_prefix(package)?.strip_prefix('_')?.split('_').next()).next();
    version.unwrap_or_else(|| panic!("{package} is not in {}", folder.display())).to_owned()
}

fn packages(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.extension().is_some_and(|e| e == "deb")).collect()
}

/// What apt looks at.
enum Over<'a> {
    /// [`SUITES`], with nothing installed.
    Suites,
    /// What the system is configured for, and what it has installed.
    System,
    /// What the system is configured for, with nothing installed but what stands in for these.
    Nothing { there: &'a [&'a str] },
}

/// apt with lists of its own.
struct Apt {
    options: Vec<String>,
}

impl Apt {
    /// Its lists are fetched once.
    fn of(folder: &Path, over: Over<'_>) -> Self {
        for part in ["lists/partial", "cache/archives/partial", "state"] {
            fs::create_dir_all(folder.join(part)).unwrap();
        }
        let place = |setting: &str, part: &str| format!("Dir::{setting}={}", folder.join(part).display());
        let mut options = vec![place("State::Lists", "lists"), place("Cache", "cache")];
        let installed = match over {
            Over::Suites => {
                let line = |suite| format!("deb [signed-by={KEYRING}] {MIRROR} {suite} main\n");
                fs::write(folder.join("sources.list"), SUITES.map(line).concat()).unwrap();
                options.extend([place("Etc::SourceList", "sources.list"), "Dir::Etc::SourceParts=-".to_owned()]);
                Some(String::new())
            }
            Over::System => None,
            Over::Nothing { there } => Some(stand_in(there)),
        };
        if let Some(installed) = installed {
            fs::write(folder.join("status"), installed).unwrap();
            options.push(place("State::status", "status"));
        }
        // Lists of a mirror that stands still are signed, and past their date.
        let plain = [
            "APT::Sandbox::User=root",
            "Acquire::Check-Valid-Until=false",
            "Acquire::Languages=none",
            "Debug::NoLocking=1",
        ];
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

    /// Fetches `wanted` and its missing dependencies into the folder.
    fn download(&self, wanted: &[&str], folder: &Path) {
        let archives = format!("Dir::Cache::archives={}", folder.display());
        let only = ["-o", &archives, "install", "--yes", "--download-only", "--no-install-recommends"];
        self.run("apt-get", &[&only, wanted].concat(), folder);
    }

    fn run(&self, program: &str, arguments: &[&str], folder: &Path) -> std::process::Output {
        let mut command = Command::new(program);
        for option in &self.options {
            command.args(["-o", option]);
        }
        let output = command.args(arguments).current_dir(folder).output();
        let output = output.expect(
            "the tests take ACME clients, GnuTLS, Chromium and podman from Debian's packages, by apt; this system has none",
        );
        assert!(output.status.success(), "{command:?}\n{output:?}");
        output
    }
}
