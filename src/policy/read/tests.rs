use super::*;
use serde_json::json;

fn known() -> Known {
    let profiles = vec!["default", "shortlived"];
    Known { challenges: vec!["http-01", "dns-01"], offered: vec!["http-01"], profiles }
}

fn said(value: Value) -> String {
    Policy::read("POLICY", &value, &known()).expect_err("a fault").to_string()
}

#[test]
fn a_whole_document_is_read() {
    let policy = Policy::read(
        "POLICY",
        &json!({
            "allow": ["*.example.org", "192.0.2.0/24"],
            "deny": ["*.secret.example.org"],
            "preauthorized": ["*.corp.example"],
            "wildcards": false,
            "single_label_names": false,
            "internal_names": false,
            "challenges": ["dns-01"],
            "profiles": ["shortlived"],
            "max_lifetime": "45d",
        }),
        &known(),
    )
    .unwrap();
    let patterns = |list: &[Pattern]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(patterns(&policy.allow.unwrap()), ["*.example.org", "192.0.2.0/24"]);
    assert_eq!(patterns(&policy.deny), ["*.secret.example.org"]);
    assert_eq!(patterns(&policy.preauthorized), ["*.corp.example"]);
    assert!(!policy.wildcards && !policy.single_label_names && !policy.internal_names);
    assert_eq!(policy.challenges, Some(vec!["dns-01".to_owned()]));
    assert_eq!(policy.profiles, Some(vec!["shortlived".to_owned()]));
    assert_eq!(policy.max_lifetime, Some(Duration::from_secs(45 * 86_400)));
}

#[test]
fn a_fault_names_its_place_what_was_found_and_what_to_write() {
    for (value, path, hints) in [
        (json!([]), "POLICY ", &["an array", "an object"][..]),
        (json!({ "alow": [] }), "POLICY ", &["\"alow\"", "allow, deny"]),
        (json!({ "allow": "a.test" }), "POLICY.allow ", &["a string", "array of strings"]),
        (json!({ "allow": ["a.test", 3] }), "POLICY.allow[1] ", &["a number", "a string"]),
        (json!({ "deny": ["a.test", "b..test"] }), "POLICY.deny[1] ", &["\"b..test\"", "empty label", "write"]),
        (json!({ "preauthorized": ["10.0.0.1/8"] }), "POLICY.preauthorized[0] ", &["write 10.0.0.0/8"]),
        (json!({ "wildcards": "yes" }), "POLICY.wildcards ", &["a string", "true or false"]),
        (json!({ "single_label_names": 1 }), "POLICY.single_label_names ", &["true or false"]),
        (json!({ "internal_names": null }), "POLICY.internal_names ", &["null", "true or false"]),
        (json!({ "challenges": ["dns-01", "dns-1"] }), "POLICY.challenges[1] ", &["\"dns-1\"", "http-01, dns-01"]),
        (json!({ "profiles": ["long"] }), "POLICY.profiles[0] ", &["\"long\"", "default, shortlived"]),
        (json!({ "deny": vec!["a.test"; 1001] }), "POLICY.deny ", &["1001 elements", "1000 are the most"]),
        (json!({ "max_lifetime": 90 }), "POLICY.max_lifetime ", &["a number", "\"90d\""]),
        (json!({ "max_lifetime": "90" }), "POLICY.max_lifetime ", &["\"90\"", "\"90d\""]),
        (json!({ "max_lifetime": "0d" }), "POLICY.max_lifetime ", &["\"12h\""]),
        (json!({ "max_lifetime": "-1d" }), "POLICY.max_lifetime ", &["\"12h\""]),
        (json!({ "max_lifetime": "99999999999d" }), "POLICY.max_lifetime ", &["\"12h\""]),
    ] {
        let said = said(value.clone());
        assert!(said.starts_with(path), "{value}: {said}");
        for hint in hints {
            assert!(said.contains(hint), "{value}: {hint} in {said}");
        }
    }
}

#[test]
fn members_that_contradict_each_other_are_refused() {
    for (value, path) in [
        (json!({ "allow": ["b.test", "a.test"], "deny": ["a.test"] }), "POLICY.allow[1] "),
        (json!({ "allow": ["a.b.test"], "deny": ["*.test"] }), "POLICY.allow[0] "),
        (json!({ "allow": ["*"], "deny": ["*"] }), "POLICY.allow[0] "),
        (json!({ "preauthorized": ["10.1.0.0/16"], "deny": ["10.0.0.0/8"] }), "POLICY.preauthorized[0] "),
        (json!({ "allow": ["localhost"], "single_label_names": false }), "POLICY.allow[0] "),
        (json!({ "preauthorized": ["*.corp"], "internal_names": false }), "POLICY.preauthorized[0] "),
        (json!({ "profiles": [] }), "POLICY.profiles "),
        (json!({ "challenges": [] }), "POLICY.challenges "),
    ] {
        let said = said(value.clone());
        assert!(said.starts_with(path), "{value}: {said}");
    }
    for good in [
        json!({ "allow": ["*.test"], "deny": ["a.test", "*.b.test"] }),
        json!({ "deny": ["*"] }),
        json!({ "allow": [] }),
        json!({ "allow": vec!["a.test"; 1000] }),
        json!({ "allow": ["*.localhost"], "single_label_names": false }),
        json!({ "challenges": [], "preauthorized": ["*"] }),
    ] {
        assert!(Policy::read("POLICY", &good, &known()).is_ok(), "{good}");
    }
}

#[test]
fn key_policy_that_permits_nothing_is_refused() {
    let read = |value: Value| Policy::read("POLICY", &value, &known()).unwrap();
    let (dns, http) = (read(json!({ "challenges": ["dns-01"] })), read(json!({ "challenges": ["http-01"] })));
    let said = http.check_against(&dns, "EAB_KEYS.a.policy").unwrap_err().to_string();
    assert!(said.starts_with("EAB_KEYS.a.policy.challenges has http-01"), "{said}");
    assert!(dns.check_against(&dns, "x").is_ok() && dns.check_against(&Policy::default(), "x").is_ok());
    let (long, short) = (read(json!({ "profiles": ["default"] })), read(json!({ "profiles": ["shortlived"] })));
    assert!(long.check_against(&short, "x").is_err());
}

proptest::proptest! {
    #[test]
    fn no_text_makes_a_pattern_panic(text in "\\PC{0,60}|[0-9a-f:./*]{0,40}") {
        if let Ok(pattern) = Pattern::parse(&text) {
            proptest::prop_assert_eq!(Pattern::parse(&pattern.to_string()), Ok(pattern));
        }
    }
}
