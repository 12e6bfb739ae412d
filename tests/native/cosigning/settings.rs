//! The settings of witnesses.

use core::time::Duration;
use selvedge::ca::config::log_policy::LogPolicy;
use selvedge::ca::testing::{START, TestWitness};
use selvedge::tlog::VerifierKey;
use selvedge::tlog::note::KeyKind;
use selvedge::values::native_crypto::MlDsa44Key;

fn read(values: &[(&str, &str)], dev: bool) -> Result<Option<LogPolicy>, String> {
    let value = |name: &str| values.iter().find(|(one, _)| *one == name).map(|(_, value)| (*value).to_owned());
    LogPolicy::read(&value, "https://ca.example.org", dev)
}

fn witness(url: &str) -> String {
    format!("witness w {} {url}\nquorum w\n", TestWitness::new("w.example", &[], START).vkey())
}

#[test]
fn policy_is_read_with_its_defaults() {
    assert_eq!(read(&[], false), Ok(None));
    let policy = read(&[("LOG_POLICY", &witness("https://w.example/witness"))], false).unwrap().unwrap();
    assert_eq!((policy.interval, policy.required), (Duration::from_secs(3600), false));
    assert_eq!(policy.asked().map(|(_, url)| url).collect::<Vec<_>>(), ["https://w.example/witness"]);
    let unasked = read(&[("LOG_POLICY", &witness(""))], false).unwrap().unwrap();
    assert_eq!(unasked.asked().count(), 0);
    let set = [
        ("LOG_POLICY", witness("http://127.0.0.1:1/w")),
        ("LOG_WITNESS_INTERVAL", "60".to_owned()),
        ("LOG_REQUIRE_QUORUM", "true".to_owned()),
    ];
    let set: Vec<(&str, &str)> = set.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let policy = read(&set, true).unwrap().unwrap();
    assert_eq!((policy.interval, policy.required), (Duration::from_secs(60), true));
}

#[test]
fn witness_with_an_ml_dsa_key_is_taken() {
    let key = MlDsa44Key::from_seed(&[7; 32]).public();
    let key = VerifierKey::new("w.example", KeyKind::MlDsa44Cosignature, &key).unwrap();
    let text = format!("witness w {key} https://w.example/witness\nquorum w\n");
    let policy = read(&[("LOG_POLICY", &text)], false).unwrap().unwrap();
    assert_eq!(policy.asked().map(|(witness, _)| &witness.key).collect::<Vec<_>>(), [&key]);
}

#[test]
fn unusable_policy_is_refused_with_its_line() {
    let good = witness("https://w.example/witness");
    let refused = |values: &[(&str, &str)]| read(values, false).unwrap_err();
    for (text, says) in [
        ("nonsense\nquorum none", "LOG_POLICY, line 1: "),
        ("# a comment\nwitness w key\nquorum w", "LOG_POLICY, line 2: "),
        ("# a comment\nlog key\nquorum none", "LOG_POLICY, line 2: "),
        ("# no quorum\n", "LOG_POLICY, line 2: "),
        (&good.replace("quorum w", "quorum x"), "LOG_POLICY, line 2: "),
        (&good.replace("https", "http"), "has to begin with https://"),
        (&good.replace("https://w.example/witness", "w.example"), "is not one"),
        (&good.replace("https://w.example", "https://ca.example.org"), "cannot witness itself"),
    ] {
        let refused = refused(&[("LOG_POLICY", text)]);
        assert!(refused.starts_with("LOG_POLICY, ") && refused.contains(says), "{text:?}: {refused}");
    }
    for interval in ["0", "86401", "x"] {
        assert!(refused(&[("LOG_WITNESS_INTERVAL", interval)]).contains("LOG_WITNESS_INTERVAL"));
    }
    assert!(refused(&[("LOG_REQUIRE_QUORUM", "true")]).contains("LOG_POLICY is not set"));
    assert!(refused(&[("LOG_REQUIRE_QUORUM", "1")]).contains("LOG_REQUIRE_QUORUM"));
}
