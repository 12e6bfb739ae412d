//! The inventory: found, shown, downloaded, revoked.

use super::operator::{DAY, Operator, issue, texts};
use core::time::Duration;
use selvedge::ca::http::message::Body;
use selvedge::ca::testing::{BASE, Client, CsrShape, new_key};
use selvedge::pki::pem;
use selvedge::records::Kind;
use selvedge::values::SigAlg;
use selvedge::values::hex;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Certificates of two accounts: `a.test` (default profile, with `*.a.test`), `b.test` (short-lived), `c.corp.test`
/// (revoked) of the first, `d.test` of the second. Gives their serial numbers.
fn stocked(operator: &Operator) -> (Client, Client, [String; 4]) {
    let (one, two) = (operator.client(), operator.client());
    let (_, a) = issue(&one, &["a.test", "*.a.test"], json!({}));
    let (_, b) = issue(&one, &["b.test"], json!({ "profile": "shortlived" }));
    let (leaf, c) = issue(&one, &["c.corp.test"], json!({ "profile": "tlsserver" }));
    one.revoke(&leaf, Some(4)).is(200);
    let (_, d) = issue(&two, &["d.test"], json!({}));
    (one, two, [a, b, c, d])
}

fn found(operator: &Operator, query: &str) -> BTreeSet<String> {
    let all = operator.pages(&format!("certificates?{query}"), "certificates", 50);
    texts(&all, "serial").into_iter().collect()
}

#[test]
fn every_filter_finds_exactly_the_matches() {
    let operator = Operator::new();
    let (one, two, [a, b, c, d]) = stocked(&operator);
    let id = |client: &Client| client.account().rsplit('/').next().unwrap().to_owned();
    let colons = a.as_bytes().chunks(2).map(|pair| String::from_utf8_lossy(pair)).collect::<Vec<_>>().join(":");
    let issuer = operator.world.issuer().id().to_owned();
    let middle = operator.world.now().plus(DAY * 30).rfc3339();
    let set = |all: &[&String]| all.iter().map(|one| (*one).clone()).collect::<BTreeSet<_>>();
    for (query, wanted) in [
        (String::new(), set(&[&a, &b, &c, &d])),
        ("q=corp".to_owned(), set(&[&c])),
        ("q=CORP".to_owned(), set(&[&c])),
        ("q=.test".to_owned(), set(&[&a, &b, &c, &d])),
        (format!("q={}", &b[4..16].to_uppercase()), set(&[&b])),
        (format!("q={}", &id(&two)[3..15]), set(&[&d])),
        ("name=a.test".to_owned(), set(&[&a])),
        ("name=*.test".to_owned(), set(&[&a, &b, &c, &d])),
        ("name=*.corp.test".to_owned(), set(&[&c])),
        ("name=corp.test".to_owned(), set(&[])),
        ("name=10.0.0.0/8".to_owned(), set(&[])),
        ("name=*".to_owned(), set(&[&a, &b, &c, &d])),
        (format!("serial={}", colons.to_uppercase()), set(&[&a])),
        (format!("account={}", id(&one)), set(&[&a, &b, &c])),
        ("profile=shortlived".to_owned(), set(&[&b])),
        ("profile=client".to_owned(), set(&[])),
        (format!("issuer={issuer}"), set(&[&a, &b, &c, &d])),
        ("status=current".to_owned(), set(&[&a, &b, &c, &d])),
        ("status=valid".to_owned(), set(&[&a, &b, &d])),
        ("status=revoked".to_owned(), set(&[&c])),
        ("status=expired".to_owned(), set(&[])),
        ("status=all".to_owned(), set(&[&a, &b, &c, &d])),
        (format!("ends_before={middle}"), set(&[&b])),
        (format!("ends_after={middle}&name=*"), set(&[&a, &c, &d])),
        (format!("account={}&status=valid&ends_after={middle}&q=a.test", id(&one)), set(&[&a])),
        (format!("account={}&name=a.test", id(&two)), set(&[])),
    ] {
        assert_eq!(found(&operator, &query), wanted, "{query}");
    }
    // The short-lived one ends.
    operator.world.pass(DAY * 20);
    for (query, wanted) in [
        ("", set(&[&a, &c, &d])),
        ("status=expired", set(&[&b])),
        ("status=all", set(&[&a, &b, &c, &d])),
        ("status=valid", set(&[&a, &d])),
        ("status=expired&ends_after=2030-01-01T00:00:00Z", set(&[])),
        ("status=all&q=b.test", set(&[&b])),
    ] {
        assert_eq!(found(&operator, query), wanted, "{query}");
    }
    assert_eq!(operator.see(&format!("certificates/{b}"))["status"], "expired");
}

