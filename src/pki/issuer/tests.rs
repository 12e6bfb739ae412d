use super::*;
use crate::pki::ceremony::create_root;
use crate::pki::issuer::path_fault::PathRule;
use crate::pki::pem::PemFault;
use crate::pki::testing::{NOW, authority, block_on, issuer, key};
use crate::pki::{Serial, sigalg, tbs};
use crate::values::native_crypto::{NativeCrypto, NativeKey};
use core::time::Duration;
use der::Encode;
use std::str::FromStr;
use x509_cert::ext::Extensions;
use x509_cert::ext::pkix::KeyUsages;

const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// What goes into a CA certificate of these tests.
struct Ca<'a> {
    subject: &'a str,
    issuer: &'a str,
    key: &'a NativeKey,
    signer: &'a NativeKey,
    extensions: Extensions,
    from: Time,
}

impl Ca<'_> {
    fn pem(self) -> String {
        let name = |text| Name::from_str(text).unwrap().to_der().unwrap();
        let alg = self.signer.algorithm();
        let fields = tbs::Fields {
            serial: &Serial::from_random([7; 18]),
            algorithm: sigalg::identifier(alg).unwrap(),
            issuer: &name(self.issuer),
            not_before: self.from,
            not_after: self.from.plus(YEAR),
            subject: &name(self.subject),
            spki: &self.key.spki_der().unwrap(),
            extensions: self.extensions,
        };
        let tbs = fields.encode().unwrap();
        let signature = sigalg::to_x509(alg, &self.signer.sign(alg, &tbs).unwrap()).unwrap();
        pem::write_certificate(&tbs::seal(&tbs, sigalg::identifier(alg).unwrap(), &signature).unwrap()).unwrap()
    }
}

fn ca<'a>(subject: &'a str, issuer: &'a str) -> Ca<'a> {
    let (key, signer) = (key(SigAlg::Es256), key(SigAlg::Es384));
    Ca { subject, issuer, key, signer, extensions: ca_extensions(key), from: NOW }
}

fn ca_extensions(key: &NativeKey) -> Extensions {
    vec![
        tbs::subject_key_id(&tbs::key_id(&key.spki_der().unwrap()).unwrap()).unwrap(),
        tbs::ca_key_usage().unwrap(),
        tbs::ca_constraints(Some(0)).unwrap(),
    ]
}

/// As [`ca_extensions`], with room for a CA below.
fn above_extensions(key: &NativeKey) -> Extensions {
    let mut extensions = ca_extensions(key);
    extensions[2] = tbs::ca_constraints(Some(1)).unwrap();
    extensions
}

/// [`ca`] without its extension at this place.
fn without(at: usize) -> String {
    let mut ca = ca("CN=Two", "CN=One");
    ca.extensions.remove(at);
    ca.pem()
}

fn fault(pem: &str) -> IssuerFault {
    Issuer::from_pem_chain(pem).unwrap_err()
}

#[test]
fn issuer_from_intermediate_has_fields_for_leaves() {
    let issuer = issuer();
    let der = pem::read_certificates(&authority().1.certificate).unwrap().remove(0);
    let key = NativeKey::from_pkcs8_pem(&authority().1.key).unwrap();
    assert!(issuer.matches_public_key(&key.spki_der().unwrap()));
    assert!(!issuer.matches_public_key(&crate::pki::testing::key(SigAlg::Es256).spki_der().unwrap()));
    assert_eq!(issuer.name(), "Test Intermediate");
    assert_eq!(issuer.key_id().len(), 20);
    assert_eq!(issuer.certificate_der(), der);
    assert_eq!(Name::from_der(issuer.subject()).unwrap().to_string(), "CN=Test Intermediate");
    assert_eq!(issuer.chain_pem(), authority().1.certificate);
    assert_eq!((issuer.id().len(), issuer.id()), (16, &hex(&Sha256::digest(key.spki_der().unwrap()))[..16]));
    assert_eq!(issuer.not_after().secs() + 1 - issuer.not_before().secs(), 5 * YEAR.as_secs());
    block_on(issuer.check_signatures(&NativeCrypto)).unwrap();
}

#[test]
fn issuer_chain_is_written_strictly() {
    let untidy = format!("\r\n{}\r\n\n", authority().1.certificate.replace('\n', "\r\n"));
    assert_eq!(Issuer::from_pem_chain(&untidy).unwrap().chain_pem(), authority().1.certificate);
}

#[test]
fn r01_root_in_chain_is_refused_with_advice() {
    let (root, intermediate) = authority();
    assert_eq!(fault(&root.certificate), IssuerFault::Root(1));
    let both = format!("{}{}", intermediate.certificate, root.certificate);
    assert_eq!(fault(&both), IssuerFault::Root(2));
    assert!(fault(&both).to_string().contains("leave the root out"));
}

