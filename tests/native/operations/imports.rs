//! Certificates of other programs in the inventory: taking them in, listing and revoking them.

use super::operator::{DAY, Operator, SECOND, issue};
use super::other_program::{Made, OtherProgram};
use selvedge::ca::http::message::Body;
use selvedge::ca::testing::{Answered, Client, World};
use selvedge::jose::testing::ClientKey;
use selvedge::pki::crl::read::ReceivedCrl;
use selvedge::records::Kind;
use selvedge::records::ledger::crl::GATHERED;
use selvedge::records::ledger::imported::COMPLETE;
use selvedge::values::b64;
use serde_json::{Value, json};

/// A CA, and a program that has signed with the key of its issuer before.
pub fn moved() -> (Operator, OtherProgram) {
    let program = OtherProgram::new("Our Issuer");
    let operator = Operator::of(&World::new().with_only(&program.authority));
    operator.world.pass(DAY);
    (operator, program)
}

pub fn bodied(certificates: &[Value], check: bool) -> Value {
    json!({ "certificates": certificates, "check": check })
}

pub fn plain(made: &Made) -> Value {
    json!({ "der": b64::encode(&made.der) })
}

pub fn import(operator: &Operator, certificates: &[Value]) -> Answered {
    operator.post("certificates/import", &bodied(certificates, false))
}

/// What became of each.
pub fn fates(answered: Answered) -> Vec<String> {
    let all = answered.is(200).json();
    all["certificates"].as_array().unwrap().iter().map(|one| one["fate"].as_str().unwrap().to_owned()).collect()
}

/// The list of a shard as it is served, after its alarm.
pub fn list(operator: &Operator, shard: u16) -> ReceivedCrl {
    operator.world.pass(GATHERED);
    operator.world.run_due_alarms();
    let settings = operator.world.settings();
    let url = settings.published.as_ref().unwrap().crl(operator.world.issuer().id(), shard);
    let path = format!("/{}", url.splitn(4, '/').nth(3).unwrap());
    let Body::Bytes(der) = operator.world.ask("GET", &path).is(200).response.body else { panic!("{path}: no DER") };
    ReceivedCrl::read(&der).unwrap()
}

