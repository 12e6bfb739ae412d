//! The operator's settings: each missing or wrong value is named, with what to do.

mod root_crl;
mod roots;
mod secrets;
mod test_machine;

use const_oid::db::rfc5280::ID_KP_EMAIL_PROTECTION;
use selvedge::ca::config::names::known;
use selvedge::ca::config::rate_limits::Limits;
use selvedge::ca::config::request_log::RequestLog;
use selvedge::ca::config::settings::{NAMES, Settings};
use selvedge::ca::config::test_machine::{CsrStyle, profiles};
use selvedge::pki::ceremony::{create_intermediate, create_intermediate_for, create_root, cross_sign};
use selvedge::values::{Time, b64};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const NOW: Time = Time::from_secs(1_800_000_000);

fn good() -> BTreeMap<&'static str, String> {
    let root = create_root("root", NOW, 10).unwrap();
    let issuer = create_intermediate(&root, "issuer", NOW, 5).unwrap();
    BTreeMap::from([
        ("MODE", "production".to_owned()),
        ("BASE_URL", "https://ca.example.org".to_owned()),
        ("RESOLVER_URL", "https://dns.example.org/dns-query".to_owned()),
        ("ISSUER_CHAIN", issuer.certificate),
        ("NONCE_KEY", b64::encode(&[1; 32])),
    ])
}

fn read(values: &BTreeMap<&'static str, String>, now: Time) -> Result<Settings, String> {
    Settings::read(&|name| values.get(name).cloned(), now)
}

#[test]
fn valid_settings_are_accepted() {
    let settings = read(&good(), NOW).unwrap();
    assert_eq!(settings.urls.directory(), "https://ca.example.org/directory");
    assert_eq!((settings.validation.http01_port, settings.validation.tls_alpn_port), (80, 443));
    assert!(!settings.validation.policy.allow_private && !settings.dev);
    let issuer = settings.published.unwrap().issuer("00");
    assert!(issuer.starts_with("http://ca.example.org/issuer/"), "verifiers fetch it by plain http: {issuer}");
    let mut values = good();
    values.insert("BASE_URL", "https://ca.example.org/".to_owned());
    assert_eq!(read(&values, NOW).unwrap().urls.directory(), "https://ca.example.org/directory");
}

#[test]
fn jurisdiction_is_one_of_the_platforms_and_without_effect_in_dev() {
    let mut values = good();
    assert_eq!(read(&values, NOW).unwrap().jurisdiction, None);
    for known in ["eu", "fedramp", "us"] {
        values.insert("JURISDICTION", known.to_owned());
        assert_eq!(read(&values, NOW).unwrap().jurisdiction.as_deref(), Some(known));
    }
    for unknown in ["EU", "europe", "eu "] {
        values.insert("JURISDICTION", unknown.to_owned());
        let refusal = read(&values, NOW).unwrap_err();
        assert!(refusal.contains("JURISDICTION") && refusal.contains("\"fedramp\""), "{refusal}");
    }
    values.extend([("JURISDICTION", "eu".to_owned()), ("MODE", "dev".to_owned())]);
    assert_eq!(read(&values, NOW).unwrap().jurisdiction, None, "workerd has none");
}

#[test]
fn validation_and_crl_times_are_configurable() {
    let usual = read(&good(), NOW).unwrap();
    let seconds = Duration::from_secs;
    let times = |settings: &Settings| {
        let validation = &settings.validation;
        (validation.time, validation.tries, validation.pause, settings.crl_gathering)
    };
    assert_eq!(times(&usual), (seconds(10), 3, seconds(5), seconds(10)));
    let mut values = good();
    for (name, value) in [
        ("VALIDATION_SECONDS", "4"),
        ("VALIDATION_TRIES", "1"),
        ("VALIDATION_RETRY_SECONDS", "2"),
        ("CRL_GATHERING_SECONDS", "0"),
    ] {
        values.insert(name, value.to_owned());
    }
    assert_eq!(times(&read(&values, NOW).unwrap()), (seconds(4), 1, seconds(2), seconds(0)));
    for (name, value) in [
        ("VALIDATION_SECONDS", "0"),
        ("VALIDATION_SECONDS", "11"),
        ("VALIDATION_TRIES", "0"),
        ("VALIDATION_TRIES", "many"),
        ("VALIDATION_RETRY_SECONDS", "0.5"),
        ("VALIDATION_RETRY_SECONDS", "60"),
        ("CRL_GATHERING_SECONDS", "-1"),
        ("CRL_GATHERING_SECONDS", "3601"),
    ] {
        let mut values = good();
        values.insert(name, value.to_owned());
        let refusal = read(&values, NOW).unwrap_err();
        assert!(refusal.starts_with(name) && refusal.contains("a whole number"), "{name}={value}: {refusal}");
    }
}

