//! The passphrase at a terminal, and in files that others can read.

use super::fixture::{CeremonyFixture, PASSPHRASE};
use std::process::{Command, Output};

fn at_terminal(fixture: &CeremonyFixture, answers: &[&str], line: &[&str]) -> Output {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/commands/ceremony/terminal.py");
    let mut command = Command::new("python3");
    command.arg(script).args(answers).args(["--", env!("CARGO_BIN_EXE_selvedge")]).args(line);
    command.current_dir(fixture.path(".")).output().unwrap()
}

#[test]
fn passphrase_prompt_requires_a_terminal_without_echo() {
    let fixture = CeremonyFixture::new();
    let init = ["init", "--base-url", "https://ca.corp.example"];
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let differing = at_terminal(&fixture, &[PASSPHRASE, "another passphrase"], &init);
    assert_eq!(differing.status.code(), Some(1), "{}", text(&differing.stderr));
    assert!(text(&differing.stdout).contains("the two passphrases differ"), "{}", text(&differing.stdout));
    let made = at_terminal(&fixture, &[PASSPHRASE, PASSPHRASE], &init);
    let shown = text(&made.stdout);
    assert!(made.status.success(), "{shown} {}", text(&made.stderr));
    assert!(shown.contains("The CA was created.") && !shown.contains(PASSPHRASE), "{shown}");
    fixture.openssl("pkey -in ca/root.key -passin file:passphrase -noout").unwrap();
}

#[test]
fn file_readable_by_others_is_reported() {
    let fixture = CeremonyFixture::new();
    let warned = |mode: u32| {
        fixture.chmod("passphrase", mode);
        let out = Command::new(env!("CARGO_BIN_EXE_selvedge"))
            .args(["init", "--base-url", "https://ca.corp.example", "--ca", &format!("ca-{mode:o}")])
            .args(["--passphrase-file", "passphrase", "--wrangler", &format!("w-{mode:o}.toml")])
            .current_dir(fixture.path("."))
            .output()
            .unwrap();
        let said = String::from_utf8(out.stderr).unwrap();
        assert!(out.status.success(), "{said}");
        assert!(!said.contains(PASSPHRASE));
        said.contains("passphrase is accessible to other users") && said.contains("chmod 600 passphrase")
    };
    for (mode, told) in [(0o600, false), (0o400, false), (0o644, true), (0o640, true), (0o602, true)] {
        fixture.write(&format!("w-{mode:o}.toml"), super::fixture::WRANGLER);
        assert_eq!(warned(mode), told, "{mode:o}");
    }
}
