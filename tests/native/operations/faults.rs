//! Faults of a test CA: exact counts, repeatable rates, and what each answer becomes.

use super::operator::Operator;
use core::time::Duration;
use selvedge::ca::http::message::{Body, Request, Response};
use selvedge::ca::testing::{Client, CsrShape, Proof, World, new_key};
use selvedge::pki::pem;
use selvedge::records::Kind;
use selvedge::values::x509::Parts;
use selvedge::values::{SigAlg, Time};
use serde_json::{Value, json};

/// A test CA with faults, and its operator.
fn faulty() -> Operator {
    let world = World::new();
    let expired = world.expired_issuer();
    Operator::of(&world.reconfigured(|settings| {
        settings.test_machine.faults = true;
        settings.test_machine.expired_issuers = vec![expired];
    }))
}

fn add(operator: &Operator, fault: &Value) -> Value {
    operator.post("faults", fault).is(201).json()
}

/// Numbers and counts of the faults that are on.
fn on(operator: &Operator) -> Vec<(u64, u64)> {
    let all = operator.see("faults");
    let of = |fault: &Value| (fault["number"].as_u64().unwrap(), fault["acted"].as_u64().unwrap());
    all["faults"].as_array().unwrap().iter().map(of).collect()
}

/// The answer to a request, which no rule of answers holds for.
fn raw(world: &World, request: Request) -> Response {
    world.run(world.serve(request))
}

fn order_request(client: &Client, name: &str) -> Request {
    let payload = json!({ "identifiers": [{ "type": "dns", "value": name }] });
    client.at(&client.world).sign(&client.url("new-order"), Some(payload))
}

fn text(response: &Response) -> &str {
    match &response.body {
        Body::Text(text) => text,
        Body::Bytes(_) => "",
    }
}

fn json_of(response: &Response) -> Value {
    serde_json::from_str(text(response)).unwrap_or_else(|_| panic!("{response:?}"))
}

#[test]
fn count_is_exact_and_the_fault_is_off_afterwards() {
    let operator = faulty();
    let (world, client) = (&operator.world, operator.client());
    add(&operator, &json!({ "fault": "503", "endpoints": ["newOrder"], "count": 3, "retry_after": 5 }));
    add(&operator, &json!({ "fault": 429, "endpoints": ["newOrder"], "count": 2 }));
    let mut met = Vec::new();
    for _ in 0..7 {
        let response = raw(world, order_request(&client, "a.test"));
        let name = |header| response.header(header).map(str::to_owned);
        met.push((response.status, name("Selvedge-Fault"), name("Retry-After")));
        assert!(response.header("Replay-Nonce").is_some() && response.header("Link").is_some());
    }
    let some = |text: &str| Some(text.to_owned());
    let (first, second) = ((503, some("1 503"), some("5")), (429, some("2 429"), None));
    let none = (201, None, None);
    assert_eq!(
        met,
        [&[first.clone(), first.clone(), first][..], &[second.clone(), second], &[none.clone(), none]].concat()
    );
    assert_eq!(on(&operator), []);
    let lines: Vec<Value> = world.lines().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.iter().filter(|line| line["fault"] == "1 503").count(), 3, "the log names the fault");
    assert!(world.log().iter().any(|line| line.starts_with("fault 1 is on: 503")), "{:?}", world.log());
}

#[test]
fn rate_with_a_seed_repeats_a_run_exactly() {
    let run = |seed: u32| -> Vec<u16> {
        let operator = faulty();
        add(&operator, &json!({ "fault": "500", "endpoints": ["directory"], "rate": 30, "seed": seed }));
        (0..60).map(|_| raw(&operator.world, get("/directory")).status).collect()
    };
    let first = run(7);
    assert_eq!(first, run(7));
    assert_ne!(first, run(8));
    assert!((8..=28).contains(&first.iter().filter(|status| **status == 500).count()), "{first:?}");
}

fn get(path: &str) -> Request {
    Request { method: "GET".to_owned(), path: path.to_owned(), body: Some(Vec::new()), ..Request::default() }
}

#[test]
fn fault_ends_with_its_time() {
    let operator = faulty();
    let added = add(&operator, &json!({ "fault": "empty", "endpoints": ["directory"], "seconds": 60 }));
    let until = Time::parse_rfc3339(added["until"].as_str().unwrap()).unwrap();
    assert_eq!(operator.world.now().until(until), Duration::from_secs(60));
    let empty = raw(&operator.world, get("/directory"));
    assert_eq!((empty.status, text(&empty)), (200, ""));
    operator.world.pass(Duration::from_secs(60));
    assert!(text(&raw(&operator.world, get("/directory"))).contains("newNonce"));
    assert_eq!(on(&operator), []);
    operator.world.live(Duration::from_secs(2 * 3600));
    assert!(operator.world.records("fault/").is_empty(), "it is purged");
}

