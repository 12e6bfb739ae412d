//! End to end: how soon `dev` decides on challenges and signs CRLs.

use super::{is_invalid, order, run, start};
use crate::common::turns;
use crate::common::wire::body;
use selvedge::pki::pem;
use selvedge::values::b64;
use serde_json::json;
use std::thread;
use std::time::{Duration, Instant};
use x509_cert::crl::CertificateList;

/// The URL of the list that a certificate names.
fn list_url(certificate: &[u8]) -> String {
    let text = String::from_utf8_lossy(certificate).into_owned();
    let (_, rest) = text
        .rmatch_indices("http://")
        .find(|(at, _)| text[*at..].contains("/crl/"))
        .map(|(at, _)| text.split_at(at))
        .unwrap();
    let end = rest.find(".crl").map_or(rest.len(), |at| at + 4);
    rest[..end].to_owned()
}

#[test]
fn dev_mode_validates_and_signs_crls_quickly() {
    turns::apart("reach");
    let (_folder, server, wire) = start(&["--set", "CRL_SHARDS=1"]);
    let (_, challenge) = order(&wire, "late.test", "dns-01");
    let asked = Instant::now();
    is_invalid(&run(&wire, &challenge), "unauthorized", "_acme-challenge.late.test");
    assert!(asked.elapsed() < Duration::from_secs(6), "{:?}", asked.elapsed());
    for revoked in 1..=3 {
        let name = format!("revoked{revoked}.test");
        let (_, ready) = wire.ready_order(&name, server.http01);
        let finalized = body(&wire.post(ready["finalize"].as_str().unwrap(), Some(wire.csr(&name))));
        let chain = wire.post(finalized["certificate"].as_str().unwrap(), None);
        let certificate = pem::read_certificates(chain.body()).unwrap().remove(0);
        let url = list_url(&certificate);
        let answer =
            wire.post(&wire.url("/acme/revoke-cert"), Some(json!({ "certificate": b64::encode(&certificate) })));
        assert_eq!(answer.status(), 200, "{}", answer.body());
        let asked = Instant::now();
        loop {
            let der = ureq::get(&url).call().unwrap().body_mut().read_to_vec().unwrap();
            let list = <CertificateList as der::Decode>::from_der(&der).unwrap();
            if list.tbs_cert_list.revoked_certificates.unwrap_or_default().len() == revoked {
                break;
            }
            assert!(asked.elapsed() < Duration::from_secs(3), "revocation {revoked} is not on its list");
            thread::sleep(Duration::from_millis(50));
        }
    }
}