#[test]
fn expiry_filter_is_exact_to_the_second() {
    let operator = Operator::new();
    let (_, serial) = issue(&operator.client(), &["a.test"], json!({}));
    let end = operator.see(&format!("certificates/{serial}"))["not_after"].as_str().unwrap().to_owned();
    let later = selvedge::values::Time::parse_rfc3339(&end).unwrap().plus(Duration::from_secs(1)).rfc3339();
    assert_eq!(found(&operator, &format!("ends_after={end}")).len(), 1, "then or later");
    assert_eq!(found(&operator, &format!("ends_after={later}")).len(), 0);
    assert_eq!(found(&operator, &format!("ends_before={end}")).len(), 0, "before then");
    assert_eq!(found(&operator, &format!("ends_before={later}")).len(), 1);
}

#[test]
fn short_text_does_not_match_serial_numbers() {
    let operator = Operator::new();
    let client = operator.client();
    let mut serials: Vec<String> = (0..60).map(|n| issue(&client, &[&format!("n{n}.test")], json!({})).1).collect();
    let (_, db) = issue(&client, &["db.test"], json!({}));
    // Two hexadecimal digits that are in some of the serial numbers and in no name, and in the account's id maybe.
    let pair = |n: u8| hex::encode(&[n]);
    for text in (0..=255).map(pair).filter(|pair| pair.bytes().all(|b| b.is_ascii_alphabetic())) {
        let wanted: BTreeSet<String> = if text == "db" { BTreeSet::from([db.clone()]) } else { BTreeSet::new() };
        assert_eq!(found(&operator, &format!("q={text}")), wanted, "{text}");
    }
    serials.push(db);
    // The first twelve say when it ends.
    for serial in &serials {
        assert_eq!(found(&operator, &format!("q={}", &serial[..7])).len(), 0);
        let colons = serial.as_bytes()[12..28].chunks(2).map(|pair| String::from_utf8_lossy(pair));
        let colons = colons.collect::<Vec<_>>().join(":").to_uppercase();
        for text in [&serial[12..20], &serial[17..25], serial, &colons, &format!("0x{serial}")] {
            assert_eq!(found(&operator, &format!("q={text}")), BTreeSet::from([serial.clone()]), "{text}");
        }
    }
    let id = client.account().rsplit('/').next().unwrap();
    assert_eq!(
        (found(&operator, &format!("q={}", &id[..7])).len(), found(&operator, &format!("q={}", &id[..8])).len()),
        (0, 61)
    );
}

#[test]
fn international_names_are_found_and_shown_in_both_forms() {
    let operator = Operator::new();
    let client = operator.client();
    let (_, books) = issue(&client, &["xn--bcher-kva.test", "www.xn--bcher-kva.test", "plain.test"], json!({}));
    let (_, greek) = issue(&client, &["*.xn--jxalpdlp.test"], json!({}));
    let (_, plain) = issue(&client, &["bucher.test"], json!({}));
    let only = |serial: &String| BTreeSet::from([serial.clone()]);
    for (query, wanted) in [
        ("q=b%C3%BCch", only(&books)),
        ("q=B%C3%9CCHER.TEST", only(&books)),
        ("q=bu%CC%88cher", only(&books)),
        ("q=XN--BCHER", only(&books)),
        ("q=%CE%B4%CE%BF%CE%BA", only(&greek)),
        ("q=bucher", only(&plain)),
        ("q=.test", BTreeSet::from([books.clone(), greek.clone(), plain.clone()])),
        ("name=b%C3%BCcher.test", only(&books)),
        ("name=*.B%C3%BCcher.test", only(&books)),
        ("name=*.%CE%B4%CE%BF%CE%BA%CE%B9%CE%BC%CE%AE.test", only(&greek)),
        ("name=%CE%B4%CE%BF%CE%BA%CE%B9%CE%BC%CE%AE.test", BTreeSet::new()),
    ] {
        assert_eq!(found(&operator, query), wanted, "{query}");
    }
    let shown = operator.see(&format!("certificates/{books}"));
    let read: BTreeSet<&str> = shown["unicode_names"].as_array().unwrap().iter().map(|n| n.as_str().unwrap()).collect();
    assert_eq!(read, BTreeSet::from(["bücher.test", "www.bücher.test", "plain.test"]));
    let names: Vec<&Value> = shown["names"].as_array().unwrap().iter().collect();
    let at = names.iter().position(|name| **name == "xn--bcher-kva.test").unwrap();
    assert_eq!(shown["unicode_names"][at], "bücher.test", "in the same order");
    assert!(operator.get("certificates?format=csv").is(200).text().contains("*.δοκιμή.test"));
    // A pattern is kept as the certificates have it.
    let made = operator.post("replacements", &json!({ "name": "*.bücher.test" })).is(201).json();
    assert_eq!(made["selection"]["name"], "*.xn--bcher-kva.test");
    assert_eq!(operator.see(&format!("certificates/{books}"))["replace_now"], true);
    operator.get("certificates?name=%C3%BC%20.test").refused(400, Kind::Malformed);
}

