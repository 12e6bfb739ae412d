//! Requests that fail, the lists of failures, and paused names.

use super::fixture::Fixture;
use super::requests::{Case, case, operate};
use selvedge::ca::testing::{Client, World};
use serde_json::json;

/// The requests about failures.
pub fn failing(fixture: &Fixture) -> Vec<Case<'_>> {
    let (client, account) = (fixture.client.clone(), fixture.client.account().rsplit('/').next().unwrap());
    let resume = |name: &str| operate("POST", &format!("accounts/{account}/resume"), Some(&json!({ "name": name })));
    let refused = move |world: &World| {
        let client = client.at(world);
        client.sign(&client.url("new-order"), Some(json!({ "identifiers": [{ "type": "dns", "value": "no name" }] })))
    };
    let mut refused = case(fixture, "newOrder that is refused", 400, &[], refused);
    refused.after = Box::new(|world, what| {
        world.run_tasks();
        let found = world.send(operate("GET", "failures?q=no", None)).is(200).json();
        assert_eq!(found["failures"][0]["names"], json!(["no name"]), "{what}: {found}");
    });
    let registration = |world: &World| {
        let client = Client::new(world);
        client.sign(&client.url("new-account"), Some(json!({ "contact": ["x"] })))
    };
    let mut all = vec![refused, case(fixture, "newAccount that is refused", 400, &[], registration)];
    let (paused, _) = fixture.paused();
    for (name, path) in [
        ("operations: failures", "failures?name=*.test"),
        ("operations: paused names", "paused"),
        ("operations: health", "health"),
    ] {
        let request = operate("GET", path, None);
        let mut case = case(fixture, name, 200, &[], move |_| request.clone());
        // The first has queued failures, which are sent first.
        case.start = paused.fork();
        all.push(case);
    }
    let (free, ended) = (resume("free.test"), resume("z.test"));
    all.push(case(fixture, "operations: a name that is not paused", 409, &[], move |_| free.clone()));
    let mut resumed = case(fixture, "operations: resumption", 200, &[409], move |_| ended.clone());
    resumed.start = paused;
    resumed.after = Box::new(|world, _| drop(fixture.client.at(world).new_order(&["z.test"]).is(201)));
    all.push(resumed);
    all
}
