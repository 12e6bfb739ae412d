//! Suites that were written for Pebble, unchanged, against the programs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::program::link;

/// The folder of a dependency's source, as cargo has it.
fn source_of(dependency: &str) -> PathBuf {
    let asked = Command::new(env!("CARGO"))
        .args(["metadata", "--locked", "--format-version", "1"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&asked.stdout).unwrap();
    let package = metadata["packages"].as_array().unwrap().iter().find(|package| package["name"] == dependency);
    Path::new(package.unwrap()["manifest_path"].as_str().unwrap()).parent().unwrap().to_owned()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target)
        } else {
            fs::copy(entry.path(), &target).map(drop).unwrap()
        }
    }
}

/// instant-acme's `tests/pebble.rs`: 14 tests, each with a server and responders of its own.
#[test]
fn instant_acme_suite_passes_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let (package, target) = (folder.path().join("instant-acme"), Path::new(env!("CARGO_TARGET_TMPDIR")));
    copy(&source_of("instant-acme"), &package);
    let output = Command::new(env!("CARGO"))
        .args(["test", "--test", "pebble", "--no-default-features"])
        .args(["--features", "hyper-rustls,ring,time,x509-parser", "--", "--ignored", "--test-threads", "2"])
        .env("CARGO_TARGET_DIR", target.join("instant-acme"))
        .env("PEBBLE", link(folder.path(), "pebble"))
        .env("CHALLTESTSRV", link(folder.path(), "pebble-challtestsrv"))
        .env_remove("RUSTC_BOOTSTRAP")
        .current_dir(&package)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("test result: ok. 14 passed"), "{said}");
}
