//! Accounts: listed, shown, ended.

use super::operator::{Operator, SECOND, issue, texts};
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
    let operator = Operator::new();
    let mut made = Vec::new();
    for _ in 0..9 {
        made.push(id(&operator.client()));
        operator.world.pass(SECOND);
    }
    // Some at the same time.
    let same: BTreeSet<String> = (0..3).map(|_| id(&operator.client())).collect();
    let all = texts(&operator.pages("accounts", "accounts", 200), "id");
    assert_eq!(all[..9], made);
    assert_eq!(all[9..].iter().cloned().collect::<BTreeSet<_>>(), same);
    for limit in 1..=13 {
        assert_eq!(texts(&operator.pages("accounts", "accounts", limit), "id"), all, "{limit}");
    }
}

#[test]
fn account_is_shown_and_unknown_account_is_not_found() {
    let operator = Operator::new();
    let client = operator.client();
    client.post(client.account(), json!({ "contact": ["mailto:a@a.test"] })).is(200);
    let shown = operator.see(&format!("accounts/{}", id(&client)));
    assert_eq!((&shown["url"], &shown["status"]), (&client.account().into(), &"valid".into()));
    assert_eq!((&shown["contact"], &shown["external_account"]), (&json!(["mailto:a@a.test"]), &json!(null)));
    assert_eq!(shown["thumbprint"], client.key.thumbprint().as_str());
    operator.get("accounts/AAAAAAAAAAAAAAAAAAAAAA").refused(404, Kind::Malformed);
    operator.post("accounts/AAAAAAAAAAAAAAAAAAAAAA/deactivate", &json!({})).refused(404, Kind::Malformed);
    // Each call of newAccount fails in turn: what is listed is there, and what is there is listed.
    for n in 0..8 {
        operator.world.call_fault().once(n);
        Client::new(&operator.world).new_account(json!({}));
        operator.world.heal();
    }
    let listed: BTreeSet<String> = texts(&operator.pages("accounts", "accounts", 200), "id").into_iter().collect();
    let accounts =
        operator.world.rows().into_keys().filter(|(name, key)| name.starts_with("account/") && key == "account");
    assert_eq!(accounts.map(|(name, _)| name["account/".len()..].to_owned()).collect::<BTreeSet<_>>(), listed);
}

#[test]
fn deactivated_account_is_refused_and_keeps_certificates() {
    let operator = Operator::new();
    let client = operator.client();
    let (_, serial) = issue(&client, &["a.test"], json!({}));
    let (url, order) = client.ready_order(&["b.test"]);
    let path = format!("accounts/{}/deactivate", id(&client));
    for _ in 0..2 {
        assert_eq!(operator.post(&path, &json!({})).is(200).json()["status"], "revoked");
        client.get(&url).refused(401, Kind::Unauthorized);
        client.new_order(&["c.test"]).refused(401, Kind::Unauthorized);
        let csr = CsrShape::dns(&["b.test"]).build(&new_key(SigAlg::Es256));
        client.finalize(&order, &csr).refused(401, Kind::Unauthorized);
        client.post(client.account(), json!({ "status": "valid" })).refused(401, Kind::Unauthorized);
    }
    client.new_account(json!({ "onlyReturnExisting": true })).refused(401, Kind::Unauthorized);
    assert_eq!(operator.see(&format!("certificates/{serial}"))["status"], "valid");
    let orders = operator.world.records("order/");
    assert!(
        orders
            .iter()
            .all(|(_, order)| order["issuance"].is_object() || order["error"].is_object() || order["canceled"] == true),
        "{orders:?}"
    );
    assert_eq!(operator.noted(2), ["account.deactivate attempted", "account.deactivate done"]);
    // Certificates of an account that is over are revoked here still.
    operator.post(&format!("certificates/{serial}/revoke"), &json!({})).is(200);
}

#[test]
fn account_deactivated_by_its_client_stays_deactivated() {
    let operator = Operator::new();
    let client = operator.client();
    client.post(client.account(), json!({ "status": "deactivated" })).is(200);
    let shown = operator.post(&format!("accounts/{}/deactivate", id(&client)), &json!({})).is(200).json();
    assert_eq!(shown["status"], "deactivated");
}
