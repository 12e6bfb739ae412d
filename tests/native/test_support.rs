//! Checks that test doubles are not shipped: only development dependencies enable the feature `testing`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The attribute of every module and item that only tests use.
const GUARD: &str = r#"#[cfg(any(test, feature = "testing"))]"#;

/// The features of each package in a build for `target`, printed by `cargo tree`.
fn features(edges: &str, target: &str) -> String {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--prefix", "none", "--format", "{p} {f}", "--edges", edges, "--target", target])
        .arg("--manifest-path")
        .arg(manifest)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Whether this package has the feature `testing` there.
fn has_testing(tree: &str) -> bool {
    let mut ours = tree.lines().filter(|line| line.starts_with("selvedge v")).peekable();
    assert!(ours.peek().is_some(), "{tree}");
    ours.any(|line| line.split(|c: char| !c.is_alphanumeric()).skip(1).any(|word| word == "testing"))
}

#[test]
fn shipped_builds_do_not_enable_the_feature() {
    let host = "x86_64-unknown-linux-gnu";
    for target in [host, "aarch64-apple-darwin", "wasm32-unknown-unknown"] {
        assert!(!has_testing(&features("normal,build", target)), "{target}");
    }
    assert!(has_testing(&features("normal,build,dev", host)), "a build of the tests has it");
}

/// The modules that a source declares for its unit tests in files of their own.
fn unit_test_modules(source: &str) -> impl Iterator<Item = &str> {
    let lines = source.lines().map(str::trim);
    let pairs = lines.clone().zip(lines.skip(1));
    pairs.filter(|(before, _)| *before == "#[cfg(test)]").filter_map(|(_, line)| {
        let (_, name) = line.strip_suffix(';')?.rsplit_once("mod ")?;
        Some(name)
    })
}

/// The lines of a production source that name test support without the guard.
fn unguarded(source: &str) -> Vec<String> {
    let code = source.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let mut found = Vec::new();
    let mut before = "";
    for line in code.lines().map(str::trim).filter(|line| !line.starts_with("//")) {
        let guarded = [GUARD, "#[cfg(test)]"].contains(&before);
        let names = line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == "testing");
        if names && line != GUARD && !guarded {
            found.push(line.to_owned());
        }
        before = line;
    }
    found
}

fn sources(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if !["testing", "tests"].iter().any(|name| path.ends_with(name)) {
                sources(&path, found);
            }
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            let source = fs::read_to_string(&path).unwrap();
            found.push((path, source));
        }
    }
}

#[test]
fn production_code_does_not_name_test_support() {
    let mut all = Vec::new();
    for folder in ["src", "cli"] {
        sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut all);
    }
    assert!(all.len() > 200, "only {} sources were read", all.len());
    let of_tests: BTreeSet<&str> =
        all.iter().flat_map(|(_, source)| unit_test_modules(source)).chain(["testing"]).collect();
    assert!(["tests", "fake", "testing"].iter().all(|name| of_tests.contains(name)), "{of_tests:?}");
    for (path, source) in &all {
        let stem = path.file_stem().unwrap().to_str().unwrap();
        if !of_tests.contains(stem) {
            assert_eq!(unguarded(source), [""; 0], "{}", path.display());
        }
    }
}

#[test]
fn unguarded_lines_are_found() {
    for wrong in [
        "pub mod testing;",
        "use crate::ca::testing::World;",
        "#[cfg(not(target_arch = \"wasm32\"))]\npub mod testing;",
        "#[cfg(feature = \"testing\")]\nfn f() {}",
        "#[cfg(test)]\nmod tests;\nuse super::testing::new_key;",
    ] {
        assert_eq!(unguarded(wrong).len(), 1, "{wrong}");
    }
    for right in [
        format!("{GUARD}\npub mod testing;"),
        "#[cfg(test)]\nmod testing;".to_owned(),
        "// testing is a word".to_owned(),
        "#[cfg(test)]\nmod tests {\n    use crate::jose::testing::ClientKey;\n}".to_owned(),
    ] {
        assert_eq!(unguarded(&right), [""; 0], "{right}");
    }
}
