//! What the operators' page shows first, and the filters behind it.

use super::operating::{another_issuer, let_pass};
use super::operator::{BEN, DAY, Operator, SECOND, issue, serial_of, texts};
use selvedge::pki::certificate::sha256;
use selvedge::records::Kind;
use selvedge::values::{Time, hex};
use serde_json::{Value, json};

/// The days of a list that are not empty, by their distance from its first.
fn filled(overview: &Value, list: &str) -> Vec<(usize, Value)> {
    let days = overview[list].as_array().unwrap().iter().cloned().enumerate();
    let empty = [json!({ "renewed": 0, "unrenewed": 0 }), json!({ "count": 0 }), json!({ "problems": {} })];
    let without_date = days.map(|(n, mut day)| {
        assert_eq!(day.as_object_mut().unwrap().remove("day").unwrap().as_str().unwrap().len(), 10);
        (n, day)
    });
    without_date.filter(|(_, day)| !empty.contains(day)).collect()
}

#[test]
fn overview_counts_ends_issuances_and_failures_by_day() {
    let operator = Operator::new();
    let client = operator.client();
    operator.key(&json!({ "kid": "team" }));
    issue(&client, &["short.test"], json!({ "profile": "shortlived" }));
    let_pass(&operator.world, DAY * 20);
    issue(&client, &["client.test"], json!({ "profile": "client" }));
    issue(&client, &["long.test"], json!({}));
    client.at(&operator.world).fail("bad.test");
    let_pass(&operator.world, DAY * 2);
    issue(&client, &["client.test"], json!({ "profile": "client" }));
    client.at(&operator.world).fail("bad.test");
    client.at(&operator.world).fail("bad.test");
    let overview = operator.see("overview");
    assert_eq!(
        (&overview["accounts"], &overview["external_accounts"]["count"]),
        (&json!({ "count": 1, "more": false }), &json!(1))
    );
    let ends = |renewed: u64, unrenewed: u64| json!({ "renewed": renewed, "unrenewed": unrenewed });
    assert_eq!(filled(&overview, "ending"), [(28, ends(1, 0)), (30, ends(0, 1)), (88, ends(0, 1))]);
    // The one that has expired was issued in these days too.
    assert_eq!(
        filled(&overview, "issued"),
        [(7, json!({ "count": 1 })), (27, json!({ "count": 2 })), (29, json!({ "count": 1 }))]
    );
    let failed = |count: u64| json!({ "problems": { "unauthorized": count } });
    assert_eq!(filled(&overview, "failed"), [(27, failed(1)), (29, failed(2))]);
    assert_eq!((overview["ending"].as_array().unwrap().len(), overview["issued"].as_array().unwrap().len()), (91, 30));
    assert_eq!(overview["health"]["certificates"]["valid"], 3);
    assert_eq!(overview["profiles"][0], "default");
    // Another issuer's certificate renews one of this.
    let world = operator.world.with_issuer(&another_issuer(), operator.world.now());
    let operator = Operator { world, ..operator.with(&operator.token, 1) };
    let_pass(&operator.world, DAY);
    issue(&client.at(&operator.world), &["long.test"], json!({}));
    let overview = operator.see("overview");
    assert_eq!(filled(&overview, "ending")[2..], [(87, ends(1, 0)), (90, ends(0, 1))], "{overview}");
}

#[test]
fn unrenewed_certificates_are_found_by_their_state() {
    let operator = Operator::new();
    let client = operator.client();
    let made: Vec<String> = (0..4).map(|n| issue(&client, &[&format!("n{n}.test")], json!({})).1).collect();
    let leaf = issue(&client, &["revoked.test"], json!({})).0;
    let_pass(&operator.world, DAY * 74);
    let found = || texts(&operator.pages("certificates?status=unrenewed", "certificates", 50), "serial");
    assert_eq!(found(), Vec::<String>::new());
    let_pass(&operator.world, DAY * 2);
    client.at(&operator.world).revoke(&leaf, Some(4)).is(200);
    issue(&client, &["n0.test"], json!({}));
    let sorted = |mut all: Vec<String>| {
        all.sort();
        all
    };
    assert_eq!(sorted(found()), sorted(made[1..].to_vec()));
    let one = |serial: &str| operator.see(&format!("certificates?status=unrenewed&serial={serial}"));
    assert_eq!(one(&made[0])["certificates"], json!([]));
    assert_eq!(one(&made[1])["certificates"][0]["names"], json!(["n1.test"]));
    let world = operator.world.with_issuer(&another_issuer(), operator.world.now());
    let operator = Operator { world, ..operator.with(&operator.token, 1) };
    issue(&client.at(&operator.world), &["n1.test"], json!({}));
    let found = texts(&operator.pages("certificates?status=unrenewed", "certificates", 50), "serial");
    assert_eq!(sorted(found), sorted(made[2..].to_vec()), "renewed by another issuer");
}