#[test]
fn header_exempts_a_request_and_other_resources_have_no_faults() {
    let operator = faulty();
    add(&operator, &json!({ "fault": "cut" }));
    assert_eq!(raw(&operator.world, get("/directory")).header("Selvedge-Fault"), Some("1 cut"));
    let exempt = raw(&operator.world, Request { exempt: true, ..get("/directory") });
    assert_eq!((exempt.status, exempt.header("Selvedge-Fault")), (200, None));
    for path in ["/", "/issuers", "/crl/all.pem", "/nothing"] {
        assert_eq!(raw(&operator.world, get(path)).header("Selvedge-Fault"), None, "{path}");
    }
    // A GET of a signed resource is no request to it.
    assert_eq!(raw(&operator.world, get("/acme/new-order")).status, 405);
    operator.post("faults/clear", &json!({})).is(200);
    assert_eq!(on(&operator), []);
}

#[test]
fn account_and_name_narrow_a_fault_at_every_resource() {
    let operator = faulty();
    let (one, other) = (operator.client(), operator.client());
    let placed = one.new_order(&["x.a.test"]).is(201);
    let (order, authorization) = (placed.location(), placed.json()["authorizations"][0].as_str().unwrap().to_owned());
    let apart = one.new_order(&["b.test"]).is(201).location();
    add(&operator, &json!({ "fault": "503", "account": one.account(), "name": "*.a.test" }));
    let status = |client: &Client, url: &str| raw(&operator.world, client.at(&operator.world).sign(url, None)).status;
    for (url, expected) in [(&order, 503), (&authorization, 503), (&apart, 200)] {
        assert_eq!(status(&one, url), expected, "{url}");
    }
    for (client, name, expected) in
        [(&one, "y.a.test", 503), (&one, "*.y.a.test", 503), (&one, "a.test", 201), (&other, "y.a.test", 201)]
    {
        assert_eq!(raw(&operator.world, order_request(client, name)).status, expected, "{name}");
    }
    assert_eq!(status(&one, one.account()), 200, "an account is about no name");
}

#[test]
fn lost_answer_of_a_request_that_took_effect() {
    let operator = faulty();
    let client = operator.client();
    add(&operator, &json!({ "fault": "500", "endpoints": ["newOrder"], "after": true, "count": 1 }));
    let refused = raw(&operator.world, client.at(&operator.world).sign(&client.url("new-order"), Some(json!({}))));
    assert_eq!((refused.status, on(&operator)), (400, vec![(1, 0)]), "a refusal is not replaced");
    let lost = raw(&operator.world, order_request(&client, "a.test"));
    assert_eq!((lost.status, lost.header("Selvedge-Fault")), (500, Some("1 500")));
    assert_eq!(operator.world.records("order/").len(), 1, "the order was placed");
    assert_eq!(raw(&operator.world, order_request(&client, "b.test")).status, 201);
}

#[test]
fn nonce_json_and_delay_go_wrong() {
    let operator = faulty();
    let client = operator.client();
    add(&operator, &json!({ "fault": "badNonce", "count": 1 }));
    let bad = raw(&operator.world, client.at(&operator.world).sign(client.account(), None));
    assert_eq!((bad.status, json_of(&bad)["type"].as_str().unwrap()), (400, "urn:ietf:params:acme:error:badNonce"));
    add(&operator, &json!({ "fault": "malformedJson", "endpoints": ["account"], "count": 1 }));
    let broken = raw(&operator.world, client.at(&operator.world).sign(client.account(), None));
    assert_eq!(broken.status, 200);
    assert!(text(&broken).len() > 10 && serde_json::from_str::<Value>(text(&broken)).is_err(), "{}", text(&broken));
    add(&operator, &json!({ "fault": "slow", "delay": 20, "count": 1 }));
    let before = operator.world.now();
    let slow = raw(&operator.world, get("/directory"));
    assert_eq!((slow.status, slow.header("Selvedge-Fault")), (200, Some("1 slow")));
    assert!(before.until(operator.world.now()) >= Duration::from_secs(20));
    assert_eq!(on(&operator), []);
}

