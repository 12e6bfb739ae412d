//! The import of certificates: which files are read, and what is sent.

use super::double::{Double, problem};
use crate::transparency::{Ca, NOW};
use selvedge::pki::pem;
use serde_json::{Value, json};
use std::fs;

fn import<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&["certs", "import"], more].concat()
}

fn text(der: &[u8]) -> String {
    pem::write_certificate(der).unwrap()
}

/// The bodies of the imports, the first first.
fn sent(double: &Double) -> Vec<Value> {
    double.server.asked().iter().map(|asked| serde_json::from_str(&asked.body).unwrap()).collect()
}

#[test]
fn files_of_all_forms_are_checked_before_they_are_imported() {
    let (double, ca) = (Double::start(), Ca::new());
    let leaf = |n: u8| ca.leaf(n, &format!("n{n}.test")).der;
    fs::create_dir_all(double.path("export/deeper")).unwrap();
    double.write("export/several.pem", &[text(&leaf(1)), text(&ca.der()), text(&leaf(2))].concat());
    fs::write(double.path("export/deeper/one.DER"), leaf(3)).unwrap();
    let vault = |n: u8, time: u64| {
        let data = json!({"certificate": text(&leaf(n)), "revocation_time": time, "ca_chain": [text(&ca.der())]});
        json!({"request_id": "r", "data": data}).to_string()
    };
    double.write("export/valid.json", &vault(4, 0));
    double.write("export/revoked.json", &vault(5, NOW.secs()));
    double.write("export/again.crt", &text(&leaf(1)));
    double.write("export/key.pem", "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n");
    double.write("export/notes.txt", "nothing");

    let run = double.run(&import(&["export", "--dry-run"]));
    run.is(
        0,
        &["5 would be imported", "4 are signed by an issuer", "1 are of other CAs", "left out: 1 certificates of CAs"],
    );
    run.is(0, &["left out: 2 files without a certificate"]);
    assert_eq!(sent(&double).len(), 2, "what is revoked has a request of its own");
    double.run(&import(&["export"])).is(0, &["5 imported, 0 marked as revoked"]);
    let sent = sent(&double);
    let checks: Vec<&Value> = sent.iter().map(|body| &body["check"]).collect();
    assert_eq!(checks, [true, true, true, true, false, false].map(Value::Bool).each_ref());
    let certificates = |n: usize| sent[n]["certificates"].as_array().unwrap();
    assert_eq!([certificates(2), certificates(3)], [certificates(4), certificates(5)]);
    let revoked: Vec<&Value> = certificates(4).iter().chain(certificates(5)).map(|one| &one["revoked"]).collect();
    assert_eq!(revoked.iter().filter(|one| one["at"] == NOW.rfc3339()).count(), 1, "{revoked:?}");
    assert_eq!(revoked.iter().filter(|one| one.is_null()).count(), 4);
    let told = double.run(&[&import(&["export"])[..], &["--json"]].concat());
    let told: Value = serde_json::from_str(&told.is(0, &[]).out).unwrap();
    assert_eq!((&told["imported"], &told["foreign"], &told["dry_run"]), (&json!(5), &json!(1), &json!(false)));
}

#[test]
fn list_of_the_old_authority_marks_what_it_revoked() {
    let (double, ca, other) = (Double::start(), Ca::new(), Ca::new());
    let (good, bad) = (ca.leaf(1, "a.test"), ca.leaf(2, "b.test"));
    let leaves = double.write("leaves.pem", &[text(&good.der), text(&bad.der)].concat());
    let issuer = double.write("issuer.pem", &text(&ca.der()));
    let stranger = double.write("other.pem", &text(&other.der()));
    fs::write(double.path("old.crl"), ca.crl(7, &[&bad])).unwrap();
    double
        .run(&import(&[&leaves, &issuer, "--crl", "old.crl"]))
        .is(0, &["1 of the certificates are revoked by the CRLs"]);
    let revoked: Vec<Value> = sent(&double)[1]["certificates"].as_array().unwrap().clone();
    assert_eq!(revoked.iter().filter(|one| one["revoked"]["at"] == NOW.rfc3339()).count(), 1);
    // Its signature is checked, so its issuer has to be known.
    for files in [&[&*leaves][..], &[&leaves, &stranger]] {
        let run = double.run(&import(&[files, &["--crl", "old.crl"]].concat()));
        run.is(1, &["old.crl cannot be checked", "name the file with that CA's certificate"]);
    }
    double.run(&import(&[&leaves, "--crl", &issuer])).is(1, &["issuer.pem is no CRL, so nothing was imported"]);
    assert_eq!(double.operations().len(), 4, "nothing is asked for a wrong file");
}

