use super::signer::{DAY, first_certificate};
use super::*;
use crate::pki::Issuer;
use crate::pki::pem::{self, PemFault};
use crate::pki::testing::{NOW, block_on, key, verify_server as verify};
use crate::values::SigAlg;
use crate::values::native_crypto::NativeCrypto;
use crate::values::x509::Parts;
use core::net::Ipv4Addr;

#[test]
fn server_chain_with_intermediate_is_accepted_by_verifier() {
    let root = create_root("Test Root", NOW, 10).unwrap();
    let intermediate = create_intermediate(&root, "Test Intermediate, \"quoted\" = +", NOW, 5).unwrap();
    let server = create_server_leaf(&intermediate, &["localhost"], &[Ipv4Addr::LOCALHOST.into()], NOW, 30).unwrap();
    assert_eq!(pem::read_certificates(&server.certificate).unwrap().len(), 2, "leaf and intermediate, no root");
    check_pair(&server.certificate, &server.key).unwrap();
    for name in ["localhost", "127.0.0.1"] {
        verify(&server.certificate, &root.certificate, name, NOW).unwrap();
    }
    assert!(verify(&server.certificate, &root.certificate, "127.0.0.2", NOW).is_err(), "a name it does not have");
    let other = create_root("Test Root", NOW, 10).unwrap();
    assert!(verify(&server.certificate, &other.certificate, "localhost", NOW).is_err(), "another root");
    let after = NOW.plus(DAY.saturating_mul(30));
    assert!(matches!(
        verify(&server.certificate, &root.certificate, "localhost", after),
        Err(webpki::Error::CertExpired { .. })
    ));
    let issuer = Issuer::from_pem_chain(&intermediate.certificate).unwrap();
    assert_eq!(issuer.name(), "Test Intermediate, \"quoted\" = +");
}

#[test]
fn server_chain_below_root_has_one_certificate() {
    let root = create_root("Test Root", NOW, 1).unwrap();
    let server = create_server_leaf(&root, &["Ca.Test"], &[], NOW, 30).unwrap();
    assert_eq!(pem::read_certificates(&server.certificate).unwrap().len(), 1);
    verify(&server.certificate, &root.certificate, "ca.test", NOW).unwrap();
}

#[test]
fn root_validity_includes_last_second_and_starts_an_hour_early() {
    let root = create_root("Test Root", NOW, 2).unwrap();
    let der = first_certificate(&root.certificate).unwrap();
    let parts = Parts::read(&der).unwrap();
    assert_eq!(parts.not_before.secs(), NOW.secs() - 3600);
    assert_eq!(parts.not_after.secs(), NOW.secs() - 3600 + 2 * 365 * 86_400 - 1);
}

#[test]
fn ceremony_with_invalid_input_is_refused_with_reason() {
    let root = create_root("Test Root", NOW, 1).unwrap();
    let other = create_root("Other Root", NOW, 1).unwrap();
    let mixed = CertAndKey { certificate: root.certificate.clone(), key: other.key.clone() };
    assert_eq!(check_pair(&root.certificate, &other.key), Err(CeremonyFault::KeyMismatch));
    assert_eq!(create_intermediate(&mixed, "X", NOW, 1).unwrap_err(), CeremonyFault::KeyMismatch);
    assert!(matches!(create_intermediate(&root, "X", NOW, 2), Err(CeremonyFault::Outlives(..))));
    assert!(matches!(create_server_leaf(&root, &["a_b.test"], &[], NOW, 1), Err(CeremonyFault::Name(..))));
    assert_eq!(create_server_leaf(&root, &[], &[], NOW, 1).unwrap_err(), CeremonyFault::NoNames);
    assert_eq!(create_root("", NOW, 1).unwrap_err(), CeremonyFault::CommonName(0));
    assert_eq!(create_root(&"é".repeat(65), NOW, 1).unwrap_err(), CeremonyFault::CommonName(65));
    let server = create_server_leaf(&root, &["a.test"], &[], NOW, 1).unwrap();
    assert_eq!(create_server_leaf(&server, &["b.test"], &[], NOW, 1).unwrap_err(), CeremonyFault::NotCa);
    assert!(matches!(check_pair("", &root.key), Err(CeremonyFault::Pem(PemFault::Empty(pem::CERTIFICATE)))));
    assert!(matches!(check_pair(&root.certificate, ""), Err(CeremonyFault::Crypto(_))));
}

#[test]
fn key_pair_debug_hides_the_key() {
    let root = create_root("Test Root", NOW, 1).unwrap();
    assert!(!format!("{root:?}").contains("PRIVATE"));
}

#[test]
fn client_csr_is_accepted() {
    for alg in [SigAlg::Es256, SigAlg::Es384, SigAlg::Rs256, SigAlg::Ed25519] {
        let der = create_csr(key(alg), &["b.test", "*.a.test"]).unwrap();
        let csr = block_on(crate::pki::csr::parse(&der).unwrap().verify(&NativeCrypto)).unwrap();
        let names: Vec<_> = csr.names().unwrap().iter().map(|name| name.to_string()).collect();
        assert_eq!(names, ["*.a.test", "b.test"]);
    }
}
