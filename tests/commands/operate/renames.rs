//! `deploy` of a Worker whose store would be empty, while the CA has one elsewhere.

use super::cloudflare::{Answers, DOMAIN, api, at, deploy, refused, zone};
use super::fine;
use super::fixture::CliFixture;
use serde_json::{Value, json};

const BASE: &str = "https://ca.corp.test";
const NAMESPACES: &str = "/accounts/acc0/workers/durable_objects/namespaces?per_page=1000";
const OLD: &str = "/accounts/acc0/workers/scripts/old-ca/settings";
const NEW: &str = "/accounts/acc0/workers/scripts/test-ca/settings";
const TRANSFER: &str = "[[migrations]]\ntag = \"v1\"\ntransferred_classes = [{ from = \"Partition\", from_script = \"old-ca\", \
                        to = \"Partition\" }]";

fn settings(base: &str) -> Value {
    json!({"bindings": [{"type": "durable_object_namespace", "name": "PARTITION", "class_name": "Partition"},
                        {"type": "plain_text", "name": "BASE_URL", "text": base}]})
}

/// An account whose Worker `old-ca` has the store of the CA at this URL.
fn account(base: &str) -> Answers {
    let stores = json!([{"id": "n1", "script": "old-ca", "class": "Partition", "use_sqlite": true},
                        {"id": "n2", "script": "shop", "class": "Cart", "use_sqlite": true}]);
    let domain = json!([{"hostname": "ca.corp.test", "service": "old-ca"}]);
    vec![
        (NAMESPACES, Ok(stores)),
        (OLD, Ok(settings(base))),
        (NEW, Err((404, 10007))),
        ("/zones?name=corp.test", Ok(zone("active", "acc0"))),
        ("/accounts/acc0/workers/domains?hostname=ca.corp.test", Ok(domain)),
    ]
}

#[test]
fn renamed_worker_is_refused_with_the_migration_that_keeps_its_store() {
    let fixture = at(BASE, DOMAIN);
    let says = [
        "the Worker \"old-ca\" of this account has the store of this CA",
        "whose store would be empty",
        TRANSFER,
        "--new-store",
    ];
    refused(&fixture, account(BASE), &says);
    // The store of a class that was created before cannot be transferred.
    fixture.migrate(&format!("[[migrations]]\ntag = 'v0'\nnew_sqlite_classes = ['Partition']\n{TRANSFER}"));
    refused(&fixture, account(BASE), &says);
}

#[test]
fn store_is_moved_by_the_migration_or_begun_on_purpose() {
    let mut fixture = at(BASE, DOMAIN);
    let empty = "would be empty";
    let said = |fixture: &CliFixture, answers: Answers, more: &[&str]| deploy(fixture, &api(answers), more);
    // The store of another CA is not in the way, nor is one that the Worker has already.
    let other = said(&fixture, account("https://other.corp.test"), &["--dry-run"]).err;
    assert!(!other.contains(empty) && other.contains("is the domain of another Worker"), "{other}");
    let mut deployed = account(BASE);
    deployed[2].1 = Ok(settings(BASE));
    assert!(!said(&fixture, deployed, &["--dry-run"]).err.contains(empty));
    let meant = said(&fixture, account(BASE), &["--dry-run", "--new-store"]).err;
    assert!(!meant.contains(empty) && meant.contains("is the domain of another Worker"), "{meant}");
    fixture.migrate(TRANSFER);
    let moved = said(&fixture, account(BASE), &["--dry-run"]);
    fine(&moved);
    // To be restored from a backup.
    fixture.set("CLOSED", "true");
    assert!(!said(&fixture, account(BASE), &["--dry-run"]).err.contains(empty));
    // Without the permission it is not known.
    fixture.set("CLOSED", "false");
    let mut hidden = account(BASE);
    hidden[0].1 = Err((403, 9109));
    assert!(
        said(&fixture, hidden, &["--dry-run"]).err.contains("whether another Worker has the CA's store is unknown")
    );
}

#[test]
fn first_deployment_of_a_ca_that_answers_elsewhere_is_refused() {
    let mut fixture = CliFixture::new();
    fixture.runs_elsewhere();
    let ended = fixture.run(&["deploy"], &[]);
    assert!(ended.code == 1 && ended.err.contains("this CA answers at http://127.0.0.1"), "{ended:?}");
    for says in ["nothing was done", "no Worker \"test-ca\" yet", "Moving house", "CLOSED", "--new-store"] {
        assert!(ended.err.contains(says), "{says}: {}", ended.err);
    }
    assert_eq!(fixture.arguments(), ["secret list"]);
    // Another CA at that address is no reason.
    fixture.answers(|authority| authority.overview["issuers"][0]["id"] = json!("ffff"));
    assert!(!fixture.run(&["deploy"], &[]).err.contains("nothing was done"));
    fixture.answers(|_| ());
    fine(&fixture.run(&["deploy", "--new-store"], &[]));
    fixture.migrate(TRANSFER);
    fine(&fixture.run(&["deploy"], &[]));
    fixture.set("CLOSED", "true");
    assert!(!fixture.run(&["deploy"], &[]).err.contains("nothing was done"));
}

#[test]
fn former_address_of_crls_is_probed_with_its_end() {
    let mut fixture = CliFixture::new();
    fixture.listed(&[("NONCE_KEY", "secret_text"), ("ISSUER_KEY", "secret_text")]);
    fixture.answers(|authority| {
        let old = format!("{}/old/0.crl", authority.base.replace("127.0.0.1", "localhost"));
        authority.overview["issuers"][0]["crls"][0]["former"] = json!([{"url": old, "until": "2031-01-01T00:00:00Z"}]);
    });
    let ended = fixture.run(&["deploy"], &[]);
    fine(&ended);
    assert!(ended.out.contains("has the CRLs too, as it has to until 2031-01-01T00:00:00Z"), "{ended:?}");
    fixture.answers(|authority| {
        let lost = format!("{}/nothing", authority.base);
        authority.overview["issuers"][0]["crls"][0]["former"] = json!([{"url": lost, "until": "2031-01-01T00:00:00Z"}]);
    });
    let ended = fixture.run(&["deploy"], &[]);
    fine(&ended);
    assert!(ended.out.contains("warning: ") && ended.out.contains("add a route for that host"), "{ended:?}");
}
