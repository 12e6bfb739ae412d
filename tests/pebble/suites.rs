//! Suites that were written for Pebble, unchanged, against the programs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::common::packages::{debian, go};
use super::program::{Program, link};

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

/// eggsampler/acme's tests, from Debian's package, with Debian's Go. They have Pebble's default ports in their text.
///
/// One is left out: it sets the names of dns-account-01 as an earlier draft had them.
#[test]
fn eggsampler_suite_passes_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let package = folder.path().join("acme");
    let suite = debian::release("golang-github-eggsampler-acme-dev", "3.6");
    copy(&suite.root.join("usr/share/gocode/src/github.com/eggsampler/acme"), &package);
    let certificates = folder.path().join("pebble-source/test/certs");
    fs::create_dir_all(&certificates).unwrap();
    let anchor = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/pebble.minica.pem");
    fs::copy(anchor, certificates.join("pebble.minica.pem")).unwrap();
    let _responders = Program::start(folder.path(), "pebble-challtestsrv", &["-defaultIPv6", ""], &[]);
    let environment = [("PEBBLE_WFE_NONCEREJECT", "0"), ("PEBBLE_ALTERNATE_ROOTS", "2"), ("PEBBLE_AUTHZREUSE", "100")];
    let _server = Program::start(folder.path(), "pebble", &["-dnsserver", "127.0.0.1:8053", "-strict"], &environment);
    let output = go::command()
        .args(["test", "-count=1", "-v", "-skip", "TestWildcardDNSAccount", "."])
        .env("GOFLAGS", "-mod=mod")
        .env("GOPATH", folder.path().join("go"))
        .env("PEBBLE_PATH", folder.path().join("pebble-source"))
        .current_dir(&package)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(said.lines().filter(|line| line.starts_with("--- PASS")).count(), 67, "{said}");
}
