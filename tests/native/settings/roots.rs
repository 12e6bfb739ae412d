//! Configured issuers and roots: the root's constraints apply to issuers that its key signed.
//!
//! None of them is stopped by findings.

use futures_util::FutureExt;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CustomExtension, DistinguishedName, DnType, GeneralSubtree,
    IsCa, KeyPair, KeyUsagePurpose, NameConstraints, date_time_ymd,
};
use selvedge::ca::config::issuers::Configured;
use selvedge::pki::ceremony::{Constraints, IssuerPlan, Root};
use selvedge::pki::{Issuer, pem};
use selvedge::values::native_crypto::NativeCrypto;
use selvedge::values::{CryptoFailure, Identifier, SigAlg, Time, Verify};
use std::collections::BTreeMap;

const NOW: Time = Time::from_secs(1_800_000_000);

type Values = BTreeMap<&'static str, String>;
type Ca = CertifiedIssuer<'static, KeyPair>;

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.distinguished_name = called(name);
    params
}

fn called(name: &str) -> DistinguishedName {
    let mut called = DistinguishedName::new();
    called.push(DnType::CommonName, name);
    called
}

/// A root that is called "root", with a key of its own.
fn root(change: impl FnOnce(&mut CertificateParams)) -> Ca {
    let mut params = params("root");
    change(&mut params);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// An issuer below a root; whether it names the root's key.
fn below(root: &Ca, names_key: bool) -> String {
    let mut params = params("issuer");
    params.use_authority_key_identifier_extension = names_key;
    params.signed_by(&KeyPair::generate().unwrap(), root).unwrap().pem()
}

fn critical() -> CustomExtension {
    let mut odd = CustomExtension::from_oid_content(&[1, 3, 6, 1, 4, 1, 99_999, 1], vec![5, 0]);
    odd.set_criticality(true);
    odd
}

/// Lets the root permit names in `in.test` only.
fn narrow(params: &mut CertificateParams) {
    let permitted = vec![GeneralSubtree::DnsName("in.test".to_owned())];
    params.name_constraints = Some(NameConstraints { permitted_subtrees: permitted, excluded_subtrees: vec![] });
}

fn values(chain: String, root: &Ca) -> Values {
    BTreeMap::from([("ISSUER_CHAIN", chain), ("ROOT_CERTIFICATE", root.pem())])
}

fn read(values: &Values) -> Configured {
    Configured::read(&|name| values.get(name).cloned(), NOW).unwrap()
}

fn signed(configured: Configured) -> Configured {
    configured.by_signature(NOW, &NativeCrypto).now_or_never().unwrap()
}

/// Whether the issuer that signs may have a certificate outside of `in.test`.
fn is_free(configured: &Configured) -> bool {
    configured.issuers.active(NOW).permits(&Identifier::dns("a.test").unwrap()).is_ok()
}

#[test]
fn issuer_must_meet_its_roots_constraints() {
    let made = Root::create(SigAlg::Es256, "root", NOW, 1).unwrap();
    let plan =
        IssuerPlan { common_name: "issuer", algorithm: SigAlg::Es256, constraints: &Constraints::default(), years: 1 };
    let chain = made.create_issuer(plan, NOW).unwrap().certificate;
    let values = Values::from([("ISSUER_CHAIN", chain), ("ROOT_CERTIFICATE", made.certificate().to_owned())]);
    assert!(signed(read(&values)).problems.is_empty());

    // A root that ends first ends what is below it.
    let short = root(|params| params.not_after = date_time_ymd(2030, 1, 1));
    let configured = signed(read(&self::values(below(&short, true), &short)));
    assert_eq!(configured.issuers.active(NOW).not_after().rfc3339(), "2030-01-01T00:00:00Z");
    let narrow = root(narrow);
    for names_key in [true, false] {
        let configured = signed(read(&self::values(below(&narrow, names_key), &narrow)));
        assert!(!is_free(&configured) && configured.problems.is_empty(), "{:?}", configured.problems);
    }
}

#[test]
fn rekeyed_root_is_another_root() {
    let (old, new) = (root(|_| ()), root(narrow));
    for names_key in [true, false] {
        let mut values = values(below(&old, names_key), &new);
        let configured = signed(read(&values));
        assert!(is_free(&configured) && configured.problems.is_empty(), "{names_key} {:?}", configured.problems);
        // With the next issuer, below the new one, both are there.
        values.insert("ISSUER_CHAIN_2", below(&new, names_key));
        values.insert("ISSUER_ACTIVE_FROM_2", NOW.rfc3339());
        let configured = signed(read(&values));
        assert!(!is_free(&configured) && configured.problems.is_empty(), "{names_key} {:?}", configured.problems);
        let numbers: Vec<_> = configured.issuers.slots().map(|slot| slot.number).collect();
        assert_eq!(numbers, [1, 2]);
    }
}

#[test]
fn verifier_findings_are_reported_without_stopping() {
    type Change = fn(&mut CertificateParams);
    let cases: [(Change, &str, bool); 4] = [
        (|params| params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0)), "§4.2.1.9", true),
        (|params| params.custom_extensions.push(critical()), "critical extension 1.3.6.1.4.1.99999.1", true),
        (
            |params| {
                let excluded_subtrees = vec![GeneralSubtree::DirectoryName(called("issuer"))];
                params.name_constraints = Some(NameConstraints { permitted_subtrees: vec![], excluded_subtrees });
            },
            "§4.2.1.10",
            true,
        ),
        (|params| params.not_after = date_time_ymd(2020, 1, 1), "the root is valid from", false),
    ];
    for (change, says, refused) in cases {
        let (own, twin) = (root(change), root(change));
        let chain = below(&own, false);
        let configured = read(&values(chain.clone(), &own));
        let [problem] = configured.problems.as_slice() else { panic!("{:?}", configured.problems) };
        assert!(problem.starts_with("Verifiers refuse the certificates of ISSUER_CHAIN: "), "{problem}");
        assert!(problem.contains(says), "{problem}");
        let configured = signed(configured);
        assert_eq!(configured.problems.len(), 1);
        assert!(configured.issuers.active(NOW).check_time(NOW).is_ok());
        // Where it is taken in, it is refused.
        let issuer = Issuer::from_pem_chain(&chain).unwrap();
        let der = pem::read_certificates(&own.pem()).unwrap().remove(0);
        assert_eq!(issuer.below(&der).is_err(), refused, "{says}");

        // What a root demands that has the name only is nothing to it.
        let configured = read(&values(chain, &twin));
        assert_eq!(configured.problems.len(), 1);
        assert_eq!(signed(configured).problems, Vec::<String>::new());
    }
}

