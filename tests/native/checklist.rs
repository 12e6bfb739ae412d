//! Checks docs/CHECKLIST.md against the tests, in both directions.
//!
//! Each item has a test that carries its id, or a reason in docs/DIVERGENCES.md, and each id of a test has its item.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Items in progress without a test. An item that has one must be absent here.
const COMING: &[&str] = &[];

/// Types of Rust whose names look like ids.
const TYPES: &[&str] = &["u16", "u32", "u64", "i16", "i32", "i64", "f32", "f64"];

/// The items of docs/CHECKLIST.md: numbered ones (`H-05`) and extensions (`caa`).
struct Items {
    numbered: Vec<String>,
    extensions: Vec<String>,
}

impl Items {
    fn read() -> Self {
        Self::from_text(&document("CHECKLIST.md"))
    }

    /// Reads the first column of each table.
    fn from_text(text: &str) -> Self {
        let cells = || text.lines().filter_map(|line| line.strip_prefix("| ")?.split_once(" |")).map(|(cell, _)| cell);
        let numbered = cells().filter(|cell| is_numbered(cell)).map(str::to_owned).collect();
        let quoted = |cell: &str| Some(cell.strip_prefix('`')?.strip_suffix('`')?.to_owned());
        Self { numbered, extensions: cells().filter_map(quoted).collect() }
    }

    fn all(&self) -> impl Iterator<Item = &String> {
        self.numbered.iter().chain(&self.extensions)
    }

    /// Numbered items that a text mentions as `H-05`.
    fn mentioned_in(&self, text: &str) -> Vec<String> {
        let candidates = text.match_indices('-').filter_map(|(at, _)| text.get(at.checked_sub(1)?..at + 3));
        let candidates: BTreeSet<&str> = candidates.filter(|word| is_numbered(word)).collect();
        self.numbered.iter().filter(|id| candidates.contains(id.as_str())).cloned().collect()
    }

    /// The ids that a test's name has: `h05_n01_what_it_shows` names H-05 and N-01, `caa_…` names `caa`.
    fn named_by(&self, name: &str) -> Vec<String> {
        let mut ids: Vec<String> = name.split('_').filter_map(id_of).collect();
        ids.extend(self.extensions.iter().filter(|e| name.starts_with(&format!("{e}_"))).cloned());
        // `j01_to_j09_…` names all between them.
        if let [first, "to", last, ..] = name.split('_').collect::<Vec<_>>()[..]
            && let (Ok(from), Ok(to)) = (first[1..].parse::<u8>(), last[1..].parse::<u8>())
        {
            ids.extend((from..=to).map(|n| format!("{}-{n:02}", first[..1].to_uppercase())));
        }
        ids
    }

    /// The ids of a test's name without a row, including a leading RFC (`rfc8737_`).
    fn unknown_in(&self, name: &str) -> Vec<String> {
        let rfc = name.split('_').next().filter(|word| {
            word.strip_prefix("rfc").is_some_and(|n| n.len() == 4 && n.parse::<u16>().is_ok()) && *word != name
        });
        let named = self.named_by(name).into_iter().chain(rfc.map(str::to_owned));
        named.filter(|id| !self.all().any(|item| item == id)).collect()
    }
}

/// Whether a cell is an id like `H-05`.
fn is_numbered(cell: &str) -> bool {
    matches!(cell.as_bytes(), [letter, b'-', tens, ones]
        if letter.is_ascii_uppercase() && tens.is_ascii_digit() && ones.is_ascii_digit())
}

/// `H-05` for the word `h05` of a name.
fn id_of(word: &str) -> Option<String> {
    let id = matches!(word.as_bytes(), [letter, tens, ones]
        if letter.is_ascii_lowercase() && tens.is_ascii_digit() && ones.is_ascii_digit());
    (id && !TYPES.contains(&word)).then(|| format!("{}-{}", word[..1].to_uppercase(), &word[1..]))
}

fn document(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name)).unwrap()
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") && !path.ends_with("checklist.rs") {
            found.push(path);
        }
    }
}