#[test]
fn one_certificate_has_its_fingerprint_and_key() {
    let operator = Operator::new();
    let (der, serial) = issue(&operator.client(), &["a.test"], json!({}));
    let shown = operator.see(&format!("certificates/{serial}"));
    assert_eq!((&shown["fingerprint"], &shown["key_type"]), (&json!(hex::encode(&sha256(&der))), &json!("P-256")));
    assert_eq!(shown["key_digest"].as_str().unwrap().len(), 64);
    assert_eq!(operator.see("certificates")["certificates"][0].get("fingerprint"), None, "a list asks no account");
}

#[test]
fn audit_record_is_filtered_page_by_page() {
    let operator = Operator::new();
    for n in 0..7 {
        operator.key(&json!({ "kid": format!("team-{n}") }));
    }
    operator.with(BEN, 7).post("external-accounts", &json!({ "kid": "team-1" })).is(409);
    operator.post("policy?note=why", &json!({})).is(201);
    let found = |query: &str| operator.pages(&format!("audit?{query}"), "entries", 3);
    for (query, count) in [
        ("outcome=done", 8),
        ("outcome=refused", 1),
        ("who=ben", 2),
        ("who=be", 0),
        ("what=external-account", 16),
        ("what=external-account.create&outcome=attempted", 8),
        ("what=external", 0),
        ("q=TEAM-1", 4),
        ("q=version%201", 1),
    ] {
        assert_eq!(found(query).len(), count, "{query}");
    }
    operator.get("audit?outcome=lost").refused(400, Kind::Malformed);
    assert_eq!(found("who=ben")[0]["outcome"], "refused", "the newest first");
}

#[test]
fn audit_filter_stops_after_a_bounded_number_of_entries() {
    let operator = Operator::new();
    operator.key(&json!({ "kid": "first" }));
    let row = operator.world.rows()[&("operations/ca".to_owned(), format!("audit/{:016}", 1))].clone();
    let entry: Value = serde_json::from_str(&row).unwrap();
    for n in 3..=5_000_u64 {
        let copy = json!({ "number": n, "target": "other" });
        let mut all = entry.clone();
        all.as_object_mut().unwrap().extend(copy.as_object().unwrap().clone());
        operator.world.plant("operations/ca", &format!("audit/{n:016}"), Some(&all));
    }
    operator.world.plant("operations/ca", "audited", Some(&json!({ "number": 5_000, "chain": "" })));
    let (mut cursor, mut found) = (String::new(), Vec::new());
    for (pages, read) in [(1, 2_000), (2, 2_000), (3, 1_000)] {
        let before = operator.world.rows_read("operations/");
        let page = operator.see(&format!("audit?q=first&cursor={cursor}"));
        assert!(operator.world.rows_read("operations/") - before <= read + 10, "{pages}");
        assert_eq!(page["complete"], pages == 3);
        cursor = page["next"].as_str().unwrap_or_default().to_owned();
        found.extend(page["entries"].as_array().unwrap().clone());
    }
    assert_eq!((found.len(), cursor.as_str()), (2, ""));
}

/// Prints rows and times; those on workerd are in the bench of the ledger.
#[test]
#[ignore = "minutes: a hundred thousand certificates"]
fn every_call_is_bounded_with_100000_certificates_and_all_failures() {
    let operator = Operator::new();
    let client = operator.client();
    let (_, serial) = issue(&client, &["a.test"], json!({}));
    let ledger = format!("ledger/{}", operator.world.issuer().id());
    let row = operator.world.rows()[&(ledger.clone(), format!("serial/{serial}"))].clone();
    let mut entry: Value = serde_json::from_str(&row).unwrap();
    let end = entry["not_after"].as_u64().unwrap();
    for n in 0..100_000_u64 {
        let ends = end + n * 1_000;
        (entry["names"], entry["not_after"]) = (json!([format!("n{n}.test")]), ends.into());
        operator.world.plant(&ledger, &format!("serial/{}", serial_of(Time::from_millis(ends), n)), Some(&entry));
    }
    // Records are bounded: more failures than these displace others.
    for _ in 0..40 {
        let client = operator.client();
        (0..50).for_each(|n| drop(client.new_order(&[&format!("n{n}.*.test")])));
        // Those in memory are sent.
        operator.see("failures?limit=1");
    }
    let mut most = 0;
    let mut look = |path: &str| {
        let before = operator.world.rows_read("");
        operator.world.pass(SECOND);
        let begun = std::time::Instant::now();
        let page = operator.see(path);
        let read = operator.world.rows_read("") - before;
        println!("{path}: {read} rows, {:?}", begun.elapsed());
        most = most.max(read);
        if path.starts_with("failures") {
            assert!((500..1_000).contains(&read), "{read}");
        }
        page
    };
    for path in [
        "overview",
        "health",
        "certificates?limit=50",
        "certificates?q=nowhere",
        "certificates?status=unrenewed",
        "certificates?status=revoked",
        "failures?limit=50",
        "failures?q=nowhere",
        "paused",
        "accounts",
        "external-accounts",
        "audit",
        "audit?q=nowhere",
        "notices",
    ] {
        look(path);
    }
    let mut steps = 0;
    while look("overview")["health"]["counting"] == json!(true) {
        steps += 1;
    }
    assert!(steps > 40 && most < 8_000, "{steps} steps, {most} rows");
}
