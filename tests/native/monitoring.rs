//! The shipped alerts and dashboard, held against the metrics and their document.

use selvedge::ca::telemetry::exposition::METRICS;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

fn read(file: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()
}

/// The metrics that a text names, without the suffixes of histograms.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'));
    let names = words.filter(|word| word.starts_with("selvedge_"));
    names.map(|name| name.trim_end_matches("_bucket").to_owned()).collect()
}

#[test]
fn alerts_and_dashboard_name_only_known_metrics() {
    let known: BTreeSet<String> = METRICS.iter().map(|(name, ..)| (*name).to_owned()).collect();
    for file in ["alerts.yml", "alerts.test.yml", "dashboard.json"] {
        let found = named(&read(&format!("packages/monitoring/{file}")));
        assert!(found.len() >= 5, "{file}: {found:?}");
        assert_eq!(found.difference(&known).collect::<Vec<_>>(), [""; 0], "{file}");
    }
    serde_json::from_str::<serde_json::Value>(&read("packages/monitoring/dashboard.json")).unwrap();
}

#[test]
fn every_metric_is_documented() {
    let document = read("docs/OPERATIONS.md");
    let rows = document.lines().filter(|line| line.starts_with("| `selvedge_"));
    let documented: BTreeSet<String> = rows.flat_map(named).collect();
    let known: BTreeSet<String> = METRICS.iter().map(|(name, ..)| (*name).to_owned()).collect();
    assert_eq!(documented, known);
}