#[test]
fn decided_objects_are_shown_as_processing_so_often() {
    let operator = faulty();
    let client = operator.client();
    add(&operator, &json!({ "fault": "processing", "endpoints": ["finalize", "order"], "count": 2, "retry_after": 7 }));
    let (url, order) = client.ready_order(&["a.test"]);
    assert_eq!(on(&operator), [(1, 0)], "an order that is not decided does not count");
    let csr = CsrShape::dns(&["a.test"]).build(&new_key(SigAlg::Es256));
    for answered in [client.finalize(&order, &csr), client.get(&url)] {
        let shown = answered.is(200);
        assert_eq!((&shown.json()["status"], shown.header("Retry-After")), (&json!("processing"), Some("7")));
        assert!(shown.json().get("certificate").is_none() && shown.json()["finalize"].is_string());
    }
    let valid = client.get(&url).is(200).json();
    assert_eq!(valid["status"], "valid");
    let authorization = valid["authorizations"][0].as_str().unwrap();
    add(&operator, &json!({ "fault": "processing", "endpoints": ["authorization", "challenge"], "count": 2 }));
    let pending = client.get(authorization).is(200);
    assert_eq!((&pending.json()["status"], pending.header("Retry-After")), (&json!("pending"), Some("1")));
    let challenge = pending.json()["challenges"][0].clone();
    assert_eq!((&challenge["status"], challenge.get("validated")), (&json!("processing"), None));
    let challenge = client.get(challenge["url"].as_str().unwrap()).is(200).json();
    assert_eq!(challenge["status"], "processing");
    assert_eq!(client.get(authorization).is(200).json()["status"], "valid");
}

#[test]
fn validation_fails_for_the_given_reason() {
    let operator = faulty();
    let client = operator.client();
    let reasons = ["dns", "connection", "tls", "incorrectResponse", "caa", "malformed", "serverInternal"];
    for (n, reason) in reasons.into_iter().enumerate() {
        let name = format!("{n}.fails.test");
        add(&operator, &json!({ "fault": "failedValidation", "name": "*.fails.test", "reason": reason, "count": 1 }));
        let placed = client.new_order(&[&name, &format!("{n}.works.test")]).is(201).json();
        let mut decided = Vec::new();
        for (url, authorization) in client.authorizations(&placed) {
            let challenge = client.prove(&authorization, Proof::Http);
            client.post(challenge["url"].as_str().unwrap(), json!({})).is(200);
            let shown = client.get(&url).is(200).json();
            let error = shown["challenges"][0]["error"]["type"].as_str().unwrap_or_default().to_owned();
            decided.push((shown["status"].as_str().unwrap().to_owned(), error));
        }
        let error = format!("urn:ietf:params:acme:error:{reason}");
        assert_eq!(decided, [("invalid".to_owned(), error), ("valid".to_owned(), String::new())], "{reason}");
        assert_eq!(on(&operator), [], "{reason}");
    }
}

#[test]
fn chain_is_in_the_wrong_order_or_has_an_expired_intermediate() {
    let operator = faulty();
    let client = operator.client();
    let (url, order) = client.ready_order(&["a.test"]);
    client.finalize(&order, &CsrShape::dns(&["a.test"]).build(&new_key(SigAlg::Es256))).is(200);
    let certificate = client.get(&url).is(200).json();
    let chain = |world: &World| {
        let request = client.at(world).sign(certificate["certificate"].as_str().unwrap(), None);
        pem::read_certificates(text(&raw(world, request))).unwrap()
    };
    let right = chain(&operator.world);
    assert_eq!(right.len(), 2);
    add(&operator, &json!({ "fault": "chainOrder", "count": 1 }));
    assert_eq!(chain(&operator.world), [right[1].clone(), right[0].clone()]);
    add(&operator, &json!({ "fault": "expiredIntermediate", "name": "a.test", "count": 1 }));
    let expired = chain(&operator.world);
    let [old, real] = [&expired[1], &right[1]].map(|der| Parts::read(der).unwrap());
    assert_eq!((&expired[0], old.subject, old.spki), (&right[0], real.subject, real.spki));
    assert!(old.not_after < operator.world.now() && real.not_after > operator.world.now());
    assert_eq!(chain(&operator.world), right);
}

