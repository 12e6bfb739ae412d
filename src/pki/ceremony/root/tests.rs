use super::*;
use crate::pki::Issuer;
use crate::pki::ceremony::{create_intermediate, create_issuer_csr, create_root};
use crate::pki::testing::{NOW, key};

fn plan<'a>(common_name: &'a str, constraints: &'a Constraints, years: u32) -> IssuerPlan<'a> {
    IssuerPlan { common_name, algorithm: SigAlg::Es256, constraints, years }
}

#[test]
fn root_of_each_key_kind_signs_intermediates() {
    for algorithm in [SigAlg::Es256, SigAlg::Es384, SigAlg::Rs256, SigAlg::Ed25519] {
        let made = Root::create(algorithm, "Test Root", NOW, 20).unwrap();
        let root = Root::read(made.certificate(), made.key().clone(), NOW).unwrap();
        let issuer = root.create_issuer(plan("Test Issuer", &Constraints::default(), 5), NOW).unwrap();
        let read = Issuer::from_pem_chain(&issuer.certificate).unwrap();
        assert_eq!((read.name(), root.not_after() > read.not_after()), ("Test Issuer", true));
        let (below, above) = (
            pem::read_certificates(&issuer.certificate).unwrap().remove(0),
            pem::read_certificates(root.certificate()).unwrap().remove(0),
        );
        assert!(is_issued_by(&Parts::read(&below).unwrap(), &Parts::read(&above).unwrap()), "{algorithm:?}");
        assert!(!is_issued_by(&Parts::read(&above).unwrap(), &Parts::read(&below).unwrap()));
        assert!(!format!("{root:?}").contains("PRIVATE"));
    }
}

#[test]
fn certificate_not_a_root_is_refused_as_root() {
    let root = create_root("Test Root", NOW, 10).unwrap();
    let own = || NativeKey::from_pkcs8_pem(&root.key).unwrap();
    let refused = |pem: &str, now| Root::read(pem, own(), now).unwrap_err();
    let other = create_root("Test Root", NOW, 10).unwrap();
    assert_eq!(refused(&other.certificate, NOW), CeremonyFault::KeyMismatch);
    let below = create_intermediate(&root, "Test Intermediate", NOW, 5).unwrap();
    assert_eq!(refused(&below.certificate, NOW), RootFault::NotSelfSigned.into());
    let two = format!("{}{}", root.certificate, other.certificate);
    assert_eq!(refused(&two, NOW), RootFault::Several(2).into());
    let year = DAY.saturating_mul(366);
    assert!(matches!(
        refused(&root.certificate, NOW.plus(year.saturating_mul(10))),
        CeremonyFault::Root(RootFault::Expired(_))
    ));
    assert!(matches!(refused(&root.certificate, NOW.minus(year)), CeremonyFault::Root(RootFault::NotYetValid(_))));
    assert!(matches!(refused("", NOW), CeremonyFault::Pem(_)));
}

/// A self-signed certificate with these extensions.
fn odd_root(extensions: Vec<x509_cert::ext::Extension>) -> Result<Root, CeremonyFault> {
    let key = key(SigAlg::Es384).clone();
    let (spki, subject) = (key.spki_der().unwrap(), subject("Odd Root").unwrap());
    let (not_before, not_after) = period(NOW, DAY);
    let signer = Signer { subject: subject.clone(), key_id: vec![1], key: key.clone(), not_before, not_after };
    let certificate = signer.issue(&subject, &spki, (not_before, not_after), extensions).unwrap();
    Root::read(&certificate, key, NOW)
}

#[test]
fn root_without_ca_or_path_length_is_refused() {
    let id = || tbs::subject_key_id(&[1; 20]).unwrap();
    let ca = |length| tbs::ca_constraints(length).unwrap();
    odd_root(vec![id(), ca(None)]).unwrap();
    odd_root(vec![id(), ca(Some(1)), tbs::ca_key_usage().unwrap()]).unwrap();
    let refused = |extensions| odd_root(extensions).unwrap_err();
    assert_eq!(refused(vec![id(), ca(Some(0))]), RootFault::PathLength { allowed: 0, wanted: 1 }.into());
    assert_eq!(refused(vec![id()]), RootFault::NotCa.into());
    assert_eq!(refused(vec![id(), tbs::leaf_constraints().unwrap()]), RootFault::NotCa.into());
    let leaf_usage = tbs::leaf_key_usage(crate::pki::KeyKind::EcP384, true).unwrap();
    assert_eq!(refused(vec![id(), ca(None), leaf_usage]), RootFault::NoCertSign.into());
    assert_eq!(refused(vec![ca(None)]), CeremonyFault::NotCa);
}

#[test]
fn issuer_request_is_signed_as_requested_and_renewed() {
    let root = Root::create(SigAlg::Es384, "Test Root", NOW, 10).unwrap();
    let constraints = Constraints::new(&[], &["10.0.0.0/8".parse().unwrap()]).unwrap();
    let pem = create_issuer_csr(key(SigAlg::Es256), "Test Issuer", &constraints).unwrap();
    let request = IssuerRequest::read(&pem).unwrap();
    assert_eq!(*request.constraints(), constraints);
    let first = root.sign_request(&request, NOW, 1).unwrap();
    let renewed = root.sign_request(&request, NOW.plus(DAY.saturating_mul(300)), 1).unwrap();
    let [first, renewed] = [first, renewed].map(|pem| Issuer::from_pem_chain(&pem).unwrap());
    assert_eq!((first.id(), first.subject()), (renewed.id(), renewed.subject()));
    assert!(renewed.not_after() > first.not_after());
    assert!(matches!(root.sign_request(&request, NOW, 11), Err(CeremonyFault::Outlives(..))));
    assert!(IssuerRequest::read(&pem.replace("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST")).is_ok(), "RFC 7468 §7");
    assert!(IssuerRequest::read(&pem.replace("CERTIFICATE REQUEST", "CERTIFICATE")).is_err());
    let mut der = der::pem::decode_vec(pem.as_bytes()).unwrap().1;
    *der.last_mut().unwrap() ^= 1;
    let forged = der::pem::encode_string("CERTIFICATE REQUEST", der::pem::LineEnding::LF, &der).unwrap();
    assert!(matches!(IssuerRequest::read(&forged), Err(CeremonyFault::Csr(_))));
}
