//! Fixtures for the tests of several modules: keys, CSRs, an issuer, a verifier.

use super::ceremony::{
    CertAndKey, Constraints, IssuerPlan, Root, create_intermediate, create_intermediate_for, create_root, cross_sign,
};
use super::key::check_spki;
use super::leaf::{LeafFault, LeafRequest, assemble, build_tbs};
use super::profile::{Profile, default_profile};
use super::validity::{PeriodLimits, RequestedPeriod};
use super::{Issuer, Period, PublicKey, Serial, lint, pem, sigalg};
use crate::values::crypto::Sign;
use crate::values::identifier::DnsName;
use crate::values::native_crypto::{NativeKey, NativeSigner};
use crate::values::{Identifier, SigAlg, Time};
use core::time::Duration;
use der::asn1::{BitString, Ia5String, ObjectIdentifier, SetOfVec, Utf8StringRef};
use der::{Any, Decode, Encode};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use spki::SubjectPublicKeyInfoOwned;
use std::str::FromStr;
use std::sync::LazyLock;
use x509_cert::Certificate;
use x509_cert::attr::Attribute;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::{Extension, ToExtension};
use x509_cert::name::Name;
use x509_cert::request::{CertReq, CertReqInfo, ExtensionReq, Version};

pub(super) use crate::values::hex::encode as hex;

/// 24 November 2026, about noon.
pub(super) const NOW: Time = Time::from_secs(1_795_521_600);

pub(super) fn random(bytes: &mut [u8]) {
    getrandom::fill(bytes).unwrap();
}

/// One key per algorithm and test run.
pub(super) fn key(alg: SigAlg) -> &'static NativeKey {
    static P256: LazyLock<NativeKey> = LazyLock::new(|| NativeKey::generate(SigAlg::Es256, &mut random).unwrap());
    static P384: LazyLock<NativeKey> = LazyLock::new(|| NativeKey::generate(SigAlg::Es384, &mut random).unwrap());
    static RSA: LazyLock<NativeKey> = LazyLock::new(|| NativeKey::generate(SigAlg::Rs256, &mut random).unwrap());
    static ED25519: LazyLock<NativeKey> = LazyLock::new(|| NativeKey::generate(SigAlg::Ed25519, &mut random).unwrap());
    match alg {
        SigAlg::Es256 | SigAlg::EcP256Sha384 | SigAlg::EcP256Sha512 => &P256,
        SigAlg::Es384 | SigAlg::EcP384Sha256 | SigAlg::EcP384Sha512 => &P384,
        SigAlg::Rs256 | SigAlg::Rs384 | SigAlg::Rs512 | SigAlg::Ps256 | SigAlg::Ps384 | SigAlg::Ps512 => &RSA,
        SigAlg::Ed25519 => &ED25519,
    }
}

/// A root and an intermediate, valid at [`NOW`].
pub(super) fn authority() -> &'static (CertAndKey, CertAndKey) {
    static AUTHORITY: LazyLock<(CertAndKey, CertAndKey)> = LazyLock::new(|| {
        let root = create_root("Test Root", NOW, 10).unwrap();
        let intermediate = create_intermediate(&root, "Test Intermediate", NOW, 5).unwrap();
        (root, intermediate)
    });
    &AUTHORITY
}

pub(super) fn issuer() -> Issuer {
    Issuer::from_pem_chain(&authority().1.certificate).unwrap()
}

/// Another root, and [`authority`]'s intermediate as certified by it, PEM.
pub(super) fn cross_signed() -> (CertAndKey, String) {
    let root = create_root("Other Root", NOW, 10).unwrap();
    let cross = cross_sign(&root, &authority().1, "Test Intermediate", NOW, 5).unwrap();
    (root, cross.certificate)
}

/// The intermediate's key under another name, PEM.
pub(super) fn renamed_issuer() -> String {
    cross_sign(&authority().0, &authority().1, "Another Name", NOW, 5).unwrap().certificate
}

/// An issuer with this key.
pub(super) fn issuer_of(key: &NativeKey) -> Issuer {
    let of = CertAndKey { certificate: String::new(), key: key.to_pkcs8_pem().unwrap() };
    let certificate = cross_sign(&authority().0, &of, "Test Intermediate", NOW, 5).unwrap().certificate;
    Issuer::from_pem_chain(&certificate).unwrap()
}

/// An issuer whose certificate allows this extended key usage only.
pub(super) fn narrow_issuer(purpose: ObjectIdentifier) -> Issuer {
    let root = create_root("Test Root", NOW, 10).unwrap();
    let narrow = create_intermediate_for(&root, "Test Intermediate", &[purpose], NOW, 5).unwrap();
    Issuer::from_pem_chain(&narrow.certificate).unwrap()
}

/// An issuer constrained to these DNS names and ranges of addresses. With neither, it is unconstrained.
pub(super) fn constrained_issuer(dns: &[&str], ips: &[&str]) -> Issuer {
    let dns: Vec<_> = dns.iter().map(|name| DnsName::parse(name).unwrap()).collect();
    let ips: Vec<_> = ips.iter().map(|range| range.parse().unwrap()).collect();
    let constraints = &Constraints::new(&dns, &ips).unwrap();
    let plan = IssuerPlan { common_name: "Test Intermediate", algorithm: SigAlg::Es256, constraints, years: 5 };
    let root = Root::create(SigAlg::Es384, "Test Root", NOW, 10).unwrap();
    Issuer::from_pem_chain(&root.create_issuer(plan, NOW).unwrap().certificate).unwrap()
}

