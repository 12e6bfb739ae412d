//! Packages from npm that tests use: one folder each, under the target folder, installed once.
//!
//! Several test processes may ask for the same one at the same time: the first installs it, the others wait at a file
//! lock. A folder that was not finished (no network, Ctrl-C) is made afresh.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder with what the `package-lock.json` of `source` says, without the packages' install scripts.
///
/// `name` names it.
pub fn installed(name: &str, source: &Path) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let lock = File::create(folder.with_extension("lock")).unwrap();
    lock.lock().unwrap();
    let (wanted, finished) = (fs::read(source.join("package-lock.json")).unwrap(), folder.join("finished"));
    if fs::read(&finished).is_ok_and(|installed| installed == wanted) {
        return folder;
    }
    eprintln!("installing {name} from npm into the target folder, once");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    for name in ["package.json", "package-lock.json"] {
        fs::copy(source.join(name), folder.join(name)).unwrap();
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(&folder);
    let output = npm.output().expect("npm has to be installed");
    assert!(output.status.success(), "{output:?}");
    // Last, so that only a finished folder has it.
    fs::write(&finished, wanted).unwrap();
    folder
}
