//! External account keys: made, shown, changed.

use super::operator::{ADA, DAY, Operator, SECOND, texts};
use selvedge::ca::config::external_accounts::ExternalAccounts;
use selvedge::ca::testing::{Client, World};
use selvedge::pki::ceremony::{Constraints, IssuerPlan, Root};
use selvedge::policy::Policy;
use selvedge::records::Kind;
use selvedge::values::identifier::DnsName;
use selvedge::values::{SigAlg, b64};
use serde_json::{Value, json};

/// A CA with the keys `configured` and `a/b` of its configuration.
fn configured() -> Operator {
    let key = b64::encode(&[5; 32]);
    let keys = json!({
        "configured": { "key": key, "uses": "once", "policy": { "allow": ["*.team.test"] } },
        "a/b": { "key": key, "uses": "many" },
    });
    let external = ExternalAccounts::read(Some(&keys.to_string()), false, true, &Policy::default()).unwrap();
    Operator::of(&World::new().reconfigured(|settings| settings.external = external))
}

fn status(operator: &Operator, kid: &str) -> String {
    operator.see(&format!("external-accounts/{kid}"))["status"].as_str().unwrap().to_owned()
}

#[test]
fn key_admits_one_account_or_many() {
    let operator = Operator::new();
    let once = operator.key(&json!({ "kid": "once", "note": "for team a" }));
    assert_eq!(
        (&once["uses"], &once["status"], &once["note"]),
        (&"once".into(), &"usable".into(), &"for team a".into())
    );
    assert_eq!((&once["created"]["by"], &once["directory"]), (&"ada".into(), &"https://ca.test/directory".into()));
    assert_eq!(b64::decode(once["key"].as_str().unwrap()).unwrap().len(), 32);
    let client = operator.bound(&once);
    let id = client.account().rsplit('/').next().unwrap();
    let shown = operator.see("external-accounts/once");
    assert_eq!((&shown["status"], &shown["accounts"]), (&"used".into(), &json!([id])));
    operator.bind(&once).1.refused(403, Kind::Unauthorized);
    let many = operator.key(&json!({ "kid": "many", "uses": "many" }));
    for n in 1..4 {
        operator.bound(&many);
        let shown = operator.see("external-accounts/many");
        assert_eq!((&shown["status"], shown["accounts"].as_array().unwrap().len()), (&"usable".into(), n));
    }
    let account = operator.see(&format!("accounts/{id}"));
    assert_eq!(account["external_account"], "once");
}

#[test]
fn key_reports_what_its_policy_never_grants() {
    let world = World::new();
    let names = [DnsName::parse("corp.test").unwrap()];
    let constraints = &Constraints::new(&names, &["10.0.0.0/8".parse().unwrap()]).unwrap();
    let plan = IssuerPlan { common_name: "Constrained", algorithm: SigAlg::Es256, constraints, years: 5 };
    let root = Root::create(SigAlg::Es384, "Another Root", world.now(), 10).unwrap();
    let operator = Operator::of(&world.with_only(&root.create_issuer(plan, world.now()).unwrap()));
    operator.post("policy", &json!({ "deny": ["*.lab.corp.test", "10.9.0.0/16"], "wildcards": false })).is(201);
    let warned = |key: &Value| -> Vec<String> {
        key["warnings"].as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect()
    };
    for (pattern, says) in [
        ("a.corp.test", None),
        ("*.corp.test", None),
        ("*.x.corp.test", None),
        ("10.0.0.0/8", None),
        ("10.1.2.3", None),
        ("other.test", Some("name constraints: corp.test")),
        ("*.other.test", Some("name constraints: corp.test")),
        ("*.test", Some("name constraints: corp.test")),
        ("192.0.2.0/24", Some("name constraints: 10.0.0.0/8")),
        ("10.0.0.0/7", Some("name constraints: 10.0.0.0/8")),
        ("a.lab.corp.test", Some("deny \"*.lab.corp.test\" of the policy of this CA")),
        ("*.lab.corp.test", Some("deny \"*.lab.corp.test\" of the policy of this CA")),
        ("10.9.1.0/24", Some("deny \"10.9.0.0/16\" of the policy of this CA")),
    ] {
        let key = operator.key(&json!({ "uses": "many", "policy": { "preauthorized": [pattern], "allow": [] } }));
        let kid = key["kid"].as_str().unwrap();
        for shown in
            [&key, &operator.see(&format!("external-accounts/{kid}")), &operator.change(kid, &json!({ "note": "x" }))]
        {
            match says {
                None => assert_eq!(warned(shown), Vec::<String>::new(), "{pattern}"),
                Some(says) => {
                    let said = warned(shown).join(" ");
                    assert!(
                        said.contains(says) && said.contains(&format!("preauthorized has \"{pattern}\"")),
                        "{said}"
                    );
                }
            }
        }
        // It is what an order meets.
        let (Some(_), Ok(name)) = (says, DnsName::parse(pattern)) else { continue };
        let ordered = operator.bound(&key).new_order(&[&name.to_string().replace('*', "www")]);
        assert_eq!(ordered.refused(400, Kind::RejectedIdentifier).status(), 400, "{pattern}");
    }
    let two = operator.key(&json!({ "policy": { "preauthorized": ["a.test"], "allow": ["b.test", "c.corp.test"] } }));
    assert_eq!(warned(&two).len(), 2, "{two}");
    let listed = operator.pages("external-accounts", "external_accounts", 200);
    assert_eq!(listed.iter().filter(|key| !warned(key).is_empty()).count(), 9);
}

