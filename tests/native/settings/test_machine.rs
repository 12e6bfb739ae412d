//! Settings of test machines.

use super::refused;

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
    ] {
        refused(name, value);
    }
}
