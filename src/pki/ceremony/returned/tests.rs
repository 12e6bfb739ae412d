use super::*;
use crate::pki::ceremony::signer::{CertAndKey, DAY, PURPOSES, Signer, intermediate_extensions, period, subject};
use crate::pki::ceremony::{create_intermediate_for, create_root};
use crate::pki::issuer::path_fault::{PathFault, PathPosition, PathRule};
use crate::pki::tbs;
use crate::pki::testing::{NOW, key};
use crate::values::SigAlg;
use crate::values::identifier::DnsName;
use const_oid::db::rfc5280::ID_KP_CODE_SIGNING;
use x509_cert::ext::Extensions;

/// A company: a root and an intermediate that may have one CA below it.
struct Company {
    root: CertAndKey,
    above: String,
    signer: Signer,
}

fn wanted() -> Constraints {
    Constraints::new(&[DnsName::parse("example.org").unwrap()], &[]).unwrap()
}

fn spki() -> Vec<u8> {
    key(SigAlg::Es256).spki_der().unwrap()
}

impl Company {
    fn new(path_length: Option<u8>) -> Self {
        let root = create_root("Company Root", NOW, 10).unwrap();
        let of = Signer::read(&root).unwrap();
        let key = key(SigAlg::Es384).clone();
        let (name, spki) = (subject("Company CA").unwrap(), key.spki_der().unwrap());
        let key_id = tbs::key_id(&spki).unwrap();
        let (not_before, not_after) = period(NOW, DAY.saturating_mul(1000));
        let extensions = vec![
            tbs::authority_key_id(&of.key_id).unwrap(),
            tbs::subject_key_id(&key_id).unwrap(),
            tbs::ca_key_usage().unwrap(),
            tbs::ca_constraints(path_length).unwrap(),
        ];
        let above = of.issue(&name, &spki, (not_before, not_after), extensions).unwrap();
        Self { root, above, signer: Signer { subject: name, key_id, key, not_before, not_after } }
    }

    /// What the company signs for the request, with these extensions.
    fn signs(&self, extensions: Extensions) -> String {
        self.signer
            .issue(&subject("Issuer").unwrap(), &spki(), period(NOW, DAY.saturating_mul(365)), extensions)
            .unwrap()
    }

    fn check(&self, chain: &str) -> Result<ReturnedChain, ReturnedFault> {
        ReturnedChain::check(chain, Some(&self.root.certificate), &spki(), &wanted(), NOW)
    }

    /// What comes of it when the extensions at these places are others.
    fn with(&self, at: usize, other: Option<x509_cert::ext::Extension>) -> ReturnedFault {
        let mut extensions = extensions();
        match other {
            Some(other) => extensions[at] = other,
            None => drop(extensions.remove(at)),
        }
        self.check(&format!("{}{}", self.signs(extensions), self.above)).unwrap_err()
    }
}

/// As asked for: subjectKeyIdentifier, keyUsage, basicConstraints, extKeyUsage, nameConstraints.
fn extensions() -> Extensions {
    intermediate_extensions(&spki(), PURPOSES, &wanted()).unwrap()
}

#[test]
fn returned_chain_as_requested_is_accepted_with_or_without_root() {
    for length in [None, Some(1)] {
        let company = Company::new(length);
        let chain = format!("{}{}", company.signs(extensions()), company.above);
        let taken = company.check(&chain).unwrap();
        assert_eq!((&taken.chain, &taken.root), (&chain, &company.root.certificate));
        let whole = format!("{chain}{}", company.root.certificate);
        assert_eq!(company.check(&whole).unwrap(), taken);
        assert_eq!(ReturnedChain::check(&whole, None, &spki(), &wanted(), NOW).unwrap(), taken);
        assert_eq!(ReturnedChain::check(&chain, None, &spki(), &wanted(), NOW), Err(ReturnedFault::NoRoot));
        let other = create_root("Company Root", NOW, 10).unwrap().certificate;
        assert_eq!(ReturnedChain::check(&whole, Some(&other), &spki(), &wanted(), NOW), Err(ReturnedFault::OtherRoot));
        let fault = ReturnedChain::check(&chain, Some(&other), &spki(), &wanted(), NOW).unwrap_err();
        assert!(fault.to_string().contains("certificate 2 of the issuer chain names the key"), "{fault}");
    }
}

