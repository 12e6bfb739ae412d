//! The messages of docs/TROUBLESHOOTING.md, against the sources that print them.

use std::fs;
use std::path::Path;

/// Shortest part of a message that identifies it.
const SHORTEST: usize = 8;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The messages: the code at the beginning of a table's rows.
fn messages(document: &str) -> Vec<&str> {
    document.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect()
}

/// The fixed parts of a message that are long enough to find it.
fn parts(message: &str) -> Vec<&str> {
    let fixed = message.split('…').map(|part| part.trim_matches([' ', '.', ',', ';', '(', ')', ':']));
    fixed.filter(|part| part.len() >= SHORTEST).collect()
}

/// A source as its texts are printed: without tests, with joined lines and plain quotes.
fn printed(source: &str) -> String {
    let code = source.split("#[cfg(test)]").next().unwrap_or_default();
    let mut joined = String::new();
    for line in code.lines() {
        match line.strip_suffix('\\') {
            // A text that goes on in the next line, without that line's indentation.
            Some(text) => joined.push_str(&format!("{}\u{0}", text.trim_start())),
            None => joined.push_str(&format!("{}\n", line.trim_start())),
        }
    }
    joined.replace('\u{0}', "").replace("\\\"", "\"")
}

/// All sources of the CA and the companion but tests.
fn sources(folder: &Path, found: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() && !["tests", "testing"].contains(&name) {
            sources(&path, found);
        } else if name.ends_with(".rs") && !["tests.rs", "testing.rs", "fake.rs"].contains(&name) {
            found.push_str(&printed(&fs::read_to_string(&path).unwrap()));
        }
    }
}

#[test]
fn every_message_is_one_of_the_sources() {
    let document = fs::read_to_string(root().join("docs/TROUBLESHOOTING.md")).unwrap();
    let mut printed = String::new();
    for folder in ["src", "cli"] {
        sources(&root().join(folder), &mut printed);
    }
    let messages = messages(&document);
    assert!(messages.len() >= 60, "the document has {} messages", messages.len());
    let mut missing = Vec::new();
    for message in messages {
        let parts = parts(message);
        let absent =
            parts.iter().filter(|part| !printed.contains(**part)).map(|part| format!("{part:?} of {message:?}"));
        missing.extend(absent);
        assert!(!parts.is_empty(), "{message:?} has no fixed part of {SHORTEST} letters");
    }
    assert!(missing.is_empty(), "in no source: {}", missing.join("\n"));
}

#[test]
fn stale_message_would_be_found() {
    let document = "| message | x |\n|---|---|\n| `is in use on …: stop it` (dns) | a `b` |\ntext `c`\n";
    assert_eq!(messages(document), ["is in use on …: stop it"]);
    assert_eq!(parts("is in use on …: stop what uses it (…)."), ["is in use on", "stop what uses it"]);
    let source = "    fail!(\n        \"port {} is in \\\n         use on {}: \\\"x\\\"\"\n    );\n#[cfg(test)]\nmod tests { \"gone\" }";
    assert!(printed(source).contains("port {} is in use on {}: \"x\""), "{}", printed(source));
    assert!(!printed(source).contains("gone"));
}