#[test]
fn certificate_of_our_issuer_is_imported_once_listed_and_revoked() {
    let (operator, program) = moved();
    // With a high bit, as other programs' serial numbers are at random.
    let made = program.certificate(&[0, 0xfe, 0xdc, 0xba], &["old.test", "10.0.0.1"], None);
    let before = operator.world.rows();
    let answered = operator.post("certificates/import", &bodied(&[plain(&made)], true)).is(200).json();
    assert_eq!(answered["certificates"][0]["fate"], "imported");
    let kinds = ["serial/", "imported/", "shard/", "audit/"].map(|kind| operator.world.records(kind).len());
    assert_eq!(kinds, [0; 4], "a check stores nothing: {before:?}");

    assert_eq!(fates(import(&operator, &[plain(&made)])), ["imported"]);
    assert_eq!(operator.noted(2), ["certificates.import attempted", "certificates.import done"]);
    let detail = operator.audit().last().unwrap()["detail"].clone();
    assert_eq!(detail, "1 imported, 0 revoked, 0 known, 0 expired; 0 of other CAs");
    let rows =
        (operator.world.records("serial/"), operator.world.records("imported/"), operator.world.records("shard/"));
    assert_eq!(fates(import(&operator, &[plain(&made), plain(&made)])), ["known", "known"]);
    let again =
        (operator.world.records("serial/"), operator.world.records("imported/"), operator.world.records("shard/"));
    assert_eq!(rows, again);

    let serial = made.serial.hex();
    assert_eq!(serial, "00fedcba");
    let shown = operator.see(&format!("certificates/{serial}"));
    assert_eq!(
        (&shown["account"], &shown["order"], &shown["imported"]["foreign"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
    assert_eq!(shown["names"], json!(["10.0.0.1", "old.test"]));
    assert!(shown["fingerprint"].is_string() && shown["key_type"] == "P-256", "{shown}");
    let pem = operator.get(&format!("certificates/{serial}/pem")).is(200).text().to_owned();
    assert_eq!(pem.matches("BEGIN CERTIFICATE").count(), 2, "with its issuer's");
    for query in [
        "",
        "?serial=00:fe:dc:ba",
        "?serial=FEDCBA",
        "?q=old.test",
        "?q=00fedcba",
        "?origin=imported",
        "?name=10.0.0.0/8",
    ] {
        assert_eq!(
            operator.see(&format!("certificates{query}"))["certificates"].as_array().unwrap().len(),
            1,
            "{query}"
        );
    }
    for query in ["?origin=issued", "?origin=foreign"] {
        assert_eq!(operator.see(&format!("certificates{query}"))["certificates"], json!([]), "{query}");
    }
    operator.get("certificates?origin=other").refused(400, Kind::Malformed);
    let csv = operator.get("certificates?format=csv").is(200).text().to_owned();
    assert!(csv.lines().next().unwrap().ends_with(",imported,foreign"), "{csv}");

    assert_eq!(operator.world.records("notice/").len(), 0);
    operator.post(&format!("certificates/{serial}/revoke"), &json!({ "reason": 4 })).is(200);
    operator.post(&format!("certificates/{serial}/revoke"), &json!({ "reason": 4 })).refused(409, Kind::AlreadyRevoked);
    let notice = operator.world.records("notice/").remove(0).1;
    assert_eq!(notice["data"]["serial"], serial);
    let complete = list(&operator, COMPLETE);
    assert!(complete.urls.is_empty(), "it is in the scope of every certificate");
    assert_eq!(complete.entry(made.serial.octets()).unwrap().reason, Some(4));
}

#[test]
fn certificate_that_points_to_a_shard_is_on_its_list() {
    let (operator, program) = moved();
    let settings = operator.world.settings();
    let url = settings.published.as_ref().unwrap().crl(operator.world.issuer().id(), 3);
    let (ours, theirs) = (
        program.certificate(&[7], &["shard.test"], Some(&url)),
        program.certificate(&[8], &["vault.test"], Some("http://vault.test/v1/pki/crl")),
    );
    assert_eq!(fates(import(&operator, &[plain(&ours), plain(&theirs)])), ["imported", "imported"]);
    let (own, own_serial) = issue(&operator.client(), &["own.test"], json!({}));
    for serial in [&ours.serial.hex(), &theirs.serial.hex(), &own_serial] {
        operator.post(&format!("certificates/{serial}/revoke"), &json!({})).is(200);
    }
    let shard = list(&operator, 3);
    assert_eq!(shard.urls, [url]);
    assert!(shard.entry(ours.serial.octets()).is_some() && shard.entry(theirs.serial.octets()).is_none());
    // The complete list has the revocations of all, since it may be used for all.
    let (complete, own) =
        (list(&operator, COMPLETE), selvedge::pki::certificate::parse_presented(&own).unwrap().serial);
    for serial in [&ours.serial, &theirs.serial, &own] {
        assert!(complete.entry(serial.octets()).is_some(), "{serial}");
    }
    // A later revocation is on it as well.
    let (_, later) = issue(&operator.client(), &["later.test"], json!({}));
    operator.post(&format!("certificates/{later}/revoke"), &json!({})).is(200);
    assert_eq!(list(&operator, COMPLETE).entries.len(), 4);
    assert!(list(&operator, COMPLETE).number >= complete.number);
}

#[test]
fn authority_without_imports_has_no_complete_list() {
    let operator = Operator::new();
    let (_, serial) = issue(&operator.client(), &["a.test"], json!({}));
    operator.post(&format!("certificates/{serial}/revoke"), &json!({})).is(200);
    let path = format!("/crl/{}/complete.crl", operator.world.issuer().id());
    operator.world.ask("GET", &path).refused(404, Kind::Malformed);
    assert_eq!(operator.world.records("shard/").len(), 1);
}

#[test]
fn holder_of_the_key_and_of_the_names_revoke_by_acme() {
    let (operator, program) = moved();
    let world = &operator.world;
    let first = program.certificate(&[1], &["a.test"], None);
    let second = program.certificate(&[2], &["b.test"], None);
    let unknown = program.certificate(&[3], &["a.test"], None);
    import(&operator, &[plain(&first), plain(&second)]).is(200);
    let stranger = operator.client();
    stranger.revoke(&first.der, None).refused(403, Kind::Unauthorized);
    stranger.revoke(&unknown.der, None).refused(404, Kind::Malformed);
    let owner = operator.client();
    issue(&owner, &["a.test"], json!({}));
    owner.revoke(&first.der, Some(4)).is(200);
    let holder = Client::with_key(world, ClientKey::from_native(second.key));
    holder.revoke(&second.der, None).is(200);
    let shown = operator.see("certificates/02");
    assert_eq!((&shown["revoked"]["by"], &shown["revoked"]["reason"]), (&json!("key"), &json!(1)));
    // Renewal information, RFC 9773, is of this issuer.
    let info = format!("{}/{}", stranger.url("renewal-info"), stranger.cert_id(&first.der));
    let info = world.ask("GET", info.strip_prefix("https://ca.test").unwrap()).is(200).json();
    assert!(info["suggestedWindow"]["start"].is_string());
}

#[test]
fn certificate_of_another_ca_is_listed_and_not_revocable() {
    let (operator, _) = moved();
    let other = OtherProgram::new("Their CA");
    let made = other.certificate(&[9], &["theirs.test"], None);
    assert_eq!(fates(import(&operator, &[plain(&made)])), ["imported"]);
    let shown = operator.see("certificates/09");
    assert_eq!(shown["imported"]["foreign"], "Their CA");
    assert_eq!(operator.see("certificates?origin=foreign")["certificates"].as_array().unwrap().len(), 1);
    assert_eq!(operator.get("certificates/09/pem").is(200).text().matches("BEGIN").count(), 1);
    let said = operator.post("certificates/09/revoke", &json!({})).refused(409, Kind::Unauthorized).detail();
    assert!(said.contains("\"Their CA\"") && said.contains("Revoke it there"), "{said}");
    assert_eq!(operator.post("revocations", &json!({ "name": "*" })).is(200).json()["revoked"], json!([]));
    operator.client().revoke(&made.der, None).refused(404, Kind::Malformed);
    assert!(operator.world.records("revoked/").is_empty() && operator.world.records("shard/").is_empty());
    // Revoked there, and imported again.
    let at = operator.world.now().rfc3339();
    let revoked = json!({ "der": b64::encode(&made.der), "revoked": { "at": at, "reason": 4 } });
    assert_eq!(fates(import(&operator, core::slice::from_ref(&revoked))), ["revoked"]);
    assert_eq!(fates(import(&operator, &[revoked, plain(&made)])), ["known", "known"]);
    assert_eq!(operator.see("certificates/09")["status"], "revoked");
    assert!(operator.world.records("revoked/").is_empty(), "not on a list of this CA");
    // Another CA may have used the same serial number.
    let third = OtherProgram::new("Third CA").certificate(&[9], &["third.test"], None);
    assert_eq!(fates(import(&operator, &[plain(&third)])), ["imported"]);
    assert_eq!(operator.see("certificates?serial=09&status=all")["certificates"].as_array().unwrap().len(), 2);
}

#[test]
fn revoked_certificate_comes_in_as_revoked_and_its_key_is_refused() {
    let (operator, program) = moved();
    let made = program.certificate(&[5], &["lost.test"], None);
    let at = operator.world.now().minus(SECOND * 3_600);
    let revoked = json!({ "der": b64::encode(&made.der), "revoked": { "at": at.rfc3339(), "reason": 1 } });
    assert_eq!(fates(import(&operator, &[revoked])), ["imported"]);
    let listed = list(&operator, COMPLETE);
    let entry = listed.entry(&[5]).unwrap();
    assert_eq!((entry.at, entry.reason), (at, Some(1)), "when it was revoked there");
    assert_eq!(operator.world.records("compromised/")[0].1["serial"], "05");
    let client = operator.client();
    let (_, order) = client.ready_order(&["lost.test"]);
    let csr = selvedge::ca::testing::CsrShape::dns(&["lost.test"]).build(&made.key);
    client.finalize(&order, &csr).refused(400, Kind::BadCsr);
}

#[test]
fn wrong_imports_are_refused_as_a_whole() {
    let (operator, program) = moved();
    let good = program.certificate(&[1], &["a.test"], None);
    let other = program.certificate(&[1], &["b.test"], None);
    let (own, serial) = issue(&operator.client(), &["own.test"], json!({}));
    let octets = selvedge::pki::Serial::from_hex(&serial).unwrap();
    let double = program.certificate(octets.octets(), &["double.test"], None);
    let before = operator.world.records("serial/");
    let future = json!({ "der": plain(&good)["der"], "revoked": { "at": "2099-01-01T00:00:00Z" } });
    let hold = json!({ "der": plain(&good)["der"], "revoked": { "at": "2026-01-01T00:00:00Z", "reason": 6 } });
    let ca = json!({ "der": b64::encode(operator.world.issuer().certificate_der()) });
    for (bad, says) in [
        (json!({ "der": b64::encode(b"garbage") }), "certificates[1] is no DER"),
        (ca, "certificates[1] is a CA's certificate"),
        (future, "in the future"),
        (hold, "6 is not allowed"),
        (json!({ "der": "!" }), "\"der\""),
        (json!({ "der": 5 }), "\"der\""),
        (json!({}), "has no \"der\""),
        (json!({ "der": "AA", "more": 1 }), "unknown member"),
        (json!("AA"), "an object"),
    ] {
        let said = import(&operator, &[plain(&good), bad]).refused(400, Kind::Malformed).detail();
        assert!(said.contains(says) && said.ends_with("Nothing of this request was imported."), "{said}");
    }
    for body in [json!({}), json!({ "certificates": [] }), json!({ "certificates": 1 }), json!({ "files": [] })] {
        operator.post("certificates/import", &body).refused(400, Kind::Malformed);
    }
    import(&operator, &vec![plain(&good); 26]).refused(400, Kind::Malformed);
    // Two certificates of one issuer with one serial number, of which one may be issued here.
    for bad in [[plain(&good), plain(&other)], [plain(&good), plain(&double)]] {
        let said = import(&operator, &bad).refused(409, Kind::Malformed).detail();
        assert!(said.contains("Another certificate of the same issuer has the serial number"), "{said}");
    }
    assert_eq!(operator.world.records("serial/"), before);
    // One that was issued here is known, and not revoked by an import.
    let revoked = json!({ "der": b64::encode(&own), "revoked": { "at": operator.world.now().rfc3339() } });
    assert_eq!(fates(import(&operator, &[revoked])), ["known"]);
    assert_eq!(operator.world.records("serial/"), before);
    // A signature that is not by our issuer makes it another CA's.
    let bent = good.bent();
    let answered = operator.post("certificates/import", &bodied(&[json!({ "der": b64::encode(&bent) })], true));
    assert_eq!(answered.is(200).json()["certificates"][0]["foreign"], "Our Issuer");
    // An expired one is left out.
    assert_eq!(fates(import(&operator, &[plain(&program.expired(&[4], "gone.test"))])), ["expired"]);
    assert_eq!(operator.world.records("serial/"), before);
}

#[test]
fn only_owners_import() {
    let (operator, program) = moved();
    let made = program.certificate(&[1], &["a.test"], None);
    let tokens = json!({ "ada": { "token": super::operator::ADA, "role": "operator" } }).to_string();
    let world = operator.world.reconfigured(|settings| {
        settings.admin = selvedge::ca::config::admin_tokens::AdminTokens::read(Some(&tokens)).unwrap();
    });
    let lesser = Operator { world, token: operator.token.clone(), address: operator.address };
    import(&lesser, &[plain(&made)]).refused(403, Kind::Unauthorized);
    assert_eq!(lesser.world.records("serial/").len(), 0);
}
