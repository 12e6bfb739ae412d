//! Checks links and paths of documents: each leads to an existing file and heading.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Folders with documents.
const FOLDERS: &[&str] = &["", "docs", "kv-schema", "fuzz"];

/// Paths in code that begin so are checked.
const PATHS: &[&str] = &["src/", "cli/", "tests/", "docs/", "kv-schema/", "fuzz/", "bench/", ".ci/"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn documents() -> Vec<PathBuf> {
    let entries = FOLDERS.iter().flat_map(|folder| fs::read_dir(root().join(folder)).unwrap());
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|e| e == "md")).collect()
}

/// The lines of a document outside of code blocks, with their numbers.
fn prose(document: &str) -> Vec<(usize, &str)> {
    let mut code = false;
    let mut lines = Vec::new();
    for (n, line) in document.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            code = !code;
        } else if !code {
            lines.push((n + 1, line));
        }
    }
    lines
}

/// The anchor that a heading gets on the usual forges.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

fn anchors(document: &str) -> BTreeSet<String> {
    let headings = prose(document).into_iter().filter(|(_, line)| line.starts_with('#'));
    headings.map(|(_, line)| anchor(line.trim_start_matches('#').trim())).collect()
}

/// The targets of the links of a line.
fn targets(line: &str) -> Vec<&str> {
    line.split("](").skip(1).filter_map(|rest| rest.split_once(')').map(|(target, _)| target)).collect()
}

/// Paths of this repository that a line names in code, without patterns and placeholders.
fn paths(line: &str) -> Vec<&str> {
    let code = line.split('`').skip(1).step_by(2);
    let named = code.filter(|code| PATHS.iter().any(|path| code.starts_with(path)));
    named.filter(|code| !code.contains(['*', '{', ' ', '…', '<', '$']) && !code.ends_with("/x.rs")).collect()
}

/// What is wrong with the links and paths of a document in this folder. A line with `<!-- check -->` names paths to come.
fn faults(folder: &Path, document: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for (n, line) in prose(document) {
        for target in
            targets(line).into_iter().filter(|target| !target.contains("://") && !target.starts_with("mailto:"))
        {
            let (file, heading) =
                target.split_once('#').map_or((target, None), |(file, heading)| (file, Some(heading)));
            let text = if file.is_empty() { Ok(document.to_owned()) } else { fs::read_to_string(folder.join(file)) };
            match (text, heading) {
                (Err(_), _) if !folder.join(file).exists() => faults.push(format!("{n}: no file {target}")),
                (Ok(text), Some(heading)) if !anchors(&text).contains(heading) => {
                    faults.push(format!("{n}: no heading {target}"));
                }
                _ => {}
            }
        }
        let named = paths(line).into_iter().filter(|_| !line.contains("<!-- check -->"));
        faults.extend(named.filter(|path| !root().join(path).exists()).map(|path| format!("{n}: no path {path}")));
    }
    faults
}

#[test]
fn every_link_and_path_of_a_document_resolves() {
    let mut found = Vec::new();
    for path in documents() {
        let text = fs::read_to_string(&path).unwrap();
        let name = path.strip_prefix(root()).unwrap().display();
        found.extend(faults(path.parent().unwrap(), &text).into_iter().map(|fault| format!("{name}:{fault}")));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn every_document_is_on_the_map() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let linked: BTreeSet<PathBuf> =
        prose(&readme).into_iter().flat_map(|(_, line)| targets(line)).map(PathBuf::from).collect();
    for path in documents() {
        let name = path.strip_prefix(root()).unwrap();
        let of_its_own = name == Path::new("README.md") || name == Path::new("fuzz/README.md");
        assert!(of_its_own || linked.contains(name), "the README does not link {}", name.display());
    }
}

/// The prefixes of the keys in the table of kv-schema/README.md.
fn stored(document: &str) -> BTreeSet<String> {
    let rows = document.lines().filter_map(|line| line.strip_prefix("| `"));
    // The first column is the partition, as `account/{id}`.
    let keys = rows.filter(|row| row.contains('/')).filter_map(|row| row.split(" | `").nth(1));
    keys.map(|key| key.split(['/', '`']).next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn every_stored_record_is_in_the_table_of_kv_schema() {
    let folder = root().join("kv-schema");
    let document = fs::read_to_string(folder.join("README.md")).unwrap();
    let entries = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap());
    let folders = entries.filter(|entry| entry.path().is_dir()).map(|entry| entry.file_name().into_string().unwrap());
    assert_eq!(stored(&document), folders.collect::<BTreeSet<_>>());
    let table = "| `account/{id}` | `order/{id}` | x |\n| `a/{n}`, `b/c` | `head` | x |\n| `kept` | `cert` | x |\n";
    assert_eq!(stored(table), BTreeSet::from(["head".to_owned(), "order".to_owned()]));
}

#[test]
fn broken_links_and_paths_are_found() {
    let folder = root().join("docs");
    for line in [
        "[x](NONE.md)",
        "[x](../NONE.md#heading)",
        "[x](POLICY.md#no-such-heading)",
        "[x](#no-such-heading)",
        "| a | [x](POLICY.md) [y](NONE.md) |",
        "see `src/none.rs`",
        "`tests/none.rs`, `src/lib.rs`",
    ] {
        assert_eq!(faults(&folder, line).len(), 1, "{line}: {:?}", faults(&folder, line));
    }
    for line in [
        "# A `code`, and more\n[x](#a-code-and-more) [y](POLICY.md) [z](POLICY.md#in-the-configuration)",
        "[x](https://example.org/none.md#none) [y](../README.md) [z](../kv-schema)",
        "```\n[x](NONE.md)\n```",
        "`src/lib.rs`, `src/**/none.rs`, `tests/{name}.rs`, `src/none/x.rs`, `src`",
        "`src/to/come.rs` <!-- check -->",
    ] {
        assert!(faults(&folder, line).is_empty(), "{line}: {:?}", faults(&folder, line));
    }
}