#[test]
fn issuer_without_required_extensions_is_refused() {
    assert_eq!(fault(&without(0)), IssuerFault::NoKeyId);
    assert_eq!(fault(&without(1)), IssuerFault::NoCertSign(1));
    assert_eq!(fault(&without(2)), IssuerFault::NotCa(1));
    let of = |alg| Ca { key: key(alg), extensions: ca_extensions(key(alg)), ..ca("CN=Two", "CN=One") }.pem();
    assert_eq!(fault(&of(SigAlg::Ed25519)), IssuerFault::KeyKind(KeyKind::Ed25519));
    for alg in [SigAlg::Es256, SigAlg::Es384, SigAlg::Rs256] {
        assert_eq!(Issuer::from_pem_chain(&of(alg)).unwrap().algorithm(), alg);
    }
    let mut no_lists = ca("CN=Two", "CN=One");
    let usage = KeyUsage(KeyUsages::KeyCertSign.into());
    no_lists.extensions[1] = tbs::extension(true, &usage).unwrap();
    assert_eq!(fault(&no_lists.pem()), IssuerFault::NoCrlSign);
    let mut leaf = ca("CN=Two", "CN=One");
    leaf.extensions[2] = tbs::leaf_constraints().unwrap();
    assert_eq!(fault(&leaf.pem()), IssuerFault::NotCa(1));
    let mut twice = ca("CN=Two", "CN=One");
    twice.extensions.push(tbs::ca_constraints(None).unwrap());
    assert!(matches!(fault(&twice.pem()), IssuerFault::Unreadable(1, _)));
    assert_eq!(fault(""), IssuerFault::Pem(PemFault::Empty(pem::CERTIFICATE)));
    assert!(fault(&authority().1.key).to_string().contains("PRIVATE KEY"));
    let garbage = pem::write_certificate(&[0x30, 0]).unwrap();
    assert!(matches!(fault(&garbage), IssuerFault::Unreadable(1, _)));
}

#[test]
fn issuer_chain_out_of_order_is_refused() {
    let above = |signer| Ca {
        key: signer,
        signer: key(SigAlg::Es256),
        extensions: above_extensions(signer),
        ..ca("CN=One", "CN=Root")
    };
    let (two, one) = (ca("CN=Two", "CN=One").pem(), above(key(SigAlg::Es384)).pem());
    let issuer = Issuer::from_pem_chain(&format!("{two}{one}")).unwrap();
    assert_eq!(issuer.name(), "Two");
    assert_eq!(issuer.chain_pem(), format!("{two}{one}"));
    block_on(issuer.check_signatures(&NativeCrypto)).unwrap();
    assert_eq!(fault(&format!("{one}{two}")), IssuerFault::Order(1));

    // The right name, but another key: only the signature tells.
    let stranger = NativeKey::generate(SigAlg::Es384, &mut crate::pki::testing::random).unwrap();
    let issuer = Issuer::from_pem_chain(&format!("{two}{}", above(&stranger).pem())).unwrap();
    assert_eq!(block_on(issuer.check_signatures(&NativeCrypto)), Err(IssuerFault::Signature(1)));
    let p256 = Issuer::from_pem_chain(&format!("{two}{}", above(key(SigAlg::Ed25519)).pem())).unwrap();
    assert!(matches!(block_on(p256.check_signatures(&NativeCrypto)), Err(IssuerFault::Algorithm(1, _))));

    // A key identifier of another key is reported.
    let mut pointing = ca("CN=Two", "CN=One");
    pointing.extensions.push(tbs::authority_key_id(&[9; 20]).unwrap());
    let found = fault(&format!("{}{one}", pointing.pem()));
    assert!(matches!(&found, IssuerFault::Path(fault) if matches!(fault.rule, PathRule::KeyId(..))), "{found}");
    assert!(found.to_string().contains("§4.2.1.1"), "{found}");
}

#[test]
fn issuer_validity_covers_the_whole_chain() {
    let older = Ca {
        key: key(SigAlg::Es384),
        extensions: above_extensions(key(SigAlg::Es384)),
        from: NOW.minus(Duration::from_secs(100)),
        ..ca("CN=One", "CN=Root")
    };
    let issuer = Issuer::from_pem_chain(&format!("{}{}", ca("CN=Two", "CN=One").pem(), older.pem())).unwrap();
    let end = NOW.plus(YEAR).minus(Duration::from_secs(100));
    assert_eq!((issuer.not_before(), issuer.not_after()), (NOW, end));
    assert_eq!(issuer.check_time(NOW), Ok(()));
    assert_eq!(issuer.check_time(end.plus(Duration::from_millis(999))), Ok(()), "the last second counts");
    let fault = issuer.check_time(end.plus(Duration::from_secs(1))).unwrap_err();
    assert_eq!(fault, IssuerFault::Expired(2, end));
    assert_eq!(
        fault.to_string(),
        format!("certificate 2 of the issuer chain was valid until {}; renew it", end.rfc3339())
    );
    assert_eq!(issuer.check_time(NOW.minus(Duration::from_secs(1))), Err(IssuerFault::NotYetValid(1, NOW)));
}

#[test]
fn issuer_without_common_name_is_named_by_organization() {
    let issuer = Issuer::from_pem_chain(&ca("O=Example,C=XX", "CN=One").pem()).unwrap();
    assert_eq!(issuer.name(), "Example");
    let root = create_root("Old", NOW, 1).unwrap();
    assert!(issuer.allows(const_oid::db::rfc5280::ID_KP_SERVER_AUTH), "without the extension, every purpose");
    assert_eq!(fault(&root.certificate), IssuerFault::Root(1));
}
