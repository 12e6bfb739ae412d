//! A made-up next release, which adds a member to everything that may get one.

pub use crate::operations::operating::operate;

use crate::operations::operating::ADMIN;
use core::time::Duration;
use selvedge::ca::config::admin_tokens::AdminTokens;
use selvedge::ca::config::rate_limits::Limits;
use selvedge::ca::testing::{Client, CsrShape, Proof, World, new_key};
use selvedge::jose::testing::ClientKey;
use selvedge::values::SigAlg;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;

/// The member that it adds.
pub const ADDED: &str = "addedLater";

/// A CA with records of most kinds, and a webhook that refuses.
pub fn used() -> (World, Client, Vec<u8>) {
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
pub fn use_again(world: &World, client: &mut Client, leaf: &[u8], order: &Value) {
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

/// The schemas of all records, by their prefixes.
pub fn schemas() -> BTreeMap<String, Value> {
    let folders = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/kv-schema")).unwrap();
    let folders = folders.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
    let schema = |path: std::path::PathBuf| {
        let text = fs::read_to_string(path.join("schema.json")).unwrap();
        (path.file_name().unwrap().to_str().unwrap().to_owned(), serde_json::from_str(&text).unwrap())
    };
    folders.map(schema).collect()
}

/// Adds the member to each object of a record that has members by its schema. Variants of an enum have none of their own.
pub fn extend(schema: &Value, value: &mut Value) {
    extend_within(schema, value, false);
}

fn extend_within(schema: &Value, value: &mut Value, variant: bool) {
    if let Some(branches) = schema["oneOf"].as_array() {
        if let Some(branch) = branches.iter().find(|branch| jsonschema::is_valid(branch, value)) {
            extend_within(branch, value, true);
        }
        return;
    }
    match value {
        Value::Array(elements) => {
            for (at, element) in elements.iter_mut().enumerate() {
                let own = &schema["prefixItems"][at];
                extend_within(if own.is_null() { &schema["items"] } else { own }, element, false);
            }
        }
        Value::Object(members) => {
            let Some(known) = schema["properties"].as_object() else {
                members.values_mut().for_each(|value| extend_within(&schema["additionalProperties"], value, false));
                return;
            };
            for (name, value) in members.iter_mut() {
                known.get(name).iter().for_each(|schema| extend_within(schema, value, false));
            }
            if !(variant && known.len() == 1) {
                members.insert(ADDED.to_owned(), json!({ "of": [1] }));
            }
        }
        _ => {}
    }
}

/// Rewrites all rows of a world as the next release would have. Shared rows have a member of their own, too.
pub fn rewrite_rows(world: &World) {
    let schemas = schemas();
    let of = |key: &str| schemas[key.split('/').next().unwrap()].clone();
    world.alter_rows(|_, key, json| {
        let mut row: Value = serde_json::from_str(json).unwrap();
        match row.get_mut("records").and_then(Value::as_object_mut) {
            Some(records) => {
                for (key, part) in records {
                    extend(&of(key), &mut part["record"]);
                    part[ADDED] = json!("of a part");
                }
                row[ADDED] = json!("of a row");
            }
            None => extend(&of(key), &mut row),
        }
        row.to_string()
    });
}
