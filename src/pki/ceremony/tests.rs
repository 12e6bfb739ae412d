use super::*;
use crate::pki::Issuer;
use core::net::Ipv4Addr;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

const NOW: Time = Time::from_secs(1_795_000_000);

fn ders(pem: &str) -> Vec<CertificateDer<'static>> {
    pem::read_certificates(pem).unwrap().into_iter().map(CertificateDer::from).collect()
}

/// Whether rustls-webpki accepts the chain for a server of that name at that time.
fn verify(chain: &str, root: &str, name: &str, at: Time) -> Result<(), webpki::Error> {
    let (chain, root) = (ders(chain), ders(root));
    let anchor = webpki::anchor_from_trusted_cert(&root[0]).unwrap();
    let leaf = webpki::EndEntityCert::try_from(&chain[0])?;
    leaf.verify_for_usage(
        webpki::ALL_VERIFICATION_ALGS,
        &[anchor],
        &chain[1..],
        UnixTime::since_unix_epoch(Duration::from_secs(at.secs())),
        webpki::KeyUsage::server_auth(),
        None,
        None,
    )?;
    leaf.verify_is_valid_for_subject_name(&ServerName::try_from(name).unwrap())
}

#[test]
fn a_server_below_root_and_intermediate_is_accepted_by_a_verifier() {
    let root = create_root("Test Root", NOW, 10).unwrap();
    let intermediate = create_intermediate(&root, "Test Intermediate, \"quoted\" = +", NOW, 5).unwrap();
    let server = create_server_leaf(&intermediate, &["localhost"], &[Ipv4Addr::LOCALHOST.into()], NOW, 30).unwrap();
    assert_eq!(ders(&server.certificate).len(), 2, "leaf and intermediate, no root");
    check_pair(&server.certificate, &server.key).unwrap();
    for name in ["localhost", "127.0.0.1"] {
        verify(&server.certificate, &root.certificate, name, NOW).unwrap();
    }
    assert_eq!(
        verify(&server.certificate, &root.certificate, "127.0.0.2", NOW).is_err(),
        true,
        "a name that it does not have"
    );
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
fn a_server_directly_below_its_root_is_alone_in_its_chain() {
    let root = create_root("Test Root", NOW, 1).unwrap();
    let server = create_server_leaf(&root, &["Ca.Test"], &[], NOW, 30).unwrap();
    assert_eq!(ders(&server.certificate).len(), 1);
    verify(&server.certificate, &root.certificate, "ca.test", NOW).unwrap();
}

#[test]
fn validity_counts_its_last_second_and_starts_an_hour_early() {
    let root = create_root("Test Root", NOW, 2).unwrap();
    let der = first_certificate(&root.certificate).unwrap();
    let parts = Parts::read(&der).unwrap();
    assert_eq!(parts.not_before.secs(), NOW.secs() - 3600);
    assert_eq!(parts.not_after.secs(), NOW.secs() - 3600 + 2 * 365 * 86_400 - 1);
}

#[test]
fn what_cannot_be_is_refused_with_its_reason() {
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
    assert!(matches!(check_pair("", &root.key), Err(CeremonyFault::Pem(PemFault::Empty))));
    assert!(matches!(check_pair(&root.certificate, ""), Err(CeremonyFault::Crypto(_))));
}

#[test]
fn a_printed_pair_shows_no_key() {
    let root = create_root("Test Root", NOW, 1).unwrap();
    assert!(!format!("{root:?}").contains("PRIVATE"));
}