#[test]
fn read_settings_and_known_names_match() {
    let asked = RefCell::new(BTreeSet::new());
    let mut values = good();
    // What is looked at only with something else.
    values.insert("WEBHOOK_URL", "https://hooks.example.org/x".to_owned());
    values.insert("WEBHOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned());
    values.insert("TERMS_CHANGE", "refuse".to_owned());
    values.insert("TERMS_OF_SERVICE", "https://ca.example.org/terms".to_owned());
    values.insert("MODE", "dev".to_owned());
    let value = |name: &str| {
        asked.borrow_mut().insert(name.to_owned());
        values.get(name).cloned()
    };
    Settings::read(&value, NOW).unwrap();
    let asked = asked.into_inner();
    for name in &asked {
        assert_eq!(known(name), Ok(()), "{name} is read, and not in NAMES");
    }
    for name in NAMES {
        assert!(asked.contains(*name), "{name} is in NAMES, and never read");
    }
    let document = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/CONFIGURATION.md");
    let document = std::fs::read_to_string(document).unwrap();
    for name in NAMES {
        assert!(document.contains(&format!("| `{name}` |")), "{name} is not in the tables of docs/CONFIGURATION.md");
    }
}

#[test]
fn missing_settings_are_named_with_what_to_do() {
    for name in good().keys() {
        let mut values = good();
        values.remove(name);
        let refusal = read(&values, NOW).unwrap_err();
        assert!(refusal.starts_with(name), "{refusal}");
        assert!(refusal.contains("wrangler"), "{refusal}");
    }
}

#[test]
fn invalid_settings_are_named() {
    let root = create_root("root", NOW, 10).unwrap();
    let other_root = create_root("other", NOW, 10).unwrap();
    let mail = create_intermediate_for(&root, "mail", &[ID_KP_EMAIL_PROTECTION], NOW, 5).unwrap();
    for (name, value) in [
        ("MODE", "test".to_owned()),
        ("BASE_URL", "http://ca.example.org".to_owned()),
        ("BASE_URL", "https://ca.example.org/acme".to_owned()),
        ("BASE_URL", "https://CA.example.org".to_owned()),
        ("BASE_URL", "https://user@ca.example.org".to_owned()),
        ("BASE_URL", "ca.example.org".to_owned()),
        ("RESOLVER_URL", "dns.example.org".to_owned()),
        ("RESOLVER_URL", "ftp://dns.example.org".to_owned()),
        ("NONCE_KEY", "short".to_owned()),
        ("NONCE_KEY", format!("{}=", b64::encode(&[1; 32]))),
        ("ISSUER_CHAIN", "no PEM".to_owned()),
        ("ISSUER_CHAIN", root.certificate),
        ("HTTP01_PORT", "0".to_owned()),
        ("HTTP01_PORT", "65536".to_owned()),
        ("TLS_ALPN_PORT", "0".to_owned()),
        ("TLS_ALPN_PORT", "https".to_owned()),
        ("ALLOW_PRIVATE", "yes".to_owned()),
        ("TERMS_OF_SERVICE", "data:text/plain,anything".to_owned()),
        ("RATE_LIMITS", "some".to_owned()),
        ("RATE_LIMITS.new_orders.count", r#"{"new_orders":{"count":"many","period":"3h"}}"#.to_owned()),
        ("CLIENT_ADDRESS_HEADER", "X Real IP".to_owned()),
        ("METRICS_TOKEN", "short".to_owned()),
        ("METRICS_TOKEN", "a token with spaces in it".to_owned()),
        ("TERMS_OF_SERVICE", "terms".to_owned()),
        ("CAA", "yes".to_owned()),
        ("CAA_IDENTITIES", "ca_1.example.org".to_owned()),
        ("CAA_IDENTITIES", "*.example.org".to_owned()),
        ("CAA_IDENTITIES", "ca.example.org.".to_owned()),
        ("CAA_IDENTITIES", " , ".to_owned()),
        ("CAA_IDENTITIES", "a.example.org,".repeat(11)),
        ("CAA_INTERNAL", "corp, *.lan".to_owned()),
        ("CAA_INTERNAL", "corp lan".to_owned()),
        ("REVOCATION_PAGE", "why".to_owned()),
        ("ALTERNATE_CHAINS", "no PEM".to_owned()),
        ("ALTERNATE_CHAINS", other_root.certificate),
        ("ISSUER_CHAIN", mail.certificate),
        ("TERMS_OF_SERVICE", "javascript:alert(1)".to_owned()),
        ("TERMS_CHANGE", "deny".to_owned()),
        ("TERMS_CHANGE", "refuse".to_owned()),
        ("POLICY", "allow everything".to_owned()),
        ("POLICY", "[]".to_owned()),
        ("POLICY", r#"{"deny":["a.test"],"deny":[]}"#.to_owned()),
        ("POLICY.deny[0]", r#"{"deny":["a..test"]}"#.to_owned()),
        ("POLICY.challenges[1]", r#"{"challenges":["dns-01","dns-1"]}"#.to_owned()),
        ("BLOCKED_KEYS", "abc".to_owned()),
        ("EXTERNAL_ACCOUNT_REQUIRED", "yes".to_owned()),
        ("EXTERNAL_ACCOUNT_REQUIRED", "true".to_owned()),
        ("EAB_KEYS", "team-a".to_owned()),
        ("EAB_KEYS.team-a.uses", r#"{"team-a":{"key":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}}"#.to_owned()),
    ] {
        refused(name, &value);
    }
}

/// The value is refused by a sentence that begins with the name.
fn refused(name: &'static str, value: &str) {
    let mut values = good();
    // What is wrong within a document is named by its path.
    values.insert(name.split('.').next().unwrap(), value.to_owned());
    let refusal = read(&values, NOW).unwrap_err();
    assert!(refusal.starts_with(name) && refusal.ends_with('.'), "{name}={value}: {refusal}");
}

#[test]
fn caa_defaults_to_the_host_name() {
    let caa = |settings: &[(&'static str, &str)]| {
        let mut values = good();
        values.extend(settings.iter().map(|(name, value)| (*name, (*value).to_owned())));
        read(&values, NOW).map(|settings| settings.caa)
    };
    let usual = caa(&[]).unwrap();
    assert!(usual.checked && usual.internal.contains(&"home.arpa".to_owned()));
    assert_eq!(usual.identities, ["ca.example.org"]);
    assert!(!caa(&[("CAA", "off")]).unwrap().checked);
    assert!(caa(&[("CAA", "on")]).unwrap().checked);
    let named =
        caa(&[("CAA_IDENTITIES", "CA.example.org, example.net"), ("CAA_INTERNAL", "Corp.example , lan")]).unwrap();
    assert_eq!(
        (named.identities, named.internal),
        (
            vec!["ca.example.org".to_owned(), "example.net".to_owned()],
            vec!["corp.example".to_owned(), "lan".to_owned()],
        )
    );
    assert!(caa(&[("CAA_INTERNAL", "none")]).unwrap().internal.is_empty());
    // An address is no name: in production somebody has to give one.
    let address = [("BASE_URL", "https://192.0.2.1")];
    assert!(caa(&address).unwrap_err().starts_with("CAA_IDENTITIES"));
    assert_eq!(caa(&[address[0], ("CAA_IDENTITIES", "ca.example.org")]).unwrap().identities, ["ca.example.org"]);
    assert_eq!(caa(&[address[0], ("MODE", "dev")]).unwrap().identities, ["selvedge.test"]);
}

#[test]
fn c02_blocked_keys_are_taken_as_text_and_as_an_array() {
    let mut values = good();
    assert!(!read(&values, NOW).unwrap().blocked_keys.contains(b"abc"));
    // SHA-256 of "abc", the example of FIPS 180.
    let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    for text in [hash.to_owned(), format!("{}\n{hash},", "0f".repeat(32)), format!("[\"{hash}\"]")] {
        values.insert("BLOCKED_KEYS", text);
        let blocked = read(&values, NOW).unwrap().blocked_keys;
        assert!(blocked.contains(b"abc") && !blocked.contains(b"abd"));
    }
}

#[test]
fn s02_limits_are_on_by_default() {
    let mut values = good();
    let settings = read(&values, NOW).unwrap();
    assert_eq!((settings.limits, settings.address_header.as_deref()), (Limits::default(), Some("CF-Connecting-IP")));
    assert!(settings.metrics_token.is_none());
    values.insert("RATE_LIMITS", "off".to_owned());
    values.insert("CLIENT_ADDRESS_HEADER", "none".to_owned());
    values.insert("METRICS_TOKEN", "0123456789abcdef".to_owned());
    let settings = read(&values, NOW).unwrap();
    assert_eq!((&settings.limits, &settings.address_header), (&Limits::off(), &None));
    assert!(settings.metrics_token.is_some() && !format!("{settings:?}").contains("0123456789abcdef"));
    values.insert("CLIENT_ADDRESS_HEADER", "X-Real-IP".to_owned());
    assert_eq!(read(&values, NOW).unwrap().address_header.as_deref(), Some("X-Real-IP"));
}

#[test]
fn request_log_is_on_by_default() {
    let mut values = good();
    assert_eq!(read(&values, NOW).unwrap().request_log, RequestLog::On);
    for (text, log) in [("on", RequestLog::On), ("errors", RequestLog::Errors), ("off", RequestLog::Off)] {
        values.insert("REQUEST_LOG", text.to_owned());
        assert_eq!(read(&values, NOW).unwrap().request_log, log);
    }
    for wrong in ["", "yes", "On"] {
        values.insert("REQUEST_LOG", wrong.to_owned());
        let refusal = read(&values, NOW).unwrap_err();
        assert!(refusal.starts_with("REQUEST_LOG is") && refusal.ends_with('.'), "{refusal}");
    }
}

#[test]
fn operations_are_on_with_tokens_or_with_access() {
    let on = |more: &[&(&'static str, String)]| {
        let mut values = good();
        values.extend(more.iter().map(|(name, value)| (*name, value.clone())));
        read(&values, NOW).map(|settings| settings.operations_on())
    };
    let tokens = ("ADMIN_TOKENS", format!(r#"{{"ada":"{}"}}"#, "a".repeat(32)));
    let team = ("ACCESS_TEAM", "https://team-a.cloudflareaccess.com".to_owned());
    let audience = ("ACCESS_AUDIENCE", "0a".repeat(32));
    assert_eq!(on(&[]), Ok(false));
    assert_eq!(on(&[&tokens]), Ok(true));
    assert_eq!(on(&[&team, &audience]), Ok(true));
    assert_eq!(on(&[&tokens, &team, &audience]), Ok(true));
    // Either makes it possible to make the keys that accounts are asked for.
    let bound = ("EXTERNAL_ACCOUNT_REQUIRED", "true".to_owned());
    assert_eq!(on(&[&bound, &team, &audience]), Ok(true));
    assert!(on(&[&bound]).is_err());
    for half in [&team, &audience] {
        let refusal = on(&[half]).unwrap_err();
        assert!(refusal.starts_with(half.0) && refusal.ends_with('.'), "{refusal}");
    }
}

#[test]
fn short_lifetimes_require_dev() {
    let mut values = good();
    assert_eq!(read(&values, NOW).unwrap().life(Duration::from_secs(7200)), Duration::from_secs(7200));
    values.insert("MODE", "dev".to_owned());
    values.insert("LONGEST_LIFE", "20".to_owned());
    let settings = read(&values, NOW).unwrap();
    assert_eq!(settings.life(Duration::from_secs(7200)), Duration::from_secs(20));
    assert_eq!(settings.life(Duration::from_secs(5)), Duration::from_secs(5));
    for wrong in ["0", "-1", "20s", ""] {
        values.insert("LONGEST_LIFE", wrong.to_owned());
        assert!(read(&values, NOW).unwrap_err().starts_with("LONGEST_LIFE"), "{wrong}");
    }
}

#[test]
fn pebble_settings_require_dev() {
    let usual = read(&good(), NOW).unwrap();
    assert!(!usual.test_machine.always_valid && usual.test_machine.reuse.is_none() && !usual.urls.at_any_host());
    let mut values = good();
    for (name, value) in [
        ("MODE", "dev"),
        ("ALWAYS_VALID", "true"),
        ("AUTHORIZATION_REUSE", "0"),
        ("URL_STYLE", "pebble"),
        ("CSR_STYLE", "pebble"),
        ("ORDERS_PER_PAGE", "3"),
        ("OCSP_URL", "http://127.0.0.1:4002/ocsp"),
        ("REFUSE_NONCES", "99"),
        ("PROFILES", r#"{"long":{"seconds":3153600000},"default":{"description":"x","seconds":1,"common_name":true}}"#),
        ("TERMS_OF_SERVICE", "data:text/plain,anything"),
    ] {
        values.insert(name, value.to_owned());
    }
    let settings = read(&values, NOW).unwrap();
    assert_eq!(settings.urls.directory(), "https://ca.example.org/dir");
    assert!(settings.test_machine.always_valid && settings.test_machine.reuse == Some(0));
    assert_eq!(settings.meta.terms_of_service.as_deref(), Some("data:text/plain,anything"));
    assert_eq!((settings.test_machine.csr_style, settings.test_machine.orders_per_page), (CsrStyle::Pebble, Some(3)));
    assert_eq!((settings.ocsp.as_deref(), settings.refuse_nonces), (Some("http://127.0.0.1:4002/ocsp"), 99));
    let profiles = profiles(&|name| values.get(name).cloned()).unwrap().unwrap();
    let rows: Vec<_> = profiles.iter().map(|p| (p.name, p.description, p.validity.as_secs(), p.common_name)).collect();
    assert_eq!(rows, [("default", "x", 1, true), ("long", "long", 3_153_600_000, false)]);
    for (name, wrong) in [
        ("ALWAYS_VALID", "1"),
        ("AUTHORIZATION_REUSE", "101"),
        ("URL_STYLE", "Pebble"),
        ("CSR_STYLE", "none"),
        ("ORDERS_PER_PAGE", "0"),
        ("OCSP_URL", "https://127.0.0.1:4002/ocsp"),
        ("OCSP_URL", "http://"),
        ("PROFILES", "{}"),
        ("PROFILES", "[]"),
        ("PROFILES", r#"{"a":{}}"#),
        ("PROFILES", r#"{"a":{"seconds":0}}"#),
        ("PROFILES", r#"{"":{"seconds":1}}"#),
    ] {
        let mut values = values.clone();
        values.insert(name, wrong.to_owned());
        assert!(read(&values, NOW).unwrap_err().contains(name), "{name} {wrong}");
    }
}

#[test]
fn plain_http_requires_dev_and_expired_issuer_is_refused() {
    let mut values = good();
    values.insert("MODE", "dev".to_owned());
    values.insert("BASE_URL", "http://127.0.0.1:14000".to_owned());
    assert!(read(&values, NOW).is_ok());
    let later = Time::from_secs(NOW.secs() + 6 * 366 * 86_400);
    assert!(read(&good(), later).unwrap_err().starts_with("ISSUER_CHAIN"));
}

#[test]
fn r02_alternate_chains_are_used_while_valid() {
    let root = create_root("root", NOW, 10).unwrap();
    let issuer = create_intermediate(&root, "issuer", NOW, 5).unwrap();
    let other_root = create_root("other", NOW, 10).unwrap();
    let cross = cross_sign(&other_root, &issuer, "issuer", NOW, 1).unwrap();
    let mut values = good();
    values.insert("ISSUER_CHAIN", issuer.certificate.clone());
    assert_eq!(read(&values, NOW).unwrap().issuers.active(NOW).alternates().len(), 0);
    let all = format!("{}{}{}{}", cross.certificate, other_root.certificate, issuer.certificate, root.certificate);
    values.insert("ALTERNATE_CHAINS", all);
    assert_eq!(read(&values, NOW).unwrap().issuers.active(NOW).alternates().len(), 2);
    let later = Time::from_secs(NOW.secs() + 2 * 366 * 86_400);
    // Two chains of three are over: a CA is not stopped by that.
    let settings = read(&values, later).unwrap();
    assert_eq!(settings.issuers.active(later).alternates().len(), 1);
    assert!(settings.problems[0].contains("Chain 1 of ALTERNATE_CHAINS is not used"), "{:?}", settings.problems);
}