#[test]
fn a_binding_needs_the_mac_key_of_its_kid() {
    let operator = Operator::new();
    let mut key = operator.key(&json!({ "kid": "team" }));
    let said = |key: &Value| operator.bind(key).1.refused(403, Kind::Unauthorized).detail();
    let made_up = json!({ "kid": "team", "key": b64::encode(&[7; 32]) });
    let unknown = json!({ "kid": "none", "key": key["key"] });
    assert_eq!(said(&made_up), said(&unknown), "which kids there are is told to nobody");
    operator.bound(&key);
    key["kid"] = "other".into();
    said(&key);
    let other = operator.key(&json!({ "kid": "other" }));
    assert_ne!(other["key"], key["key"]);
    said(&key);
    operator.bound(&other);
}

#[test]
fn a_key_is_disabled_and_enabled_again() {
    let operator = Operator::new();
    let key = operator.key(&json!({ "kid": "team", "uses": "many" }));
    let shown = operator.change("team", &json!({ "disabled": true }));
    assert_eq!((&shown["status"], &shown["disabled"]["by"]), (&"disabled".into(), &"ada".into()));
    let since = shown["disabled"].clone();
    operator.world.pass(SECOND * 60);
    assert_eq!(operator.change("team", &json!({ "disabled": true }))["disabled"], since, "it stays who disabled it");
    let said = operator.bind(&key).1.refused(403, Kind::Unauthorized).detail();
    assert!(said.contains("was disabled"), "{said}");
    assert_eq!(operator.change("team", &json!({ "disabled": false }))["status"], "usable");
    operator.bound(&key);
    assert_eq!(operator.noted(2), ["external-account.enable attempted", "external-account.enable done"]);
}

#[test]
fn a_key_expires_and_its_accounts_stay() {
    let operator = Operator::new();
    let expires = operator.world.now().plus(DAY);
    let key = operator.key(&json!({ "kid": "team", "uses": "many", "expires": expires.rfc3339() }));
    operator.world.pass(DAY - SECOND);
    let client = operator.bound(&key);
    operator.world.pass(SECOND);
    assert_eq!(status(&operator, "team"), "expired");
    let said = operator.bind(&key).1.refused(403, Kind::Unauthorized).detail();
    assert!(said.contains("has expired"), "{said}");
    client.new_order(&["a.test"]).is(201);
}

#[test]
fn changed_nonce_key_invalidates_keys() {
    let operator = Operator::new();
    let key = operator.key(&json!({ "kid": "team" }));
    let other = Operator {
        world: operator.world.reconfigured(|settings| settings.nonce_key = [8; 32].into()),
        ..Operator::new()
    };
    assert_eq!(status(&other, "team"), "unusable");
    other.bind(&key).1.refused(403, Kind::Unauthorized);
    assert_eq!(status(&operator, "team"), "usable");
    operator.bound(&key);
}