/// The test code of a file: a whole test file, else the part after `#[cfg(test)]`.
fn test_code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let of_tests = path.components().any(|part| ["tests", "testing"].iter().any(|name| part.as_os_str() == *name));
    if of_tests || path.ends_with("tests.rs") {
        return text;
    }
    text.split_once("#[cfg(test)]\nmod tests {").map(|(_, tests)| tests.to_owned()).unwrap_or_default()
}

/// The names of the tests in a text.
fn tests_in(text: &str) -> Vec<&str> {
    let after = text.split("#[test]").skip(1);
    after.filter_map(|rest| rest.split_once("fn ")?.1.split(['(', '<']).next()).map(str::trim).collect()
}

/// All test code, file by file.
fn all_test_code() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in ["src", "tests", "cli"] {
        sources(&root.join(folder), &mut files);
    }
    files.into_iter().map(|path| (path.clone(), test_code(&path))).collect()
}

/// A function of test code.
struct Function {
    name: String,
    body: String,
    /// Whether it is a test that runs.
    runs: bool,
}

/// The functions of a formatted source; a body ends at the brace below its `fn`.
fn functions(source: &str) -> Vec<Function> {
    let lines: Vec<&str> = source.lines().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let code = line.trim_start();
        let head = code.trim_start_matches("pub ").trim_start_matches("async ");
        let Some(name) = head.strip_prefix("fn ").and_then(|rest| rest.split(['(', '<']).next()) else { continue };
        let attributes: Vec<&str> =
            lines[..at].iter().rev().map(|line| line.trim()).take_while(|line| line.starts_with(['#', '/'])).collect();
        let end = format!("{}}}", &line[..line.len() - code.len()]);
        let rest = lines[at + 1..].iter().take_while(|line| !code.ends_with('}') && **line != end).copied();
        let body: Vec<&str> = std::iter::once(code).chain(rest).collect();
        let is_test = attributes.iter().any(|line| line.ends_with("test]") || line.contains("test("));
        let runs = is_test && !attributes.iter().any(|line| line.starts_with("#[ignore"));
        found.push(Function { name: name.to_owned(), body: body.join("\n"), runs });
    }
    found
}

/// The names of the functions that assert something, themselves or by another of them.
fn asserting(functions: &[Function]) -> BTreeSet<&str> {
    const WORDS: [&str; 6] = ["assert", "panic!", "unwrap_err(", "expect_err(", ".refused(", ".is("];
    let asserts = |function: &&Function| WORDS.iter().any(|word| function.body.contains(word));
    let mut found: BTreeSet<&str> = functions.iter().filter(asserts).map(|function| function.name.as_str()).collect();
    let names: BTreeSet<&str> = functions.iter().map(|function| function.name.as_str()).collect();
    // The splitting takes most of the time, so it is done once.
    let mut others: Vec<(&str, Vec<&str>)> = functions
        .iter()
        .filter(|function| !found.contains(function.name.as_str()))
        .map(|function| {
            let words = function.body.split(|c: char| !c.is_alphanumeric() && c != '_').skip(2);
            (function.name.as_str(), words.filter(|word| names.contains(word)).collect())
        })
        .collect();
    loop {
        let (more, rest): (Vec<_>, Vec<_>) =
            others.into_iter().partition(|(_, calls)| calls.iter().any(|word| found.contains(word)));
        if more.is_empty() {
            return found;
        }
        found.extend(more.into_iter().map(|(name, _)| name));
        others = rest;
    }
}

fn covered(items: &Items) -> BTreeSet<String> {
    let (mut covered, mut all) = (BTreeSet::new(), Vec::new());
    for (_, text) in all_test_code() {
        all.extend(functions(&text));
        covered.extend(items.mentioned_in(&text));
    }
    let asserting = asserting(&all);
    let tests = all.iter().filter(|function| function.runs);
    let idle: Vec<&str> =
        tests.clone().map(|test| test.name.as_str()).filter(|name| !asserting.contains(name)).collect();
    assert!(idle.iter().all(|name| items.named_by(name).is_empty()), "tests that assert nothing: {idle:?}");
    let named: Vec<String> = tests.flat_map(|test| items.named_by(&test.name)).collect();
    // One test does not cover an extension.
    let often = |id: &String| is_numbered(id) || named.iter().filter(|other| *other == id).count() > 2;
    covered.extend(named.iter().filter(|id| often(id)).cloned());
    covered
}

