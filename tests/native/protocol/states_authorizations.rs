//! Each request to authorizations and challenges in each state of RFC 8555 §7.1.6.

use super::states_reached::{DAY, MALFORMED, UNKNOWN, authorization, check, check_strangers, text};
use core::time::Duration;
use selvedge::ca::testing::{Client, Proof, World, challenge};
use serde_json::{Value, json};

/// An authorization in each state with its URL and the states of its challenges.
fn authorizations() -> Vec<(&'static str, Client, String, Value, [&'static str; 2])> {
    let client = Client::registered(&World::new());
    let order = client.new_order(&["a.test"]).is(201).json();
    let (url, object) = authorization(&client, &order);
    let fork = |change: &dyn Fn(&Client)| {
        let client = client.at(&client.world.fork());
        change(&client);
        client
    };
    let answer = |client: &Client, proof| {
        let challenge = client.prove(&object, proof);
        client.post(&text(&challenge["url"]), json!({})).is(200);
    };
    let deactivate = |client: &Client| {
        client.post(&url, json!({ "status": "deactivated" })).is(200);
    };
    let hang = |client: &Client| {
        client.world.network().set_hanging(true);
        answer(client, Proof::Http);
    };
    let late = |client: &Client| client.world.pass(DAY + Duration::from_secs(1));
    let answered = |client: &Client| answer(client, Proof::Http);
    let in_states: [(&str, Client, [&str; 2]); 9] = [
        ("pending", fork(&|_| {}), ["pending", "pending"]),
        ("pending", fork(&|client| hang(client)), ["processing", "pending"]),
        ("valid", fork(&|client| answered(client)), ["valid", "pending"]),
        ("valid", fork(&|client| answer(client, Proof::Dns)), ["pending", "valid"]),
        ("invalid", fork(&|client| answer(client, Proof::WrongHttp)), ["invalid", "pending"]),
        ("invalid", fork(&|client| late(client)), ["pending", "pending"]),
        ("deactivated", fork(&|client| deactivate(client)), ["pending", "pending"]),
        (
            "deactivated",
            fork(&|client| {
                answered(client);
                deactivate(client);
            }),
            ["valid", "pending"],
        ),
        (
            "expired",
            fork(&|client| {
                answered(client);
                late(client);
            }),
            ["valid", "pending"],
        ),
    ];
    in_states.map(|(state, client, kinds)| (state, client, url.clone(), object.clone(), kinds)).into()
}

#[test]
fn z01_z08_authorizations_in_each_state() {
    for (state, client, url, object, _) in authorizations() {
        let client = client.at(&client.world);
        check(state, &client, &url, None, Ok(state));
        let deactivated = if ["pending", "valid"].contains(&state) { "deactivated" } else { state };
        check(state, &client, &url, Some(json!({ "status": "deactivated" })), Ok(deactivated));
        for payload in [json!({}), json!({ "status": "valid" }), json!({ "status": 1 }), json!("deactivated")] {
            check(state, &client, &url, Some(payload), MALFORMED);
        }
        check_strangers(state, &client, &url);
        let shown = client.get(&url).is(200).json();
        assert_eq!(shown["identifier"], object["identifier"]);
        assert!(shown["expires"].is_string() && shown.get("wildcard").is_none(), "Z-01 {state}: {shown}");
        let kinds = shown["challenges"].as_array().unwrap().len();
        assert!(kinds > 0 || state == "invalid", "T-31 {state}: {shown}");
    }
}

#[test]
fn z03_z04_z07_challenges_in_each_state() {
    for (state, client, _, object, kinds) in authorizations() {
        let client = client.at(&client.world);
        for (kind, shown) in ["http-01", "dns-01"].iter().zip(kinds) {
            let what = format!("{shown} {kind} in a {state} authorization");
            let offered = challenge(&object, kind);
            let url = text(&offered["url"]);
            check(&what, &client, &url, None, Ok(shown));
            // Nothing proves it here but what was put there before, so a pending one that may be answered fails.
            let is_open = state == "pending" && shown == "pending";
            if !is_open {
                client.world.network().asked();
                check(&what, &client, &url, Some(json!({})), Ok(shown));
                check(&what, &client, &url, Some(json!({ "odd": [1], "keyAuthorization": "x" })), Ok(shown));
                assert!(client.world.network().asked().is_empty(), "Z-07 {what}: never validated again");
            }
            for payload in [json!([]), json!("{}"), json!(1), Value::Null] {
                check(&what, &client, &url, Some(payload), MALFORMED);
            }
            check(&what, &client, &url.replace(kind, "http-00"), Some(json!({})), UNKNOWN);
            check_strangers(&what, &client, &url);
            let answered = client.get(&url).is(200);
            let (object, up) = (answered.json(), answered.link("up"));
            assert!(up.unwrap().contains("/acme/authz/"), "T-03 {what}");
            assert_eq!((&object["url"], &object["token"]), (&offered["url"], &offered["token"]), "Z-03 {what}");
            assert_eq!(object["validated"].is_string(), shown == "valid", "Z-03 {what}");
            assert_eq!(object["error"].is_object(), shown == "invalid", "Z-03 {what}");
        }
    }
}

/// A result after deactivation of the authorization is shown and does not change the authorization.
#[test]
fn z08_validation_ends_with_its_authorization() {
    for (proof, ends) in [(Proof::Http, "valid"), (Proof::WrongHttp, "invalid")] {
        let world = World::new();
        let client = Client::registered(&world);
        let placed = client.new_order(&["a.test"]).is(201);
        let (url, object) = authorization(&client, &placed.json());
        let answered = text(&client.prove(&object, proof)["url"]);
        world.network().set_hanging(true);
        assert_eq!(client.post(&answered, json!({})).is(200).json()["status"], "processing");
        client.post(&url, json!({ "status": "deactivated" })).is(200);
        world.network().set_hanging(false);
        world.live(Duration::from_secs(60));
        assert_eq!(client.get(&answered).is(200).json()["status"], ends);
        assert_eq!(client.get(&url).is(200).json()["status"], "deactivated");
        assert_eq!(client.get(&placed.location()).is(200).json()["status"], "invalid");
        assert_eq!(world.works(), [""; 0]);
    }
}
