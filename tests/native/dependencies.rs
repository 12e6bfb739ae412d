//! The tables of docs/DEPENDENCIES.md against the manifests and the lock files.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// A section of the document, without its heading.
fn section(heading: &str) -> String {
    let document = read("docs/DEPENDENCIES.md");
    let (_, rest) = document.split_once(&format!("\n## {heading}\n")).unwrap_or_else(|| panic!("no section {heading}"));
    rest.split("\n## ").next().unwrap().to_owned()
}

/// The words between backticks.
fn quoted(text: &str) -> BTreeSet<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The rows of a section's table: name to licence. Each row has a reason.
fn rows(heading: &str) -> BTreeMap<String, String> {
    let section = section(heading);
    let mut rows = BTreeMap::new();
    for line in section.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [name, used_by, reason, licence] = cells[..] else { panic!("{line}: four columns") };
        assert!(!used_by.is_empty() && reason.len() > 5, "{line}: by whom, and why?");
        let twice = rows.insert(name.trim_matches('`').to_owned(), licence.to_owned());
        assert_eq!(twice, None, "{line}: named twice");
    }
    rows
}

/// The crates of crates.io that a manifest names, in whatever table.
fn crates(manifest: &str) -> BTreeSet<String> {
    let manifest: toml::Table = read(manifest).parse().unwrap();
    let targets = manifest.get("target").and_then(toml::Value::as_table).cloned().unwrap_or_default();
    let tables = std::iter::once(&manifest).chain(targets.values().filter_map(toml::Value::as_table));
    let mut found = BTreeSet::new();
    for table in tables {
        for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let entries = table.get(kind).and_then(toml::Value::as_table).cloned().unwrap_or_default();
            found.extend(entries.into_iter().filter(|(_, value)| value.get("path").is_none()).map(|(name, _)| name));
        }
    }
    assert!(!found.is_empty());
    found
}

/// The licences of the packages that a manifest leads to.
fn licences(manifest: &str) -> BTreeMap<String, String> {
    let cargo = Command::new(env!("CARGO"))
        .args(["metadata", "--locked", "--format-version", "1", "--manifest-path"])
        .arg(root().join(manifest))
        .output()
        .unwrap();
    assert!(cargo.status.success(), "{}", String::from_utf8_lossy(&cargo.stderr));
    let metadata: Value = serde_json::from_slice(&cargo.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    packages.map(|package| (text(&package["name"]), text(&package["license"]))).collect()
}

fn check(heading: &str, wanted: &BTreeSet<String>, licences: &BTreeMap<String, String>) {
    let rows = rows(heading);
    let named: BTreeSet<String> = rows.keys().cloned().collect();
    let missing: Vec<_> = wanted.difference(&named).collect();
    let idle: Vec<_> = named.difference(wanted).collect();
    assert!(missing.is_empty(), "{heading}: no row in docs/DEPENDENCIES.md for {missing:?}");
    assert!(idle.is_empty(), "{heading}: a row in docs/DEPENDENCIES.md for {idle:?}, which it does not have");
    for (name, licence) in rows {
        assert_eq!(licences.get(&name), Some(&licence), "{heading}: the licence of {name}");
    }
}

#[test]
fn crates_and_rows_match() {
    for manifest in ["Cargo.toml", "fuzz/Cargo.toml", "tools/bindgen/Cargo.toml"] {
        check(manifest, &crates(manifest), &licences(manifest));
    }
}

#[test]
fn npm_packages_and_rows_match() {
    for folder in ["", "tools/deploy/", "tests/npm/axe-core/"] {
        let manifest: Value = serde_json::from_str(&read(&format!("{folder}package.json"))).unwrap();
        let lock: Value = serde_json::from_str(&read(&format!("{folder}package-lock.json"))).unwrap();
        let names =
            |table: &Value| table.as_object().map(|t| t.keys().cloned().collect::<Vec<_>>()).unwrap_or_default();
        let tables = ["dependencies", "devDependencies", "optionalDependencies", "peerDependencies"];
        let wanted: BTreeSet<String> = tables.iter().flat_map(|table| names(&manifest[table])).collect();
        assert!(!wanted.is_empty());
        let licence = |name: &String| lock["packages"][format!("node_modules/{name}")]["license"].as_str();
        let licences = wanted.iter().filter_map(|name| Some((name.clone(), licence(name)?.to_owned()))).collect();
        check(&format!("{folder}package.json"), &wanted, &licences);
    }
}

/// Crates that depend on one of these implement or use cryptography.
const MARKS: [&str; 11] = [
    "aead",
    "cipher",
    "crypto-bigint",
    "crypto-common",
    "curve25519-dalek",
    "digest",
    "elliptic-curve",
    "ring",
    "signature",
    "subtle",
    "universal-hash",
];

#[test]
fn every_cryptographic_crate_is_listed() {
    let lock: toml::Table = read("Cargo.lock").parse().unwrap();
    let text = |value: &toml::Value| value.as_str().unwrap().to_owned();
    let (mut found, mut versions) = (BTreeSet::new(), BTreeMap::<String, usize>::new());
    for package in lock["package"].as_array().unwrap() {
        let name = text(&package["name"]);
        let depends = package.get("dependencies").and_then(toml::Value::as_array).cloned().unwrap_or_default();
        let marked = |name: &str| MARKS.contains(&name.split(' ').next().unwrap());
        if name != "selvedge" && (marked(&name) || depends.iter().any(|on| marked(&text(on)))) {
            *versions.entry(name.clone()).or_default() += 1;
            found.insert(name);
        }
    }
    assert!(MARKS.iter().all(|mark| found.contains(*mark)), "a mark that marks nothing: {found:?}");
    let named = quoted(&section("Cryptography"));
    let missing: Vec<_> = found.difference(&named).collect();
    assert!(missing.is_empty(), "docs/DEPENDENCIES.md does not say what this cryptography is for: {missing:?}");
    let twice: Vec<_> = versions.into_iter().filter(|(_, count)| *count > 1).collect();
    assert!(twice.is_empty(), "cryptography in two versions: {twice:?}");
    // And the other way round: whatever the table names is there.
    let locked: BTreeSet<String> = lock["package"].as_array().unwrap().iter().map(|p| text(&p["name"])).collect();
    for line in section("Cryptography").lines().filter(|line| line.starts_with("| `")) {
        let names = quoted(line.split('|').nth(1).unwrap());
        let gone: Vec<_> = names.difference(&locked).collect();
        assert!(gone.is_empty(), "docs/DEPENDENCIES.md explains what is not there: {gone:?}");
    }
}