#[test]
fn certificate_details_are_complete() {
    let operator = Operator::new();
    let client = operator.client();
    let (_, order) = client.ready_order(&["a.test"]);
    let key = new_key(SigAlg::Es256);
    let finished = client.finalize(&order, &CsrShape::dns(&["a.test"]).build(&key)).is(200).json();
    let chain = client.download(&finished);
    let leaf = pem::read_certificates(&chain).unwrap().remove(0);
    let serial = selvedge::pki::certificate::parse_presented(&leaf).unwrap().serial.hex();
    let shown = operator.see(&format!("certificates/{serial}"));
    assert_eq!(shown["names"], json!(["a.test"]));
    assert_eq!(shown["account"], client.account().rsplit('/').next().unwrap());
    assert_eq!(
        (&shown["status"], &shown["revoked"], &shown["renewed"]),
        (&"valid".into(), &Value::Null, &false.into())
    );
    let info = operator.world.ask("GET", &format!("/acme/renewal-info/{}", client.cert_id(&leaf))).is(200).json();
    assert_eq!(shown["renewal"], info["suggestedWindow"]);
    let downloaded = operator.get(&format!("certificates/{serial}/pem")).is(200);
    assert_eq!(downloaded.text(), chain);
    // What renews it ends later.
    operator.world.pass(DAY);
    let (_, newer) = issue(&client, &["a.test"], json!({}));
    assert_eq!(operator.see(&format!("certificates/{serial}"))["renewed"], true);
    assert_eq!(operator.see(&format!("certificates/{newer}"))["renewed"], false);
    let (_, other) = issue(&client, &["a.test", "b.test"], json!({}));
    assert_eq!(operator.see(&format!("certificates/{other}"))["renewed"], false, "other names");
    for unknown in ["certificates/0a", "certificates/0a/pem"] {
        operator.get(unknown).refused(404, Kind::Malformed);
    }
    operator.post("certificates/0a/revoke", &json!({})).refused(404, Kind::Malformed);
}

