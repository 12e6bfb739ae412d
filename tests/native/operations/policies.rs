//! The policy in force: versions, restoring, dry runs, and propagation.

use super::operator::{Operator, SECOND};
use core::time::Duration;
use selvedge::ca::testing::World;
use selvedge::policy::Policy;
use selvedge::records::Kind;
use serde_json::{Value, json};

/// A CA whose configuration allows `*.conf.test`.
fn configured() -> Operator {
    let document = json!({ "allow": ["*.conf.test", "*.both.test"] });
    let policy = selvedge::ca::config::policy::read_policy("POLICY", &document).unwrap();
    assert_ne!(policy, Policy::default());
    Operator::of(&World::new().reconfigured(|settings| settings.policy = policy))
}

fn put(operator: &Operator, document: &Value) -> Value {
    operator.post("policy", document).is(201).json()
}

#[test]
fn versions_are_put_and_restored() {
    let operator = configured();
    let client = operator.client();
    let state = operator.see("policy");
    assert_eq!(
        (&state["in_force"]["version"], &state["versions"], &state["shadow"]),
        (&0.into(), &json!([]), &Value::Null)
    );
    assert_eq!(state["in_force"]["document"], json!({ "allow": ["*.conf.test", "*.both.test"] }));
    operator.post("policy/restore", &json!({})).refused(400, Kind::Malformed);
    let first = operator.post("policy?note=first", &json!({ "allow": ["*.one.test"] })).is(201).json();
    assert_eq!((&first["version"], &first["note"], &first["restores"]), (&1.into(), &"first".into(), &Value::Null));
    assert_eq!(first["made"]["by"], "ada");
    client.new_order(&["a.one.test"]).is(201);
    client.new_order(&["a.conf.test"]).refused(400, Kind::RejectedIdentifier);
    put(&operator, &json!({ "allow": ["*.two.test"] }));
    client.new_order(&["a.two.test"]).is(201);
    // The one before, then version 0, then one that was named.
    let restored = operator.post("policy/restore", &json!({})).is(201).json();
    assert_eq!((&restored["version"], &restored["restores"]), (&3.into(), &1.into()));
    client.new_order(&["b.one.test"]).is(201);
    let restored = operator.post("policy/restore", &json!({ "version": 0 })).is(201).json();
    assert_eq!((&restored["version"], &restored["restores"]), (&4.into(), &0.into()));
    assert_eq!(restored["document"], json!({ "allow": ["*.conf.test", "*.both.test"] }));
    client.new_order(&["a.conf.test"]).is(201);
    let restored = operator.post("policy/restore", &json!({ "version": 2 })).is(201).json();
    assert_eq!(restored["document"], json!({ "allow": ["*.two.test"] }));
    for unknown in [6, 100, i64::MAX] {
        operator.post("policy/restore", &json!({ "version": unknown })).refused(400, Kind::Malformed);
    }
    let state = operator.see("policy");
    let versions: Vec<u64> =
        state["versions"].as_array().unwrap().iter().map(|v| v["version"].as_u64().unwrap()).collect();
    assert_eq!((versions, &state["in_force"]), (vec![5, 4, 3, 2, 1], &state["versions"][0]));
    assert_eq!(operator.see("status")["policy"]["version"], 5);
}

#[test]
fn fifty_versions_are_listed_and_restorable() {
    let operator = Operator::new();
    for n in 1..=53 {
        put(&operator, &json!({ "allow": [format!("n{n}.test")] }));
    }
    assert_eq!(operator.see("policy")["versions"].as_array().unwrap().len(), 50);
    let restored = operator.post("policy/restore", &json!({ "version": 1 })).is(201).json();
    assert_eq!((&restored["version"], &restored["document"]), (&54.into(), &json!({ "allow": ["n1.test"] })));
}

#[test]
fn broken_policy_is_refused_with_line_and_reason() {
    let operator = Operator::new();
    put(&operator, &json!({ "allow": ["*.a.test"] }));
    for (text, line) in [
        ("{\n \"allow\": [\"*.a.test\"],\n \"alow\": []\n}", "line 3"),
        ("{\n \"allow\": [\"*.a.test\",\n  \"a b\"]\n}", "line 3"),
        ("{\n \"allow\": [],\n \"allow\": []\n}", "line 3"),
        ("{\n \"challenges\": [\"dns\"]\n}", "line 2"),
        ("{\n \"max_lifetime\": 5\n}", "line 2"),
        ("{\n \"wildcards\": tru\n}", "line 2"),
        ("", "line 1"),
    ] {
        for path in ["policy", "policy/shadow"] {
            let said = operator.send(operator.request("POST", path, Some(text))).refused(400, Kind::Malformed).detail();
            assert!(said.starts_with("The policy is refused: ") && said.contains(line), "{text}: {said}");
        }
    }
    let state = operator.see("policy");
    assert_eq!((&state["in_force"]["version"], &state["shadow"]), (&1.into(), &Value::Null));
    operator.client().new_order(&["x.a.test"]).is(201);
}

