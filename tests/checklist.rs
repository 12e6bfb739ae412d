//! Coverage of the checklist of RFC 8555 and its extensions: each item is named by a test, or docs/DIVERGENCES.md says
//! why it is not done.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The sections of items with ids, and how many each has: `H-01` to `H-15` and so on.
const SECTIONS: &[(&str, usize, &str)] = &[
    ("H", 15, "transport and headers"),
    ("D", 5, "directory"),
    ("N", 7, "nonces"),
    ("J", 12, "JWS"),
    ("E", 5, "problem documents"),
    ("A", 14, "accounts"),
    ("O", 13, "orders"),
    ("C", 6, "CSRs"),
    ("Z", 13, "authorizations and challenges"),
    ("R", 8, "certificates and revocation"),
    ("S", 5, "security"),
    ("T", 37, "interop traps"),
];

/// The extensions, whose tests begin with these words.
const EXTENSIONS: &[&str] = &["caa", "ari", "profiles", "rfc8737", "rfc8738", "dns_account", "dns_persist"];

/// What is being worked on and has no test yet. An item that has one must not stand here.
const COMING: &[&str] = &[];

/// All that is to be covered.
fn items() -> Vec<String> {
    let numbered = SECTIONS.iter().flat_map(|(letter, n, _)| (1..=*n).map(move |i| format!("{letter}-{i:02}")));
    numbered.chain(EXTENSIONS.iter().map(|name| (*name).to_owned())).collect()
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") && !path.ends_with("tests/checklist.rs") {
            found.push(path);
        }
    }
}

/// The test code of a file: all of it where tests live, else what stands behind `#[cfg(test)]`.
fn test_code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let of_tests = path.components().any(|part| ["tests", "testing"].iter().any(|name| part.as_os_str() == *name));
    if of_tests || path.ends_with("tests.rs") {
        return text;
    }
    text.split_once("#[cfg(test)]\nmod tests {").map(|(_, tests)| tests.to_owned()).unwrap_or_default()
}

/// The ids that a test's name has: `h05_n01_what_it_shows` names H-05 and N-01, `caa_…` names `caa`.
fn named_by(name: &str) -> Vec<String> {
    let words = name.split('_').filter(|word| {
        word.len() == 3 && word.starts_with(|c: char| c.is_ascii_lowercase()) && word[1..].parse::<u8>().is_ok()
    });
    let mut ids: Vec<String> = words.map(|word| format!("{}-{}", word[..1].to_uppercase(), &word[1..])).collect();
    ids.extend(EXTENSIONS.iter().filter(|e| name.starts_with(&format!("{e}_"))).map(|e| (*e).to_owned()));
    // `j01_to_j09_…` names all between them.
    if let [first, "to", last, ..] = name.split('_').collect::<Vec<_>>()[..]
        && let (Ok(from), Ok(to)) = (first[1..].parse::<u8>(), last[1..].parse::<u8>())
    {
        ids.extend((from..=to).map(|n| format!("{}-{n:02}", first[..1].to_uppercase())));
    }
    ids
}

/// The ids that stand in a text as `H-05`.
fn mentioned_in(text: &str, items: &[String]) -> Vec<String> {
    items.iter().filter(|id| id.contains('-') && text.contains(id.as_str())).cloned().collect()
}

/// A function of test code.
struct Function {
    name: String,
    body: String,
    /// Whether it is a test that runs.
    runs: bool,
}

/// The functions of a source that rustfmt formatted: a body ends at the brace that is indented like its `fn`.
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
    loop {
        let calls = |function: &&Function| {
            let words = function.body.split(|c: char| !c.is_alphanumeric() && c != '_').skip(2);
            words.into_iter().any(|word| found.contains(word))
        };
        let more: BTreeSet<&str> = functions.iter().filter(calls).map(|function| function.name.as_str()).collect();
        if more.is_subset(&found) {
            return found;
        }
        found.extend(more);
    }
}

fn covered() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in ["src", "tests", "cli"] {
        sources(&root.join(folder), &mut files);
    }
    let items = items();
    let (mut covered, mut all) = (BTreeSet::new(), Vec::new());
    for file in files {
        let text = test_code(&file);
        all.extend(functions(&text));
        covered.extend(mentioned_in(&text, &items));
    }
    let asserting = asserting(&all);
    let tests = all.iter().filter(|function| function.runs);
    let idle: Vec<&str> =
        tests.clone().map(|test| test.name.as_str()).filter(|name| !asserting.contains(name)).collect();
    assert!(idle.iter().all(|name| named_by(name).is_empty()), "tests that assert nothing: {idle:?}");
    let named: Vec<String> = tests.flat_map(|test| named_by(&test.name)).collect();
    // One test does not cover an extension.
    let often = |id: &String| id.contains('-') || named.iter().filter(|other| *other == id).count() > 2;
    covered.extend(named.iter().filter(|id| often(id)).cloned());
    covered
}

#[test]
fn tests_that_assert_nothing_or_do_not_run_are_found() {
    let source = "#[test]\nfn h01_a() {\n    helper();\n}\n\n#[test]\nfn h02_b() {\n    idle();\n}\n\n\
                  #[test]\n#[ignore = \"slow\"]\nfn h03_c() {\n    assert!(f());\n}\n\n\
                  fn helper() {\n    assert!(f());\n}\n\nfn idle() {}\n";
    let functions = functions(source);
    assert_eq!(asserting(&functions), ["h01_a", "h03_c", "helper"].into());
    let runs: Vec<&str> = functions.iter().filter(|one| one.runs).map(|one| one.name.as_str()).collect();
    assert_eq!(runs, ["h01_a", "h02_b"]);
}

#[test]
fn every_item_has_a_test_or_its_reason() {
    let divergences = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/DIVERGENCES.md")).unwrap();
    let (items, covered) = (items(), covered());
    let explained = mentioned_in(&divergences, &items);
    let missing: Vec<&String> = items.iter().filter(|id| !covered.contains(*id) && !explained.contains(id)).collect();
    let unexpected: Vec<&&String> = missing.iter().filter(|id| !COMING.contains(&id.as_str())).collect();
    assert!(unexpected.is_empty(), "no test names these, nor does docs/DIVERGENCES.md: {unexpected:?}");
    let done: Vec<&&str> = COMING.iter().filter(|id| !missing.iter().any(|missing| missing == *id)).collect();
    assert!(done.is_empty(), "these are covered by now: take them out of COMING: {done:?}");
}

#[test]
fn names_are_read() {
    assert_eq!(named_by("h05_n01_what"), ["H-05", "N-01"]);
    assert_eq!(named_by("r04_to_r06_who"), ["R-04", "R-06", "R-04", "R-05", "R-06"]);
    assert_eq!(named_by("caa_is_read"), ["caa"]);
    assert!(named_by("sha256_is").is_empty() && named_by("every_id").is_empty());
}
