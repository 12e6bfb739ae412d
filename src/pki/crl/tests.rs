use super::*;
use crate::pki::lint;
use crate::pki::testing::{NOW, authority, block_on, issuer, key};
use crate::values::crypto::Sign;
use crate::values::native_crypto::NativeSigner;
use crate::values::{SigAlg, Verify};
use core::time::Duration;
use der::asn1::ObjectIdentifier;
use x509_cert::crl::CertificateList;

const URL: &str = "http://ca.test/crl/00/3.crl";

/// [`URL`], as a list has it.
fn urls() -> &'static [String] {
    static URLS: std::sync::LazyLock<[String; 1]> = std::sync::LazyLock::new(|| [URL.to_owned()]);
    &*URLS
}
const DAY: Duration = Duration::from_secs(86_400);

fn entries() -> Vec<CrlEntry> {
    let entry = |n, reason| CrlEntry { serial: Serial::from_random([n; 18]), at: NOW.minus(DAY), reason };
    vec![entry(1, None), entry(2, Some(1)), entry(3, Some(5))]
}

fn request<'a>(issuer: &'a Issuer, entries: &'a [CrlEntry]) -> CrlRequest<'a> {
    CrlRequest {
        issuer,
        number: 1_795_521_600_000,
        this_update: NOW,
        next_update: NOW.plus(DAY),
        urls: urls(),
        complete: false,
        entries,
    }
}

/// The parts that the lint reports after `change`.
fn linted(change: impl Fn(&mut x509_cert::crl::TbsCertList)) -> Vec<&'static str> {
    let (issuer, entries) = (issuer(), entries());
    let request = request(&issuer, &entries);
    let mut list = x509_cert::crl::TbsCertList::from_der(&build_tbs(&request).unwrap()).unwrap();
    change(&mut list);
    let faults = lint::crl::check(&list.to_der().unwrap(), &request).err().unwrap_or_default();
    faults.into_iter().map(|fault| fault.part).collect()
}

#[test]
fn crl_has_requested_contents_and_valid_signature() {
    let (issuer, entries) = (issuer(), entries());
    let request = request(&issuer, &entries);
    let tbs = lint::crl::check(&build_tbs(&request).unwrap(), &request).unwrap();
    let signer = NativeSigner::from_pkcs8_pem(&authority().1.key).unwrap();
    let signature = block_on(signer.sign(tbs.as_bytes())).unwrap();
    let list =
        CertificateList::<x509_cert::certificate::Rfc5280>::from_der(&assemble(&tbs, &signature).unwrap()).unwrap();
    let revoked = list.tbs_cert_list.revoked_certificates.unwrap();
    assert_eq!(revoked.len(), 3);
    assert!(revoked[0].crl_entry_extensions.is_none(), "RFC 5280 5.3.1: unspecified is said by saying nothing");
    let holds = crate::values::native_crypto::NativeCrypto.verify(
        SigAlg::Es256,
        issuer.public_key().spki_der(),
        tbs.as_bytes(),
        &signature,
    );
    assert!(block_on(holds).unwrap());
    assert_eq!(assemble(&tbs, &[1, 2]), Err(CrlFault::Signature(2)));
}

#[test]
fn crl_distribution_point_is_critical_and_equals_that_of_leaves() {
    let extension = distribution_point(urls()).unwrap();
    assert!(extension.critical);
    assert_eq!(extension.extn_id, ObjectIdentifier::new_unwrap("2.5.29.28"));
    // SEQUENCE { [0] { [0] { [6] URL } }, [1] TRUE }: DER's TRUE is FF, and what is FALSE by default is left out.
    let name = [&[0x86, URL.len() as u8], URL.as_bytes()].concat();
    let point = [&[0xa0, name.len() as u8 + 2, 0xa0, name.len() as u8], &name[..]].concat();
    let wanted = [&[0x30, point.len() as u8 + 3], &point[..], &[0x81, 1, 0xff]].concat();
    assert_eq!(extension.extn_value.as_bytes(), wanted);
    let leaf = tbs::crl_pointer(URL).unwrap();
    let within = leaf.extn_value.as_bytes().windows(point.len()).any(|window| window == point);
    assert!(within, "the distributionPoint of a leaf's CRLDP is the same bytes");
}

#[test]
fn crl_without_entries_omits_the_list() {
    let issuer = issuer();
    let request = request(&issuer, &[]);
    let tbs = build_tbs(&request).unwrap();
    assert!(lint::crl::check(&tbs, &request).is_ok());
    let list = x509_cert::crl::TbsCertList::<x509_cert::certificate::Rfc5280>::from_der(&tbs).unwrap();
    assert_eq!(list.revoked_certificates, None);
}

