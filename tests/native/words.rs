//! Holds the writing rule of CONTRIBUTING.md: short first sentences in doc comments, none of the worst words, and short
//! sentences in documents.

use std::fs;
use std::path::{Path, PathBuf};

/// Folders of sources.
const SOURCES: &[&str] = &["src", "cli", "tests", "bench"];

/// Phrases that say little, in doc comments and documents.
const PHRASES: &[&str] = &[
    "whoever",
    "is none",
    "are none",
    "is no",
    "are no",
    "is over",
    "are over",
    "is told",
    "are told",
    "stands in",
    "stand in",
    "stands there",
    "stand there",
    "stands on",
    "lies in",
    "lie in",
    "lies around",
    "lie around",
    "for good",
    "be had",
    "is had",
    "are had",
    "looked for",
    "comes into being",
    "come into being",
];

/// Words for people: in doc comments the subject is a thing. Documents speak of people too.
const PEOPLE: &[&str] = &["nobody", "anybody", "somebody", "who asks", "those who"];

/// What contains a phrase and is plain English.
const EXCEPTIONS: &[&str] = &[
    "there is no",
    "there are no",
    "is no longer",
    "are no longer",
    "is no more than",
    "are no more than",
    "is over the limit",
    "stands in for",
    "stand in for",
];

/// Words that the name of a function is without.
const IN_NAMES: &[&str] =
    &["who", "whoever", "whose", "nobody", "somebody", "anybody", "told", "tells", "lies", "stands"];

/// The most words of the first sentence of a doc comment.
const FIRST_SENTENCE: usize = 15;

