//! Checks the arrows between the companion's rooms.

use std::fs;
use std::path::Path;

/// Which rooms each room may use. `main` is cli/main.rs, which starts the commands.
const ALLOWED: &[(&str, &[&str])] = &[
    ("main", &["common", "tools", "ceremony", "operator", "status", "deploy", "dev"]),
    ("dev", &["common", "tools", "ceremony"]),
    ("deploy", &["common", "tools", "ceremony", "status"]),
    ("status", &["common", "ceremony", "operator"]),
    ("operator", &["common", "ceremony"]),
    ("ceremony", &["common"]),
    ("tools", &["common"]),
    ("common", &[]),
];

const MAX_LINES: usize = 400;

/// The violations in a source file; its path `module` begins with its room.
fn violations(module: &[&str], source: &str) -> Vec<String> {
    let room = module.first().copied().unwrap_or("main");
    let Some((_, allowed)) = ALLOWED.iter().find(|(name, _)| *name == room) else {
        return vec![format!("{room} is not a room")];
    };
    let mut found = Vec::new();
    for (number, line) in paths(source) {
        for used in rooms(module, &line) {
            let known = ALLOWED.iter().any(|(name, _)| *name == used);
            if used != room && (!known || !allowed.contains(&used.as_str())) {
                found.push(format!("line {number}: {room} uses {used:?}"));
            }
        }
    }
    let lines = source.lines().count();
    if lines > MAX_LINES {
        found.push(format!("{lines} lines; the maximum is {MAX_LINES}"));
    }
    found
}

/// The code of a source file without comments, as statements with line numbers.
///
/// Each item of a `use` is a statement of its own.
fn paths(source: &str) -> Vec<(usize, String)> {
    let mut all: Vec<(usize, String)> = Vec::new();
    let mut open = false;
    for (n, line) in source.lines().enumerate() {
        let code = line.trim_start();
        if code.starts_with("//") {
            continue;
        }
        let code = code.split(" // ").next().unwrap_or_default();
        match all.last_mut().filter(|_| open) {
            Some((_, whole)) => whole.push_str(code),
            None => all.push((n + 1, code.to_owned())),
        }
        let begins =
            ["use ", "pub use ", "pub(crate) use ", "pub(super) use "].iter().any(|word| code.starts_with(word));
        open = (open || begins) && !code.contains(';');
    }
    all
}

/// The rooms that a line names by `crate::…` or chained `super::`.
fn rooms(module: &[&str], code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for rest in code.split("crate::").skip(1) {
        found.extend(heads(rest));
    }
    let mut rest = code;
    while let Some(at) = rest.find("super::") {
        let chain = &rest[at..];
        let depth = (0..).take_while(|n| chain[n * 7..].starts_with("super::")).count();
        let after = &chain[depth * 7..];
        // As many steps as the module path has lead to the crate.
        if depth >= module.len() && !module.is_empty() {
            found.extend(heads(after).into_iter().filter(|head| head != "*"));
        }
        rest = after;
    }
    found
}

/// The first names of a path: one, or those of a group in braces.
fn heads(path: &str) -> Vec<String> {
    let name = |text: &str| -> String {
        text.trim().chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_' || *c == '*').collect()
    };
    let Some(group) = path.strip_prefix('{') else { return vec![name(path)] };
    let (mut depth, mut parts) = (0_usize, vec![String::new()]);
    for c in group.chars() {
        match c {
            '}' if depth == 0 => break,
            ',' if depth == 0 => parts.push(String::new()),
            '{' => depth += 1,
            '}' => depth -= 1,
            _ if depth == 0 => parts.last_mut().unwrap().push(c),
            _ => {}
        }
    }
    parts.iter().map(|part| name(part)).filter(|name| !name.is_empty()).collect()
}

fn walk(dir: &Path, module: &[&str], found: &mut Vec<String>) -> usize {
    let mut files = 0;
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            files += walk(&path, &[module, &[name.as_str()]].concat(), found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files += 1;
            let own = match name.as_str() {
                "mod" => module.to_vec(),
                "main" if module.is_empty() => Vec::new(),
                name => [module, &[name]].concat(),
            };
            let source = fs::read_to_string(&path).unwrap();
            found.extend(violations(&own, &source).into_iter().map(|one| format!("{}: {one}", path.display())));
        }
    }
    files
}

#[test]
fn every_source_keeps_to_its_room() {
    let mut found = Vec::new();
    let files = walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("cli"), &[], &mut found);
    assert!(files > 80, "only {files} sources were read");
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn no_two_rooms_use_each_other() {
    for (at, (room, _)) in ALLOWED.iter().enumerate() {
        // Each room uses only rooms that are listed below it, so that no chain of arrows leads back.
        let below: Vec<&str> = ALLOWED[at + 1..].iter().map(|(name, _)| *name).collect();
        let upward: Vec<_> = ALLOWED[at].1.iter().filter(|used| !below.contains(used)).collect();
        assert!(upward.is_empty(), "{room} uses {upward:?}");
    }
}

#[test]
fn violations_are_found() {
    let long = "\n".repeat(MAX_LINES + 1);
    for (module, source) in [
        (&["common", "web"][..], "use crate::tools::Toolbox;"),
        (&["common", "web"], "fn f() { crate::dev::run() }"),
        (&["common", "web"], "use super::super::operator;"),
        (&["common", "web"], "    let x = super::super::status::run();"),
        (&["tools", "step"], "use crate::{common::host, ceremony};"),
        (&["ceremony", "init"], "use crate::{\n    common::host::{self, say},\n    operator,\n};"),
        (&["operator", "certs", "list"], "use super::super::super::deploy::run;"),
        (&["operator", "certs"], "pub use crate::status::judge;"),
        (&["status"], "use super::deploy;"),
        (&["status", "show"], "use crate::deploy::check; // crate::common is allowed"),
        (&["deploy", "check", "root"], "use crate::dev::state;"),
        (&["dev", "pki"], "use crate::status;"),
        (&["dev", "pki"], "use crate::admin::At;"),
        (&["tools", "npm"], long.as_str()),
        (&["elsewhere"], ""),
        (&["elsewhere", "file"], ""),
    ] {
        assert_eq!(violations(module, source).len(), 1, "{module:?}: {source}");
    }
    for (module, source) in [
        (&["operator", "certs", "list"][..], "use super::super::client::Client;\n// crate::dev is not code"),
        (&["deploy", "check", "root"], "use super::finding::Finding;\nuse crate::common::{host, web};"),
        (&["dev", "pki"], "mod tests {\n    use super::*;\n}"),
        (&[], "use crate::dev;\nmod dev;"),
    ] {
        assert_eq!(violations(module, source), Vec::<String>::new(), "{module:?}: {source}");
    }
}
