//! Settings of test machines.

use super::{NOW, good, read};
use selvedge::pki::ceremony::{create_intermediate, create_root, expired_twin};

#[test]
fn settings_of_test_machines_are_refused_in_production() {
    let root = create_root("root", NOW, 10).unwrap();
    let issuer = create_intermediate(&root, "issuer", NOW, 5).unwrap();
    let expired = expired_twin(&root, &issuer.certificate, NOW).unwrap();
    for (name, value) in [
        ("REFUSE_NONCES", "5"),
        ("LONGEST_LIFE", "20"),
        ("ALWAYS_VALID", "true"),
        ("ALWAYS_VALID", "false"),
        ("AUTHORIZATION_REUSE", "100"),
        ("FAULTS", "true"),
        ("FAULTS", "false"),
        ("TEST_CLOCK", "true"),
        ("EXPIRED_ISSUERS", expired.as_str()),
        ("URL_STYLE", "pebble"),
        ("URL_STYLE", "own"),
        ("CSR_STYLE", "pebble"),
        ("ORDERS_PER_PAGE", "3"),
        ("OCSP_URL", "http://127.0.0.1:4002/ocsp"),
        ("PROFILES", r#"{"default":{"seconds":60}}"#),
        ("TERMS_OF_SERVICE", "data:text/plain,anything"),
    ] {
        let mut values = good();
        values.insert(name, value.to_owned());
        let refusal = read(&values, NOW).unwrap_err();
        assert!(refusal.starts_with(name) && refusal.ends_with('.'), "{refusal}");
        assert!(name == "TERMS_OF_SERVICE" || refusal.contains("is for tests"), "{refusal}");
        values.insert("MODE", "dev".to_owned());
        assert!(read(&values, NOW).is_ok(), "{name}");
    }
}

#[test]
fn faults_and_expired_issuers_are_read() {
    let mut values = good();
    values.insert("MODE", "dev".to_owned());
    let usual = read(&values, NOW).unwrap().test_machine;
    assert!(!usual.faults && usual.expired_issuers.is_empty());
    for (name, wrong) in [("FAULTS", "on"), ("EXPIRED_ISSUERS", ""), ("EXPIRED_ISSUERS", "none")] {
        let mut values = values.clone();
        values.insert(name, wrong.to_owned());
        assert!(read(&values, NOW).unwrap_err().starts_with(name), "{name} {wrong}");
    }
    values.insert("FAULTS", "true".to_owned());
    let issuer = values["ISSUER_CHAIN"].clone();
    values.insert("EXPIRED_ISSUERS", issuer.repeat(2));
    let settings = read(&values, NOW).unwrap().test_machine;
    assert_eq!((settings.faults, settings.expired_issuers.len()), (true, 2));
}

#[test]
fn test_cas_are_allowed_in_production() {
    let mut values = good();
    for (text, on) in [("off", false), ("operators", true), ("on", true)] {
        values.insert("TEST_CAS", text.to_owned());
        let settings = read(&values, NOW).unwrap();
        assert_eq!(settings.test_cas.are_on(), on, "{text}");
        assert!(!settings.test_machine.faults && !settings.test_machine.clock);
    }
    values.insert("TEST_CAS", "true".to_owned());
    assert!(read(&values, NOW).unwrap_err().starts_with("TEST_CAS is \"true\""));
}
