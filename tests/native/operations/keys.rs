//! External account keys: made, shown, changed.

use super::desk::{ADA, DAY, Desk, SECOND, texts};
use selvedge::ca::config::external_accounts::ExternalAccounts;
use selvedge::ca::testing::{Client, World};
use selvedge::pki::ceremony::{Constraints, IssuerPlan, Root};
use selvedge::policy::Policy;
use selvedge::records::Kind;
use selvedge::values::identifier::DnsName;
use selvedge::values::{SigAlg, b64};
use serde_json::{Value, json};

/// A CA with the keys `configured` and `a/b` of its configuration.
fn configured() -> Desk {
    let key = b64::encode(&[5; 32]);
    let keys = json!({
        "configured": { "key": key, "uses": "once", "policy": { "allow": ["*.team.test"] } },
        "a/b": { "key": key, "uses": "many" },
    });
    let external = ExternalAccounts::read(Some(&keys.to_string()), false, true, &Policy::default()).unwrap();
    Desk::of(&World::new().reconfigured(|settings| settings.external = external))
}

fn status(desk: &Desk, kid: &str) -> String {
    desk.see(&format!("external-accounts/{kid}"))["status"].as_str().unwrap().to_owned()
}

#[test]
fn a_key_is_good_for_one_account_or_for_many() {
    let desk = Desk::new();
    let once = desk.key(&json!({ "kid": "once", "note": "for team a" }));
    assert_eq!(
        (&once["uses"], &once["status"], &once["note"]),
        (&"once".into(), &"usable".into(), &"for team a".into())
    );
    assert_eq!((&once["created"]["by"], &once["directory"]), (&"ada".into(), &"https://ca.test/directory".into()));
    assert_eq!(b64::decode(once["key"].as_str().unwrap()).unwrap().len(), 32);
    let client = desk.bound(&once);
    let id = client.account().rsplit('/').next().unwrap();
    let shown = desk.see("external-accounts/once");
    assert_eq!((&shown["status"], &shown["accounts"]), (&"used".into(), &json!([id])));
    desk.bind(&once).1.refused(403, Kind::Unauthorized);
    let many = desk.key(&json!({ "kid": "many", "uses": "many" }));
    for n in 1..4 {
        desk.bound(&many);
        let shown = desk.see("external-accounts/many");
        assert_eq!((&shown["status"], shown["accounts"].as_array().unwrap().len()), (&"usable".into(), n));
    }
    let account = desk.see(&format!("accounts/{id}"));
    assert_eq!(account["external_account"], "once");
}

#[test]
fn what_its_accounts_never_get_is_told() {
    let world = World::new();
    let names = [DnsName::parse("corp.test").unwrap()];
    let constraints = &Constraints::new(&names, &["10.0.0.0/8".parse().unwrap()]).unwrap();
    let plan = IssuerPlan { common_name: "Constrained", algorithm: SigAlg::Es256, constraints, years: 5 };
    let root = Root::create(SigAlg::Es384, "Another Root", world.now(), 10).unwrap();
    let desk = Desk::of(&world.with_only(&root.create_issuer(plan, world.now()).unwrap()));
    desk.post("policy", &json!({ "deny": ["*.lab.corp.test", "10.9.0.0/16"], "wildcards": false })).is(201);
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
        let key = desk.key(&json!({ "uses": "many", "policy": { "preauthorized": [pattern], "allow": [] } }));
        let kid = key["kid"].as_str().unwrap();
        for shown in [&key, &desk.see(&format!("external-accounts/{kid}")), &desk.change(kid, &json!({ "note": "x" }))]
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
        let ordered = desk.bound(&key).new_order(&[&name.to_string().replace('*', "www")]);
        assert_eq!(ordered.refused(400, Kind::RejectedIdentifier).status(), 400, "{pattern}");
    }
    let two = desk.key(&json!({ "policy": { "preauthorized": ["a.test"], "allow": ["b.test", "c.corp.test"] } }));
    assert_eq!(warned(&two).len(), 2, "{two}");
    let listed = desk.pages("external-accounts", "external_accounts", 200);
    assert_eq!(listed.iter().filter(|key| !warned(key).is_empty()).count(), 9);
}

#[test]
fn a_binding_needs_the_mac_key_of_its_kid() {
    let desk = Desk::new();
    let mut key = desk.key(&json!({ "kid": "team" }));
    let said = |key: &Value| desk.bind(key).1.refused(403, Kind::Unauthorized).detail();
    let made_up = json!({ "kid": "team", "key": b64::encode(&[7; 32]) });
    let unknown = json!({ "kid": "none", "key": key["key"] });
    assert_eq!(said(&made_up), said(&unknown), "which kids there are is told to nobody");
    desk.bound(&key);
    key["kid"] = "other".into();
    said(&key);
    let other = desk.key(&json!({ "kid": "other" }));
    assert_ne!(other["key"], key["key"]);
    said(&key);
    desk.bound(&other);
}