#[test]
fn configurations_that_cannot_be_are_refused_with_a_sentence() {
    let operator = faulty();
    for (wrong, says) in [
        (json!({}), "429, 503, 500"),
        (json!({ "fault": "504" }), "\"504\""),
        (json!({ "fault": "cut", "endpoints": ["new-order"] }), "unknown endpoint \"new-order\"; known are directory"),
        (json!({ "fault": "cut", "endpoints": [7] }), "unknown endpoint \"7\""),
        (json!({ "fault": "cut", "endpoints": [] }), "endpoints has to be a list"),
        (json!({ "fault": "cut", "endpoints": "order" }), "endpoints has to be a list"),
        (json!({ "fault": "processing", "endpoints": ["directory"] }), "no effect at directory"),
        (json!({ "fault": "badNonce", "endpoints": ["newNonce"] }), "no effect at newNonce"),
        (json!({ "fault": "cut", "endpoints": ["newNonce"] }), "no effect at newNonce"),
        (json!({ "fault": "cut", "retry_after": 5 }), "retry_after excludes cut"),
        (json!({ "fault": "slow" }), "slow needs delay"),
        (json!({ "fault": "slow", "delay": 121 }), "1 to 120"),
        (json!({ "fault": "slow", "delay": 5, "after": true }), "after excludes slow"),
        (json!({ "fault": "500", "reason": "dns" }), "reason excludes 500"),
        (json!({ "fault": "failedValidation", "reason": "weather" }), "one of unauthorized, dns"),
        (json!({ "fault": "cut", "seed": 1 }), "seed"),
        (json!({ "fault": "cut", "rate": 100 }), "1 to 99"),
        (json!({ "fault": "cut", "count": 0 }), "1 to 1000000"),
        (json!({ "fault": "cut", "seconds": -1 }), "1 to 2592000"),
        (json!({ "fault": "cut", "endpoints": ["newAccount"], "account": "AAAAAAAAAAAAAAAAAAAAAA" }), "account"),
        (json!({ "fault": "cut", "account": "https://elsewhere.test/acme/account/x" }), "an account of this CA"),
        (json!({ "fault": "cut", "endpoints": ["keyChange"], "name": "a.test" }), "about no name"),
        (json!({ "fault": "cut", "name": "a..test" }), "a DNS name"),
        (json!({ "fault": "cut", "for": "a.test" }), "unknown member \"for\""),
    ] {
        let detail = operator.post("faults", &wrong).refused(400, Kind::Malformed).detail();
        assert!(detail.contains(says) && detail.ends_with('.'), "{wrong}: {detail}");
    }
    assert_eq!(on(&operator), [], "nothing was changed");
    add(&operator, &json!({ "fault": "503", "endpoints": ["newOrder", "finalize"] }));
    let detail =
        operator.post("faults", &json!({ "fault": "429", "endpoints": ["newOrder"] })).refused(400, Kind::Malformed);
    assert!(
        detail.detail().starts_with("Fault 1 (503 at newOrder, finalize) takes every request"),
        "{}",
        detail.text()
    );
    add(&operator, &json!({ "fault": "429", "endpoints": ["newOrder", "newAuthz"] }));
    let detail = operator.post("faults/clear", &json!({ "number": 7 })).refused(404, Kind::Malformed).detail();
    assert!(detail.starts_with("Fault 7 is not on"), "{detail}");
    operator.post("faults/clear", &json!({ "number": 1 })).is(200);
    assert_eq!(on(&operator), [(2, 0)]);
}

#[test]
fn more_than_a_hundred_faults_are_refused() {
    let operator = faulty();
    for _ in 0..100 {
        add(&operator, &json!({ "fault": "cut", "count": 1 }));
    }
    operator.post("faults", &json!({ "fault": "cut", "count": 1 })).refused(409, Kind::Malformed);
    assert_eq!(on(&operator).len(), 100);
}

#[test]
fn ca_without_the_setting_has_no_faults_and_pays_nothing() {
    let operator = Operator::new();
    for request in [
        operator.request("GET", "faults", None),
        operator.request("POST", "faults", Some(r#"{"fault":"cut"}"#)),
        operator.request("POST", "faults/clear", Some("{}")),
    ] {
        let detail = operator.send(request).refused(404, Kind::Malformed).detail();
        assert!(detail.contains("FAULTS") && detail.contains("dev --faults"), "{detail}");
    }
    operator.client().new_order(&["a.test"]).is(201);
    assert_eq!(operator.world.cost("faults/"), (0, 0));
    // A test CA without a fault makes one call a second, and writes nothing.
    let operator = faulty();
    operator.client().new_order(&["a.test"]).is(201);
    assert_eq!(operator.world.cost("faults/"), (0, 1));
    operator.world.pass(Duration::from_secs(1));
    raw(&operator.world, get("/directory"));
    assert_eq!(operator.world.cost("faults/"), (0, 2));
    // A new fault acts at once all the same.
    add(&operator, &json!({ "fault": "503", "endpoints": ["directory"], "count": 1 }));
    assert_eq!(raw(&operator.world, get("/directory")).status, 503);
    let bare = World::new().reconfigured(|settings| settings.test_machine.faults = true);
    let detail = Operator::of(&bare).post("faults", &json!({ "fault": "expiredIntermediate" }));
    assert!(detail.refused(400, Kind::Malformed).detail().contains("EXPIRED_ISSUERS"));
}

#[test]
fn page_shows_the_faults_that_are_on() {
    let operator = faulty();
    let page = || text(&raw(&operator.world, Request { accept: Some("text/html".to_owned()), ..get("/") })).to_owned();
    assert!(!page().contains("on purpose"));
    add(&operator, &json!({ "fault": "503", "endpoints": ["newOrder"], "name": "*.a.test", "count": 3 }));
    assert!(page().contains("503 at newOrder for *.a.test, 3 times"), "{}", page());
    assert!(text(&raw(&operator.world, get("/"))).contains("503 at newOrder for *.a.test, 3 times"));
}
