//! What requests have to look like.

use super::operator::Operator;
use selvedge::ca::http::message::Request;
use selvedge::ca::testing::Answered;
use selvedge::records::Kind;

/// Those that take a body, and something that each takes.
const POSTS: [(&str, &str); 8] = [
    ("external-accounts", r#"{"kid":"a"}"#),
    ("external-accounts/a", r#"{"note":"x"}"#),
    ("replacements", r#"{"name":"*"}"#),
    ("policy", r#"{"wildcards":true}"#),
    ("policy/restore", r#"{"version":0}"#),
    ("policy/check", r#"{"identifiers":["a.test"]}"#),
    ("policy/shadow", r#"{"allow":["*"]}"#),
    ("policy/shadow", "null"),
];

fn sent(operator: &Operator, path: &str, content_type: Option<&str>, body: &str) -> Answered {
    let content_type = content_type.map(str::to_owned);
    operator.send(Request { content_type, ..operator.request("POST", path, Some(body)) })
}

#[test]
fn bodies_require_json_and_its_media_type() {
    let operator = Operator::new();
    for (path, body) in POSTS {
        for other in [
            None,
            Some(""),
            Some("text/plain"),
            Some("application/x-www-form-urlencoded"),
            Some("application/jose+json"),
        ] {
            sent(&operator, path, other, body).refused(415, Kind::Malformed);
        }
    }
    for (path, body) in POSTS {
        let status = sent(&operator, path, Some("Application/JSON; charset=utf-8"), body).status();
        assert!((200..=201).contains(&status), "{path}: {status}");
    }
}

#[test]
fn unknown_or_contradictory_members_refuse_the_body() {
    let operator = Operator::new();
    for (path, good) in POSTS {
        let open = good.trim_end_matches('}');
        let mut bad = vec!["{".to_owned(), "[]".to_owned(), "1".to_owned(), "\"x\"".to_owned(), good.to_owned() + "x"];
        if good != "null" {
            bad.extend([format!("{open},\"odd\":1}}"), format!("{open},{}", &good[1..])]);
        }
        for body in bad {
            let before = operator.world.rows_but_nonces().keys().filter(|(_, key)| !key.starts_with("audit")).count();
            let detail =
                operator.send(operator.request("POST", path, Some(&body))).refused(400, Kind::Malformed).detail();
            let after = operator.world.rows_but_nonces().keys().filter(|(_, key)| !key.starts_with("audit")).count();
            assert_eq!(before, after, "{path} {body}: {detail}");
        }
        let bytes = Request { body: Some(vec![b'{', 0xff, b'}']), ..operator.request("POST", path, Some("")) };
        operator.send(bytes).refused(400, Kind::Malformed);
        operator.send(Request { body: None, ..operator.request("POST", path, Some("")) }).refused(413, Kind::Malformed);
    }
}

#[test]
fn members_of_the_wrong_type_are_named() {
    let operator = Operator::new();
    let long = format!(r#"{{"note":"{}"}}"#, "\u{fc}".repeat(201));
    let odd = format!(r#"{{"uses":"{}"}}"#, "\u{e000}".repeat(255));
    for (path, body, named) in [
        ("external-accounts", r#"{"kid":1}"#, "kid is"),
        ("external-accounts", r#"{"uses":"twice"}"#, "uses is \"twice\""),
        ("external-accounts", odd.as_str(), "uses is "),
        ("external-accounts", r#"{"expires":1}"#, "expires is"),
        ("external-accounts", r#"{"expires":"tomorrow"}"#, "expires is \"tomorrow\""),
        ("external-accounts", r#"{"expires":"2020-01-01T00:00:00Z"}"#, "expires is in the past"),
        ("external-accounts", r#"{"policy":[]}"#, "policy is"),
        ("external-accounts", r#"{"policy":{"alow":[]}}"#, "policy has the unknown member \"alow\""),
        ("external-accounts", r#"{"policy":{"allow":["a"],"allow":["b"]}}"#, "twice"),
        ("external-accounts", long.as_str(), "note is longer than 200"),
        ("external-accounts/a", r#"{"disabled":"yes"}"#, "disabled is a string"),
        ("replacements", r#"{"issuer":"none","name":"*"}"#, "issuer is \"none\""),
        ("replacements", r#"{"profile":"none","name":"*"}"#, "profile is \"none\""),
        ("replacements", r#"{"account":"none","name":"*"}"#, "account is \"none\""),
        ("replacements", r#"{"name":"a b"}"#, "name is \"a b\""),
        ("replacements", r#"{"name":"*","explanation":"javascript:alert(1)"}"#, "explanation is not the URL"),
        ("policy/restore", r#"{"version":"1"}"#, "version is a string"),
        ("policy/restore", r#"{"version":1.5}"#, "version is"),
        ("policy/restore", r#"{"version":-1}"#, "no such version"),
        ("policy/restore", r#"{"version":99999999999}"#, "no such version"),
        ("policy/check", r#"{"identifiers":[]}"#, "identifiers has to be"),
        ("policy/check", r#"{"identifiers":"a.test"}"#, "identifiers has to be"),
        ("policy/check", r#"{"identifiers":["a b"]}"#, "identifiers has \"a b\""),
        ("policy/check", r#"{"identifiers":[1]}"#, "identifiers has"),
        ("policy/check", r#"{"identifiers":["a.test"],"document":{"alow":[]}}"#, "document has the unknown member"),
        ("policy/check", r#"{"identifiers":["a.test"],"external_account":"none"}"#, "external_account is \"none\""),
        ("policy/check", r#"{"identifiers":["a.test"],"external_account":"a/b"}"#, "external_account is \"a/b\""),
    ] {
        let detail = operator.send(operator.request("POST", path, Some(body))).refused(400, Kind::Malformed).detail();
        assert!(detail.contains(named), "{body}: {detail}");
    }
    let many: Vec<String> = (0..101).map(|n| format!("n{n}.test")).collect();
    operator.post("policy/check", &serde_json::json!({ "identifiers": many })).refused(400, Kind::Malformed);
    operator.post("policy/check", &serde_json::json!({ "identifiers": many[..100] })).is(200);
}

#[test]
fn unknown_query_parameters_are_refused() {
    let operator = Operator::new();
    let long = format!("certificates?q={}", "%C3%BC".repeat(101));
    let odd = format!("certificates?name={}", "%EE%80%80".repeat(255));
    for (path, said) in [
        ("certificates?page=2", "\"page\""),
        ("certificates?q=a&q=b", "twice"),
        ("certificates?limit=0", "limit is \"0\""),
        ("certificates?limit=201", "limit is"),
        ("certificates?limit=x", "limit is"),
        ("certificates?status=odd", "status is"),
        ("certificates?format=xml", "format is"),
        ("certificates?cursor=x", "cursor is"),
        ("certificates?serial=xyz", "serial is"),
        ("certificates?account=x", "account is"),
        ("certificates?issuer=x", "issuer is"),
        ("certificates?profile=x", "profile is"),
        ("certificates?name=a%20b", "name is"),
        ("certificates?ends_after=soon", "ends_after is"),
        (long.as_str(), "q is"),
        (odd.as_str(), "name is"),
        ("accounts?limit=201", "limit is"),
        ("accounts?q=x", "\"q\""),
        ("external-accounts?limit=-1", "limit is"),
        ("audit?cursor=0", "cursor is"),
        ("audit?which=x", "\"which\""),
        ("status?x", "\"x\""),
        ("policy?note=x", "\"note\""),
        ("replacements?limit=1", "\"limit\""),
        ("policy/shadow?limit=1", "\"limit\""),
    ] {
        let detail = operator.get(path).refused(400, Kind::Malformed).detail();
        assert!(detail.contains(said), "{path}: {detail}");
    }
    for (path, body) in POSTS {
        operator.send(operator.request("POST", &format!("{path}?odd=1"), Some(body))).refused(400, Kind::Malformed);
    }
    let note = format!("policy?note={}", "%C3%BC".repeat(200));
    assert_eq!(operator.post(&note, &serde_json::json!({})).is(201).json()["note"], "\u{fc}".repeat(200));
    operator.post(&format!("{note}x"), &serde_json::json!({})).is(400);
    operator.get("certificates?q=&name=&cursor=&limit=&status=").is(200);
}

#[test]
fn head_answers_like_get_and_other_methods_are_refused() {
    let operator = Operator::new();
    for path in ["status", "certificates", "accounts", "policy", "audit", "replacements", "external-accounts"] {
        let (get, head) = (operator.get(path).is(200), operator.send(operator.request("HEAD", path, None)).is(200));
        assert_eq!((head.text(), head.anonymous().headers), ("", get.anonymous().headers), "{path}");
        for method in ["PUT", "DELETE", "PATCH", "post"] {
            let refused = operator.send(operator.request(method, path, Some("{}"))).refused(405, Kind::Malformed);
            assert!(refused.header("Allow").unwrap().starts_with("GET, HEAD"), "{path}");
        }
    }
    for path in [
        "status/",
        "nothing",
        "certificates/xyz",
        "certificates/0A",
        "accounts/short",
        "external-accounts/",
        "external-accounts/.",
    ] {
        operator.world.send(operator.request("GET", path, None)).refused(404, Kind::Malformed);
    }
}
