use super::super::testing::{identifier, known, policy};
use super::*;
use serde_json::{Value, json};

/// Asks for identifiers under the policies of the CA and of a key.
struct Asked {
    ca: Policy,
    key: Option<Policy>,
    trusted: bool,
}

impl Asked {
    fn of(ca: Value) -> Self {
        Self { ca: policy(&ca), key: None, trusted: true }
    }

    fn with_key(ca: Value, key: Value) -> Self {
        Self { key: Some(policy(&key)), ..Self::of(ca) }
    }

    fn rules(&self) -> Rules<'_> {
        let key = self.key.as_ref().map(|policy| ("team-a", policy));
        Rules { ca: &self.ca, key, trusted: self.trusted, known: known() }
    }

    /// `offered`, `preauthorized`, or the refusal.
    fn says(&self, name: &str) -> String {
        match self.rules().decide(&identifier(name)) {
            Ok(permit) if permit.preauthorized => "preauthorized".to_owned(),
            Ok(permit) => permit.challenges.join(" "),
            Err(refusal) => refusal.to_string(),
        }
    }
}

#[test]
fn without_a_policy_all_is_allowed_and_nothing_pre_authorised() {
    let asked = Asked::of(json!({}));
    assert_eq!(asked.ca, Policy::default());
    for name in ["a.test", "*.a.test", "localhost", "192.0.2.1", "::1"] {
        assert_eq!(asked.says(name), "http-01 dns-01", "{name}");
    }
    assert!(asked.rules().profile_allowed("default") && !asked.rules().profile_allowed("odd"));
    assert_eq!(asked.rules().max_lifetime(), None);
}

#[test]
fn denied_beats_allowed_and_the_rule_is_named() {
    let asked = Asked::with_key(
        json!({ "allow": ["*.example"], "deny": ["*.secret.example", "192.0.2.0/24"] }),
        json!({ "deny": ["a.b.example"], "preauthorized": ["*.example"] }),
    );
    assert_eq!(
        asked.says("x.secret.example"),
        "\"x.secret.example\" is refused by deny \"*.secret.example\" of the policy of this CA"
    );
    let by_key = "of the policy of external account key \"team-a\"";
    assert_eq!(asked.says("a.b.example"), format!("\"a.b.example\" is refused by deny \"a.b.example\" {by_key}"));
    assert_eq!(asked.says("*.b.example"), format!("\"*.b.example\" is refused by deny \"a.b.example\" {by_key}"));
    assert!(asked.says("192.0.2.9").contains("deny \"192.0.2.0/24\""));
    assert_eq!(asked.says("c.b.example"), "preauthorized");
}

#[test]
fn a_keys_policy_narrows() {
    let asked = Asked::with_key(json!({ "allow": ["*.example"] }), json!({ "allow": ["*.a.example", "*.test"] }));
    assert_eq!(asked.says("x.a.example"), "http-01 dns-01");
    assert_eq!(
        asked.says("a.test"),
        "\"a.test\" is refused by allow, which does not list it, of the policy of this CA"
    );
    assert!(asked.says("x.b.example").ends_with("of the policy of external account key \"team-a\""));
    let closed = Asked::with_key(json!({}), json!({ "allow": [] }));
    assert!(closed.says("a.test").contains("allow, which does not list it"));
}

#[test]
fn what_a_key_pre_authorises_need_not_be_allowed_elsewhere() {
    let key = json!({ "allow": [], "preauthorized": ["*.corp.example", "10.0.0.0/8"] });
    let asked = Asked::with_key(json!({ "allow": ["*.example.org"] }), key);
    for name in ["a.corp.example", "*.corp.example", "10.1.2.3"] {
        assert_eq!(asked.says(name), "preauthorized", "{name}");
    }
    for name in ["corp.example", "a.example.org", "11.0.0.1"] {
        assert!(asked.says(name).contains("is refused by allow"), "{name}");
    }
    let narrower = Asked::with_key(json!({ "wildcards": false }), json!({ "preauthorized": ["*.corp.example"] }));
    assert!(narrower.says("*.corp.example").contains("wildcards = false of the policy of this CA"));
}

