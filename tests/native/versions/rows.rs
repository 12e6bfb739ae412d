//! Members that this release does not know stay in the rows that it rewrites.

use super::next_release::{ADDED, rewrite_rows, use_again, used};
use selvedge::ca::testing::{Proof, World, check_all, new_key};
use selvedge::values::SigAlg;
use serde_json::Value;
use std::collections::BTreeMap;

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
