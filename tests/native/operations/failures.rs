//! Failures: recorded within bounds, listed, and joined with what the client got.

use super::operator::{Operator, SECOND, address, texts};
use core::time::Duration;
use selvedge::ca::config::rate_limits::Limits;
use selvedge::ca::testing::{Client, CsrShape, World, new_key};
use selvedge::jose::testing::ClientKey;
use selvedge::records::Kind;
use selvedge::records::acme::problem::Problem;
use selvedge::records::operations::failure::{Failure, FailureRecord, FailureTotals, Origin};
use selvedge::values::{Id, SigAlg, Time, b64};
use serde_json::{Value, json};

fn id(client: &Client) -> String {
    client.account().rsplit('/').next().unwrap().to_owned()
}

fn failures(operator: &Operator, query: &str) -> Vec<Value> {
    operator.world.run_tasks();
    operator.pages(&format!("failures{query}"), "failures", 200)
}

/// Orders that the policy refuses.
fn denying() -> Operator {
    let operator = Operator::new();
    operator.post("policy", &json!({ "deny": ["*.denied.test"] })).is(201);
    operator
}

#[test]
fn refused_order_is_listed_as_the_client_got_it() {
    let operator = denying();
    let key = operator.key(&json!({ "kid": "team-a", "uses": "many" }));
    let client = operator.bound(&key);
    let refused = client.new_order(&["a.denied.test", "b.test"]).refused(400, Kind::RejectedIdentifier);
    let request = refused.header("X-Request-Id").unwrap().to_owned();
    assert_eq!(refused.json()["request"], request.as_str());
    let line = operator.world.lines().into_iter().find(|line| line.contains(&request)).unwrap();
    assert!(line.contains(r#""resource":"new-order""#), "{line}");
    let found = failures(&operator, "");
    assert_eq!(found.len(), 1, "{found:?}");
    let one = &found[0];
    assert_eq!(
        (&one["step"], &one["problem"], &one["status"]),
        (&json!("new-order"), &json!("rejectedIdentifier"), &json!(400))
    );
    assert_eq!((&one["account"], &one["signed"]), (&json!(id(&client)), &json!(true)));
    assert_eq!((&one["external_account"], &one["request"]), (&json!("team-a"), &json!(request)));
    assert_eq!((&one["names"], &one["names_count"]), (&json!(["a.denied.test", "b.test"]), &json!(2)));
    assert_eq!(one["detail"], refused.detail());
    let sub = &refused.json()["subproblems"][0];
    assert_eq!(one["subproblems"][0]["name"], sub["identifier"]["value"]);
    assert_eq!(one["subproblems"][0]["detail"], sub["detail"]);
    assert!(one["detail"].as_str().unwrap().contains("denied.test"), "it says which rule: {one}");
    for (query, count) in [
        ("?external_account=team-a", 1),
        ("?external_account=team-b", 0),
        ("?name=a.denied.test", 1),
        ("?name=*.denied.test", 1),
        ("?name=denied.test", 0),
        ("?q=denied", 1),
        ("?problem=caa", 0),
        ("?problem=rejectedIdentifier&step=new-order", 1),
        ("?step=finalize", 0),
        (&format!("?account={}", id(&client)), 1),
        ("?account=AAAAAAAAAAAAAAAAAAAAAA", 0),
        (&format!("?q={request}"), 1),
    ] {
        assert_eq!(failures(&operator, query).len(), count, "{query}");
    }
    for wrong in ["?account=x", "?name=a..b", "?cursor=x", "?cursor=1"] {
        operator.get(&format!("failures{wrong}")).refused(400, Kind::Malformed);
    }
}

#[test]
fn successes_and_a_ca_without_operators_record_nothing() {
    let operator = Operator::new();
    operator.client().issue(&["a.test"], &new_key(SigAlg::Es256));
    assert!(failures(&operator, "").is_empty());
    assert!(!operator.world.databases().contains("failures/ca"));
    let alone = World::new();
    let client = Client::registered(&alone);
    client.new_order(&["not a name"]).is(400);
    client.fail("a.test");
    alone.run_tasks();
    assert!(!alone.databases().contains("failures/ca"));
}

#[test]
fn equal_failures_are_one_with_their_count() {
    let operator = denying();
    let client = operator.client();
    for n in 0..5 {
        operator.world.pass(SECOND * 60);
        client.at(&operator.world).new_order(&["a.denied.test"]).is(400);
        operator.world.run_tasks();
        assert_eq!(operator.world.records("failure/")[0].1["count"], n + 1);
    }
    let one = &failures(&operator, "")[0];
    assert_eq!((one["count"].as_u64(), one["first"] == one["last"]), (Some(5), false));
    let refused = client.at(&operator.world).new_order(&["b.denied.test"]).is(400);
    assert_eq!(failures(&operator, "")[0]["request"], refused.header("X-Request-Id").unwrap(), "the latest first");
}

#[test]
fn failed_validation_and_abandoned_issuance_are_listed() {
    let operator = Operator::new();
    let client = operator.client();
    client.fail("a.test");
    let found = failures(&operator, "?step=validation");
    assert_eq!((found.len(), &found[0]["names"]), (1, &json!(["a.test"])));
    assert_eq!(found[0]["account"], id(&client));
    let (url, order) = client.ready_order(&["b.test"]);
    operator.world.sign_fault().from(0);
    client.finalize(&order, &CsrShape::dns(&["b.test"]).build(&new_key(SigAlg::Es256))).is(200);
    operator.world.live(Duration::from_secs(120));
    operator.world.heal();
    let client = client.at(&operator.world);
    let error = client.get(&url).is(200).json()["error"].clone();
    let found = failures(&operator, "?step=issuance");
    assert_eq!((found.len(), &found[0]["names"], &found[0]["detail"]), (1, &json!(["b.test"]), &error["detail"]));
    assert!(found[0]["cause"].as_str().unwrap().contains("injected fault at sign"), "{}", found[0]);
    // A refused finalize has the names of its order.
    let (_, order) = client.ready_order(&["c.test"]);
    client.finalize(&order, &CsrShape::dns(&["d.test"]).build(&new_key(SigAlg::Es256))).refused(400, Kind::BadCsr);
    assert_eq!(failures(&operator, "?step=finalize")[0]["names"], json!(["c.test"]));
    assert_eq!(failures(&operator, "?name=c.test").len(), 1);
}

#[test]
fn refused_registrations_are_listed_with_the_named_key() {
    let operator = Operator::new();
    let mut client = Client::new(&operator.world);
    client.address = Some(address(7));
    let binding = client.key.external_account("HS256", &[1; 32], "te\u{202e}am", &client.url("new-account"));
    let refused = client.new_account(json!({ "externalAccountBinding": binding })).refused(403, Kind::Unauthorized);
    let found = failures(&operator, "");
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((&found[0]["step"], &found[0]["account"]), (&json!("new-account"), &json!(null)));
    assert_eq!((&found[0]["external_account"], &found[0]["address"]), (&json!(r"te\u{202e}am"), &json!("192.0.2.7")));
    assert_eq!(found[0]["detail"], refused.detail());
}

#[test]
fn requests_that_no_account_signed_are_marked_and_have_a_bound_of_their_own() {
    let operator = denying();
    let client = operator.client();
    client.new_order(&["a.denied.test"]).is(400);
    let mut other = client.clone();
    other.key = ClientKey::generate(SigAlg::Es256);
    other.new_order(&["b.test"]).is(400);
    let found = failures(&operator, "");
    let unsigned: Vec<&Value> = found.iter().filter(|one| one["signed"] == json!(false)).collect();
    assert_eq!((found.len(), unsigned.len(), &unsigned[0]["account"]), (2, 1, &json!(id(&client))));
    // However many there are, the account's own failure stays.
    for n in 0..300_u64 {
        operator.world.pass(SECOND * 2);
        let mut stranger = other.at(&operator.world);
        stranger.account = Some(stranger.url(&format!("account/{}", Id::from_random(u128::from(n).to_be_bytes()))));
        stranger.new_order(&["b.test"]).refused(400, Kind::AccountDoesNotExist);
        operator.world.run_tasks();
    }
    let kept = operator.world.records("failure/u/").len();
    assert!((80..=Origin::Unsigned.bound()).contains(&kept), "{kept}");
    assert_eq!(operator.world.records("failure/a/").len(), 1);
}

#[test]
fn names_that_are_none_are_shown_as_what_they_are() {
    let operator = Operator::new();
    let client = operator.client();
    for (sent, shown) in [
        ("\u{202e}tset.knab", r"\u{202e}tset.knab"),
        ("<img src=x onerror=alert(1)>", "<img src=x onerror=alert(1)>"),
        ("=HYPERLINK(\"http://x\")", "=HYPERLINK(\"http://x\")"),
        ("b\u{430}nk.test", r"b\u{430}nk.test"),
        ("a\u{1b}[2J\n", r"a\u{1b}[2J\u{a}"),
    ] {
        operator.world.pass(SECOND);
        client.at(&operator.world).new_order(&[sent]).is(400);
        let one = failures(&operator, "").remove(0);
        assert_eq!(one["names"], json!([shown]));
        assert!(!one.to_string().contains(['\u{202e}', '\u{1b}']), "{one}");
        assert_eq!(one["subproblems"], json!([]));
    }
    let long = "x".repeat(5_000);
    client.at(&operator.world).new_order(&[&long]).is(400);
    let one = failures(&operator, "").remove(0);
    assert!(one["names"][0].as_str().unwrap().len() < 300, "{one}");
}

fn record(n: u64, last: Time) -> FailureRecord {
    let name = format!("n{n}.test");
    let problem = Problem::new(Kind::Dns, "no answer");
    let failure =
        Failure::new(Origin::Account, "validation", &problem, str::to_owned).about_texts([name.as_str()].into_iter());
    // Twenty of each account.
    let account = Id::from_random(u128::from(n / 20).to_be_bytes());
    FailureRecord::of(Failure { account: Some(account), ..failure }, last)
}

#[test]
fn full_store_stays_within_its_bounds_and_keeps_the_latest() {
    let operator = denying();
    let (world, bound) = (&operator.world, u64::try_from(Origin::Account.bound()).unwrap());
    for n in 0..bound {
        let record = record(n, world.now().minus(SECOND * u32::try_from(bound - n).unwrap()));
        world.put("failures/ca", &record.failure.id(), &record);
    }
    world.put("failures/ca", "", &FailureTotals { account: Origin::Account.bound(), ..FailureTotals::default() });
    let client = operator.client();
    let before = world.rows_read("failures/");
    for n in 0..200 {
        world.pass(SECOND * 90);
        client.at(world).new_order(&[&format!("n{n}.denied.test")]).is(400);
        world.run_tasks();
    }
    let read = world.rows_read("failures/") - before;
    assert!(read < 200 * 120, "{read} rows read for 200 failures");
    assert_eq!(world.records("failure/a/").len() as u64, 600 - 75 + 50, "room was made once, for 50 of the account");
    let newest = failures(&operator, "?q=denied");
    assert_eq!((newest.len(), &newest[0]["names"][0]), (50, &json!("n199.denied.test")));
    // A page is bounded whatever is stored.
    let page = operator.see("failures?limit=7");
    assert_eq!((page["failures"].as_array().unwrap().len(), page["next"].is_string()), (7, true));
    let all = operator.pages("failures", "failures", 7);
    assert_eq!(all.len(), world.records("failure/").len());
    let times = texts(&all, "last");
    assert!(times.is_sorted_by(|a, b| a >= b), "{times:?}");
}

#[test]
fn flood_of_failures_costs_little_and_says_what_was_omitted() {
    let operator = denying();
    let client = operator.client();
    let (_, before) = operator.world.cost("failures/");
    for n in 0..1_000 {
        client.new_order(&[&format!("n{n}.denied.test")]).is(400);
        operator.world.run_tasks();
    }
    let (rows, requests) = operator.world.cost("failures/");
    assert!(requests - before <= 10, "{} requests", requests - before);
    assert!(rows < 200, "{rows} rows written");
    operator.world.pass(SECOND * 5);
    let page = operator.see("failures");
    // An account has 60 at once, and one more every minute; there were ten sendings in the first second.
    let (kept, omitted) = (operator.world.records("failure/").len(), page["omitted"].as_u64().unwrap());
    assert!((10..=50).contains(&kept) && (940..1_000).contains(&omitted), "{kept} kept, {omitted} omitted");
    // A lost call loses nothing that was queued.
    operator.world.pass(SECOND * 3_600);
    let client = client.at(&operator.world);
    client.new_order(&["late.denied.test"]).is(400);
    operator.world.call_fault().from(0);
    operator.world.run_tasks();
    operator.world.heal();
    assert_eq!(failures(&operator, "?q=late").len(), 1);
}

/// A name that is paused for a client with an external account key.
fn paused() -> (Operator, Client) {
    let limits = Limits::read(Some(r#"{"failed_validations":"off","pause_after":2}"#)).unwrap();
    let operator = Operator::of(&World::new().reconfigured(|settings| settings.limits = limits));
    let key = operator.key(&json!({ "kid": "team-a", "uses": "many" }));
    let client = operator.bound(&key);
    client.fail("a.test");
    client.fail("a.test");
    operator.world.run_tasks();
    (operator, client)
}

#[test]
fn paused_name_is_listed_and_resumed_by_the_operator() {
    let (operator, client) = paused();
    let found = operator.see("paused")["paused"].clone();
    assert_eq!(found.as_array().unwrap().len(), 1, "{found}");
    assert_eq!((&found[0]["account"], &found[0]["name"]), (&json!(id(&client)), &json!("a.test")));
    assert_eq!((&found[0]["external_account"], &found[0]["failures"]), (&json!("team-a"), &json!(2)));
    for (query, count) in [("?name=*.test", 1), ("?name=b.test", 0), ("?external_account=team-b", 0), ("?q=A.T", 1)] {
        assert_eq!(operator.pages(&format!("paused{query}"), "paused", 200).len(), count, "{query}");
    }
    let refused = client.new_order(&["a.test"]).refused(429, Kind::RateLimited);
    let one = failures(&operator, "?step=new-order").remove(0);
    assert_eq!(one["limit"], "paused");
    // The page's proof would let anybody resume it.
    let page = refused.json()["instance"].as_str().unwrap().to_owned();
    let proof = page.rsplit('/').next().unwrap();
    assert!(!one.to_string().contains(proof), "{one}");
    let path = format!("accounts/{}/resume", id(&client));
    operator.post(&path, &json!({})).refused(400, Kind::Malformed);
    operator.post(&path, &json!({ "name": "a..b" })).refused(400, Kind::Malformed);
    operator.post(&path, &json!({ "name": "b.test" })).refused(409, Kind::Malformed);
    operator.post("accounts/AAAAAAAAAAAAAAAAAAAAAA/resume", &json!({ "name": "a.test" })).refused(404, Kind::Malformed);
    operator.post(&path, &json!({ "name": "*.A.test" })).is(200);
    assert_eq!(operator.noted(2), ["name.resume attempted", "name.resume done"]);
    assert_eq!(operator.see("paused")["paused"], json!([]));
    client.new_order(&["a.test"]).is(201);
    operator.post(&path, &json!({ "name": "a.test" })).refused(409, Kind::Malformed);
}

#[test]
fn pause_ends_in_the_list_with_a_success_and_returns_with_a_refusal() {
    let (operator, client) = paused();
    // An order from before the pause succeeds.
    let listed = || operator.see("paused")["paused"].as_array().unwrap().len();
    assert_eq!(listed(), 1);
    operator.world.plant("failures/ca", &operator_key(&operator), None);
    assert_eq!(listed(), 0);
    client.new_order(&["a.test", "b.test"]).is(429);
    operator.world.run_tasks();
    assert_eq!(listed(), 1, "a lost report is made good by the next refusal");
    operator.post(&format!("accounts/{}/deactivate", id(&client)), &json!({})).is(200);
    operator
        .post(&format!("accounts/{}/resume", id(&client)), &json!({ "name": "a.test" }))
        .refused(409, Kind::Malformed);
}

fn operator_key(operator: &Operator) -> String {
    let rows = operator.world.rows();
    rows.into_keys().find(|(_, key)| key.starts_with("paused/")).unwrap().1
}

#[test]
fn paused_names_are_listed_page_by_page() {
    let operator = Operator::new();
    for n in 0..25_u8 {
        let account = Id::from_random([n / 5; 16]);
        let subject = format!("dns:{n}{}.test", "x".repeat(60));
        let record = selvedge::records::operations::failure::PausedRecord {
            account: account.clone(),
            external_account: None,
            subject: subject.clone(),
            since: operator.world.now(),
            streak: 200,
        };
        let id = selvedge::records::operations::failure::PausedRecord::id_of(&account, &subject);
        operator.world.put("failures/ca", &id, &record);
    }
    for limit in [1, 4, 25] {
        assert_eq!(operator.pages("paused", "paused", limit).len(), 25, "{limit}");
    }
    let account = Id::from_random([2; 16]);
    assert_eq!(operator.pages(&format!("paused?account={account}"), "paused", 2).len(), 5);
    assert_eq!(b64::encode(&account.bytes()), account.as_str());
}
