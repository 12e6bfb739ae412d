//! A chain with another's contents and new keys, to test issuing without the real key.

use super::fault::CeremonyFault;
use super::signer::{CertAndKey, Signer, new_key};
use crate::pki::key::KeyKind;
use crate::pki::key::check_spki;
use crate::pki::{pem, tbs};
use crate::values::SigAlg;
use crate::values::native_crypto::NativeKey;
use crate::values::x509::Parts;
use const_oid::{AssociatedOid, ObjectIdentifier};
use x509_cert::ext::pkix::{
    AuthorityInfoAccessSyntax, AuthorityKeyIdentifier, CrlDistributionPoints, SubjectKeyIdentifier,
};

/// Extensions with key identifiers or URLs of the issuer; all others are copied.
const OWN: [ObjectIdentifier; 4] = [
    AuthorityKeyIdentifier::OID,
    SubjectKeyIdentifier::OID,
    CrlDistributionPoints::OID,
    AuthorityInfoAccessSyntax::OID,
];

/// Makes a chain like `chain` (PEM, the issuer first, without its root) below `root`.
///
/// Each certificate has the same subject, kind of key, dates and extensions, name constraints among them. The returned
/// key is that of the first.
///
/// # Errors
/// What is wrong with `chain` or `root`, and failures of cryptography or encoding.
pub fn stand_in(root: &CertAndKey, chain: &str) -> Result<CertAndKey, CeremonyFault> {
    let mut signer = Signer::read(root)?;
    let (mut certificates, mut key) = (Vec::new(), String::new());
    // From the one below the root to the one that signs leaves.
    for der in pem::read_certificates(chain)?.iter().rev() {
        let parts = Parts::read(der)?;
        let below = like(&signer, &parts)?;
        key = below.key;
        signer = Signer::read(&CertAndKey { certificate: below.certificate.clone(), key: key.clone() })?;
        certificates.push(below.certificate);
    }
    certificates.reverse();
    Ok(CertAndKey { certificate: certificates.concat(), key })
}

fn like(signer: &Signer, parts: &Parts<'_>) -> Result<CertAndKey, CeremonyFault> {
    let key = key_like(parts.spki)?;
    let spki = key.spki_der()?;
    let mut extensions = vec![tbs::authority_key_id(&signer.key_id)?, tbs::subject_key_id(&tbs::key_id(&spki)?)?];
    extensions.extend(parts.extensions.iter().filter(|one| !OWN.contains(&one.extn_id)).cloned());
    // An expired certificate stays expired.
    let not_after = parts.not_after.min(signer.not_after);
    let not_before =
        if signer.not_before < not_after { parts.not_before.max(signer.not_before) } else { parts.not_before };
    let certificate = signer.issue(parts.subject, &spki, (not_before, not_after), extensions)?;
    Ok(CertAndKey { certificate, key: key.to_pkcs8_pem()? })
}

/// A new key of the same kind.
fn key_like(spki: &[u8]) -> Result<NativeKey, CeremonyFault> {
    new_key(match check_spki(spki).map(|key| key.kind()) {
        Ok(KeyKind::EcP384) => SigAlg::Es384,
        Ok(KeyKind::Rsa { .. }) => SigAlg::Rs256,
        // Unknown keys are refused when the chain is read.
        _ => SigAlg::Es256,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::Issuer;
    use crate::pki::ceremony::{Constraints, IssuerPlan, Root, check_pair, create_root, is_issued_by};
    use crate::pki::testing::NOW;
    use crate::values::Identifier;
    use crate::values::identifier::DnsName;

    fn issuer_of(constraints: &Constraints, algorithm: SigAlg) -> CertAndKey {
        let root = Root::create(SigAlg::Es256, "Real Root", NOW, 10).unwrap();
        let plan = IssuerPlan { common_name: "Real Issuer", algorithm, constraints, years: 5 };
        root.create_issuer(plan, NOW).unwrap()
    }

    #[test]
    fn stand_in_has_same_contents_and_other_keys() {
        let constraints = Constraints::new(&[DnsName::parse("corp.test").unwrap()], &[]).unwrap();
        let real = issuer_of(&constraints, SigAlg::Es384);
        let root = create_root("Throw-away", NOW, 10).unwrap();
        let made = stand_in(&root, &real.certificate).unwrap();
        check_pair(&made.certificate, &made.key).unwrap();
        let [one, other] = [&real, &made].map(|it| Issuer::from_pem_chain(&it.certificate).unwrap());
        assert_eq!((one.name(), one.algorithm()), (other.name(), other.algorithm()));
        assert_eq!(one.not_after(), other.not_after());
        assert_ne!(one.public_key().spki_der(), other.public_key().spki_der());
        assert_ne!(one.key_id(), other.key_id());
        for (name, permitted) in [("a.corp.test", true), ("a.test", false)] {
            let name = Identifier::Dns(DnsName::parse(name).unwrap());
            assert_eq!((one.permits(&name).is_ok(), other.permits(&name).is_ok()), (permitted, permitted));
        }
        let read = |pem: &str| pem::read_certificates(pem).unwrap().remove(0);
        let (made, root, real) = (read(&made.certificate), read(&root.certificate), read(&real.certificate));
        let parts = |der| Parts::read(der).unwrap();
        assert!(is_issued_by(&parts(&made), &parts(&root)));
        assert_eq!(parts(&made).extensions.len(), parts(&real).extensions.len());
    }

    #[test]
    fn stand_in_of_longer_chain_copies_each_certificate() {
        let real = issuer_of(&Constraints::default(), SigAlg::Es256);
        let root = create_root("Throw-away", NOW, 10).unwrap();
        let above = stand_in(&root, &real.certificate).unwrap();
        // Two certificates, of which the second may not have a CA below it: the shape is copied, not judged.
        let made = stand_in(&root, &format!("{}{}", real.certificate, above.certificate)).unwrap();
        let ders = pem::read_certificates(&made.certificate).unwrap();
        let root = pem::read_certificates(&root.certificate).unwrap().remove(0);
        let [lower, upper] = ders.as_slice() else { panic!("{}", ders.len()) };
        let parts = |der| Parts::read(der).unwrap();
        assert!(is_issued_by(&parts(lower), &parts(upper)) && is_issued_by(&parts(upper), &parts(&root)));
    }
}
