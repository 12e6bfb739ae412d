//! CRLs after a change of their address (`STATUS_URL`).

use super::crl::{bytes, fetch, issue, names, path, pointer};
use core::time::Duration;
use selvedge::ca::config::issuers::PublicationUrls;
use selvedge::ca::http::message::Request;
use selvedge::ca::testing::{Client, World};
use selvedge::records::ledger::crl::GATHERED;
use selvedge::values::Time;

/// OpenSSL's verdict on a leaf by a CRL at a time: its error, or nothing.
fn openssl(world: &World, leaf: &[u8], list: &[u8]) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let file = folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        file
    };
    let root = write("root.pem", world.root());
    let issuer = write("issuer.pem", world.issuer().chain_pem());
    let leaf = write("leaf.pem", &selvedge::pki::pem::write_certificate(leaf).unwrap());
    let list = write("list.pem", &selvedge::pki::pem::write(selvedge::pki::pem::CRL, list).unwrap());
    let mut command = std::process::Command::new("openssl");
    command.args(["verify", "-crl_check", "-x509_strict", "-attime", &world.now().secs().to_string(), "-CAfile"]);
    let output = command.arg(root).arg("-untrusted").arg(issuer).arg("-CRLfile").arg(list).arg(leaf).output().unwrap();
    (!output.status.success()).then(|| String::from_utf8_lossy(&output.stderr).into_owned())
}

/// RFC 5280 §6.3.3 (b) (2) (i): a certificate's list is one that names the certificate's URL.
#[test]
fn certificates_verify_after_crl_urls_change() {
    let old = World::new().reconfigured(|s| s.published = Some(PublicationUrls::new("http://ca.test", 1)));
    let client = Client::registered(&old);
    let [first, revoked] = [(), ()].map(|()| issue(&client, "default"));
    old.run_due_alarms();
    let before = path(&pointer(&first).unwrap());
    assert_eq!(openssl(&old, &first, &bytes(&fetch(&old, &pointer(&first).unwrap()))), None);

    let new = old.reconfigured(|s| s.published = Some(PublicationUrls::new("http://lists.test", 1)));
    let client = client.at(&new);
    // A revocation is known by the old address, before there is any certificate with the new one.
    new.pass(GATHERED);
    client.revoke(&revoked, None).is(200);
    new.pass(GATHERED);
    new.run_due_alarms();
    let der = bytes(&new.ask("GET", &before).is(200));
    assert_eq!(openssl(&new, &first, &der), None);
    assert!(openssl(&new, &revoked, &der).unwrap().contains("certificate revoked"));
    let later = issue(&client, "default");
    let moved = pointer(&later).unwrap();
    assert_eq!(moved, format!("http://lists.test{before}"));
    new.pass(GATHERED);
    new.run_due_alarms();
    let der = bytes(&new.ask("GET", &before).is(200));
    assert_eq!(names(&der), [format!("http://ca.test{before}"), moved]);
    for leaf in [&first, &later] {
        assert_eq!(openssl(&new, leaf, &der), None);
    }
    assert!(openssl(&new, &revoked, &der).unwrap().contains("certificate revoked"));
    let overview = new.ask("GET", "/issuers").is(200).json();
    let list = &overview["issuers"][0]["crls"][0];
    assert_eq!(list["urls"].as_array().unwrap().len(), 2, "{overview}");
    assert_eq!(list["former"][0]["url"], format!("http://ca.test{before}"), "{overview}");
    // Both hosts have it, until the last certificate that names the old one has ended.
    let at = |host: &str| {
        let request = Request { method: "GET".into(), path: before.clone(), ..Request::default() };
        new.send(Request { url_origin: host.to_owned(), ..request }).is(200)
    };
    assert_eq!(bytes(&at("http://ca.test")), bytes(&at("http://lists.test")));
    let until = Time::parse_rfc3339(list["former"][0]["until"].as_str().unwrap()).unwrap();
    let named = || names(&bytes(&at("http://lists.test"))).len();
    while new.now() < until.plus(Duration::from_secs(86_400 * 4)) {
        if new.now() < until {
            assert_eq!(named(), 2);
        }
        issue(&client.at(&new), "default");
        new.pass(Duration::from_secs(86_400 * 2));
        new.run_due_alarms();
    }
    assert_eq!(named(), 1, "the old host may end");
}