/// The most words between two stops of a document.
const SENTENCE: usize = 30;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A text without links' targets and comments, with one letter for each piece of code.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    for (n, piece) in text.split('`').enumerate() {
        plain.push_str(if n % 2 == 0 { piece } else { "X" });
    }
    for (open, close) in [("<!--", "-->"), ("](", ")")] {
        while let Some(start) = plain.find(open) {
            let Some(end) = plain[start..].find(close) else { break };
            plain.replace_range(start..start + end + close.len(), "");
        }
    }
    plain.replace(['[', ']'], "")
}

/// A text without what stands in parentheses, which is mostly a source.
fn without_parentheses(text: &str) -> String {
    let mut depth = 0_usize;
    let mut kept = String::new();
    for c in text.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ if depth == 0 => kept.push(c),
            _ => {}
        }
    }
    kept
}

/// The pieces of a text that end with one of these stops before a space.
fn pieces<'a>(text: &'a str, stops: &[char]) -> Vec<&'a str> {
    let mut pieces = Vec::new();
    let mut start = 0;
    for (at, _) in text.match_indices(' ') {
        if text[..at].trim_end_matches(['"', ')', '*']).ends_with(stops) {
            pieces.push(&text[start..at]);
            start = at + 1;
        }
    }
    pieces.push(&text[start..]);
    pieces
}

fn words(text: &str) -> usize {
    text.split_whitespace().filter(|word| word.contains(char::is_alphanumeric)).count()
}

/// The phrases of a list that a text contains as whole words.
fn contained<'a>(text: &str, list: &[&'a str]) -> Vec<&'a str> {
    let separated = text.to_lowercase().replace(|c: char| !c.is_alphanumeric() && c != '-', " ");
    let mut spaced = format!(" {} ", separated.split_whitespace().collect::<Vec<_>>().join(" "));
    for exception in EXCEPTIONS {
        spaced = spaced.replace(&format!(" {exception} "), " ");
    }
    list.iter().filter(|phrase| spaced.contains(&format!(" {phrase} "))).copied().collect()
}

/// The doc comments of a source, each with its first line's number.
fn doc_comments(source: &str) -> Vec<(usize, String)> {
    let mut found: Vec<(usize, String)> = Vec::new();
    let mut inside = false;
    for (n, line) in source.lines().enumerate() {
        let line = line.trim_start();
        let Some(text) = line.strip_prefix("///").or_else(|| line.strip_prefix("//!")) else {
            inside = false;
            continue;
        };
        if !inside {
            found.push((n + 1, String::new()));
        }
        inside = true;
        let (_, comment) = found.last_mut().unwrap();
        comment.push_str(text.trim());
        comment.push('\n');
    }
    found
}

/// The names of the functions of a source, each with its line's number.
fn functions(source: &str) -> Vec<(usize, &str)> {
    let name = |line: &'_ str| -> Option<(usize, usize)> {
        let code = line.trim_start();
        let start = if code.starts_with("fn ") { 0 } else { code.find(" fn ")? + 1 } + "fn ".len();
        let length = code[start..].find(['(', '<'])?;
        (!code.starts_with("//")).then_some((line.len() - code.len() + start, length))
    };
    let lines = source.lines().enumerate();
    lines.filter_map(|(n, line)| name(line).map(|(start, length)| (n + 1, &line[start..start + length]))).collect()
}

/// What breaks the rule in a source.
fn faults_of_source(source: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for (line, comment) in doc_comments(source) {
        let paragraph = comment.split("\n\n").next().unwrap_or_default().replace('\n', " ");
        let paragraph = plain(&paragraph);
        let first = without_parentheses(pieces(paragraph.trim(), &['.', '?', '!'])[0]);
        if words(&first) > FIRST_SENTENCE {
            faults.push(format!("{line}: {} words in the first sentence: {first}", words(&first)));
        }
        let text = plain(&comment.replace('\n', " "));
        let found = contained(&text, PHRASES).into_iter().chain(contained(&text, PEOPLE));
        faults.extend(found.map(|phrase| format!("{line}: {phrase:?}")));
    }
    for (line, name) in functions(source) {
        let found = IN_NAMES.iter().filter(|word| name.split('_').any(|part| part == **word));
        faults.extend(found.map(|word| format!("{line}: {word:?} in the name {name}")));
    }
    faults
}

/// The paragraphs, list items and table cells of a document outside of code, each with its first line's number.
fn paragraphs(document: &str) -> Vec<(usize, String)> {
    let mut found: Vec<(usize, String)> = Vec::new();
    let (mut code, mut open) = (false, false);
    for (n, line) in document.lines().enumerate() {
        let text = line.trim();
        if text.starts_with("```") {
            code = !code;
            open = false;
        } else if code || text.is_empty() || text.starts_with('#') {
            open = false;
        } else if let Some(row) = text.strip_prefix('|') {
            found.extend(row.split('|').map(|cell| (n + 1, cell.trim().to_owned())));
            open = false;
        } else {
            let item = text.starts_with("- ") || text.split_once(". ").is_some_and(|(n, _)| n.parse::<u8>().is_ok());
            if item || !open {
                found.push((n + 1, String::new()));
            }
            let (_, paragraph) = found.last_mut().unwrap();
            paragraph.push_str(text);
            paragraph.push(' ');
            open = true;
        }
    }
    found
}

/// What breaks the rule in a document.
fn faults_of_document(document: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for (line, paragraph) in paragraphs(document) {
        let text = plain(&paragraph);
        for piece in pieces(&text, &['.', '?', '!', ';', ':']) {
            if words(piece) > SENTENCE {
                faults.push(format!("{line}: {} words without a stop: {piece}", words(piece)));
            }
        }
        faults.extend(contained(&text, PHRASES).into_iter().map(|phrase| format!("{line}: {phrase:?}")));
    }
    faults
}

/// All files below a folder whose names end so.
fn files(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, ending, found);
        } else if path.extension().is_some_and(|e| e == ending) {
            found.push(path);
        }
    }
}

/// The documents that people read.
fn documents() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in ["docs", "kv-schema", "fuzz"] {
        files(&root().join(folder), "md", &mut found);
    }
    found.extend(["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"].map(|name| root().join(name)));
    // The benchmark writes these.
    found.retain(|path| !path.starts_with(root().join("docs/performance")));
    found
}