pub(super) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// The parts of a request, owned.
pub(super) struct Order {
    pub issuer: Issuer,
    pub profile: Profile,
    pub key: PublicKey,
    pub names: Vec<Identifier>,
    pub common_name: Option<Identifier>,
    pub serial: Serial,
    pub now: Time,
    pub ca_issuers: Option<&'static str>,
    pub crl: Option<&'static str>,
    pub ocsp: Option<&'static str>,
    pub must_staple: bool,
}

/// A request for these names, by [`issuer`], for the [`key`] of that algorithm.
pub(super) fn order(alg: SigAlg, names: &[&str]) -> Order {
    Order {
        issuer: issuer(),
        profile: default_profile().clone(),
        key: check_spki(&key(alg).spki_der().unwrap()).unwrap(),
        names: names.iter().map(|name| Identifier::dns(name).unwrap()).collect(),
        common_name: None,
        serial: Serial::from_random([0xab; 18]),
        now: NOW,
        ca_issuers: None,
        crl: None,
        ocsp: None,
        must_staple: false,
    }
}

impl Order {
    pub(super) fn request(&self) -> LeafRequest<'_> {
        LeafRequest {
            issuer: &self.issuer,
            profile: &self.profile,
            public_key: &self.key,
            names: &self.names,
            common_name: self.common_name.as_ref(),
            serial: &self.serial,
            now: self.now,
            period: self.period(),
            ca_issuers: self.ca_issuers,
            crl: self.crl,
            ocsp: self.ocsp,
            must_staple: self.must_staple,
        }
    }

    /// The validity of the order that asks for none.
    pub(super) fn period(&self) -> Period {
        let (issuer, profile) = (&self.issuer, &self.profile);
        PeriodLimits { issuer, profile, longest: profile.validity, ordered: self.now }
            .period(RequestedPeriod::default(), self.now)
            .unwrap()
    }

    pub(super) fn fault(&self) -> LeafFault {
        build_tbs(&self.request()).unwrap_err()
    }

    /// The whole path: build, lint, sign, assemble.
    pub(super) fn issue(&self) -> Vec<u8> {
        let tbs = build_tbs(&self.request()).unwrap();
        let linted = lint::check(&tbs, &self.request()).unwrap();
        let signer = NativeSigner::from_pkcs8_pem(&authority().1.key).unwrap();
        assemble(&linted, &block_on(signer.sign(linted.as_bytes())).unwrap()).unwrap()
    }

    pub(super) fn certificate(&self) -> Certificate {
        Certificate::from_der(&self.issue()).unwrap()
    }
}

/// A CSR of any shape.
pub(super) struct CsrShape {
    pub subject: &'static str,
    pub names: Vec<GeneralName>,
    /// Further extensions that it asks for.
    pub extensions: Vec<Extension>,
    pub attributes: Vec<Attribute>,
    pub alg: SigAlg,
}

impl Default for CsrShape {
    fn default() -> Self {
        Self { subject: "", names: vec![], extensions: vec![], attributes: vec![], alg: SigAlg::Es256 }
    }
}

impl CsrShape {
    /// For these DNS names.
    pub(super) fn dns(names: &[&str]) -> Self {
        Self { names: names.iter().map(|name| dns(name)).collect(), ..Self::default() }
    }

    /// Its DER, signed.
    pub(super) fn build(&self) -> Vec<u8> {
        let subject = if self.subject.is_empty() { Name::default() } else { Name::from_str(self.subject).unwrap() };
        let mut extensions = self.extensions.clone();
        if !self.names.is_empty() {
            extensions.push(SubjectAltName(self.names.clone()).to_extension(&subject, &[]).unwrap());
        }
        let mut attributes = self.attributes.clone();
        if !extensions.is_empty() {
            attributes.push(ExtensionReq(extensions).try_into().unwrap());
        }
        sign_csr(subject, attributes, self.alg)
    }
}

fn sign_csr(subject: Name, attributes: Vec<Attribute>, alg: SigAlg) -> Vec<u8> {
    let info = CertReqInfo {
        version: Version::V1,
        subject,
        public_key: SubjectPublicKeyInfoOwned::from_der(&key(alg).spki_der().unwrap()).unwrap(),
        attributes: SetOfVec::from_iter(attributes).unwrap(),
    };
    let raw = key(alg).sign(alg, &info.to_der().unwrap()).unwrap();
    let signature = BitString::from_bytes(&sigalg::to_x509(alg, &raw).unwrap()).unwrap();
    CertReq { info, algorithm: sigalg::identifier(alg).unwrap(), signature }.to_der().unwrap()
}

pub(super) fn dns(name: &str) -> GeneralName {
    GeneralName::DnsName(Ia5String::new(name).unwrap())
}

/// An attribute with one UTF8String.
pub(super) fn attribute(oid: &str, value: &str) -> Attribute {
    let value = Any::from(Utf8StringRef::new(value).unwrap());
    Attribute { oid: ObjectIdentifier::new_unwrap(oid), values: SetOfVec::from_iter([value]).unwrap() }
}

/// Whether rustls-webpki accepts the PEM chain for a server of that name at that time.
pub(super) fn verify_server(chain: &str, root: &str, name: &str, at: Time) -> Result<(), webpki::Error> {
    let ders = |pem| pem::read_certificates(pem).unwrap().into_iter().map(CertificateDer::from).collect::<Vec<_>>();
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
