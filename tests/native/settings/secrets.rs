//! Secrets among the settings: derived keys, and output without secrets.

use super::{NOW, good, read};
use selvedge::ca::config::external_accounts::derived_key;
use selvedge::ca::config::settings::TermsChange;
use selvedge::policy::Policy;
use selvedge::records::acme::nonce;
use selvedge::records::acme::nonce::Home;
use selvedge::records::operations::proof::{Purpose, calendar, proof, proves};
use selvedge::values::Id;

#[test]
fn settings_do_not_show_the_nonce_key() {
    let shown = format!("{:?}", read(&good(), NOW).unwrap());
    // Random bytes of the certificate may repeat, but not so often.
    assert!(shown.contains("NonceKey(secret)") && !shown.contains(&"1, ".repeat(8)), "{shown}");
}

#[test]
fn nonce_key_derivations_depend_on_the_base_url() {
    let key_at = |base: &str| {
        let mut values = good();
        values.insert("BASE_URL", base.to_owned());
        read(&values, NOW).unwrap().nonce_key
    };
    let key = key_at("https://ca.example.org");
    assert!(*key != [1; 32] && key == key_at("https://ca.example.org/"));
    for other in ["https://ca.example.net", "https://ca.example.org:8443"] {
        let other = key_at(other);
        let nonce = nonce::issue(&other, &Home::Shard(0), NOW, [5; 16]);
        assert!(nonce::check(&other, &nonce, NOW, nonce::LIFETIME).is_ok());
        assert!(nonce::check(&key, &nonce, NOW, nonce::LIFETIME).is_err(), "nonces");
        assert!(derived_key(&other, "kid") != derived_key(&key, "kid"), "external account keys");
        let account = Id::from_random([3; 16]);
        let page = proof(&other, Purpose::Terms, &account, "terms");
        assert!(!proves(&page, &key, Purpose::Terms, &account, "terms"), "URLs of pages");
        assert!(calendar(&other, 0) != calendar(&key, 0), "the calendar's URL");
    }
}

#[test]
fn previous_nonce_key_counts_after_the_present_one() {
    let mut values = good();
    let alone = read(&values, NOW).unwrap().nonce_key;
    values.insert("NONCE_KEY_PREVIOUS", selvedge::values::b64::encode(&[2; 32]));
    let both = read(&values, NOW).unwrap().nonce_key;
    for wrong in ["short".to_owned(), values["NONCE_KEY"].clone()] {
        let mut values = values.clone();
        values.insert("NONCE_KEY_PREVIOUS", wrong);
        assert!(read(&values, NOW).unwrap_err().starts_with("NONCE_KEY_PREVIOUS is "));
    }
    let previous = values.remove("NONCE_KEY_PREVIOUS").unwrap();
    values.insert("NONCE_KEY", previous);
    let other = read(&values, NOW).unwrap().nonce_key;
    assert_eq!(both.all().collect::<Vec<_>>(), [&*alone, &*other]);
    assert_eq!((*both, alone.has_previous(), both.has_previous()), (*alone, false, true));
    assert!(!format!("{both:?}").contains("2, "), "{both:?}");
}

#[test]
fn policy_and_external_account_keys_are_read_and_stay_secret() {
    let mut values = good();
    let key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
    values.insert("POLICY", r#"{"allow":["*.example.org"],"max_lifetime":"45d"}"#.to_owned());
    let keys =
        format!(r#"{{"team-a":{{"key":"{key}=","uses":"once","policy":{{"preauthorized":["*.corp.example"]}}}}}}"#);
    values.insert("EAB_KEYS", keys);
    values.insert("EXTERNAL_ACCOUNT_REQUIRED", "true".to_owned());
    values.insert("TERMS_OF_SERVICE", "https://ca.example.org/terms".to_owned());
    values.insert("TERMS_CHANGE", "refuse".to_owned());
    let settings = read(&values, NOW).unwrap();
    assert_eq!(settings.policy.allow.as_ref().unwrap()[0].to_string(), "*.example.org");
    assert_eq!(settings.external.keys["team-a"].policy.preauthorized[0].to_string(), "*.corp.example");
    assert!(settings.external.required);
    assert_eq!(settings.terms_change, TermsChange::Refuse);
    assert!(!format!("{settings:?}").contains("AAECAwQF") && !format!("{settings:?}").contains("0, 1, 2, 3"));
    let unset = read(&good(), NOW).unwrap();
    assert_eq!((unset.policy, unset.terms_change), (Policy::default(), TermsChange::Accept));
    assert!(unset.external.keys.is_empty() && !unset.external.required);
    // A key's policy that leaves nothing beside the CA's.
    values.insert("POLICY", r#"{"challenges":["dns-01"]}"#.to_owned());
    let narrow = format!(r#"{{"b":{{"key":"{key}","uses":"many","policy":{{"challenges":["http-01"]}}}}}}"#);
    values.insert("EAB_KEYS", narrow);
    assert!(read(&values, NOW).unwrap_err().starts_with("EAB_KEYS.b.policy.challenges"));
}

#[test]
fn a_webhook_needs_its_secret_which_nothing_shows() {
    let mut values = good();
    assert!(read(&values, NOW).unwrap().webhook.is_none());
    // The secret is stored first.
    values.insert("WEBHOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned());
    assert!(read(&values, NOW).unwrap().webhook.is_none());
    values.insert("WEBHOOK_URL", "https://hooks.example.org/a-token".to_owned());
    let shown = format!("{:?}", read(&values, NOW).unwrap());
    assert!(!shown.contains("a-token") && !shown.contains("MfKQ9r8G"), "{shown}");
    values.insert("WEBHOOK_SECRET", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned());
    let refusal = read(&values, NOW).unwrap_err();
    assert!(refusal.starts_with("WEBHOOK_SECRET") && !refusal.contains("MfKQ9r8G"), "{refusal}");
    values.insert("WEBHOOK_URL", "http://hooks.example.org/a-token".to_owned());
    let refusal = read(&values, NOW).unwrap_err();
    assert!(refusal.starts_with("WEBHOOK_URL") && !refusal.contains("a-token"), "{refusal}");
    values.insert("WEBHOOK_URL", "https://hooks.example.org/a-token".to_owned());
    values.remove("WEBHOOK_SECRET");
    let refusal = read(&values, NOW).unwrap_err();
    assert!(refusal.contains("WEBHOOK_SECRET is not") && !refusal.contains("a-token"), "{refusal}");
}