/// The faults of files, one line each.
fn report(paths: &[PathBuf], faults: impl Fn(&str) -> Vec<String>) -> Vec<String> {
    let of_file = |path: &PathBuf| {
        let name = path.strip_prefix(root()).unwrap().display().to_string();
        let found = faults(&fs::read_to_string(path).unwrap());
        found.into_iter().map(move |fault| format!("{name}:{fault}")).collect::<Vec<_>>()
    };
    paths.iter().flat_map(of_file).collect()
}

fn sources() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in SOURCES {
        files(&root().join(folder), "rs", &mut found);
    }
    // This file quotes what it forbids.
    found.retain(|path| !path.ends_with("words.rs"));
    found
}

#[test]
fn sources_keep_to_the_writing_rule() {
    let found = report(&sources(), faults_of_source);
    assert!(found.is_empty(), "{} faults (CONTRIBUTING.md, Writing):\n{}", found.len(), found.join("\n"));
}

#[test]
fn documents_keep_to_the_writing_rule() {
    let found = report(&documents(), faults_of_document);
    assert!(found.is_empty(), "{} faults (CONTRIBUTING.md, Writing):\n{}", found.len(), found.join("\n"));
}

#[test]
fn violations_in_sources_are_found() {
    let long = format!("/// {}.", vec!["word"; FIRST_SENTENCE + 1].join(" "));
    for source in [
        long.as_str(),
        "    /// Reads it.\n    ///\n    /// It is for whoever\n    /// reads.",
        "//! Text that stands\n//! in a file.",
        "/// The key, which nobody has.",
        "/// What is over.",
        "/// Kept for good.",
        "/// It is no\n/// key.",
        "    pub(crate) async fn who_owns(&self) {}",
        "fn it_is_told() {}",
    ] {
        assert_eq!(faults_of_source(source).len(), 1, "{source}");
    }
    for source in [
        format!("/// {} ([RFC 8555 §7.4](https://example.org/a)).", vec!["word"; FIRST_SENTENCE].join(" ")),
        format!("/// Reads it. {}.", vec!["word"; FIRST_SENTENCE + 1].join(" ")),
        format!("/// Reads it\n///\n/// {}.", vec!["word"; FIRST_SENTENCE + 1].join(" ")),
        "/// The lease `is over` when it is no longer held.\nfn wholesale() {}\n// whoever\n".to_owned(),
        "/// RFC 8555 §7.3.4: `a. b. c. d. e. f. g. h.` and so on.\nfn release() { who() }".to_owned(),
    ] {
        assert!(faults_of_source(&source).is_empty(), "{source}: {:?}", faults_of_source(&source));
    }
    assert_eq!(functions("pub const fn a(b: u8) {}\n    fn c<T>() {}\n// fn d()\n"), [(1, "a"), (2, "c")]);
}

#[test]
fn violations_in_documents_are_found() {
    let long = vec!["word"; SENTENCE + 1].join(" ");
    for document in [
        format!("# Title\n\n{long}.\n"),
        format!("| a | {long} |\n"),
        format!("- {long}\n- short\n"),
        "It is for whoever\nreads.".to_owned(),
        "The key lies in a folder.".to_owned(),
    ] {
        assert_eq!(faults_of_document(&document).len(), 1, "{document}");
    }
    let short = vec!["word"; SENTENCE].join(" ");
    for document in [
        format!("{short}.\n\n{short}: {short}; {short}.\n- {short}\n- {short}\n"),
        format!("```\n{long}\nwhoever\n```\n# {long}\n"),
        "It stands in for a host, a stand-in. It is no longer there, and there is no other. `is none`".to_owned(),
    ] {
        assert!(faults_of_document(&document).is_empty(), "{document}: {:?}", faults_of_document(&document));
    }
}
