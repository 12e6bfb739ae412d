//! Settings of test machines.

use super::{NOW, good, read};

#[test]
fn settings_of_test_machines_are_refused_in_production() {
    for (name, value) in [
        ("REFUSE_NONCES", "5"),
        ("LONGEST_LIFE", "20"),
        ("ALWAYS_VALID", "true"),
        ("ALWAYS_VALID", "false"),
        ("AUTHORIZATION_REUSE", "100"),
        ("URL_STYLE", "pebble"),
        ("URL_STYLE", "own"),
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
