//! Holds the layers: which part of the library may name which, where clocks are read, how long a file may be.

use std::fs;
use std::path::Path;

/// Who may use whom. `acme -> store` is the one arrow between siblings: ACME's records say how they are stored.
const ALLOWED: &[(&str, &[&str])] = &[
    ("worker", &["ca", "acme", "jose", "pki", "validation", "store", "policy", "values"]),
    ("ca", &["acme", "jose", "pki", "validation", "store", "policy", "values"]),
    ("acme", &["store", "values"]),
    ("jose", &["values"]),
    ("pki", &["values"]),
    ("validation", &["values"]),
    ("policy", &["values"]),
    ("store", &["values"]),
    ("values", &[]),
];

const MAX_LINES: usize = 400;

/// What is wrong with the source text of a file of this layer.
fn faults(layer: &str, source: &str) -> Vec<String> {
    let allowed = ALLOWED.iter().find(|(name, _)| *name == layer).map(|(_, allowed)| *allowed);
    let Some(allowed) = allowed else { return vec![format!("{layer} is no layer")] };
    let mut faults = Vec::new();
    for (n, line) in source.lines().enumerate() {
        let code = line.trim_start();
        if code.starts_with("//") {
            continue;
        }
        for rest in code.split("crate::").skip(1) {
            let used: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            if used != layer && !allowed.contains(&used.as_str()) {
                faults.push(format!("line {}: {layer} uses {used:?}", n + 1));
            }
        }
        if layer != "worker" {
            for banned in ["worker::", "SystemTime::now", "Instant::now"] {
                if code.contains(banned) {
                    faults.push(format!("line {}: {layer} names {banned}", n + 1));
                }
            }
        }
    }
    let lines = source.lines().count();
    if lines > MAX_LINES {
        faults.push(format!("{lines} lines; split it, {MAX_LINES} are the most"));
    }
    faults
}

fn walk(dir: &Path, layer: Option<&str>, found: &mut Vec<String>) -> usize {
    let mut files = 0;
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            files += walk(&path, Some(layer.unwrap_or(&name)), found);
        } else if path.extension().is_some_and(|e| e == "rs") && !(layer.is_none() && name == "lib") {
            files += 1;
            let source = fs::read_to_string(&path).unwrap();
            let layer = layer.unwrap_or(&name);
            found.extend(faults(layer, &source).into_iter().map(|fault| format!("{}: {fault}", path.display())));
        }
    }
    files
}

#[test]
fn every_source_keeps_to_its_layer() {
    let mut found = Vec::new();
    let files = walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), None, &mut found);
    assert!(files > 50, "only {files} sources were read");
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn violations_are_found() {
    let long = "\n".repeat(MAX_LINES + 1);
    for (layer, source) in [
        ("values", "use crate::ca::jobs;"),
        ("pki", "use crate::jose::Jwk;"),
        ("policy", "use crate::validation::Method;"),
        ("store", "fn f() { crate::acme::nonce::check() }"),
        ("acme", "use crate::{values::Id};"),
        ("ca", "use worker::Env;"),
        ("ca", "let now = std::time::SystemTime::now();"),
        ("jose", long.as_str()),
        ("elsewhere", ""),
    ] {
        assert_eq!(faults(layer, source).len(), 1, "{layer}: {source}");
    }
    assert!(faults("acme", "use crate::store::Record;\n// crate::ca is not code").is_empty());
}
