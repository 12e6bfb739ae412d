//! Who may ask.

use super::operator::{ADA, BEN, DAY, Operator, SECOND};
use core::time::Duration;
use selvedge::ca::http::message::Request;
use selvedge::ca::testing::{Answered, World};
use selvedge::records::Kind;
use std::collections::BTreeSet;

const PATHS: [&str; 5] = ["status", "certificates", "external-accounts/none", "policy", "audit"];

fn asked(operator: &Operator, authorization: Option<&str>) -> Answered {
    let authorization = authorization.map(str::to_owned);
    operator.send(Request { authorization, ..operator.request("GET", "status", None) })
}

#[test]
fn only_a_complete_operator_token_signs_in() {
    let operator = Operator::new();
    for (authorization, name) in [
        (format!("Bearer {ADA}"), "ada"),
        (format!("Bearer {BEN}"), "ben"),
        (format!("bearer {BEN}"), "ben"),
        (format!("BEARER  {ADA} "), "ada"),
    ] {
        let status = asked(&operator, Some(&authorization)).is(200).json();
        assert_eq!((&status["who"], &status["by"]), (&name.into(), &"token".into()));
    }
    let cut = &ADA[1..];
    for wrong in [
        None,
        Some(String::new()),
        Some(ADA.to_owned()),
        Some("Bearer".to_owned()),
        Some("Bearer ".to_owned()),
        Some(format!("Bearer {cut}")),
        Some(format!("Bearer {ADA}x")),
        Some(format!("Bearer {}", ADA.to_uppercase())),
        Some(format!("Bearer {ADA} {BEN}")),
        Some(format!("Basic {ADA}")),
        Some(format!("Bearer\t{ADA}")),
        Some("Bearer ada".to_owned()),
    ] {
        let answered = asked(&operator, wrong.as_deref()).refused(401, Kind::Unauthorized);
        assert_eq!(answered.header("WWW-Authenticate"), Some("Bearer realm=\"operations\""), "{wrong:?}");
    }
}

#[test]
fn operator_api_without_tokens_is_not_found() {
    let operator = Operator { world: World::new(), ..Operator::new() };
    for path in PATHS {
        for method in ["GET", "POST", "OPTIONS", "PUT"] {
            operator.world.send(operator.request(method, path, Some("{}"))).refused(404, Kind::Malformed);
        }
    }
    assert!(operator.world.rows().is_empty());
}

#[test]
fn ten_wrong_tokens_lock_out_wrong_tokens_only() {
    let operator = Operator::new();
    let stranger = operator.with("a-token-that-nobody-was-ever-given-x", 1);
    for _ in 0..10 {
        stranger.get("status").refused(401, Kind::Unauthorized);
    }
    let refused = stranger.get("status").refused(429, Kind::RateLimited);
    let wait: u64 = refused.header("Retry-After").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    // The operator works on, from the same address and however long the stranger goes on.
    for _ in 0..20 {
        stranger.get("status").refused(429, Kind::RateLimited);
        operator.get("status").is(200);
        assert!(operator.post("policy", &serde_json::json!({})).status() < 300);
        operator.with(BEN, 1).get("status").is(200);
    }
    operator.with("a-token-that-nobody-was-ever-given-x", 2).get("status").refused(401, Kind::Unauthorized);
    assert_eq!(
        operator.audit().iter().filter(|entry| entry["what"] == "sign-in").count(),
        11,
        "one for each that was heard"
    );
    operator.world.pass(SECOND * u32::try_from(wait).unwrap());
    stranger.get("status").refused(401, Kind::Unauthorized);
    stranger.get("status").refused(429, Kind::RateLimited);
    operator.world.pass(Duration::from_secs(600));
    for _ in 0..10 {
        stranger.get("status").is(401);
    }
    stranger.get("status").is(429);
}

