//! The inventory: order, pages over issuers, and interrupted searches.

use super::operator::{DAY, Operator, SECOND, issue, serial_of, texts};
use selvedge::ca::testing::START;
use selvedge::pki::ceremony::{create_intermediate, create_root};
use selvedge::values::Time;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The same CA with one more issuer, which signs from now on.
fn with_another_issuer(operator: &Operator) -> Operator {
    let root = create_root("Another Root", START, 10).unwrap();
    let issuer = create_intermediate(&root, "Another Issuer", START, 5).unwrap();
    Operator { world: operator.world.with_issuer(&issuer, operator.world.now()), ..operator.with(&operator.token, 1) }
}

/// Copies of a ledger's entry named `n{n}.test` with different expiries.
fn plant(operator: &Operator, issuer: &str, serial: &str, count: u64) {
    let ledger = format!("ledger/{issuer}");
    let row = operator.world.rows()[&(ledger.clone(), format!("serial/{serial}"))].clone();
    let entry: Value = serde_json::from_str(&row).unwrap();
    let end = entry["not_after"].as_u64().unwrap();
    for n in 0..count {
        let mut copy = entry.clone();
        copy["names"] = json!([format!("n{n}.test")]);
        // Two and two with the same end.
        copy["not_after"] = (end + n / 2 * 1_000).into();
        let serial = serial_of(Time::from_millis(end + n / 2 * 1_000), n);
        operator.world.plant(&ledger, &format!("serial/{serial}"), Some(&copy));
    }
}

#[test]
fn pages_over_several_issuers_are_ordered_by_expiry_without_gaps() {
    let first = Operator::new();
    let client = first.client();
    let mut serials = BTreeSet::new();
    for n in 0..4 {
        serials.insert(issue(&client, &[&format!("a{n}.test")], json!({})).1);
    }
    let operator = with_another_issuer(&first);
    let client = client.at(&operator.world);
    for n in 0..4 {
        serials.insert(issue(&client, &[&format!("b{n}.test")], json!({})).1);
    }
    operator.world.pass(DAY);
    serials.insert(issue(&client, &["late.test"], json!({})).1);
    serials.insert(issue(&client, &["early.test"], json!({ "profile": "shortlived" })).1);
    let all = operator.pages("certificates", "certificates", 200);
    let ends = texts(&all, "not_after");
    assert!(ends.is_sorted(), "{ends:?}");
    assert_eq!(ends[1..9].iter().collect::<BTreeSet<_>>().len(), 1, "eight end at the same time");
    assert_eq!(texts(&all, "issuer").into_iter().collect::<BTreeSet<_>>().len(), 2);
    let order = texts(&all, "serial");
    assert_eq!(order.iter().cloned().collect::<BTreeSet<_>>(), serials);
    for limit in 1..=11 {
        let mut paged = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = operator.see(&format!("certificates?limit={limit}&cursor={cursor}"));
            assert_eq!(page["complete"], true);
            paged.extend(texts(page["certificates"].as_array().unwrap(), "serial"));
            let Some(next) = page["next"].as_str() else { break };
            cursor = next.to_owned();
        }
        assert_eq!(paged, order, "{limit}");
    }
    let issuer = operator.world.issuer().id().to_owned();
    assert_eq!(operator.pages(&format!("certificates?issuer={issuer}"), "certificates", 3).len(), 6);
    for serial in &order {
        assert_eq!(operator.see(&format!("certificates/{serial}"))["serial"], serial.as_str());
        operator.get(&format!("certificates/{serial}/pem")).is(200);
        assert_eq!(
            operator.post(&format!("certificates/{serial}/revoke"), &json!({})).is(200).json()["status"],
            "revoked"
        );
    }
}

#[test]
fn search_that_stops_early_resumes_and_finds_all() {
    let first = Operator::new();
    let client = first.client();
    let (_, serial) = issue(&client, &["needle-first.test"], json!({}));
    plant(&first, first.world.issuer().id(), &serial, 4_500);
    let operator = with_another_issuer(&first);
    let client = client.at(&operator.world);
    issue(&client, &["needle-early.test"], json!({ "profile": "shortlived" }));
    operator.world.pass(SECOND * 3_000);
    issue(&client, &["needle-late.test"], json!({}));
    for limit in [1, 50] {
        let (mut found, mut cursor, mut stops) = (Vec::new(), String::new(), 0);
        for _ in 0..20 {
            let page = operator.see(&format!("certificates?q=needle&limit={limit}&cursor={cursor}"));
            let part = page["certificates"].as_array().unwrap();
            found.extend(part.iter().map(|one| one["names"][0].as_str().unwrap().to_owned()));
            let full = part.len() == limit;
            assert_eq!(page["complete"], full || page["next"].is_null(), "{page}");
            stops += usize::from(page["complete"] == false);
            let Some(next) = page["next"].as_str() else { break };
            assert!(next > cursor.as_str());
            cursor = next.to_owned();
        }
        assert_eq!(found, ["needle-early.test", "needle-first.test", "needle-late.test"], "{limit}");
        assert!((1..=4).contains(&stops), "{limit}: it stopped {stops} times");
    }
    // All of them, in pages that are full.
    assert_eq!(operator.pages("certificates", "certificates", 200).len(), 4_503);
}
