//! The settings of a witness.

use crate::test_log::TestLog;
use selvedge::ca::config::witness::WitnessSettings;
use selvedge::ca::testing::{START, TestWitness};

fn read(vkey: Option<&str>, logs: Option<&str>, base: Option<&str>) -> Result<WitnessSettings, String> {
    WitnessSettings::read(&|name| {
        let value = match name {
            "WITNESS_VKEY" => vkey,
            "WITNESS_LOGS" => logs,
            "BASE_URL" => base,
            _ => None,
        };
        value.map(str::to_owned)
    })
}

fn vkey() -> String {
    TestWitness::new("witness.example/w1", &[], START).vkey().to_string()
}

#[test]
fn witness_needs_a_key_and_logs_and_nothing_of_a_ca() {
    let (one, two) = (TestLog::new("ca.example.org/log/a/00000001"), TestLog::new("ca.example.org/log/a/00000002"));
    let logs = format!(
        "# The logs of a CA, which have one key.\n\nlog {}\n\tlog  {} https://ca.example.org/log/a/00000002 \n",
        one.vkey, two.vkey
    );
    let settings = read(Some(&vkey()), Some(&logs), None).unwrap();
    assert_eq!(settings.vkey.to_string(), vkey());
    let origins: Vec<&str> = settings.logs.iter().map(|log| log.origin.as_str()).collect();
    assert_eq!(origins, ["ca.example.org/log/a/00000001", "ca.example.org/log/a/00000002"]);
    for (vkey, logs, says) in
        [(None, Some("\n"), "WITNESS_VKEY is not set"), (Some(&*vkey()), None, "WITNESS_LOGS is not set")]
    {
        let refused = read(vkey, logs, None).unwrap_err();
        assert!(refused.starts_with(says) && refused.contains("selvedge witness new"), "{refused}");
    }
}

#[test]
fn log_may_change_its_key() {
    let (old, new) = (TestLog::with_key("a.example/log", 1), TestLog::with_key("a.example/log", 2));
    let settings = read(Some(&vkey()), Some(&format!("log {}\nlog {}", old.vkey, new.vkey)), None).unwrap();
    assert_eq!(settings.logs.len(), 1);
    assert_eq!(settings.logs[0].keys, [old.vkey, new.vkey]);
}

#[test]
fn unusable_line_is_refused_with_its_number() {
    let log = TestLog::new("a.example/log").vkey.to_string();
    let witness = vkey();
    for (line, says) in [
        ("witness w1 key".to_owned(), "not of the form `log VKEY`"),
        ("quorum none".to_owned(), "not of the form"),
        ("log".to_owned(), "not of the form"),
        (format!("log {log} https://x y"), "not of the form"),
        (format!("Log {log}"), "not of the form"),
        (format!("log {log}x"), "is not a key of the form"),
        (format!("log {}", log.replace("a.example", "b.example")), "a part was changed"),
        (format!("log {witness}"), "a log's is of kind 01 (Ed25519) or 06 (ML-DSA-44)"),
        (format!("log {log}\nlog {log}"), "this key is there twice"),
    ] {
        let refused = read(Some(&witness), Some(&format!("# a comment\n{line}")), None).unwrap_err();
        let number = 1 + line.lines().count();
        assert!(refused.starts_with(&format!("WITNESS_LOGS, line {number}: ")) && refused.contains(says), "{refused}");
    }
    let refused = read(Some(&log), Some("\n"), None).unwrap_err();
    assert!(refused.contains("WITNESS_VKEY is the key of a log"), "{refused}");
    assert!(read(Some("x"), Some("\n"), None).unwrap_err().contains("WITNESS_VKEY cannot be used"));
}

#[test]
fn ca_never_witnesses_its_own_logs() {
    for (origin, base, own) in [
        ("ca.example.org/log/a/1", "https://ca.example.org", true),
        ("ca.example.org", "https://ca.example.org", true),
        ("127.0.0.1:14000/log/a/1", "https://127.0.0.1:14000", true),
        ("ca.example.org.evil/log/a/1", "https://ca.example.org", false),
        ("other.example.org/log/a/1", "https://ca.example.org", false),
        ("127.0.0.1:14000/log/a/1", "https://127.0.0.1:1400", false),
    ] {
        let logs = format!("log {}", TestLog::new(origin).vkey);
        let refused = read(Some(&vkey()), Some(&logs), Some(base)).err();
        assert_eq!(refused.is_some(), own, "{origin} {base}: {refused:?}");
        assert!(refused.is_none_or(|refused| refused.contains("a CA cannot witness itself")));
    }
}