#[test]
fn unknown_address_is_not_locked_out() {
    let operator = Operator { address: None, ..Operator::new() };
    let stranger = Operator { address: None, ..operator.with("a-token-that-nobody-was-ever-given-x", 1) };
    for _ in 0..30 {
        stranger.get("status").refused(401, Kind::Unauthorized);
    }
    operator.get("status").is(200);
}

#[test]
fn missing_and_right_tokens_do_not_lock_out() {
    let operator = Operator::new();
    for _ in 0..30 {
        asked(&operator, None).is(401);
        asked(&operator, Some(&format!("Basic {ADA}"))).is(401);
        operator.get("status").is(200);
    }
    assert_eq!(operator.audit(), Vec::<serde_json::Value>::new());
}

#[test]
fn wrong_tokens_are_recorded_up_to_a_bound() {
    let operator = Operator::new();
    let wrong = "a-token-that-nobody-was-ever-given-x";
    for n in 2..82 {
        operator.with(wrong, n).get("certificates?q=secret.test").is(401);
    }
    let entries = operator.audit();
    assert_eq!(entries.len(), 60);
    for entry in &entries {
        assert_eq!(
            (&entry["what"], &entry["who"], &entry["by"]),
            (&"sign-in".into(), &"nobody".into(), &"none".into())
        );
        assert_eq!((&entry["outcome"], &entry["target"]), (&"refused".into(), &"certificates".into()));
        assert!(!entry.to_string().contains(wrong) && !entry.to_string().contains("secret.test"));
    }
    assert_eq!(entries[0]["address"], "192.0.2.2");
    operator.world.pass(DAY);
    operator.with(wrong, 2).get("status").is(401);
    assert_eq!(operator.audit().len(), 61);
}

#[test]
fn refusals_cost_the_same_for_every_request() {
    let operator = Operator::new();
    let (client, key) = (operator.client(), operator.key(&serde_json::json!({ "kid": "team" })));
    assert_eq!(key["kid"], "team");
    let account = client.account().rsplit('/').next().unwrap().to_owned();
    let mut works = BTreeSet::new();
    for (n, path) in
        ["status", "external-accounts/team", "external-accounts/none", &format!("accounts/{account}"), "policy"]
            .into_iter()
            .enumerate()
    {
        operator.world.operations().plan(&[]);
        operator.with(&ADA[1..], 10 + u8::try_from(n).unwrap()).get(path).is(401);
        works.insert(operator.world.operations().log());
    }
    assert_eq!(works.len(), 1, "{works:?}");
    for path in PATHS {
        operator.world.operations().plan(&[]);
        operator.send(Request { authorization: None, ..operator.request("POST", path, Some("{}")) }).is(401);
        assert!(operator.world.operations().log().is_empty(), "nobody is asked for who shows nothing");
    }
}

#[test]
fn wrong_token_is_refused_when_the_audit_record_fails() {
    let operator = Operator::new();
    operator.world.call_fault().from(0);
    operator.with(&ADA[1..], 9).get("status").refused(401, Kind::Unauthorized);
    operator.world.heal();
    assert!(operator.world.log().iter().any(|line| line.starts_with("the audit record: ")));
}

#[test]
fn cross_origin_scripts_get_no_cors_headers() {
    let operator = Operator::new();
    for token in [ADA, &ADA[1..]] {
        for path in PATHS {
            for method in ["OPTIONS", "GET", "HEAD", "POST", "PUT", "DELETE"] {
                let answered = operator.with(token, 3).send(operator.with(token, 3).request(method, path, Some("{}")));
                let exposes = answered.response.headers.iter().find(|(name, _)| name.starts_with("Access-Control"));
                assert_eq!(exposes, None, "{method} {path}");
                assert!(answered.header("Replay-Nonce").is_none(), "{method} {path}");
            }
        }
        operator.world.pass(DAY);
    }
    let answered = operator.send(operator.request("OPTIONS", "policy", None)).refused(405, Kind::Malformed);
    assert_eq!(answered.header("Allow"), Some("GET, HEAD, POST"));
}
