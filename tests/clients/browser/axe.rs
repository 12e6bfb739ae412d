//! Faults of accessibility that a program can find, by axe-core, from npm (`tests/npm/axe-core`).

use super::Browser;
use crate::npm;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// axe-core's findings on the page: rule, severity and place.
///
/// It finds certain violations only, and cannot prove that a page is accessible.
pub fn axe(browser: &Browser) -> Vec<String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/npm/axe-core");
    let script = npm::installed("axe-core", &source).join("node_modules/axe-core/axe.min.js");
    let script = fs::read_to_string(script).unwrap();
    // It looks for `module` and `define` first; in a page there is neither, so it is `window.axe` afterwards.
    browser.execute(&script, &[]);
    let options = json!({ "resultTypes": ["violations"] });
    let results = browser.execute("return axe.run(document, arguments[0])", &[options]);
    let passes = results["passes"].as_array().map_or(0, Vec::len);
    assert!(passes > 0, "axe-core looked at nothing: {results}");
    results["violations"].as_array().unwrap().iter().map(violation).collect()
}

fn violation(violation: &Value) -> String {
    let word = |name: &str| violation[name].as_str().unwrap_or_default();
    let nodes = violation["nodes"].as_array().unwrap().iter();
    let places: Vec<&str> = nodes.filter_map(|node| node["html"].as_str()).collect();
    format!("{} ({}): {}: {}", word("id"), word("impact"), word("help"), places.join(", "))
}
