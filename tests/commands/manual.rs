//! What is made of the commands' definitions: the reference, completions of shells, man pages.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn companion(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_selvedge"));
    command.args(arguments).env_remove("SELVEDGE_HOME").output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn reference_in_the_document_is_that_of_the_commands() {
    let checked = companion(&["documents", "--check"]);
    assert!(checked.status.success(), "{}", text(&checked.stderr));
}

/// The completions that bash offers for the last of some words.
fn completed(script: &Path, words: &[&str]) -> Vec<String> {
    let [.., before, last] = words else { panic!("two words at least") };
    let line = "source \"$0\"; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); _selvedge selvedge \"$LAST\" \"$BEFORE\"; \
                printf '%s\\n' \"${COMPREPLY[@]}\"";
    let mut bash = Command::new("bash");
    bash.args(["--norc", "-c", line]).arg(script).args(words).env("LAST", last).env("BEFORE", before);
    let output = bash.output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", text(&output.stderr));
    text(&output.stdout).split_whitespace().map(str::to_owned).collect()
}

#[test]
fn completions_complete_commands_options_and_values() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("selvedge");
    fs::write(&script, companion(&["completions", "bash"]).stdout).unwrap();
    assert!(Command::new("bash").arg("-n").arg(&script).status().unwrap().success());
    let of = |words: &[&str]| completed(&script, words);
    assert_eq!(of(&["selvedge", "dep"]), ["deploy"]);
    assert_eq!(of(&["selvedge", "eab", "cre"]), ["create"]);
    assert_eq!(of(&["selvedge", "eab", "create", "--preau"]), ["--preauthorize"]);
    assert_eq!(of(&["selvedge", "init", "--accounts", "an"]), ["anyone"]);
    for (shell, begins) in [("zsh", "#compdef selvedge"), ("fish", "# Print"), ("powershell", "\nusing namespace")] {
        let script = text(&companion(&["completions", shell]).stdout);
        assert!(script.starts_with(begins) && script.contains("preauthorize"), "{shell}: {}", &script[..80]);
    }
    let unknown = companion(&["completions", "tcsh"]);
    assert_eq!(unknown.status.code(), Some(2), "{}", text(&unknown.stderr));
}

#[test]
fn every_command_has_a_man_page() {
    let folder = tempfile::tempdir().unwrap();
    let share = folder.path().to_str().unwrap();
    let written = companion(&["documents", "--check", "--share", share]);
    assert!(written.status.success(), "{}", text(&written.stderr));
    for file in [
        "bash-completion/completions/selvedge",
        "zsh/site-functions/_selvedge",
        "fish/vendor_completions.d/selvedge.fish",
    ] {
        assert!(folder.path().join(file).is_file(), "{file}");
    }
    let pages = folder.path().join("man/man1");
    let read = |name: &str| fs::read_to_string(pages.join(name)).unwrap();
    let (all, one) = (read("selvedge.1"), read("selvedge-eab-create.1"));
    assert!(all.contains(".TH selvedge 1 ") && all.contains("selvedge\\-eab(1)"), "{all}");
    for part in
        [".TH selvedge-eab-create 1 ", ".SH NAME\n", ".SH SYNOPSIS\n", "\\-\\-preauthorize", "\\-\\-token\\-file"]
    {
        assert!(one.contains(part), "{part}: {one}");
    }
    assert!(!pages.join("selvedge-help.1").exists());
    // Where groff is, it has to understand every page.
    let Ok(groff) = Command::new("groff").arg("--version").stdout(Stdio::null()).status() else { return };
    assert!(groff.success());
    for page in fs::read_dir(&pages).unwrap().map(|entry| entry.unwrap().path()) {
        let mut command = Command::new("groff");
        let output = command.args(["-k", "-man", "-Tutf8", "-ww", "-z"]).arg(&page).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{}: {}", page.display(), text(&output.stderr));
    }
}
