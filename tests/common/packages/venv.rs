//! Python programs from PyPI for tests, each in a virtual environment made once.
//!
//! Several test processes may ask for the same one at the same time: the first makes it, the others wait at a file
//! lock. An environment that was not finished (no network, Ctrl-C) is made afresh.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The virtual environment that holds exactly `requirements` (the text of a pip requirements file).
///
/// `name` names its folder. Panics with a sentence that says what to do when it cannot be made.
pub fn venv(name: &str, requirements: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR"));
    fs::create_dir_all(root).expect("the target folder is writable");
    let lock = File::create(root.join(format!("{name}.lock"))).expect("the target folder is writable");
    lock.lock().expect("the target folder is on a file system with locks");
    let folder = root.join(name);
    let finished = folder.join("requirements.txt");
    if fs::read_to_string(&finished).is_ok_and(|installed| installed == requirements) {
        return folder;
    }
    eprintln!("installing {name} from PyPI into the target folder, once; this takes a minute");
    let _ = fs::remove_dir_all(&folder);
    let wanted = root.join(format!("{name}.txt"));
    fs::write(&wanted, requirements).expect("the target folder is writable");
    run(Command::new("python3").arg("-m").arg("venv").arg(&folder), "python3 with its venv module has to be installed");
    run(
        Command::new(folder.join("bin/pip"))
            .args(["install", "--quiet", "--disable-pip-version-check", "--no-input", "--requirement"])
            .arg(&wanted),
        "pip has to reach PyPI, or a mirror that its configuration names",
    );
    // Last, so that only a finished environment has it.
    fs::write(&finished, requirements).expect("the target folder is writable");
    folder
}

fn run(command: &mut Command, need: &str) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?} did not start ({error}): {need}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} failed: {need}\n{errors}");
}