#[test]
fn returned_chain_out_of_order_or_incomplete_is_refused() {
    let company = Company::new(None);
    let (issuer, above, root) = (company.signs(extensions()), &company.above, &company.root.certificate);
    assert_eq!(company.check(&format!("{above}{issuer}")), Err(ReturnedFault::Order(2)));
    assert_eq!(company.check(&issuer), Err(ReturnedFault::NotByRoot));
    assert_eq!(company.check(root), Err(ReturnedFault::Root));
    assert_eq!(company.check(&format!("{root}{issuer}")), Err(ReturnedFault::Order(2)));
    assert_eq!(company.check(above), Err(ReturnedFault::Key));
    assert!(matches!(company.check(&format!("{issuer}{above}{above}")), Err(ReturnedFault::Chain(_))));
    assert!(matches!(company.check(&company.root.key), Err(ReturnedFault::Ceremony(CeremonyFault::Pem(_)))));
    let narrow = Company::new(Some(0));
    let chain = format!("{}{}", narrow.signs(extensions()), narrow.above);
    let fault = PathFault { at: PathPosition::Chain(2), rule: PathRule::PathLength(0, 1) };
    assert_eq!(narrow.check(&chain), Err(ReturnedFault::Chain(IssuerFault::Path(fault))));
}

#[test]
fn returned_certificate_differing_from_request_is_refused_with_both() {
    let company = Company::new(None);
    assert_eq!(company.with(0, None), ReturnedFault::NoKeyId);
    let leaf_usage = tbs::leaf_key_usage(crate::pki::KeyKind::EcP256, true).unwrap();
    assert_eq!(company.with(1, Some(leaf_usage)), ReturnedFault::Chain(IssuerFault::NoCertSign(1)));
    assert_eq!(company.with(2, Some(tbs::leaf_constraints().unwrap())), ReturnedFault::Chain(IssuerFault::NotCa(1)));
    assert_eq!(company.with(2, Some(tbs::ca_constraints(Some(1)).unwrap())), ReturnedFault::PathLength(1));
    let mut any_depth = extensions();
    any_depth[2] = tbs::ca_constraints(None).unwrap();
    let taken = company.check(&format!("{}{}", company.signs(any_depth), company.above)).unwrap();
    assert_eq!(taken.warnings, [NO_PATH_LENGTH], "some CAs cannot write one");
    let signing = tbs::extended_key_usage(&[ID_KP_CODE_SIGNING]).unwrap();
    assert_eq!(company.with(3, Some(signing)), ReturnedFault::Purposes(vec![ID_KP_CODE_SIGNING]));
    let said = company.with(4, None).to_string();
    assert!(said.contains("only example.org and no IP addresses, the certificate no name constraints"), "{said}");
    let other = Constraints::new(&[DnsName::parse("example.net").unwrap()], &[]).unwrap();
    let said = company.with(4, other.extension().unwrap()).to_string();
    assert!(said.contains("example.org") && said.contains("the certificate only example.net"), "{said}");
    let open = company.signs(
        extensions().into_iter().filter(|one| one.extn_id != const_oid::db::rfc5280::ID_CE_EXT_KEY_USAGE).collect(),
    );
    company.check(&format!("{open}{}", company.above)).unwrap();
}

#[test]
fn returned_certificate_not_valid_now_is_refused() {
    let company = Company::new(None);
    let chain = format!("{}{}", company.signs(extensions()), company.above);
    let at = |now| ReturnedChain::check(&chain, Some(&company.root.certificate), &spki(), &wanted(), now);
    let late = NOW.plus(DAY.saturating_mul(366));
    assert!(matches!(at(late), Err(ReturnedFault::Chain(IssuerFault::Expired(1, _)))));
    assert!(matches!(at(NOW.minus(DAY)), Err(ReturnedFault::Chain(IssuerFault::NotYetValid(1, _)))));
}

#[test]
fn returned_leaf_certificate_is_refused() {
    let root = create_root("Company Root", NOW, 10).unwrap();
    let other = create_intermediate_for(&root, "Other", PURPOSES, NOW, 5).unwrap();
    let fault = ReturnedChain::check(&other.certificate, Some(&root.certificate), &spki(), &wanted(), NOW);
    assert_eq!(fault, Err(ReturnedFault::Key));
}