#[test]
fn a_key_is_disabled_and_enabled_again() {
    let desk = Desk::new();
    let key = desk.key(&json!({ "kid": "team", "uses": "many" }));
    let shown = desk.change("team", &json!({ "disabled": true }));
    assert_eq!((&shown["status"], &shown["disabled"]["by"]), (&"disabled".into(), &"ada".into()));
    let since = shown["disabled"].clone();
    desk.world.pass(SECOND * 60);
    assert_eq!(desk.change("team", &json!({ "disabled": true }))["disabled"], since, "it stays who disabled it");
    let said = desk.bind(&key).1.refused(403, Kind::Unauthorized).detail();
    assert!(said.contains("was disabled"), "{said}");
    assert_eq!(desk.change("team", &json!({ "disabled": false }))["status"], "usable");
    desk.bound(&key);
    assert_eq!(desk.noted(2), ["external-account.enable attempted", "external-account.enable done"]);
}

#[test]
fn a_key_expires_and_its_accounts_stay() {
    let desk = Desk::new();
    let expires = desk.world.now().plus(DAY);
    let key = desk.key(&json!({ "kid": "team", "uses": "many", "expires": expires.rfc3339() }));
    desk.world.pass(DAY - SECOND);
    let client = desk.bound(&key);
    desk.world.pass(SECOND);
    assert_eq!(status(&desk, "team"), "expired");
    let said = desk.bind(&key).1.refused(403, Kind::Unauthorized).detail();
    assert!(said.contains("has expired"), "{said}");
    client.new_order(&["a.test"]).is(201);
}

#[test]
fn another_nonce_key_makes_keys_unusable() {
    let desk = Desk::new();
    let key = desk.key(&json!({ "kid": "team" }));
    let other = Desk { world: desk.world.reconfigured(|settings| settings.nonce_key = [8; 32].into()), ..Desk::new() };
    assert_eq!(status(&other, "team"), "unusable");
    other.bind(&key).1.refused(403, Kind::Unauthorized);
    assert_eq!(status(&desk, "team"), "usable");
    desk.bound(&key);
}

#[test]
fn a_kid_is_given_out_once() {
    let desk = configured();
    desk.key(&json!({ "kid": "team" }));
    for kid in ["team", "configured"] {
        desk.post("external-accounts", &json!({ "kid": kid })).refused(409, Kind::Malformed);
    }
    desk.change("team", &json!({ "disabled": true }));
    desk.post("external-accounts", &json!({ "kid": "team" })).refused(409, Kind::Malformed);
    let listed = desk.see("external-accounts")["external_accounts"].as_array().unwrap().clone();
    assert_eq!(texts(&listed, "kid"), ["a/b", "configured", "team"], "each once");
    assert_eq!(desk.noted(2), ["external-account.create attempted", "external-account.create refused"]);
}

#[test]
fn a_key_that_was_entered_and_not_made_is_none_and_can_be_made() {
    let desk = Desk::new();
    // The call that creates it: after one for the record, one that looks for the kid, one that enters it.
    desk.world.call_fault().once(3);
    desk.post("external-accounts", &json!({ "kid": "team" })).refused(500, Kind::ServerInternal);
    desk.world.heal();
    assert_eq!(desk.see("external-accounts")["external_accounts"], json!([]));
    desk.get("external-accounts/team").refused(404, Kind::Malformed);
    desk.world.pass(SECOND);
    desk.key(&json!({ "kid": "team" }));
    assert_eq!(texts(&desk.pages("external-accounts", "external_accounts", 50), "kid"), ["team"]);
}

#[test]
fn kids_are_names_that_a_path_can_carry() {
    let desk = Desk::new();
    for kid in ["", ".", "..", "a/b", "a b", "a?", "a#", "%41", "\u{fc}", "a\n", &"x".repeat(65)] {
        desk.post("external-accounts", &json!({ "kid": kid })).refused(400, Kind::Malformed);
    }
    for kid in ["...", "-", ".a", "A_b-c.9", &"x".repeat(64)] {
        let key = desk.key(&json!({ "kid": kid }));
        assert_eq!(desk.see(&format!("external-accounts/{kid}"))["kid"], kid);
        desk.bound(&key);
    }
    let made_up = desk.key(&json!({}));
    let kid = made_up["kid"].as_str().unwrap();
    assert!(kid.len() == 16 && status(&desk, kid) == "usable", "{kid}");
}

