//! docs/openapi.json held against the code.

use super::operator::{CONTRACT, Operator, issue};
use selvedge::ca::http::operator_routes::{AdminRoute, PREFIX};
use selvedge::ca::testing::World;
use selvedge::pki::Serial;
use selvedge::records::Kind;
use selvedge::values::Id;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

fn document() -> Value {
    serde_json::from_str(&fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/openapi.json")).unwrap())
        .unwrap()
}

/// All routes.
pub fn routes() -> Vec<AdminRoute> {
    let (serial, id, name) = (Serial::from_hex("0a").unwrap(), Id::from_random([1; 16]), "x".to_owned());
    let all = vec![
        AdminRoute::Status,
        AdminRoute::Me,
        AdminRoute::Health,
        AdminRoute::Overview,
        AdminRoute::ExternalAccounts,
        AdminRoute::ExternalAccount(name.clone()),
        AdminRoute::Certificates,
        AdminRoute::Import,
        AdminRoute::Certificate(serial.clone()),
        AdminRoute::Pem(serial.clone()),
        AdminRoute::Revoke(serial),
        AdminRoute::Revocations,
        AdminRoute::Accounts,
        AdminRoute::Account(id.clone()),
        AdminRoute::Deactivate(id.clone()),
        AdminRoute::Resume(id),
        AdminRoute::Failures,
        AdminRoute::Paused,
        AdminRoute::Replacements,
        AdminRoute::Withdraw(name),
        AdminRoute::Policy,
        AdminRoute::Restore,
        AdminRoute::Check,
        AdminRoute::Shadow,
        AdminRoute::Audit,
        AdminRoute::Approvals,
        AdminRoute::Approval("x".to_owned()),
        AdminRoute::Confirm("x".to_owned()),
        AdminRoute::Reject("x".to_owned()),
        AdminRoute::Notices,
        AdminRoute::TestNotice,
        AdminRoute::Calendar,
        AdminRoute::Faults,
        AdminRoute::ClearFaults,
        AdminRoute::TestCas,
        AdminRoute::EndTestCa,
        AdminRoute::Clock,
        AdminRoute::Backups,
        AdminRoute::BackupRows,
        AdminRoute::BackupObjects,
        AdminRoute::Recovery,
        AdminRoute::Restoration,
        AdminRoute::RestoredRows,
        AdminRoute::RestorationEnd,
        AdminRoute::RestorationUndo,
    ];
    all.iter().for_each(name_missing);
    all
}

/// The compiler names a route that is missing here.
fn name_missing(route: &AdminRoute) {
    match route {
        AdminRoute::Status | AdminRoute::Me | AdminRoute::Health | AdminRoute::Overview => {}
        AdminRoute::ExternalAccounts | AdminRoute::ExternalAccount(_) => {}
        AdminRoute::Import => {}
        AdminRoute::Certificates | AdminRoute::Certificate(_) | AdminRoute::Pem(_) | AdminRoute::Revoke(_) => {}
        AdminRoute::Accounts | AdminRoute::Account(_) | AdminRoute::Deactivate(_) => {}
        AdminRoute::Resume(_) | AdminRoute::Failures | AdminRoute::Paused => {}
        AdminRoute::Replacements | AdminRoute::Withdraw(_) | AdminRoute::Revocations => {}
        AdminRoute::Policy | AdminRoute::Restore | AdminRoute::Check | AdminRoute::Shadow => {}
        AdminRoute::Audit | AdminRoute::Notices | AdminRoute::TestNotice | AdminRoute::Calendar => {}
        AdminRoute::Approvals | AdminRoute::Approval(_) | AdminRoute::Confirm(_) | AdminRoute::Reject(_) => {}
        AdminRoute::Faults | AdminRoute::ClearFaults => {}
        AdminRoute::TestCas | AdminRoute::EndTestCa | AdminRoute::Clock => {}
        AdminRoute::Backups | AdminRoute::BackupRows | AdminRoute::BackupObjects => {}
        AdminRoute::Restoration | AdminRoute::RestoredRows => {}
        AdminRoute::RestorationEnd | AdminRoute::RestorationUndo | AdminRoute::Recovery => {}
    }
}

#[test]
fn document_has_the_paths_and_methods_of_the_code() {
    let document = document();
    let mut written = BTreeMap::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let methods: BTreeSet<String> = methods.as_object().unwrap().keys().map(|name| name.to_uppercase()).collect();
        written.insert(path.clone(), methods);
    }
    let known = routes().into_iter().map(|route| {
        let (methods, path) = route.described();
        assert!(path.starts_with(PREFIX), "{path}");
        let methods = methods.split(", ").filter(|name| *name != "HEAD").map(str::to_owned).collect();
        (path.to_owned(), methods)
    });
    assert_eq!(known.collect::<BTreeMap<String, BTreeSet<String>>>(), written);
}

