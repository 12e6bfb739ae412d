//! Requests and alarms that create notices.

use super::fixture::Fixture;
use super::requests::{Act, After, Case, bare, case, operate};
use selvedge::ca::testing::World;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The revocations that create notices.
pub fn telling(fixture: &Fixture) -> Vec<Case<'_>> {
    let owner = fixture.client.clone();
    let revoke = move |world: &World| owner.at(world).revoke_request(&fixture.certificate, Some(4));
    let mut revoked = case(fixture, "revokeCert with a webhook", 200, &[400], revoke);
    revoked.after = Box::new(|world, what| has_one_notice(world, "certificate.revoked", what));
    let test = operate("POST", "notices/test", Some(&json!({})));
    let mut tested = case(fixture, "operations: test of the webhook", 200, &[], move |_| test.clone());
    tested.after = Box::new(|world, what| assert!(!world.receiver().arrived().is_empty(), "{what}: it arrives"));
    let mut all = vec![revoked, tested];
    for (name, path) in [("operations: notices", "notices"), ("operations: calendar", "calendar")] {
        let request = operate("GET", path, None);
        all.push(case(fixture, name, 200, &[], move |_| request.clone()));
    }
    let moved = operate("POST", "calendar", Some(&json!({})));
    all.push(case(fixture, "operations: another calendar", 200, &[], move |_| moved.clone()));
    let url =
        fixture.world.fork().send(operate("GET", "calendar", None)).is(200).json()["url"].as_str().unwrap().to_owned();
    let calendar = bare("GET", &url);
    all.push(case(fixture, "calendar", 200, &[], move |_| calendar.clone()));
    all.into_iter().map(|case| Case { start: case.start.with_webhook(), ..case }).collect()
}

/// The alarms near a certificate's end, with another issuer that may have renewed it.
pub fn reminding(fixture: &Fixture) -> Case<'_> {
    let after: After<'_> = Box::new(|world, what| has_one_notice(world, "certificate.ending", what));
    let (name, start) = ("alarms that remind".to_owned(), fixture.near_the_end());
    Case { name, start, act: Act::Alarms, status: 0, again: &[], after }
}

/// Checks for one notice of this kind, delivered at least once.
fn has_one_notice(world: &World, kind: &str, what: &str) {
    let stored = world.records("notice/").into_iter().filter(|(_, notice)| notice["kind"] == kind);
    let stored: Vec<Value> = stored.map(|(_, notice)| notice).collect();
    assert_eq!(stored.len(), 1, "{what}: it is stored once");
    assert_eq!(stored[0]["delivery"]["state"], "delivered", "{what}: {stored:?}");
    let arrived = world.receiver().arrived().into_iter().filter(|one| one.kind == kind);
    let ids: BTreeSet<String> = arrived.map(|one| one.id).collect();
    assert_eq!(ids.len(), 1, "{what}: it arrives, always with the same id");
}