#[test]
fn idle_and_ignored_tests_are_found() {
    let source = "#[test]\nfn h01_a() {\n    helper();\n}\n\n#[test]\nfn h02_b() {\n    idle();\n}\n\n\
                  #[test]\n#[ignore = \"slow\"]\nfn h03_c() {\n    assert!(f());\n}\n\n\
                  fn helper() {\n    assert!(f());\n}\n\nfn idle() {}\n";
    let functions = functions(source);
    assert_eq!(asserting(&functions), ["h01_a", "h03_c", "helper"].into());
    let runs: Vec<&str> = functions.iter().filter(|one| one.runs).map(|one| one.name.as_str()).collect();
    assert_eq!(runs, ["h01_a", "h02_b"]);
}

#[test]
fn every_item_has_a_test_or_a_reason() {
    let items = Items::read();
    let covered = covered(&items);
    let explained = items.mentioned_in(&document("DIVERGENCES.md"));
    let missing: Vec<&String> = items.all().filter(|id| !covered.contains(*id) && !explained.contains(id)).collect();
    let unexpected: Vec<&&String> = missing.iter().filter(|id| !COMING.contains(&id.as_str())).collect();
    assert!(unexpected.is_empty(), "no test names these, nor does docs/DIVERGENCES.md: {unexpected:?}");
    let done: Vec<&&str> = COMING.iter().filter(|id| !missing.iter().any(|missing| missing == *id)).collect();
    assert!(done.is_empty(), "these are covered by now: take them out of COMING: {done:?}");
}

#[test]
fn every_test_id_has_an_item() {
    let items = Items::read();
    let mut unknown = Vec::new();
    for (path, text) in all_test_code() {
        let found = tests_in(&text).into_iter().flat_map(|name| items.unknown_in(name));
        unknown.extend(found.map(|id| format!("{id} in {}", path.display())));
    }
    assert!(unknown.is_empty(), "not in docs/CHECKLIST.md: {unknown:#?}");
}

#[test]
fn document_has_each_item_once_without_gaps() {
    let items = Items::read();
    assert!(items.numbered.len() >= 140 && items.extensions.len() >= 8, "the tables were not read");
    let all: BTreeSet<&String> = items.all().collect();
    assert_eq!(all.len(), items.all().count(), "an item has two rows");
    for id in items.numbered.iter().filter(|id| !id.ends_with("-01")) {
        let before = format!("{}-{:02}", &id[..1], id[2..].parse::<u8>().unwrap() - 1);
        assert!(all.contains(&before), "{id} comes without {before}");
    }
}

#[test]
fn names_are_read() {
    let items = Items::from_text("| id | what |\n|---|---|\n| H-05 | x |\n| `caa` | x |\n| Z-1 | x |\n");
    assert_eq!(
        (items.numbered.as_slice(), items.extensions.as_slice()),
        (&["H-05".to_owned()][..], &["caa".to_owned()][..])
    );
    assert_eq!(items.named_by("h05_n01_what"), ["H-05", "N-01"]);
    assert_eq!(items.named_by("r04_to_r06_who"), ["R-04", "R-06", "R-04", "R-05", "R-06"]);
    assert_eq!(items.named_by("caa_is_read"), ["caa"]);
    assert!(items.named_by("sha256_is").is_empty() && items.named_by("every_id").is_empty());
}

#[test]
fn id_without_row_is_found() {
    let items = Items::from_text("| H-05 | x |\n| `rfc8737` | x |\n");
    assert_eq!(items.unknown_in("h05_k07_what"), ["K-07"]);
    assert_eq!(items.unknown_in("rfc9999_what"), ["rfc9999"]);
    assert!(
        items.unknown_in("rfc8737_h05_what").is_empty() && items.unknown_in("a_u32_and_rfc9999_are_no_ids").is_empty()
    );
    assert_eq!(tests_in("#[test]\nfn one() {}\nfn two() {}\n#[test]\n#[ignore]\nfn three(a: u8) {}"), ["one", "three"]);
}
