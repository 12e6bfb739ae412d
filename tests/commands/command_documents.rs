//! The commands and options that the documents list, against those that the companion has.

use std::fs;
use std::path::Path;
use std::process::Command;

/// The help text of a command.
fn help(command: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_selvedge")).args(command).arg("--help").output().unwrap();
    assert!(output.status.success(), "{command:?} has no help");
    String::from_utf8(output.stdout).unwrap()
}

/// The names below `Commands:`.
fn commands(help: &str) -> Vec<&str> {
    let below = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    below.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help").collect()
}

/// The long options at the beginning of lines.
fn options(help: &str) -> Vec<&str> {
    let words = help.lines().filter_map(|line| line.split_whitespace().next());
    words.filter(|word| word.starts_with("--")).collect()
}

/// The rows of tables of documents.
fn rows(documents: &[&str]) -> Vec<String> {
    let read = |name: &&str| fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name)).unwrap();
    let text: String = documents.iter().map(read).collect();
    text.lines().filter(|line| line.starts_with('|')).map(str::to_owned).collect()
}

/// Whether a row lists a command: `eab create`, or `list` in a row of `eab`.
fn lists(row: &str, command: &[&str]) -> bool {
    let Some((last, before)) = command.split_last() else { return false };
    let whole = command.join(" ");
    let named = ["`", " "]
        .iter()
        .any(|end| row.contains(&format!("`{whole}{end}")) || row.contains(&format!("-- {whole}{end}")));
    let begins = !before.is_empty() && row.starts_with(&format!("| `{} ", before.join(" ")));
    named || begins && row.contains(&format!("`{last}`"))
}

#[test]
fn every_command_is_documented() {
    let rows = rows(&["COMMANDS.md", "DEVELOPMENT.md"]);
    let mut missing = Vec::new();
    let mut to_do: Vec<Vec<String>> = vec![Vec::new()];
    while let Some(command) = to_do.pop() {
        let command: Vec<&str> = command.iter().map(String::as_str).collect();
        let help = help(&command);
        let below = commands(&help);
        let known = command == ["dev"] || rows.iter().any(|row| lists(row, &command));
        if below.is_empty() && !known {
            missing.push(command.join(" "));
        }
        to_do.extend(below.iter().map(|name| command.iter().chain([name]).map(|&word| word.to_owned()).collect()));
    }
    assert!(missing.is_empty(), "in no table of docs/COMMANDS.md and docs/DEVELOPMENT.md: {missing:?}");
}

#[test]
fn every_option_of_serve_is_documented() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/OPERATIONS.md")).unwrap();
    let section = text.split("\n### ").find(|section| section.starts_with("Serve at home\n")).unwrap();
    let help = help(&["serve"]);
    let options = options(&help);
    assert!(options.len() > 8, "the help has no options: {help}");
    // Of all commands for a CA, and of all commands.
    let common = ["--ca", "--wrangler", "--help"];
    for option in options.into_iter().filter(|option| !common.contains(option)) {
        assert!(section.contains(option), "{option} is not in the section of docs/OPERATIONS.md");
    }
}

#[test]
fn every_option_of_dev_is_documented() {
    let (rows, help) = (rows(&["DEVELOPMENT.md"]), help(&["dev"]));
    let options = options(&help);
    assert!(options.len() > 5, "the help has no options: {help}");
    for option in options {
        let listed = rows.iter().any(|row| ["`", " "].iter().any(|end| row.starts_with(&format!("| `{option}{end}"))));
        assert!(listed, "{option} is not in the table of docs/DEVELOPMENT.md");
    }
}

#[test]
fn rows_of_commands_are_read() {
    for (row, command) in [
        ("| `eab create`, `list` | keys |", ["eab", "list"].as_slice()),
        ("| `eab create`, `list` | keys |", &["eab", "create"]),
        ("| `policy shadow put`, `off` | x |", &["policy", "shadow", "off"]),
        ("| `cargo run -- tool wrangler …` | x |", &["tool"]),
        ("| `init` | x |", &["init"]),
    ] {
        assert!(lists(row, command), "{row}");
    }
    assert!(!lists("| `eab create`, `list` | keys |", &["eab", "show"]));
    assert!(!lists("| `policy show`, `put` | x |", &["policy", "shadow", "put"]));
    assert_eq!(commands("Commands:\n  a  Does\n  help  Prints\n\nOptions:\n  -h\n"), ["a"]);
    assert_eq!(options("Options:\n      --a <B>  Does --c\n  -h, --help\n"), ["--a"]);
}
