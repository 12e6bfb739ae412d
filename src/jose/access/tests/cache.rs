use super::*;

fn named(key: &ClientKey, kid: &str, more: Value) -> Value {
    let mut jwk = key.jwk_json();
    jwk["kid"] = kid.into();
    jwk.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    jwk
}

fn parse(keys: Value) -> Result<AccessKeys, AccessFault> {
    AccessKeys::parse(json!({ "keys": keys }).to_string().as_bytes())
}

fn set(kids: &[&str], key: &ClientKey) -> AccessKeys {
    parse(kids.iter().map(|kid| named(key, kid, json!({}))).collect()).unwrap()
}

#[test]
fn keys_that_sign_no_assertion_are_passed_over() {
    let key = key();
    let keys = parse(json!([
        named(&key, "one", json!({ "use": "sig", "alg": "ES256", "key_ops": ["verify"], "x5t": "x" })),
        named(&key, "enc", json!({ "use": "enc" })),
        named(&key, "alg", json!({ "alg": "RS256" })),
        named(&key, "odd", json!({ "use": 1 })),
        named(&ClientKey::generate(SigAlg::Ed25519), "ed", json!({})),
        named(&ClientKey::generate(SigAlg::Es384), "384", json!({})),
        { "kty": "oct", "kid": "mac", "k": "AAAA" },
        key.jwk_json(),
        named(&key, "", json!({})),
        named(&key, "private", json!({ "d": "AAAA" })),
        1,
    ]))
    .unwrap();
    assert_eq!(keys.get("one"), Some(&key.jwk()));
    for other in ["enc", "alg", "odd", "ed", "384", "mac", "", "private"] {
        assert_eq!(keys.get(other), None, "{other}");
    }
}

#[test]
fn a_document_without_a_doubt_about_its_keys_is_wanted() {
    let key = key();
    let one = named(&key, "one", json!({}));
    assert!(parse(json!([one])).is_ok());
    for bad in [json!([]), json!({}), json!("x"), json!([key.jwk_json()]), json!([one, one]), json!(vec![&one; 33])] {
        assert!(matches!(parse(bad.clone()), Err(AccessFault::Keys(_))), "{bad}");
    }
    for bad in ["", "[]", "{", r#"{"keys":[],"keys":[]}"#] {
        assert!(matches!(AccessKeys::parse(bad.as_bytes()), Err(AccessFault::Form(_))), "{bad}");
    }
    assert!(matches!(AccessKeys::parse(b"{}"), Err(AccessFault::Keys(_))));
    assert!(matches!(AccessKeys::parse(&[b' '; keys::MAX_DOCUMENT + 1]), Err(AccessFault::Keys(_))));
}

fn at(secs: u64) -> Time {
    NOW.plus(Duration::from_secs(secs))
}

#[test]
fn keys_are_fresh_for_an_hour_and_good_for_another_while_there_are_no_others() {
    let key = key();
    let found = Lookup::Key(Box::new(key.jwk()));
    let mut cache = KeyCache::default();
    assert_eq!(cache.look_up("one", NOW), Lookup::Fetch);
    cache.asking(NOW);
    assert_eq!(cache.look_up("one", NOW), Lookup::None, "somebody asks already");
    assert!(!cache.usable(NOW));
    cache.fetched(set(&["one"], &key), NOW);
    assert!(cache.usable(at(7199)) && !cache.usable(at(7200)));
    assert_eq!(cache.look_up("one", at(3599)), found);
    assert_eq!(cache.look_up("one", at(3600)), Lookup::Fetch);
    // The fetch fails, or takes its time.
    cache.asking(at(3600));
    assert_eq!(cache.look_up("one", at(3659)), found);
    assert_eq!(cache.look_up("one", at(3660)), Lookup::Fetch);
    cache.asking(at(7190));
    assert_eq!(cache.look_up("one", at(7199)), found);
    assert_eq!(cache.look_up("one", at(7200)), Lookup::None);
    assert_eq!(cache.look_up("one", at(7250)), Lookup::Fetch);
}

#[test]
fn an_unknown_kid_asks_again_once_a_minute() {
    let (old, new) = (key(), key());
    let mut cache = KeyCache::default();
    cache.asking(NOW);
    cache.fetched(set(&["one"], &old), NOW);
    assert_eq!(cache.look_up("two", at(59)), Lookup::None);
    assert_eq!(cache.look_up("two", at(60)), Lookup::Fetch);
    cache.asking(at(60));
    assert_eq!(cache.look_up("three", at(61)), Lookup::None);
    assert_eq!(cache.look_up("one", at(61)), Lookup::Key(Box::new(old.jwk())), "nobody else is kept out");
    cache.fetched(set(&["two"], &new), at(61));
    assert_eq!(cache.look_up("two", at(62)), Lookup::Key(Box::new(new.jwk())));
    assert_eq!(cache.look_up("one", at(62)), Lookup::None, "a key that was taken back is gone");
}

#[test]
fn cache_survives_a_clock_that_goes_back() {
    let key = key();
    let mut cache = KeyCache::default();
    cache.asking(at(1000));
    cache.fetched(set(&["one"], &key), at(1000));
    assert_eq!(cache.look_up("one", NOW), Lookup::Key(Box::new(key.jwk())));
}