#[test]
fn keys_of_the_configuration_are_shown_and_not_changed() {
    let desk = configured();
    let shown = desk.see("external-accounts/configured");
    assert_eq!((&shown["source"], &shown["status"]), (&"secret".into(), &"usable".into()));
    assert_eq!(shown["policy"], json!({ "allow": ["*.team.test"] }));
    for members in [json!({ "disabled": true }), json!({ "policy": null }), json!({})] {
        let said = desk.post("external-accounts/configured", &members).refused(400, Kind::Malformed).detail();
        assert!(said.contains("EAB_KEYS"), "{said}");
    }
    desk.bound(&json!({ "kid": "configured", "key": b64::encode(&[5; 32]) }));
    assert_eq!(status(&desk, "configured"), "used");
    desk.post("external-accounts/none", &json!({ "disabled": true })).refused(404, Kind::Malformed);
    desk.get("external-accounts/none").refused(404, Kind::Malformed);
}

#[test]
fn a_mac_key_is_shown_once_and_stands_nowhere() {
    let desk = Desk::new();
    let key = desk.key(&json!({ "kid": "team", "uses": "many", "note": "x" }));
    let client = desk.bound(&key);
    client.new_order(&["a.test"]).is(201);
    let mut secrets = desk.world.secrets();
    secrets.add("the MAC key", &b64::decode(key["key"].as_str().unwrap()).unwrap());
    let mut seen = Vec::new();
    for path in ["external-accounts", "external-accounts/team", "audit", "accounts", "status", "policy"] {
        seen.push(desk.get(path).is(200).text().to_owned());
    }
    seen.push(desk.change("team", &json!({ "note": "y" })).to_string());
    seen.push(desk.post("external-accounts", &json!({ "kid": "team" })).is(409).text().to_owned());
    seen.extend(desk.world.rows().into_iter().map(|((name, key), row)| format!("{name} {key} {row}")));
    seen.extend(desk.world.log());
    for text in &seen {
        assert_eq!(secrets.found_in(text), None, "{text}");
        assert!(!text.contains(ADA), "{text}");
    }
}

#[test]
fn notes_and_policies_are_changed_and_taken_away() {
    let desk = Desk::new();
    desk.key(&json!({ "kid": "team", "note": "old", "policy": { "allow": ["*.a.test"] } }));
    let shown = desk.change("team", &json!({ "note": "new" }));
    assert_eq!((&shown["note"], &shown["policy"]), (&"new".into(), &json!({ "allow": ["*.a.test"] })));
    let shown = desk.change("team", &json!({ "note": "", "policy": { "allow": ["*.b.test"] } }));
    assert_eq!((&shown["note"], &shown["policy"]), (&Value::Null, &json!({ "allow": ["*.b.test"] })));
    assert_eq!(desk.change("team", &json!({ "policy": null }))["policy"], Value::Null);
    assert_eq!(desk.change("team", &json!({}))["status"], "usable");
}

#[test]
fn a_policy_that_leaves_nothing_is_refused() {
    let desk = Desk::new();
    desk.post("policy", &json!({ "allow": ["*.a.test"], "challenges": ["http-01"] })).is(201);
    desk.key(&json!({ "kid": "team" }));
    for policy in [json!({ "challenges": ["dns-01"] }), json!({ "challenges": [] }), json!({ "profiles": ["none"] })] {
        desk.post("external-accounts", &json!({ "kid": "new", "policy": policy })).refused(400, Kind::Malformed);
        desk.post("external-accounts/team", &json!({ "policy": policy })).refused(400, Kind::Malformed);
    }
    desk.get("external-accounts/new").refused(404, Kind::Malformed);
    assert_eq!(desk.see("external-accounts/team")["policy"], Value::Null);
}

#[test]
fn keys_are_listed_the_oldest_first_page_by_page() {
    let desk = Desk::new();
    for n in 0..7 {
        desk.key(&json!({ "kid": format!("k{}", 9 - n) }));
        // Some in the same millisecond.
        desk.world.pass(SECOND * (n % 2));
    }
    let all = texts(&desk.pages("external-accounts", "external_accounts", 200), "kid");
    let mut sorted = all.clone();
    sorted.sort();
    assert_eq!((sorted.len(), all.first().map(String::as_str)), (7, Some("k8")), "{all:?}");
    for limit in 1..8 {
        assert_eq!(texts(&desk.pages("external-accounts", "external_accounts", limit), "kid"), all, "{limit}");
    }
    assert!(Client::new(&desk.world).account.is_none());
}

#[test]
fn accounts_of_a_key_never_become_those_of_another_with_its_kid() {
    let with = configured();
    let without = Desk { world: with.world.reconfigured(|settings| settings.external.keys.clear()), ..Desk::new() };
    let old = with.bound(&json!({ "kid": "configured", "key": b64::encode(&[5; 32]) }));
    old.new_order(&["x.team.test"]).is(201);
    // Taken out of the configuration: its kid is none that can be made, and its account stays without a key.
    let orders = |desk: &Desk, client: &Client| client.at(&desk.world).new_order(&["x.team.test"]);
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
    let over = Desk { world: with.world.reconfigured(|settings| settings.external = both), ..Desk::new() };
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
