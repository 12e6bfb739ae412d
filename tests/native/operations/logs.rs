//! The log: one line with its members for each request, validation, issuance and revocation.
//!
//! The world checks each line and answer for secrets of the CA and signed contents.

use core::time::Duration;
use selvedge::ca::config::admin_tokens::AdminTokens;
use selvedge::ca::config::rate_limits::Limits;
use selvedge::ca::config::request_log::RequestLog;
use selvedge::ca::config::settings::TermsChange;
use selvedge::ca::http::address::ClientAddress;
use selvedge::ca::http::message::Request;
use selvedge::ca::testing::{Answered, BASE, Client, CsrShape, OperationFault, Proof, Race, World, form, new_key};
use selvedge::pki::certificate::parse_presented;
use selvedge::records::Kind;
use selvedge::values::SigAlg;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const ADMIN: &str = "an-admin-token-of-sufficient-length";

/// The lines since the last call of this kind, all valid JSON.
fn lines(world: &World, seen: &mut usize) -> Vec<Value> {
    let all = world.lines();
    let new = all[*seen..].iter().map(|line| {
        assert!(!line.contains('\n'), "{line}");
        let mut value: Value = serde_json::from_str(line).unwrap();
        assert!(value["event"].is_string() && value["at"].as_str().unwrap().ends_with('Z'), "{line}");
        assert!(line.starts_with("{\"event\":\""), "dev knows it by that: {line}");
        let version = value.as_object_mut().unwrap().remove("version");
        assert_eq!(version, Some(json!(selvedge::VERSION)), "{line}");
        value
    });
    let new = new.collect();
    *seen = all.len();
    new
}

fn of_event(world: &World, event: &str) -> Vec<Value> {
    lines(world, &mut 0).into_iter().filter(|line| line["event"] == event).collect()
}

fn id_of(url: &str) -> &str {
    url.rsplit('/').next().unwrap()
}