/// A good body for a POST to this path.
fn usual_body(path: &str) -> Value {
    match path {
        "policy/check" => json!({ "identifiers": ["a.test"] }),
        "replacements" => json!({ "name": "*" }),
        "faults" => json!({ "fault": "slow", "delay": 1, "count": 1 }),
        _ if path.ends_with("/resume") => json!({ "name": "a.test" }),
        "clock" => json!({ "frozen": false }),
        "revocations" => json!({ "name": "nowhere.test" }),
        _ => json!({}),
    }
}

/// Whether a good request is refused as well, for want of its object.
///
/// A second revocation, a name that is not paused, a test notice without a webhook, an action that waits for a second
/// person, a restore into a CA in use, a recovery, rows of backups without a token, backups
/// that are not in the bucket, and the end of a main CA.
fn is_refused(template: &str, method: &str) -> bool {
    let ends = [
        "/revoke",
        "/resume",
        "/notices/test",
        "/backups/rows",
        "/backups/objects",
        "/confirm",
        "/reject",
        "/approvals/{id}",
        "/v1/end",
        "/v1/recovery",
        "/certificates/import",
    ];
    ends.iter().any(|end| template.ends_with(end)) || template.contains("/restoration") && method == "post"
}

#[test]
fn every_documented_operation_answers_with_its_query() {
    let operator = Operator::of(&World::new().with_test_cas().reconfigured(|settings| {
        settings.test_machine.faults = true;
        settings.test_machine.clock = true;
    }));
    let client = operator.client();
    let account = client.account().rsplit('/').next().unwrap();
    let (_, serial) = issue(&client, &["a.test"], json!({}));
    operator.key(&json!({ "kid": "team" }));
    let replacement = operator.post("replacements", &json!({ "name": "*" })).is(201).json();
    operator.post("policy", &json!({})).is(201);
    for (template, methods) in document()["paths"].as_object().unwrap() {
        let id = if template.contains("/accounts/") { account } else { replacement["id"].as_str().unwrap() };
        let path = template.replace("{kid}", "team").replace("{serial}", &serial).replace("{id}", id);
        let path = path.strip_prefix(PREFIX).unwrap();
        for (method, operation) in methods.as_object().unwrap() {
            let body = (method == "post").then(|| usual_body(path).to_string());
            let ask = |query: &str| {
                let path = format!("{path}{query}");
                operator.world.send(operator.request(&method.to_uppercase(), &path, body.as_deref()))
            };
            operator.send(operator.request(&method.to_uppercase(), path, body.as_deref()));
            let refused = is_refused(template, method);
            assert!(ask("").status() < 300 || refused, "{method} {template}: {}", ask("").text());
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            for parameter in parameters.iter().filter(|parameter| parameter["in"] == "query") {
                let name = parameter["name"].as_str().unwrap();
                let answered = ask(&format!("?{name}=%01"));
                assert!(!answered.text().contains("unknown parameter"), "{method} {template}: {name}");
            }
            let detail = ask("?unheard-of=1").refused(400, Kind::Malformed).detail();
            let (_, expected) = detail.split_once("has the unknown parameter \"unheard-of\"; ").unwrap();
            let expected = expected.trim_end_matches('.');
            let one = expected.strip_prefix("only ").and_then(|one| one.strip_suffix(" is expected"));
            let there: BTreeSet<&str> = match (expected.strip_prefix("expected are "), one) {
                (Some(several), _) => several.split(", ").collect(),
                (None, Some(one)) => BTreeSet::from([one]),
                (None, None) => BTreeSet::from_iter((expected != "none is expected").then_some(expected)),
            };
            let written = parameters.iter().filter(|parameter| parameter["in"] == "query");
            assert_eq!(
                there,
                written.map(|parameter| parameter["name"].as_str().unwrap()).collect(),
                "{method} {template}"
            );
        }
    }
}

#[test]
fn document_references_resolve_and_all_parts_are_used() {
    let document = document();
    let text = document.to_string();
    let mut used = BTreeSet::new();
    for part in text.split("\"$ref\":\"#").skip(1) {
        let at = part.split('"').next().unwrap();
        assert!(document.pointer(at).is_some(), "{at}");
        used.insert(at.to_owned());
    }
    for kind in ["schemas", "responses"] {
        for name in document["components"][kind].as_object().unwrap().keys() {
            assert!(used.contains(&format!("/components/{kind}/{name}")), "{kind} {name}");
        }
    }
}

#[test]
fn every_documented_post_lists_its_refusals() {
    for (path, methods) in document()["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let mut wanted = vec!["400", "401", "429", "5XX"];
            if method == "post" {
                wanted.extend(["413", "415"]);
            }
            if path.contains('{') {
                wanted.push("404");
            }
            for status in wanted {
                assert!(operation["responses"].get(status).is_some(), "{method} {path}: {status}");
            }
        }
    }
    assert!(CONTRACT.operation("GET /admin/v1/status").is_ok());
}