#[test]
fn csv_has_the_same_rows_page_by_page() {
    let operator = Operator::new();
    let (_, _, serials) = stocked(&operator);
    let (mut lines, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = operator.get(&format!("certificates?format=csv&limit=3&cursor={cursor}")).is(200);
        assert_eq!(page.header("Content-Type"), Some("text/csv; charset=utf-8"));
        let mut rows = page.text().split_terminator("\r\n").map(str::to_owned);
        assert!(rows.next().unwrap().starts_with("serial,names,"));
        lines.extend(rows);
        match page.header("Selvedge-Next") {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(lines.len(), 4);
    for serial in serials {
        assert!(lines.iter().any(|line| line.starts_with(&format!("\"{serial}\","))), "{lines:?}");
    }
    assert!(lines.iter().all(|line| line.split("\",\"").count() == 13), "{lines:?}");
    operator.get("certificates?format=json").is(200).json();
}

#[test]
fn a_certificate_is_revoked_once() {
    let operator = Operator::new();
    let client = operator.client();
    for reason in [None, Some(0), Some(1), Some(3), Some(4), Some(5)] {
        let (leaf, serial) = issue(&client, &["a.test"], json!({}));
        let path = format!("certificates/{serial}/revoke");
        for wrong in [json!({ "reason": 2 }), json!({ "reason": 6 }), json!({ "reason": 99 }), json!({ "reason": -1 })]
        {
            operator.post(&path, &wrong).refused(400, Kind::BadRevocationReason);
        }
        for wrong in [json!({ "reason": "1" }), json!({ "reason": null }), json!({ "reason": 1.5 })] {
            operator.post(&path, &wrong).refused(400, Kind::Malformed);
        }
        let body = reason.map_or(json!({}), |reason| json!({ "reason": reason }));
        let shown = operator.post(&path, &body).is(200).json();
        let noted = reason.filter(|reason| *reason > 0);
        assert_eq!((&shown["status"], shown["revoked"]["by"].as_str()), (&"revoked".into(), Some("operator: ada")));
        assert_eq!(shown["revoked"]["reason"].as_i64().filter(|reason| *reason > 0), noted);
        operator.post(&path, &body).refused(409, Kind::AlreadyRevoked);
        client.revoke(&leaf, None).refused(400, Kind::AlreadyRevoked);
    }
    assert_eq!(operator.noted(2), ["certificate.revoke attempted", "certificate.revoke refused"]);
}

#[test]
fn expired_certificate_is_not_revoked() {
    let operator = Operator::new();
    let (_, serial) = issue(&operator.client(), &["a.test"], json!({ "profile": "shortlived" }));
    operator.world.pass(DAY * 30);
    operator.post(&format!("certificates/{serial}/revoke"), &json!({ "reason": 4 })).is(409);
    assert_eq!(operator.see(&format!("certificates/{serial}"))["revoked"], Value::Null);
}

#[test]
fn compromised_key_is_refused_afterwards() {
    let operator = Operator::new();
    let (client, key) = (operator.client(), new_key(SigAlg::Es256));
    let leaf = client.issue(&["a.test"], &key);
    let serial = selvedge::pki::certificate::parse_presented(&leaf).unwrap().serial.hex();
    operator.post(&format!("certificates/{serial}/revoke"), &json!({ "reason": 1 })).is(200);
    let (_, order) = client.ready_order(&["b.test"]);
    client.finalize(&order, &CsrShape::dns(&["b.test"]).build(&key)).refused(400, Kind::BadCsr);
    client.finalize(&order, &CsrShape::dns(&["b.test"]).build(&new_key(SigAlg::Es256))).is(200);
}

#[test]
fn key_compromise_replaces_an_earlier_reason() {
    let operator = Operator::new();
    let (client, key) = (operator.client(), new_key(SigAlg::Es256));
    let leaf = client.issue(&["a.test"], &key);
    let path =
        format!("certificates/{}/revoke", selvedge::pki::certificate::parse_presented(&leaf).unwrap().serial.hex());
    operator.post(&path, &json!({ "reason": 4 })).is(200);
    assert_eq!(operator.post(&path, &json!({ "reason": 1 })).is(200).json()["revoked"]["reason"], 1);
    operator.post(&path, &json!({ "reason": 4 })).refused(409, Kind::AlreadyRevoked);
    let (_, order) = client.ready_order(&["b.test"]);
    client.finalize(&order, &CsrShape::dns(&["b.test"]).build(&key)).refused(400, Kind::BadCsr);
}

#[test]
fn crl_of_the_shard_has_the_revoked_certificate() {
    let operator = Operator::new();
    let (leaf, serial) = issue(&operator.client(), &["a.test"], json!({}));
    let url = selvedge::pki::certificate::parse_presented(&leaf).unwrap();
    assert!(!url.spki_der.is_empty());
    let lists = |operator: &Operator| -> Vec<Vec<u8>> {
        operator.world.run_due_alarms();
        let issuer = operator.world.issuer().id().to_owned();
        let urls = (0..4).map(|shard| operator.world.urls().crl(&issuer, shard));
        let path = |url: String| url.strip_prefix(BASE).or(url.strip_prefix("http://ca.test")).unwrap().to_owned();
        urls.map(|url| operator.world.ask("GET", &path(url)))
            .filter(|answered| answered.status() == 200)
            .map(|answered| match answered.response.body {
                Body::Bytes(der) => der,
                Body::Text(_) => Vec::new(),
            })
            .collect()
    };
    let octets = hex::decode(&serial).unwrap();
    let listed =
        |operator: &Operator| lists(operator).iter().any(|der| der.windows(octets.len()).any(|part| part == octets));
    assert!(!listed(&operator));
    operator.post(&format!("certificates/{serial}/revoke"), &json!({})).is(200);
    operator.world.live(Duration::from_secs(11));
    assert!(listed(&operator));
}
