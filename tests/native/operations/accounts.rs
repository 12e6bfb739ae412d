//! Accounts: listed, shown, ended.

use super::desk::{Desk, SECOND, issue, texts};
use selvedge::ca::testing::{Client, CsrShape, new_key};
use selvedge::records::Kind;
use selvedge::values::SigAlg;
use serde_json::json;
use std::collections::BTreeSet;

fn id(client: &Client) -> String {
    client.account().rsplit('/').next().unwrap().to_owned()
}

#[test]
fn accounts_are_listed_the_oldest_first_page_by_page() {
    let desk = Desk::new();
    let mut made = Vec::new();
    for _ in 0..9 {
        made.push(id(&desk.client()));
        desk.world.pass(SECOND);
    }
    // Some at the same time.
    let same: BTreeSet<String> = (0..3).map(|_| id(&desk.client())).collect();
    let all = texts(&desk.pages("accounts", "accounts", 200), "id");
    assert_eq!(all[..9], made);
    assert_eq!(all[9..].iter().cloned().collect::<BTreeSet<_>>(), same);
    for limit in 1..=13 {
        assert_eq!(texts(&desk.pages("accounts", "accounts", limit), "id"), all, "{limit}");
    }
}

#[test]
fn an_account_is_shown_and_one_that_never_came_to_be_is_none() {
    let desk = Desk::new();
    let client = desk.client();
    client.post(client.account(), json!({ "contact": ["mailto:a@a.test"] })).is(200);
    let shown = desk.see(&format!("accounts/{}", id(&client)));
    assert_eq!((&shown["url"], &shown["status"]), (&client.account().into(), &"valid".into()));
    assert_eq!((&shown["contact"], &shown["external_account"]), (&json!(["mailto:a@a.test"]), &json!(null)));
    assert_eq!(shown["thumbprint"], client.key.thumbprint().as_str());
    desk.get("accounts/AAAAAAAAAAAAAAAAAAAAAA").refused(404, Kind::Malformed);
    desk.post("accounts/AAAAAAAAAAAAAAAAAAAAAA/deactivate", &json!({})).refused(404, Kind::Malformed);
    // Each call of newAccount fails in turn: what is listed is there, and what is there is listed.
    for n in 0..8 {
        desk.world.call_fault().once(n);
        Client::new(&desk.world).new_account(json!({}));
        desk.world.heal();
    }
    let listed: BTreeSet<String> = texts(&desk.pages("accounts", "accounts", 200), "id").into_iter().collect();
    let accounts = desk.world.rows().into_keys().filter(|(name, key)| name.starts_with("account/") && key == "account");
    assert_eq!(accounts.map(|(name, _)| name["account/".len()..].to_owned()).collect::<BTreeSet<_>>(), listed);
}

#[test]
fn an_ended_account_can_do_nothing_and_its_certificates_stay() {
    let desk = Desk::new();
    let client = desk.client();
    let (_, serial) = issue(&client, &["a.test"], json!({}));
    let (url, order) = client.ready_order(&["b.test"]);
    let path = format!("accounts/{}/deactivate", id(&client));
    for _ in 0..2 {
        assert_eq!(desk.post(&path, &json!({})).is(200).json()["status"], "revoked");
        client.get(&url).refused(401, Kind::Unauthorized);
        client.new_order(&["c.test"]).refused(401, Kind::Unauthorized);
        let csr = CsrShape::dns(&["b.test"]).build(&new_key(SigAlg::Es256));
        client.finalize(&order, &csr).refused(401, Kind::Unauthorized);
        client.post(client.account(), json!({ "status": "valid" })).refused(401, Kind::Unauthorized);
    }
    client.new_account(json!({ "onlyReturnExisting": true })).refused(401, Kind::Unauthorized);
    assert_eq!(desk.see(&format!("certificates/{serial}"))["status"], "valid");
    let orders = desk.world.records("order/");
    assert!(
        orders.iter().all(|(_, order)| order["certificate"].is_string()
            || order["error"].is_object()
            || order["canceled"] == true),
        "{orders:?}"
    );
    assert_eq!(desk.noted(2), ["account.deactivate attempted", "account.deactivate done"]);
    // Certificates of an account that is over are revoked here still.
    desk.post(&format!("certificates/{serial}/revoke"), &json!({})).is(200);
}

#[test]
fn an_account_that_its_client_ended_stays_deactivated() {
    let desk = Desk::new();
    let client = desk.client();
    client.post(client.account(), json!({ "status": "deactivated" })).is(200);
    let shown = desk.post(&format!("accounts/{}/deactivate", id(&client)), &json!({})).is(200).json();
    assert_eq!(shown["status"], "deactivated");
}
