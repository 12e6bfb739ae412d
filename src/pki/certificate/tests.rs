use super::*;
use crate::pki::ceremony::create_server_leaf;
use crate::pki::pem;
use crate::pki::testing::{NOW, authority, issuer, order};
use crate::values::SigAlg;
use core::net::Ipv4Addr;
use der::asn1::Ia5String;
use proptest::prelude::*;

#[test]
fn r04_issued_certificate_is_read_back() {
    let order = order(SigAlg::Es384, &["b.test", "*.a.test"]);
    let der = order.issue();
    let presented = parse_presented(&der).unwrap();
    assert_eq!(presented.serial, order.serial);
    assert_eq!(presented.authority_key_id.as_deref(), Some(issuer().key_id()));
    assert_eq!(presented.spki_der, order.key.spki_der());
    assert_eq!(presented.names, order.names.iter().cloned().collect());
    assert!(!presented.has_other_names);
    assert_eq!(presented.not_after, order.request().period.not_after);
    let tbs = crate::pki::leaf::build_tbs(&order.request()).unwrap();
    assert_eq!(presented.tbs_der, tbs);
    assert_eq!(presented.tbs_hash(), sha256(&tbs));
    assert!(der.ends_with(&presented.signature) && presented.signature.len() >= 64);
}

#[test]
fn r04_names_of_both_types_are_read_and_others_flagged() {
    let address = [Ipv4Addr::LOCALHOST.into()];
    let leaf = create_server_leaf(&authority().1, &["a.test"], &address, NOW, 1).unwrap();
    let presented = parse_presented(&pem::read_certificates(&leaf.certificate).unwrap()[0]).unwrap();
    assert!(!presented.has_other_names);
    let names = [Identifier::dns("a.test").unwrap(), Identifier::ip("127.0.0.1").unwrap()];
    assert_eq!(presented.names, names.into());
    assert_eq!(identifier(&GeneralName::Rfc822Name(Ia5String::new("a@a.test").unwrap())), None);
    let root = parse_presented(&pem::read_certificates(&authority().0.certificate).unwrap()[0]).unwrap();
    assert!(root.names.is_empty() && !root.has_other_names);
}

#[test]
fn presented_bytes_not_a_certificate_are_refused() {
    let der = order(SigAlg::Es256, &["a.test"]).issue();
    for bad in [&b""[..], &[0x30, 0], &der[1..], &der[..der.len() - 1], &[&der[..], &[0]].concat()] {
        assert!(matches!(parse_presented(bad), Err(CertificateFault::Unreadable(_))));
    }
    assert_eq!(parse_presented(&vec![0x30; 65_537]).unwrap_err(), CertificateFault::TooLong(65_537));
    let csr = include_bytes!("../../../tests/fixtures/csr/wants-ca.der");
    assert!(matches!(parse_presented(csr), Err(CertificateFault::Unreadable(_))));
    let at = der.windows(4).position(|bytes| bytes == [2, 19, 1, 0xab]).unwrap();
    let mut negative = der.clone();
    negative[at + 2] = 0x80;
    assert_eq!(parse_presented(&negative).unwrap_err(), CertificateFault::Serial);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(parse_presented(&bytes).is_err());
    }

    #[test]
    fn presented_certificate_with_any_change_is_detected(at in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let good = order(SigAlg::Es256, &["a.test"]).issue();
        let mut der = good.clone();
        let at = at.index(der.len());
        der[at] ^= 1 << bit;
        if let Ok(presented) = parse_presented(&der) {
            let before = parse_presented(&good).unwrap();
            prop_assert!(
                presented.tbs_hash() != before.tbs_hash() || presented.signature != before.signature,
                "bit {} of byte {} changes neither", bit, at
            );
        }
    }
}
