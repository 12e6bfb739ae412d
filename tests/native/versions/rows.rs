//! Members that this release does not know stay in the rows that it rewrites.

use super::next_release::{ADDED, rewrite_rows};
use core::time::Duration;
use selvedge::ca::config::admin_tokens::AdminTokens;
use selvedge::ca::config::rate_limits::Limits;
use selvedge::ca::http::message::Request;
use selvedge::ca::testing::{Answered, Client, CsrShape, Proof, World, check_all, new_key};
use selvedge::jose::testing::ClientKey;
use selvedge::values::SigAlg;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const ADMIN: &str = "an-admin-token-of-sufficient-length";

fn operate(world: &World, path: &str, body: Option<Value>) -> Answered {
    world.send(Request {
        method: if body.is_some() { "POST" } else { "GET" }.to_owned(),
        path: format!("/admin/v1/{path}"),
        content_type: body.as_ref().map(|_| "application/json".to_owned()),
        authorization: Some(format!("Bearer {ADMIN}")),
        body: Some(body.map_or(Vec::new(), |body| body.to_string().into_bytes())),
        ..Request::default()
    })
}

/// A CA with records of most kinds, and a webhook that refuses.
fn used() -> (World, Client, Vec<u8>) {
    let tokens = json!({ "ada": ADMIN }).to_string();
    let world = World::new().reconfigured(|settings| {
        settings.admin = AdminTokens::read(Some(&tokens)).unwrap();
        settings.limits = Limits::default();
        settings.external.more = true;
    });
    let world = world.with_webhook();
    world.receiver().answers(Ok(503));
    let mut client = Client::registered(&world);
    operate(&world, "external-accounts", Some(json!({ "kid": "a" }))).is(201);
    operate(&world, "policy", Some(json!({ "allow": ["*"] }))).is(201);
    operate(&world, "replacements", Some(json!({ "name": "*.other.test" }))).is(201);
    client.fail("failing.test");
    world.run_tasks();
    let leaf = client.issue(&["a.test"], &new_key(SigAlg::Es256));
    let other = client.issue(&["b.test"], &new_key(SigAlg::Es256));
    client.revoke(&other, Some(1)).is(200);
    let new = ClientKey::generate(SigAlg::Es256);
    client.key_change(&new).is(200);
    client.key = new;
    world.run_due_alarms();
    (world, client, leaf)
}

/// Does again what rewrites most rows.
fn use_again(world: &World, client: &mut Client, leaf: &[u8], order: &Value) {
    client.post(client.account(), json!({ "contact": ["mailto:a@example.org"] })).is(200);
    client.fail("failing.test");
    world.run_tasks();
    client.authorize(order, Proof::Http);
    let key = new_key(SigAlg::Es256);
    client.finalize(order, &CsrShape::dns(&["pending.test"]).build(&key)).is(200);
    let again = client.issue_with(&["a.test"], json!({ "replaces": client.cert_id(leaf) }), &key);
    client.revoke(&again, Some(4)).is(200);
    operate(world, "external-accounts/a", Some(json!({ "disabled": true }))).is(200);
    operate(world, "policy", Some(json!({ "allow": ["*.test"] }))).is(201);
    operate(world, "health", None).is(200);
    let new = ClientKey::generate(SigAlg::Es256);
    client.key_change(&new).is(200);
    client.key = new;
    client.revoke(leaf, Some(5)).is(200);
    world.restart();
    for _ in 0..26 {
        world.pass(Duration::from_secs(3600));
        world.run_due_alarms();
    }
    operate(world, "health", None).is(200);
}

fn records(world: &World) -> BTreeMap<(String, String), Value> {
    let rows = world.rows().into_iter();
    rows.map(|(key, json)| (key, serde_json::from_str(&json).unwrap())).collect()
}

#[test]
fn unknown_members_survive_the_work_of_this_release() {
    let (world, mut client, leaf) = used();
    let order = client.new_order(&["pending.test"]).is(201);
    rewrite_rows(&world);
    let before = records(&world);
    use_again(&world, &mut client, &leaf, &order.json());
    check_all(&world, "with members of the next release");
    let after = records(&world);
    let mut rewritten = Vec::new();
    for (key, old) in &before {
        let Some(new) = after.get(key) else { continue };
        assert_eq!(new[ADDED], old[ADDED], "{key:?} lost a member: {new}");
        if new != old {
            rewritten.push(key.1.split('/').next().unwrap());
        }
    }
    rewritten.sort_unstable();
    rewritten.dedup();
    let wanted = "account activity audited cert crl failing key latest limit member notice scan serial shard";
    for wanted in wanted.split(' ') {
        assert!(rewritten.contains(&wanted), "{wanted} was not rewritten: {rewritten:?}");
    }
}

#[test]
fn elements_of_arrays_keep_unknown_members() {
    let (world, client, _) = used();
    let order = client.new_order(&["pending.test"]).is(201);
    rewrite_rows(&world);
    client.authorize(&order.json(), Proof::Http);
    let after = records(&world);
    let authz = |(key, _): &(&(String, String), &Value)| key.1.starts_with("authz/");
    let of_pending = |(_, record): &(&(String, String), &Value)| record["identifier"]["value"] == "pending.test";
    let (_, authorization) = after.iter().filter(authz).find(of_pending).unwrap();
    assert_eq!(authorization["state"], "valid", "{authorization}");
    let challenges = authorization["challenges"].as_array().unwrap();
    assert!(challenges.len() > 1 && challenges.iter().all(|one| one.get(ADDED).is_some()), "{authorization}");
}

#[test]
fn shared_rows_keep_unknown_members() {
    let (world, client, _) = used();
    client.new_order(&["pending.test"]).is(201);
    rewrite_rows(&world);
    client.new_authz("more.test").is(201);
    client.issue(&["pending.test"], &new_key(SigAlg::Es256));
    let rows = world.stored_rows(&client.partition());
    let row = |prefix: &str| -> Value {
        let text = rows.iter().find(|(key, text)| key.starts_with(prefix) && text.contains("pending.test"));
        serde_json::from_str(text.unwrap().1).unwrap()
    };
    for row in [row("order/"), row("pool")] {
        assert_eq!(row[ADDED], "of a row", "{row}");
        let parts = row["records"].as_object().unwrap().values();
        assert!(parts.filter(|part| part[ADDED] == "of a part").count() > 0, "{row}");
    }
}

/// A row that is replaced without being read would lose such members.
#[test]
fn no_row_is_replaced_unread() {
    let (world, mut client, leaf) = used();
    let order = client.new_order(&["pending.test"]).is(201);
    use_again(&world, &mut client, &leaf, &order.json());
    let mut unseen = world.unseen_rows();
    // The queue's rows have no members: their keys say all.
    unseen.retain(|(_, key)| !key.starts_with("outgoing/"));
    assert_eq!(unseen, []);
}