#[test]
fn kid_is_never_reused() {
    let operator = configured();
    operator.key(&json!({ "kid": "team" }));
    for kid in ["team", "configured"] {
        operator.post("external-accounts", &json!({ "kid": kid })).refused(409, Kind::Malformed);
    }
    operator.change("team", &json!({ "disabled": true }));
    operator.post("external-accounts", &json!({ "kid": "team" })).refused(409, Kind::Malformed);
    let listed = operator.see("external-accounts")["external_accounts"].as_array().unwrap().clone();
    assert_eq!(texts(&listed, "kid"), ["a/b", "configured", "team"], "each once");
    assert_eq!(operator.noted(2), ["external-account.create attempted", "external-account.create refused"]);
}

#[test]
fn unfinished_key_is_not_listed_and_can_be_created() {
    let operator = Operator::new();
    // The call that creates it: after one for the record, one that looks for the kid, one that enters it.
    operator.world.call_fault().once(3);
    operator.post("external-accounts", &json!({ "kid": "team" })).refused(500, Kind::ServerInternal);
    operator.world.heal();
    assert_eq!(operator.see("external-accounts")["external_accounts"], json!([]));
    operator.get("external-accounts/team").refused(404, Kind::Malformed);
    operator.world.pass(SECOND);
    operator.key(&json!({ "kid": "team" }));
    assert_eq!(texts(&operator.pages("external-accounts", "external_accounts", 50), "kid"), ["team"]);
}

#[test]
fn kid_must_fit_a_path_segment() {
    let operator = Operator::new();
    for kid in ["", ".", "..", "a/b", "a b", "a?", "a#", "%41", "\u{fc}", "a\n", &"x".repeat(65)] {
        operator.post("external-accounts", &json!({ "kid": kid })).refused(400, Kind::Malformed);
    }
    for kid in ["...", "-", ".a", "A_b-c.9", &"x".repeat(64)] {
        let key = operator.key(&json!({ "kid": kid }));
        assert_eq!(operator.see(&format!("external-accounts/{kid}"))["kid"], kid);
        operator.bound(&key);
    }
    let made_up = operator.key(&json!({}));
    let kid = made_up["kid"].as_str().unwrap();
    assert!(kid.len() == 16 && status(&operator, kid) == "usable", "{kid}");
}

#[test]
fn configured_keys_are_shown_and_read_only() {
    let operator = configured();
    let shown = operator.see("external-accounts/configured");
    assert_eq!((&shown["source"], &shown["status"]), (&"secret".into(), &"usable".into()));
    assert_eq!(shown["policy"], json!({ "allow": ["*.team.test"] }));
    for members in [json!({ "disabled": true }), json!({ "policy": null }), json!({})] {
        let said = operator.post("external-accounts/configured", &members).refused(400, Kind::Malformed).detail();
        assert!(said.contains("EAB_KEYS"), "{said}");
    }
    operator.bound(&json!({ "kid": "configured", "key": b64::encode(&[5; 32]) }));
    assert_eq!(status(&operator, "configured"), "used");
    operator.post("external-accounts/none", &json!({ "disabled": true })).refused(404, Kind::Malformed);
    operator.get("external-accounts/none").refused(404, Kind::Malformed);
}

#[test]
fn mac_key_is_shown_once_and_not_stored() {
    let operator = Operator::new();
    let key = operator.key(&json!({ "kid": "team", "uses": "many", "note": "x" }));
    let client = operator.bound(&key);
    client.new_order(&["a.test"]).is(201);
    let mut secrets = operator.world.secrets().clone();
    secrets.add("the MAC key", &b64::decode(key["key"].as_str().unwrap()).unwrap());
    let mut seen = Vec::new();
    for path in ["external-accounts", "external-accounts/team", "audit", "accounts", "status", "policy"] {
        seen.push(operator.get(path).is(200).text().to_owned());
    }
    seen.push(operator.change("team", &json!({ "note": "y" })).to_string());
    seen.push(operator.post("external-accounts", &json!({ "kid": "team" })).is(409).text().to_owned());
    seen.extend(operator.world.rows().into_iter().map(|((name, key), row)| format!("{name} {key} {row}")));
    seen.extend(operator.world.log());
    for text in &seen {
        assert_eq!(secrets.found_in(text), None, "{text}");
        assert!(!text.contains(ADA), "{text}");
    }
}