#[test]
fn crl_with_invalid_contents_is_refused() {
    let issuer = issuer();
    let good = request(&issuer, &[]);
    let fault = |request: CrlRequest<'_>| build_tbs(&request).unwrap_err();
    let years = NOW.plus(DAY * 366 * 5);
    assert_eq!(fault(CrlRequest { this_update: years, ..good }), CrlFault::IssuerNotValid(years));
    assert_eq!(fault(CrlRequest { next_update: NOW, ..good }), CrlFault::Empty(NOW, NOW));
    for url in ["https://ca.test/crl", "http://", "http://ca.test/a b"] {
        assert_eq!(fault(CrlRequest { urls: &[url.to_owned()], ..good }), CrlFault::Url(url.to_owned()));
    }
    // A list without URLs is in the scope of all certificates, so it has to be meant.
    assert_eq!(fault(CrlRequest { urls: &[], ..good }), CrlFault::Url(String::new()));
    assert_eq!(fault(CrlRequest { complete: true, ..good }), CrlFault::Url(String::new()));
    let complete = CrlRequest { urls: &[], complete: true, ..good };
    let tbs = build_tbs(&complete).unwrap();
    assert!(lint::crl::check(&tbs, &complete).is_ok() && lint::crl::check(&tbs, &good).is_err());
    for code in [0, 2, 6, 7, 8, 9, 10] {
        let entries = [CrlEntry { reason: Some(code), ..entries().remove(0) }];
        assert_eq!(fault(CrlRequest { entries: &entries, ..good }), CrlFault::Reason(code));
    }
}

#[test]
fn crl_lint_finds_each_difference() {
    assert!(linted(|_| {}).is_empty());
    assert_eq!(linted(|list| list.version = x509_cert::Version::V1), ["version"]);
    assert_eq!(linted(|list| list.signature = sigalg::identifier(SigAlg::Es384).unwrap()), ["signature algorithm"]);
    assert_eq!(linted(|list| list.issuer = Default::default()), ["issuer"]);
    assert_eq!(
        linted(|list| list.this_update = tbs::time(NOW.minus(Duration::from_secs(60))).unwrap()),
        ["thisUpdate"]
    );
    assert_eq!(linted(|list| list.next_update = None), ["nextUpdate", "nextUpdate"]);
    let late = |list: &mut x509_cert::crl::TbsCertList| list.next_update = Some(tbs::time(NOW.plus(DAY * 11)).unwrap());
    assert_eq!(linted(late), ["nextUpdate", "nextUpdate"]);
    assert_eq!(linted(|list| drop(list.revoked_certificates.as_mut().unwrap().pop())), ["revokedCertificates"]);
    assert_eq!(linted(|list| list.revoked_certificates.as_mut().unwrap().swap(0, 1)), ["revokedCertificates"; 2]);
    let twice = linted(|list| {
        let all = list.revoked_certificates.as_mut().unwrap();
        all[1] = all[0].clone();
    });
    assert_eq!(twice, ["revokedCertificates", "serial numbers"]);
    let extensions = |change: fn(&mut Extensions)| linted(move |list| change(list.crl_extensions.as_mut().unwrap()));
    assert_eq!(extensions(|all| drop(all.remove(0))), ["authorityKeyIdentifier"]);
    assert_eq!(extensions(|all| drop(all.remove(1))), ["cRLNumber"]);
    assert_eq!(extensions(|all| all[2].critical = false), ["issuingDistributionPoint"]);
    assert_eq!(
        extensions(|all| all[2] = distribution_point(&["http://ca.test/other".to_owned()]).unwrap()),
        ["issuingDistributionPoint"]
    );
    assert_eq!(extensions(|all| all.push(tbs::ca_key_usage().unwrap())), ["extensions"]);
    assert_eq!(extensions(|all| all.push(all[1].clone())), ["cRLNumber"]);
}

#[test]
fn crl_is_signed_by_issuers_of_every_kind() {
    for alg in [SigAlg::Es256, SigAlg::Es384, SigAlg::Rs256] {
        let issuer = crate::pki::testing::issuer_of(key(alg));
        let entries = entries();
        let request = request(&issuer, &entries);
        let tbs = lint::crl::check(&build_tbs(&request).unwrap(), &request).unwrap();
        assert_eq!((tbs.algorithm(), issuer.algorithm()), (alg, alg));
        let signer = NativeSigner::new(key(alg).clone()).unwrap();
        assemble(&tbs, &block_on(signer.sign(tbs.as_bytes())).unwrap()).unwrap();
    }
}