#[test]
fn the_directory_offers_what_the_policy_allows() {
    let operator = Operator::new();
    let offered = || {
        let directory = operator.world.ask("GET", "/directory").is(200).json();
        directory["meta"]["profiles"].as_object().unwrap().keys().cloned().collect::<Vec<_>>()
    };
    assert!(offered().len() > 1);
    put(&operator, &json!({ "profiles": ["shortlived"] }));
    assert_eq!(offered(), ["shortlived"]);
    let client = operator.client();
    client.new_order_with(&["a.test"], json!({ "profile": "tlsserver" })).refused(400, Kind::InvalidProfile);
    operator.post("policy/restore", &json!({ "version": 0 })).is(201);
    assert!(offered().len() > 1);
    client.new_order_with(&["a.test"], json!({ "profile": "tlsserver" })).is(201);
}

/// Puts a policy in force by another isolate, unknown to the memory of this one.
fn put_elsewhere(operator: &Operator, document: &Value) {
    let elsewhere = Operator { world: operator.world.fork(), ..operator.with(&operator.token, 1) };
    put(&elsewhere, document);
    for ((partition, key), row) in elsewhere.world.rows() {
        if partition == "operations/ca" {
            operator.world.plant(&partition, &key, Some(&serde_json::from_str(&row).unwrap()));
        }
    }
}

#[test]
fn policy_of_another_isolate_applies_after_five_seconds() {
    let operator = Operator::new();
    let client = operator.client();
    client.new_order(&["a.test"]).is(201);
    put_elsewhere(&operator, &json!({ "deny": ["*.test"] }));
    operator.world.pass(SECOND * 5 - Duration::from_millis(1));
    client.new_order(&["b.test"]).is(201);
    operator.world.pass(Duration::from_millis(1));
    client.new_order(&["c.test"]).refused(400, Kind::RejectedIdentifier);
}

#[test]
fn last_known_policy_applies_for_ten_minutes_of_outage() {
    let operator = Operator::new();
    let client = operator.client();
    put(&operator, &json!({ "allow": ["*.a.test"] }));
    client.new_order(&["x.a.test"]).is(201);
    // An account's request: one call to the account, one to operations.
    let ask = |name: &str| {
        let request =
            client.sign(&client.url("new-order"), Some(json!({ "identifiers": [{ "type": "dns", "value": name }] })));
        operator.world.call_fault().once(1);
        let answered = client.send(request);
        operator.world.heal();
        answered
    };
    operator.world.pass(SECOND * 599);
    ask("y.a.test").is(201);
    ask("y.b.test").refused(400, Kind::RejectedIdentifier);
    let stale = |line: &String| line.contains("decides still");
    assert_eq!(operator.world.log().iter().filter(|line| stale(line)).count(), 2);
    operator.world.pass(SECOND);
    ask("z.a.test").refused(500, Kind::ServerInternal);
    client.new_order(&["z.a.test"]).is(201);
    ask("z.b.test").refused(400, Kind::RejectedIdentifier);
}

#[test]
fn directory_without_known_policy_fails() {
    let operator = Operator::new();
    operator.world.call_fault().from(0);
    operator.world.ask("GET", "/directory").refused(500, Kind::ServerInternal);
}

fn check(operator: &Operator, question: &Value) -> Value {
    operator.post("policy/check", question).is(200).json()
}

