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
    let made = at_terminal(&fixture, &[PASSPHRASE, PASSPHRASE, ""], &init);
    let shown = text(&made.stdout);
    assert!(made.status.success(), "{shown} {}", text(&made.stderr));
    assert!(shown.contains("The CA was created.") && !shown.contains(PASSPHRASE), "{shown}");
    fixture.openssl("pkey -in ca/root.key -passin file:passphrase -noout").unwrap();
    assert!(shown.contains("May strangers make accounts?"), "{shown}");
    assert_eq!(fixture.vars()["EXTERNAL_ACCOUNT_REQUIRED"].as_str(), Some("true"), "the default is the careful one");
    assert!(shown.contains("Accounts need a key"), "{shown}");
}

#[test]
fn other_answer_about_accounts_writes_nothing() {
    let fixture = CeremonyFixture::new();
    let init = ["init", "--base-url", "https://ca.corp.example"];
    let refused = at_terminal(&fixture, &[PASSPHRASE, PASSPHRASE, "perhaps"], &init);
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8_lossy(&refused.stdout).into_owned();
    assert!(said.contains("\"perhaps\" is neither with-key nor anyone"), "{said}");
    assert_eq!(fixture.read("wrangler.toml"), super::fixture::WRANGLER);
}

#[test]
fn init_leads_the_host_to_the_worker() {
    let fixture = CeremonyFixture::new();
    fixture.init(&["--accounts", "with-key", "--jurisdiction", "eu"]);
    assert_eq!(fixture.vars()["JURISDICTION"].as_str(), Some("eu"));
    let text = fixture.read("wrangler.toml");
    let file: toml::Table = text.parse().unwrap();
    let routes = file["routes"].as_array().unwrap();
    assert_eq!(routes.len(), 1, "{text}");
    assert_eq!(routes[0]["pattern"].as_str(), Some("ca.corp.example"));
    assert_eq!(routes[0]["custom_domain"].as_bool(), Some(true));
    assert_eq!([&file["workers_dev"], &file["preview_urls"]].map(toml::Value::as_bool), [Some(false); 2]);
    assert_eq!(fixture.vars()["EXTERNAL_ACCOUNT_REQUIRED"].as_str(), Some("true"));
    // Below workers.dev nothing is needed, and what is there stays.
    for (base, top) in
        [("https://selvedge.team.workers.dev", ""), ("https://ca.corp.example", "route = '*.example/*'\n")]
    {
        let fixture = CeremonyFixture::new();
        fixture.write("wrangler.toml", &format!("{top}{}", super::fixture::WRANGLER));
        fixture.ok(&fixture.line(&["init", "--base-url", base], &["--accounts", "anyone"]));
        let text = fixture.read("wrangler.toml");
        assert!(text.starts_with(top) && !text.contains("routes") && !text.contains("workers_dev"), "{text}");
        assert_eq!(fixture.vars()["EXTERNAL_ACCOUNT_REQUIRED"].as_str(), Some("false"));
        assert!(!fixture.vars().contains_key("JURISDICTION"), "anywhere");
    }
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