fn members(line: &Value) -> Vec<&str> {
    line.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn each_request_has_one_log_line() {
    let world = World::new().reconfigured(|settings| {
        settings.admin = AdminTokens::read(Some(&json!({ "ada": ADMIN }).to_string())).unwrap();
    });
    let mut client = Client::registered(&world);
    client.address = Some(ClientAddress::of("192.0.2.1".parse().unwrap()));
    let account = id_of(client.account()).to_owned();
    let nonce = client.fresh_nonce();
    let mut seen = world.lines().len();
    let mut one = |answered: Answered, method: &str, resource: &str| {
        let mut found = lines(&world, &mut seen);
        assert_eq!(found.len(), 1, "{}: {found:?}", answered.asked);
        let line = found.remove(0);
        assert_eq!(
            (&line["event"], &line["method"], &line["resource"], &line["status"], &line["ms"]),
            (&json!("request"), &json!(method), &json!(resource), &json!(answered.status()), &json!(0)),
            "{line}"
        );
        assert_eq!(line["problem"].is_string(), answered.status() >= 400 && method != "HEAD", "{line}");
        line
    };
    let passed = one(client.get(client.account()).is(200), "POST", "account");
    assert_eq!(
        members(&passed),
        ["event", "at", "method", "resource", "status", "ms", "request", "account", "address"]
    );
    assert_eq!((passed["account"].as_str(), passed["address"].as_str()), (Some(&*account), Some("192.0.2.1")));
    let missing = format!("{BASE}/acme/order/AAAAAAAAAAAAAAAAAAAAAA");
    let refused = one(client.get(&missing).is(404), "POST", "order");
    assert_eq!((&refused["problem"], refused["account"].as_str()), (&json!("malformed"), Some(&*account)));
    assert!(refused["detail"].as_str().unwrap().starts_with("There is no such order"), "{refused}");
    assert!(refused.get("signed").is_none());
    one(world.ask("OPTIONS", "/acme/new-order").is(204), "OPTIONS", "new-order");
    let nothing = one(world.ask("GET", "/a/secret/path?with=query").is(404), "GET", "none");
    assert!(!nothing.to_string().contains("secret"), "{nothing}");
    one(world.ask("GET", "/directory").is(200), "GET", "directory");
    one(world.ask("HEAD", "/acme/new-nonce").is(200), "HEAD", "new-nonce");
    let odd =
        one(world.ask("AVERYLONGMETHODTHATNOBODYKNOWS", "/directory").is(405), "AVERYLONGMETHODTHATN", "directory");
    assert!(odd["detail"].as_str().unwrap().len() < 300);
    // What says that it is an account's, and is not signed by it.
    let stranger = Client::new(&world);
    let protected = json!({ "kid": client.account(), "nonce": nonce, "url": client.account() });
    let forged = stranger.request(client.account(), stranger.key.sign_jws(protected, None));
    let forged = one(stranger.send(forged).refused(400, Kind::Malformed), "POST", "account");
    assert_eq!((forged["account"].as_str(), &forged["signed"]), (Some(&*account), &json!(false)));
}

#[test]
fn operator_requests_log_operator_and_action() {
    let world = World::new().reconfigured(|settings| {
        settings.admin = AdminTokens::read(Some(&json!({ "ada": ADMIN }).to_string())).unwrap();
    });
    let ask = |method: &str, path: &str, token: &str| {
        world.send(Request {
            method: method.to_owned(),
            path: format!("/admin/v1/{path}"),
            content_type: Some("application/json".to_owned()),
            authorization: Some(format!("Bearer {token}")),
            body: Some(json!({ "kid": "team-a" }).to_string().into_bytes()),
            ..Request::default()
        })
    };
    ask("GET", "status", ADMIN).is(200);
    ask("POST", "external-accounts", ADMIN).is(201);
    ask("HEAD", "accounts?limit=x", ADMIN).is(400);
    ask("GET", "status", "a-token-that-nobody-has-and-nobody-had").is(401);
    ask("OPTIONS", "status", ADMIN).is(405);
    let found = lines(&world, &mut 0);
    let logged: Vec<_> = found.iter().map(|line| (line["operator"].as_str(), line["action"].as_str())).collect();
    assert_eq!(
        logged,
        [
            (Some("ada"), Some("/admin/v1/status")),
            (Some("ada"), Some("/admin/v1/external-accounts")),
            (Some("ada"), Some("/admin/v1/accounts")),
            (None, Some("/admin/v1/status")),
            (Some("ada"), Some("/admin/v1/status")),
        ]
    );
    assert!(found.iter().all(|line| line["resource"] == "admin"));
    assert_eq!(found[2]["problem"], "malformed", "also where the answer has no body");
    let all = world.lines().join("\n");
    assert!(!all.contains("nobody-has") && !all.contains("limit=x"), "{all}");
}

/// The log of requests is read by more people than the client's own.
#[test]
fn log_lines_hide_page_urls_with_proofs() {
    let world = World::new().reconfigured(|settings| {
        settings.limits = Limits::read(Some(r#"{"failed_validations":"off","pause_after":1}"#)).unwrap();
    });
    let client = Client::registered(&world);
    client.fail("z.test");
    let paused = client.new_order(&["z.test"]).refused(429, Kind::RateLimited).json();
    let surprised = world.reconfigured(|settings| {
        settings.meta.terms_of_service = Some("https://example.org/terms/2".to_owned());
        settings.terms_change = TermsChange::Refuse;
    });
    let client = client.at(&surprised);
    let asked = client.new_order(&["a.test"]).refused(403, Kind::UserActionRequired).json();
    for (refused, page) in [(paused, "/resume/"), (asked, "/terms/")] {
        let url = refused["instance"].as_str().unwrap();
        let proof = id_of(url);
        assert!(refused["detail"].as_str().unwrap().contains(proof));
        world.send(form(url, "nothing=1"));
        let all = world.lines().join("\n");
        assert!(!all.contains(proof), "{proof} in {all}");
        assert!(all.contains(&format!("{BASE}{page}…")), "{all}");
    }
}

#[test]
fn log_details_are_truncated() {
    let world = World::new();
    let client = Client::registered(&world);
    let (_, order) = client.ready_order(&["a.test"]);
    let names: Vec<String> = (0..6).map(|n| format!("n{n}.{}.test", "x".repeat(60))).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let other = CsrShape::dns(&names).build(&new_key(SigAlg::Es256));
    assert!(client.finalize(&order, &other).refused(400, Kind::BadCsr).detail().len() > 400);
    let kid = format!("https://elsewhere.test/{}", "\u{e9}".repeat(400));
    let protected = json!({ "kid": kid, "nonce": client.nonce(), "url": client.account() });
    client.send(client.request(client.account(), client.key.sign_jws(protected, None))).is(400);
    let details: Vec<usize> =
        of_event(&world, "request").iter().filter_map(|line| Some(line["detail"].as_str()?.chars().count())).collect();
    assert!(details.len() == 2 && details.iter().all(|length| *length <= 300) && details.contains(&300), "{details:?}");
}

#[test]
fn request_log_settings_select_the_lines() {
    let run = |request_log| {
        let world = World::new().reconfigured(|settings| settings.request_log = request_log);
        let client = Client::registered(&world);
        let certificate = client.issue(&["a.test"], &new_key(SigAlg::Es256));
        client.fail("z.test");
        world.ask("GET", "/nothing").is(404);
        client.revoke(&certificate, None).is(200);
        lines(&world, &mut 0)
    };
    assert_eq!(run(RequestLog::Off), Vec::<Value>::new());
    let (some, all) = (run(RequestLog::Errors), run(RequestLog::On));
    let statuses = |lines: &[Value]| {
        let requests = lines.iter().filter(|line| line["event"] == "request");
        requests.map(|line| line["status"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(statuses(&some), [404]);
    assert!(statuses(&all).len() > 10);
    let others = |lines: &[Value]| {
        let others = lines.iter().map(|line| line["event"].as_str().unwrap().to_owned());
        others.filter(|event| event != "request").collect::<Vec<_>>()
    };
    assert_eq!(others(&some), ["validation", "issuance", "validation", "revocation"]);
    assert_eq!(others(&some), others(&all));
}

#[test]
fn validations_log_attempts_and_failures() {
    let world = World::new();
    let client = Client::registered(&world);
    client.ready_order(&["a.test"]);
    client.fail("z.test");
    world.network().set_resolver_down(true);
    let placed = client.new_order(&["b.test"]).is(201).json();
    let challenge = client.prove(&client.authorizations(&placed).remove(0).1, Proof::Dns);
    client.post(challenge["url"].as_str().unwrap(), json!({})).is(200);
    world.pass(Duration::from_secs(6));
    world.run_due_alarms();
    world.network().set_resolver_down(false);
    world.pass(Duration::from_secs(6));
    world.run_due_alarms();
    let found = of_event(&world, "validation");
    let logged = |line: &Value| {
        let text = |member: &str| line[member].as_str().unwrap_or("-").to_owned();
        [text("identifier"), text("kind"), text("outcome"), text("problem"), line["attempt"].to_string()].join(" ")
    };
    assert_eq!(
        found.iter().map(logged).collect::<Vec<_>>(),
        [
            "a.test http-01 valid - 1",
            "z.test http-01 invalid unauthorized 1",
            "b.test dns-01 again dns 1",
            "b.test dns-01 again dns 2",
            "b.test dns-01 valid - 3",
        ]
    );
    assert!(found.iter().all(|line| line["account"] == id_of(client.account()) && line["ms"].is_u64()));
    assert!(found[1]["detail"].as_str().is_some_and(|detail| !detail.is_empty()));
}

#[test]
fn issuances_and_revocations_have_one_log_line_each() {
    let world = World::new();
    let client = Client::registered(&world);
    let names: Vec<String> = (0..12).map(|n| format!("n{n:02}.test")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let certificate = client.issue(&names, &new_key(SigAlg::Es256));
    let (serial, issuer) = (parse_presented(&certificate).unwrap().serial.hex(), world.issuer().id().to_owned());
    let issued = of_event(&world, "issuance").remove(0);
    assert_eq!(
        members(&issued),
        [
            "event",
            "at",
            "outcome",
            "serial",
            "issuer",
            "account",
            "order",
            "profile",
            "names",
            "names_count",
            "not_after",
            "attempt",
            "ms"
        ]
    );
    assert_eq!((&issued["outcome"], &issued["profile"]), (&json!("issued"), &json!("default")));
    assert_eq!((issued["serial"].as_str(), issued["issuer"].as_str()), (Some(&*serial), Some(&*issuer)));
    assert_eq!((issued["names"].as_array().unwrap().len(), &issued["names_count"]), (10, &json!(12)));
    assert_eq!(issued["account"], id_of(client.account()));
    for (status, kind) in [(200, None), (400, Some(Kind::AlreadyRevoked))] {
        let answered = client.revoke(&certificate, Some(4)).is(status);
        if let Some(kind) = kind {
            answered.refused(400, kind);
        }
    }
    let revoked = of_event(&world, "revocation");
    assert_eq!(revoked.len(), 1, "what is refused revokes nothing");
    let line = &revoked[0];
    assert_eq!(members(line), ["event", "at", "serial", "issuer", "account", "by", "reason"]);
    assert_eq!((line["serial"].as_str(), &line["by"], &line["reason"]), (Some(&*serial), &json!("account"), &json!(4)));
}

#[test]
fn abandoned_issuance_logs_its_reason() {
    let world = World::new();
    let client = Client::registered(&world);
    let (url, order) = client.ready_order(&["a.test"]);
    world.sign_fault().from(0);
    client.finalize(&order, &CsrShape::dns(&["a.test"]).build(&new_key(SigAlg::Es256))).is(200);
    assert_eq!(of_event(&world, "issuance"), Vec::<Value>::new(), "it is tried again");
    world.live(Duration::from_secs(120));
    assert_eq!(client.get(&url).is(200).json()["status"], "invalid");
    let found = of_event(&world, "issuance");
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((&found[0]["outcome"], &found[0]["attempt"]), (&json!("failed"), &json!(12)));
    assert_eq!(found[0]["problem"], "serverInternal");
    assert!(found[0]["detail"].as_str().unwrap().contains("injected fault at sign"), "{}", found[0]);
    assert!(found[0]["ms"].as_u64().unwrap() >= 55_000, "{}", found[0]);
}

/// The certificates of a world, and those that its lines tell of; none twice.
fn stored_and_logged(world: &World, what: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let text = |value: &Value| value["serial"].as_str().unwrap().to_owned();
    let stored = world.records("cert/").iter().map(|(_, record)| text(record)).collect();
    let lines = of_event(world, "issuance");
    let logged: BTreeSet<String> = lines.iter().filter(|line| line["outcome"] == "issued").map(text).collect();
    assert_eq!(logged.len(), lines.len(), "{what}: {lines:?}");
    (stored, logged)
}

#[test]
fn interrupted_issuance_is_logged_once() {
    let start = World::cooperative();
    let client = Client::registered(&start);
    let (_, order) = client.ready_order(&["a.test"]);
    let csr = CsrShape::dns(&["a.test"]).build(&new_key(SigAlg::Es256));
    let mut resumed = 0;
    for k in 0..60 {
        let world = start.fork();
        let done = Race::interrupt(&world, world.serve(client.at(&world).finalize_request(&order, &csr)), k);
        resumed += usize::from(!done && !world.works().is_empty());
        world.restart();
        world.run_due_alarms();
        client.at(&world).finalize(&order, &csr).is(200);
        let (stored, logged) = stored_and_logged(&world, &format!("after {k} steps"));
        assert_eq!((stored.len(), stored), (1, logged), "after {k} steps");
        if done {
            break;
        }
    }
    assert!(resumed > 2, "it was resumed {resumed} times");
}

/// A crash right after storing the certificate is the only one without a log line.
#[test]
fn crashed_issuance_is_not_logged_twice() {
    let start = World::new();
    let client = Client::registered(&start);
    let (_, order) = client.ready_order(&["a.test"]);
    let csr = CsrShape::dns(&["a.test"]).build(&new_key(SigAlg::Es256));
    for fault in OperationFault::ALL {
        let mut unlogged = 0;
        for n in 0.. {
            let world = start.fork();
            let request = client.at(&world).finalize_request(&order, &csr);
            world.operations().plan(&[(n, fault)]);
            world.try_send(request);
            let struck = world.operations().struck();
            world.heal();
            world.restart();
            world.live(Duration::from_secs(120));
            client.at(&world).finalize(&order, &csr).is(200);
            let (stored, logged) = stored_and_logged(&world, &format!("{fault:?} {n}"));
            assert!(stored.len() == 1 && logged.is_subset(&stored), "{fault:?} {n}: {logged:?}");
            unlogged += usize::from(logged.is_empty());
            if struck == 0 {
                break;
            }
        }
        let lost = matches!(fault, OperationFault::MachineDiesAfter | OperationFault::PartitionDiesAfter);
        assert_eq!(unlogged, usize::from(lost), "{fault:?}");
    }
}