#[test]
fn dry_run_decides_like_an_order() {
    let operator = Operator::new();
    put(
        &operator,
        &json!({
            "allow": ["*.a.test", "10.0.0.0/8"], "deny": ["bad.a.test"], "wildcards": false,
            "challenges": ["http-01", "dns-01"], "max_lifetime": "48h", "profiles": ["shortlived"],
        }),
    );
    operator.key(&json!({ "kid": "team", "policy": { "preauthorized": ["*.pre.a.test"], "allow": ["*.pre.a.test"], "max_lifetime": "24h" } }));
    let names = ["x.a.test", "bad.a.test", "b.test", "*.a.test", "10.1.2.3", "192.0.2.1", "y.pre.a.test", "localhost"];
    let answer = check(&operator, &json!({ "identifiers": names, "profile": "shortlived" }));
    let verdict = |answer: &Value, n: usize| {
        let one = &answer["identifiers"][n];
        (
            one["allowed"].as_bool().unwrap(),
            one["preauthorized"].as_bool().unwrap(),
            one["rule"].as_str().unwrap().to_owned(),
        )
    };
    let client = operator.client();
    for (n, name) in names.iter().enumerate() {
        let (allowed, preauthorized, rule) = verdict(&answer, n);
        assert_eq!(answer["identifiers"][n]["identifier"], *name);
        assert!(!preauthorized && rule.contains(name), "{rule}");
        if name.contains("test") {
            let status = client.new_order_with(&[name], json!({ "profile": "shortlived" })).status();
            assert_eq!(status == 201, allowed, "{name}: {status}, {rule}");
        }
    }
    assert_eq!(answer["identifiers"][0]["challenges"], json!(["http-01", "dns-01"]));
    assert_eq!(answer["identifiers"][4]["challenges"], json!(["http-01"]), "an address has no DNS record");
    assert_eq!(answer["identifiers"][1]["challenges"], json!([]));
    assert_eq!(
        (&answer["version"], &answer["max_lifetime"], &answer["profile"]["allowed"]),
        (&1.into(), &(48 * 3600).into(), &true.into())
    );
    for (profile, allowed) in [("tlsserver", false), ("none", false)] {
        let answer = check(&operator, &json!({ "identifiers": ["x.a.test"], "profile": profile }));
        assert_eq!((&answer["profile"]["name"], &answer["profile"]["allowed"]), (&profile.into(), &allowed.into()));
    }
    let answer = check(&operator, &json!({ "identifiers": names, "external_account": "team" }));
    assert_eq!((answer["max_lifetime"].as_u64(), &answer["profile"]), (Some(24 * 3600), &Value::Null));
    assert!(!verdict(&answer, 0).0, "the key allows less");
    assert!(verdict(&answer, 6).0 && verdict(&answer, 6).1);
    // Another document, with and without a key; nothing of it holds.
    let other = json!({ "allow": ["*.test"] });
    let answer = check(&operator, &json!({ "identifiers": ["b.test", "*.b.test"], "document": other }));
    assert!(verdict(&answer, 0).0 && verdict(&answer, 1).0 && answer["version"].is_null());
    let answer = check(
        &operator,
        &json!({ "identifiers": ["b.test", "y.pre.a.test"], "document": other, "external_account": "team" }),
    );
    assert!(!verdict(&answer, 0).0 && verdict(&answer, 1).1);
    client.new_order_with(&["b.test"], json!({ "profile": "shortlived" })).refused(400, Kind::RejectedIdentifier);
    operator.change("team", &json!({ "disabled": true }));
    operator
        .post("policy/check", &json!({ "identifiers": ["x.a.test"], "external_account": "team" }))
        .refused(400, Kind::Malformed);
}

#[test]
fn closed_ca_decides_by_the_policy_in_force() {
    let operator = Operator::new();
    put(&operator, &json!({ "allow": ["*.a.test"] }));
    let shut = super::backup::closed(&operator, true);
    let question = json!({ "identifiers": ["x.a.test", "b.test"] });
    let answer = shut.post("policy/check", &question).is(200).json();
    let allowed = |n: usize| answer["identifiers"][n]["allowed"].clone();
    assert_eq!((&answer["version"], allowed(0), allowed(1)), (&1.into(), true.into(), false.into()), "{answer}");
    // The directory answers all the same.
    shut.world.ask("GET", "/directory").is(200);
    // A policy that was exchanged within the time of the cache counts at once.
    put(&operator, &json!({ "allow": ["b.test"] }));
    assert_eq!(shut.post("policy/check", &question).is(200).json()["version"], 2);
}

#[test]
fn dry_run_stores_nothing() {
    let operator = Operator::new();
    put(&operator, &json!({ "allow": ["*.a.test"] }));
    let before = operator.world.rows();
    check(
        &operator,
        &json!({ "identifiers": ["x.a.test", "b.test"], "document": { "deny": ["*"] }, "profile": "client" }),
    );
    operator.post("policy/check", &json!({ "identifiers": ["x.a.test"], "external_account": "never-made" })).is(400);
    assert_eq!(operator.world.rows(), before);
}

/// FB-10: a member without effect gets a warning wherever its document is shown.
#[test]
fn lifetime_beyond_all_profiles_gets_a_warning() {
    let operator = configured();
    let said = |answer: &Value| answer["warnings"].as_array().unwrap().clone();
    for (document, idle) in [
        (json!({}), false),
        (json!({ "max_lifetime": "90d" }), false),
        (json!({ "max_lifetime": "2161h" }), true),
        (json!({ "max_lifetime": "365d" }), true),
        (json!({ "max_lifetime": "45d", "profiles": ["tlsserver"] }), false),
        (json!({ "max_lifetime": "46d", "profiles": ["tlsserver", "shortlived"] }), true),
    ] {
        let put = put(&operator, &document);
        assert_eq!(put["document"], document, "it is in force all the same");
        operator.post("policy/shadow", &document).is(200);
        let question = json!({ "identifiers": ["a.test"], "document": document });
        let state = operator.see("policy");
        for answer in
            [&put, &state["in_force"], &state["shadow"], &operator.post("policy/check", &question).is(200).json()]
        {
            let said = said(answer);
            assert_eq!(said.len(), usize::from(idle), "{document}: {answer}");
            assert!(said.iter().all(|text| text.as_str().unwrap().starts_with("max_lifetime has no effect: it is ")));
        }
    }
    // So it is in the policy of an external account key.
    let key = json!({ "kid": "long", "policy": { "max_lifetime": "365d" } });
    assert_eq!(said(&operator.post("external-accounts", &key).is(201).json()).len(), 1);
}