#[test]
fn active_chain_stays_in_use_despite_verifier_findings() {
    let (own, other) =
        (root(|_| ()), CertifiedIssuer::self_signed(params("other"), KeyPair::generate().unwrap()).unwrap());
    let mut odd = params("issuer");
    odd.custom_extensions.push(critical());
    let key = KeyPair::generate().unwrap();
    let mut values = values(odd.signed_by(&key, &own).unwrap().pem(), &own);
    values.insert("ALTERNATE_CHAINS", odd.signed_by(&key, &other).unwrap().pem());
    let configured = signed(read(&values));
    assert_eq!(configured.issuers.active(NOW).alternates().len(), 1);
    let [chain, alternate] = configured.problems.as_slice() else { panic!("{:?}", configured.problems) };
    assert!(chain.contains("certificates of ISSUER_CHAIN: certificate 1"), "{chain}");
    assert!(alternate.contains("Verifiers refuse chain 1 of ALTERNATE_CHAINS: certificate 1"), "{alternate}");
    assert!(Issuer::from_pem_chain(&values["ISSUER_CHAIN"]).is_err());
}

/// A provider that fails.
struct Broken;

impl Verify for Broken {
    async fn verify(&self, _: SigAlg, _: &[u8], _: &[u8], _: &[u8]) -> Result<bool, CryptoFailure> {
        Err(CryptoFailure("out of order".to_owned()))
    }
}

#[test]
fn uncheckable_signature_is_reported_without_stopping() {
    let own = root(narrow);
    let configured = read(&values(below(&own, true), &own));
    let configured = configured.by_signature(NOW, &Broken).now_or_never().unwrap();
    let [problem] = configured.problems.as_slice() else { panic!("{:?}", configured.problems) };
    assert!(problem.starts_with("Cannot check whether ISSUER_CHAIN is below ROOT_CERTIFICATE"), "{problem}");
    assert!(is_free(&configured));
}
