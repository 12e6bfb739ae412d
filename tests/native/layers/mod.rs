//! Holds the layout: arrows between rooms, no circles between files, length of files.
//!
//! A new arrow between rooms needs a row here. Rooms use only rooms that come after them in their table.

mod file;
mod house;
mod owners;
mod tokens;
mod violations;

use house::{Crate, House};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The layers of the library.
const LAYERS: House = House {
    folder: "src",
    rooms: &[
        ("worker", &["ca", "records", "jose", "pki", "validation", "store", "policy", "tlog", "values"]),
        ("ca", &["records", "jose", "pki", "validation", "store", "policy", "tlog", "values"]),
        // Records say in which table they are stored.
        // The rows of a log have hashes of its tree.
        ("records", &["store", "tlog", "values"]),
        ("jose", &["values"]),
        ("pki", &["values"]),
        ("validation", &["values"]),
        ("policy", &["values"]),
        ("tlog", &["values"]),
        ("store", &["values"]),
        ("values", &[]),
    ],
    support: &[],
    with_tests: true,
};

/// The rooms of the CA.
const CA: House = House {
    folder: "src/ca",
    rooms: &[
        ("dispatch", &["account", "ledger", "partitions", "runtime", "http"]),
        (
            "front",
            &[
                "operator_api",
                "account",
                "ledger",
                "partitions",
                "issuance_policy",
                "health",
                "telemetry",
                "documents",
                "runtime",
                "config",
                "http",
            ],
        ),
        (
            "operator_api",
            &[
                "account",
                "ledger",
                "issuance_policy",
                "partitions",
                "notices",
                "health",
                "telemetry",
                "runtime",
                "config",
                "http",
            ],
        ),
        (
            "account",
            &["ledger", "partitions", "issuance_policy", "telemetry", "documents", "runtime", "config", "http"],
        ),
        ("ledger", &["partitions", "notices", "telemetry", "runtime", "config", "http"]),
        ("issuance_policy", &["partitions", "runtime", "config"]),
        ("partitions", &["notices", "runtime", "config", "http"]),
        ("notices", &["runtime", "config", "http"]),
        // The messages to its partitions are those of the CA; nothing of the CA uses it.
        ("witness", &["runtime", "config", "http"]),
        ("health", &["config"]),
        ("telemetry", &["runtime", "config", "http"]),
        ("documents", &["config", "http"]),
        ("runtime", &["config", "http"]),
        ("config", &["http"]),
        ("http", &[]),
    ],
    support: &["testing"],
    with_tests: false,
};

/// The rooms of the stored records.
const RECORDS: House = House {
    folder: "src/records",
    rooms: &[("ledger", &["operations", "acme"]), ("operations", &["acme"]), ("acme", &[]), ("witness", &[])],
    support: &[],
    with_tests: true,
};

/// The rooms of the companion.
const COMPANION: House = House {
    folder: "cli",
    rooms: &[
        ("pebble", &["dev", "challtestsrv", "runtime", "tools", "common"]),
        ("dev", &["challtestsrv", "runtime", "ceremony", "tools", "common"]),
        ("serve", &["deploy", "operator", "runtime", "ceremony", "tools", "common"]),
        ("witness", &["deploy", "runtime", "tools", "common"]),
        ("deploy", &["status", "ceremony", "tools", "common"]),
        ("status", &["operator", "ceremony", "common"]),
        ("operator", &["ceremony", "common"]),
        ("log", &["common"]),
        ("challtestsrv", &["common"]),
        ("runtime", &["ceremony", "tools", "common"]),
        ("ceremony", &["common"]),
        ("manual", &["tools", "common"]),
        ("tools", &["common"]),
        ("common", &[]),
    ],
    support: &[],
    with_tests: true,
};

/// Folders whose sources have at most this many lines.
const MAX_LINES: (usize, &[&str]) = (400, &["src", "cli", "tests", "bench", "fuzz"]);

/// Clocks and the host's API, which only the shell may use.
const SHELL_ONLY: &[&[&str]] = &[&["worker", "::"], &["SystemTime", "::", "now"], &["Instant", "::", "now"]];

fn package() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All sources below a folder, by their paths below it.
fn sources(folder: &Path, below: &str, found: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = format!("{below}{}", path.file_name().unwrap().to_str().unwrap());
        if path.is_dir() && !["target", "node_modules"].contains(&name.as_str()) {
            sources(&path, &format!("{name}/"), found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.insert(name, fs::read_to_string(&path).unwrap());
        }
    }
}

fn read(root: &'static str) -> Crate {
    let mut found = BTreeMap::new();
    sources(&package().join(root), "", &mut found);
    assert!(!found.is_empty(), "no source in {root}");
    Crate { root, sources: found }
}

/// Uses of clocks and of the host in a layer that is not the shell.
fn shell_only(krate: &Crate) -> Vec<String> {
    let mut found = Vec::new();
    for (path, source) in krate.sources.iter().filter(|(path, _)| !path.starts_with("worker/")) {
        let tokens = tokens::tokens(source);
        for at in 0..tokens.len() {
            let is = |words: &[&str]| words.iter().enumerate().all(|(n, word)| tokens::text(&tokens, at + n) == *word);
            let banned = SHELL_ONLY.iter().filter(|words| is(words));
            let line = tokens[at].line;
            found.extend(banned.map(|words| format!("{}/{path}:{line}: uses {}", krate.root, words.concat())));
        }
    }
    found
}

fn too_long(krate: &Crate) -> Vec<String> {
    let lines = krate.sources.iter().map(|(path, source)| (path, source.lines().count()));
    let long = lines.filter(|(_, lines)| *lines > MAX_LINES.0);
    long.map(|(path, lines)| format!("{}/{path}: {lines} lines, at most {}", krate.root, MAX_LINES.0)).collect()
}

fn none(found: &[String]) {
    assert!(found.is_empty(), "{} violations\n{}", found.len(), found.join("\n"));
}

#[test]
fn layers_use_only_layers_below() {
    none(&LAYERS.violations(&read("src")));
}

#[test]
fn rooms_of_the_ca_use_only_allowed_rooms() {
    none(&CA.violations(&read("src")));
}

#[test]
fn rooms_of_the_records_use_only_allowed_rooms() {
    none(&RECORDS.violations(&read("src")));
}

#[test]
fn rooms_of_the_companion_use_only_allowed_rooms() {
    none(&COMPANION.violations(&read("cli")));
}

#[test]
fn tables_of_rooms_have_no_arrow_upward() {
    none(&[LAYERS, CA, RECORDS, COMPANION].iter().flat_map(House::upward).collect::<Vec<_>>());
}

#[test]
fn files_use_each_other_in_no_circle() {
    none(&house::circles(&read("src")));
    none(&house::circles(&read("cli")));
    none(&house::circles(&read("bench")));
}

#[test]
fn only_the_shell_reads_clocks_and_names_the_host() {
    none(&shell_only(&read("src")));
}

#[test]
fn sources_are_at_most_400_lines_long() {
    for folder in MAX_LINES.1 {
        none(&too_long(&read(folder)));
    }
}