#[test]
fn unusable_file_is_named_and_nothing_is_asked() {
    let (double, ca) = (Double::start(), Ca::new());
    let good = double.write("good.pem", &text(&ca.leaf(1, "a.test").der));
    let issuer = double.write("issuer.pem", &text(&ca.der()));
    fs::write(double.path("broken.der"), [0x30, 0x82, 0xff]).unwrap();
    for (file, contents, says) in [
        ("bad.pem", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n", "cannot be decoded"),
        ("bad.json", "{", "it is no JSON"),
        ("empty.pem", "", "it has no certificate"),
        (
            "other.pem",
            "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n",
            "its certificate 1 is no X.509",
        ),
        ("chain.json", "{\"data\": {\"certificate\": \"x\"}}", "is no certificate in PEM"),
    ] {
        let bad = double.write(file, contents);
        double.run(&import(&[&good, &bad])).is(1, &[file, says, "Nothing was imported"]);
    }
    double.run(&import(&[&good, "broken.der"])).is(1, &["broken.der", "Nothing was imported"]);
    double.run(&import(&[&good, "missing.pem"])).is(1, &["missing.pem", "nothing was imported"]);
    double.run(&import(&[&issuer])).is(1, &["no certificate of a subscriber", "nothing was imported"]);
    double.run(&["certs", "import"]).is(2, &["<PATH>"]);
    assert_eq!(double.operations(), Vec::<String>::new());
}

#[test]
fn revocations_that_wait_for_a_second_person_do_not_hold_up_the_others() {
    let double = Double::with(|request, asked| {
        let body: Value = serde_json::from_str(&asked.body).unwrap_or_default();
        let waits = body["check"] == false && asked.body.contains("\"revoked\"");
        let act = json!({"at": "2026-11-24T12:00:00Z", "by": "ada"});
        let approval = json!({"id": "appr1", "action": "certificates.import", "path": "certificates/import",
            "state": "pending", "role": "owner", "asked": act, "until": "2026-11-25T12:00:00Z", "decided": null});
        (request.operation == "importCertificates" && waits).then(|| (202, json!({ "approval": approval })))
    });
    let ca = Ca::new();
    for n in 1..4_u8 {
        let time = if n == 2 { NOW.secs() } else { 0 };
        let data = json!({"certificate": text(&ca.leaf(n, &format!("n{n}.test")).der), "revocation_time": time});
        double.write(&format!("{n}.json"), &json!({ "data": data }).to_string());
    }
    let run = double.run(&import(&["1.json", "2.json", "3.json"]));
    run.is(1, &["2 imported", "`selvedge approvals confirm appr1`", "1 certificates are not imported yet"]);
    let sizes: Vec<usize> = sent(&double).iter().map(|body| body["certificates"].as_array().unwrap().len()).collect();
    assert_eq!(sizes, [2, 1, 2, 1], "checks, then the others, then what is revoked");
    double.run(&import(&["1.json", "3.json"])).is(0, &["2 imported"]);
}

#[test]
fn refusal_of_the_authority_names_the_files() {
    let double = Double::with(|request, _| {
        let refusal = problem(409, "Another certificate has the serial number 01.");
        let refusal = (refusal.0, serde_json::from_slice(&refusal.1).unwrap());
        (request.operation == "importCertificates").then_some(refusal)
    });
    let good = double.write("good.pem", &text(&Ca::new().leaf(1, "a.test").der));
    let says = ["cannot import a certificate of these files: [0]", "good.pem", "has the serial number 01"];
    double.run(&import(&[&good])).is(1, &says);
    assert_eq!(sent(&double).len(), 1, "the check is refused, and nothing was stored");
}

#[test]
fn many_certificates_are_sent_in_batches() {
    let (double, ca) = (Double::start(), Ca::new());
    let all: String = (1..=60).map(|n| text(&ca.leaf(n, "a.test").der)).collect();
    let file = double.write("all.pem", &all);
    double.run(&import(&[&file])).is(0, &["60 imported"]);
    let counts: Vec<usize> = sent(&double).iter().map(|body| body["certificates"].as_array().unwrap().len()).collect();
    assert_eq!(counts.iter().sum::<usize>(), 120);
    assert!(counts.iter().all(|count| *count <= 25), "{counts:?}");
}
