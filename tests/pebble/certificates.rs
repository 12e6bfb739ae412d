//! Parts of certificates and pages of lists, by which two servers are compared.

use std::collections::BTreeSet;

use const_oid::ObjectIdentifier;
use const_oid::db::rfc5280::ID_CE_AUTHORITY_KEY_IDENTIFIER;
use der::asn1::OctetString;
use der::{Decode, Encode};
use selvedge::ca::testing::CsrShape;
use selvedge::pki::ceremony::new_key;
use selvedge::values::{SigAlg, b64, hex};
use serde_json::json;
use x509_cert::Certificate;
use x509_cert::ext::Extension;

use super::acme::Acme;

/// Names in no order.
const NAMES: [&str; 3] = ["b.certs.example.org", "c.certs.example.org", "a.certs.example.org"];

/// The extensions of a certificate for these names in the CSR, with must-staple.
pub fn extensions(directory: &str, serve: impl Fn(&str, &str)) -> BTreeSet<String> {
    let mut acme = Acme::new(directory);
    assert_eq!(acme.register().status, 201);
    let mut sorted = NAMES;
    sorted.sort_unstable();
    let ordered = acme.order(&sorted);
    let (url, order) = (ordered.header("location").unwrap().to_owned(), ordered.json());
    acme.prove(&order, serve);
    let must_staple = Extension {
        extn_id: ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.1.24"),
        critical: false,
        extn_value: OctetString::new(&[0x30, 3, 2, 1, 5][..]).unwrap(),
    };
    let key = new_key(SigAlg::Es256).unwrap();
    let csr = CsrShape { extensions: vec![must_staple], ..CsrShape::dns(&NAMES) }.build(&key);
    let finalized = acme.post(order["finalize"].as_str().unwrap(), Some(json!({ "csr": b64::encode(&csr) })));
    // A time of Retry-After for orders is in the configuration.
    assert_eq!(finalized.json()["status"], "processing");
    assert!(finalized.header("retry-after").is_some());
    let valid = acme.settled(&url, &["processing"]).json();
    let chain = acme.post(valid["certificate"].as_str().unwrap(), None).text();
    let leaf = selvedge::pki::pem::read_certificates(&chain).unwrap().remove(0);
    let certificate = Certificate::from_der(&leaf).unwrap();
    let extensions = certificate.tbs_certificate().extensions().unwrap().iter();
    let others = extensions.filter(|extension| extension.extn_id != ID_CE_AUTHORITY_KEY_IDENTIFIER);
    let mut lines: BTreeSet<String> = others.map(|extension| hex::encode(&extension.to_der().unwrap())).collect();
    lines.insert(format!("subject {}", certificate.tbs_certificate().subject()));
    lines
}

/// The numbers of orders in each page of an account's list.
pub fn pages(directory: &str, orders: usize) -> Vec<usize> {
    let mut acme = Acme::new(directory);
    let mut next = acme.register().json()["orders"].as_str().map(str::to_owned);
    (0..orders).for_each(|number| assert_eq!(acme.order(&[&format!("p{number}.example.org")]).status, 201));
    let mut pages = Vec::new();
    while let Some(url) = next {
        let page = acme.post(&url, None);
        pages.push(page.json()["orders"].as_array().unwrap().len());
        let mut links = page.headers.get_all("link").iter().map(|link| link.to_str().unwrap());
        let link = links.find(|link| link.ends_with("rel=\"next\""));
        next = link.map(|link| link.trim_start_matches('<').split('>').next().unwrap().to_owned());
    }
    pages
}