#[test]
fn what_the_ca_pre_authorises_is_for_trusted_accounts_within_their_keys_limits() {
    let ca = json!({ "allow": ["a.test"], "preauthorized": ["*.lab.test"] });
    let mut asked = Asked::with_key(ca.clone(), json!({}));
    assert_eq!(asked.says("x.lab.test"), "preauthorized");
    asked.trusted = false;
    assert!(asked.says("x.lab.test").contains("allow, which does not list it"));
    let asked = Asked::with_key(ca, json!({ "allow": ["*.team.test", "*.a.lab.test"] }));
    assert_eq!(asked.says("x.a.lab.test"), "preauthorized");
    assert!(asked.says("x.lab.test").contains("key \"team-a\""));
}

#[test]
fn o05_forms_of_names_are_switches() {
    let asked = Asked::of(json!({ "wildcards": false, "single_label_names": false, "internal_names": false }));
    for (name, rule) in [
        ("*.a.example", "wildcards = false"),
        ("intranet", "single_label_names = false"),
        ("a.corp", "internal_names = false (it ends in \"corp\")"),
        ("a.b.home.arpa", "internal_names = false (it ends in \"home.arpa\")"),
    ] {
        assert!(asked.says(name).contains(rule), "{name}: {}", asked.says(name));
    }
    for name in ["a.example", "a.incorp", "corp.example", "192.0.2.1"] {
        assert_eq!(asked.says(name), "http-01 dns-01", "{name}");
    }
    assert!(Asked::of(json!({ "internal_names": false })).says("*.internal").contains("\"internal\""));
}

#[test]
fn challenge_types_are_those_that_both_offer() {
    for (ca, key, offered) in [
        (json!({}), json!({}), "http-01 dns-01"),
        (json!({ "challenges": ["dns-01"] }), json!({}), "dns-01"),
        (json!({}), json!({ "challenges": ["dns-persist-01"] }), "dns-persist-01"),
        (json!({ "challenges": ["dns-01", "http-01"] }), json!({ "challenges": ["http-01"] }), "http-01"),
    ] {
        assert_eq!(Asked::with_key(ca.clone(), key.clone()).says("a.test"), offered, "{ca} {key}");
    }
    let allows = |ca: Value| Asked::of(ca).rules().decide(&identifier("a.test")).unwrap().may_offer("dns-persist-01");
    assert!(allows(json!({})), "not offered by default, yet not excluded");
    assert!(!allows(json!({ "challenges": ["dns-01"] })));
    let key = json!({ "challenges": [], "preauthorized": ["*.corp.example"] });
    let asked = Asked::with_key(json!({}), key);
    assert_eq!(asked.says("a.corp.example"), "preauthorized");
    assert!(asked.says("a.test").ends_with("no way to prove it, of the policy of external account key \"team-a\""));
}

#[test]
fn profiles_and_lifetimes_are_the_narrower() {
    let asked = Asked::with_key(
        json!({ "profiles": ["default", "shortlived"], "max_lifetime": "90d" }),
        json!({ "profiles": ["shortlived"], "max_lifetime": "12h" }),
    );
    assert!(asked.rules().profile_allowed("shortlived") && !asked.rules().profile_allowed("default"));
    assert_eq!(asked.rules().max_lifetime(), Some(Duration::from_secs(12 * 3600)));
    for (ca, key, server, client) in [
        (json!({}), json!({}), false, true),
        (json!({ "common_name": true }), json!({}), true, true),
        (json!({}), json!({ "common_name": true }), true, true),
        (json!({ "common_name": false }), json!({ "common_name": true }), false, false),
        (json!({ "common_name": true }), json!({ "common_name": false }), false, false),
    ] {
        let asked = Asked::with_key(ca, key);
        assert_eq!((asked.rules().common_name(false), asked.rules().common_name(true)), (server, client));
    }
    let wider = Asked::with_key(json!({ "max_lifetime": "12h" }), json!({ "max_lifetime": "90d" }));
    assert_eq!(wider.rules().max_lifetime(), Some(Duration::from_secs(12 * 3600)));
}