#[test]
fn notes_and_policies_are_changed_and_removed() {
    let operator = Operator::new();
    operator.key(&json!({ "kid": "team", "note": "old", "policy": { "allow": ["*.a.test"] } }));
    let shown = operator.change("team", &json!({ "note": "new" }));
    assert_eq!((&shown["note"], &shown["policy"]), (&"new".into(), &json!({ "allow": ["*.a.test"] })));
    let shown = operator.change("team", &json!({ "note": "", "policy": { "allow": ["*.b.test"] } }));
    assert_eq!((&shown["note"], &shown["policy"]), (&Value::Null, &json!({ "allow": ["*.b.test"] })));
    assert_eq!(operator.change("team", &json!({ "policy": null }))["policy"], Value::Null);
    assert_eq!(operator.change("team", &json!({}))["status"], "usable");
}

#[test]
fn policy_that_grants_nothing_is_refused() {
    let operator = Operator::new();
    operator.post("policy", &json!({ "allow": ["*.a.test"], "challenges": ["http-01"] })).is(201);
    operator.key(&json!({ "kid": "team" }));
    for policy in [json!({ "challenges": ["dns-01"] }), json!({ "challenges": [] }), json!({ "profiles": ["none"] })] {
        operator.post("external-accounts", &json!({ "kid": "new", "policy": policy })).refused(400, Kind::Malformed);
        operator.post("external-accounts/team", &json!({ "policy": policy })).refused(400, Kind::Malformed);
    }
    operator.get("external-accounts/new").refused(404, Kind::Malformed);
    assert_eq!(operator.see("external-accounts/team")["policy"], Value::Null);
}

#[test]
fn keys_are_listed_oldest_first_in_pages() {
    let operator = Operator::new();
    for n in 0..7 {
        operator.key(&json!({ "kid": format!("k{}", 9 - n) }));
        // Some in the same millisecond.
        operator.world.pass(SECOND * (n % 2));
    }
    let all = texts(&operator.pages("external-accounts", "external_accounts", 200), "kid");
    let mut sorted = all.clone();
    sorted.sort();
    assert_eq!((sorted.len(), all.first().map(String::as_str)), (7, Some("k8")), "{all:?}");
    for limit in 1..8 {
        assert_eq!(texts(&operator.pages("external-accounts", "external_accounts", limit), "kid"), all, "{limit}");
    }
    assert!(Client::new(&operator.world).account.is_none());
}

#[test]
fn accounts_never_move_to_another_key_with_the_same_kid() {
    let with = configured();
    let without =
        Operator { world: with.world.reconfigured(|settings| settings.external.keys.clear()), ..Operator::new() };
    let old = with.bound(&json!({ "kid": "configured", "key": b64::encode(&[5; 32]) }));
    old.new_order(&["x.team.test"]).is(201);
    // Taken out of the configuration: its kid is none that can be made, and its account stays without a key.
    let orders = |operator: &Operator, client: &Client| client.at(&operator.world).new_order(&["x.team.test"]);
    without.post("external-accounts", &json!({ "kid": "configured" })).refused(409, Kind::Malformed);
    orders(&without, &old).refused(403, Kind::Unauthorized);
    // One without accounts can be made; what is made with it is not that of the configuration later.
    let mut made = without.key(&json!({ "kid": "a.b", "uses": "many" }));
    let new = without.bound(&made);
    orders(&without, &new).is(201);
    let both = ExternalAccounts::read(
        Some(&json!({ "a.b": { "key": b64::encode(&[5; 32]), "uses": "many" } }).to_string()),
        false,
        true,
        &Policy::default(),
    );
    let both = both.unwrap();
    let over = Operator { world: with.world.reconfigured(|settings| settings.external = both), ..Operator::new() };
    orders(&over, &new).refused(403, Kind::Unauthorized);
    over.bind(&made).1.refused(403, Kind::Unauthorized);
    let listed = over.see("external-accounts")["external_accounts"].as_array().unwrap().clone();
    assert_eq!((texts(&listed, "kid"), &listed[0]["source"]), (vec!["a.b".to_owned()], &json!("secret")));
    made["key"] = b64::encode(&[5; 32]).into();
    let third = over.bound(&made);
    orders(&over, &third).is(201);
    without.world.pass(SECOND * 6);
    orders(&without, &new).is(201);
    orders(&without, &third).refused(403, Kind::Unauthorized);
}
