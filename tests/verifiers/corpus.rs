//! The corpus: certificates of every issued kind, below every kind of issuer.
//!
//! It is not the full product (profiles × keys × names × pointers × issuers, about a thousand), for what a certificate
//! contains is put together of parts that do not know of each other: key and key usage come from the leaf's key,
//! lifetime and purposes from the profile, the subjectAltName from the names, the pointers from two URLs, the signature
//! from the issuer. So each part goes through all its values, and in pairs where one does change what another means:
//!
//! - profile × leaf key: purposes and key usage have to fit each other, and the subject key identifier, which some
//!   profiles have, is made of the key;
//! - issuer key × leaf key: the one's algorithm must not be taken for the other's;
//! - names × what is asked of them: servers are asked by name, clients are not, so all for servers and two for clients;
//! - pointers × profile: one profile leaves its CRL out though it is given one;
//! - name constraints × names: within them of every kind that they allow, and outside by name and by address, also the
//!   first address after a range.

use crate::hierarchy::{ISSUERS, IssuerKind};
use der::{Decode, Encode};
use selvedge::pki::key::check_spki;
use selvedge::pki::leaf::{LeafRequest, assemble, build_tbs, common_name};
use selvedge::pki::validity::{PeriodLimits, RequestedPeriod};
use selvedge::pki::{Issuer, Period, Profile, PublicKey, Serial, lint, profile, sigalg};
use selvedge::values::identifier::IpName;
use selvedge::values::native_crypto::NativeKey;
use selvedge::values::{Identifier, SigAlg, Time};
use std::collections::BTreeSet;

/// Where certificates say that their CRL is.
pub const CRL: &str = "http://ca.example.com/crl/1.crl";
const CA_ISSUERS: &str = "http://ca.example.com/issuer.cer";

/// The key types of leaves; RSA keys are fixtures, because generating them takes seconds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum LeafKey {
    P256,
    P384,
    Rsa2048,
    Rsa3072,
    Ed25519,
}

const KEYS: [(&str, LeafKey); 5] = [
    ("p256", LeafKey::P256),
    ("p384", LeafKey::P384),
    ("rsa-2048", LeafKey::Rsa2048),
    ("rsa-3072", LeafKey::Rsa3072),
    ("ed25519", LeafKey::Ed25519),
];

impl LeafKey {
    fn public(self) -> PublicKey {
        let key = match self {
            Self::P256 => generated(SigAlg::Es256),
            Self::P384 => generated(SigAlg::Es384),
            Self::Ed25519 => generated(SigAlg::Ed25519),
            Self::Rsa2048 => NativeKey::from_pkcs8_pem(include_str!("../fixtures/keys/rsa-2048.pem")).unwrap(),
            Self::Rsa3072 => NativeKey::from_pkcs8_pem(include_str!("../fixtures/keys/rsa-3072.pem")).unwrap(),
        };
        check_spki(&key.spki_der().unwrap()).unwrap()
    }
}

fn generated(alg: SigAlg) -> NativeKey {
    NativeKey::generate(alg, &mut |bytes| getrandom::fill(bytes).unwrap()).unwrap()
}

/// The kinds of names.
///
/// Those below `example.com` could be public; `inner` and the addresses could not: only a private CA certifies them.
const NAMES: [(&str, &[&str]); 11] = [
    ("single", &["www.example.com"]),
    ("wildcard", &["*.example.com", "example.com"]),
    ("ipv4", &["192.0.2.1"]),
    ("ipv6", &["2001:db8::1"]),
    // The first address after a permitted range.
    ("ipv4-beyond", &["192.0.2.128"]),
    ("ipv6-beyond", &["2001:db8:8000::"]),
    ("mixed", &["192.0.2.1", "2001:db8::1", "example.com", "www.example.com"]),
    // bücher, and a name in Chinese.
    ("idn", &["xn--bcher-kva.example.com", "xn--fsqu00a.example.com"]),
    // One of 66 characters, which no common name could hold, and one of 253, the most that DNS has; labels of 63.
    ("long", &[LONG, LONGEST]),
    ("inner", &["printer", "www.corp.test"]),
    // Made in `names`.
    ("hundred", &[]),
];
const LONG: &str = "this-label-goes-on-and-on-until-it-has-all-the-63-characters-xx.example.com";
const LONGEST: &str = "this-label-goes-on-and-on-until-it-has-all-the-63-characters-xx.\
    this-label-goes-on-and-on-until-it-has-all-the-63-characters-xx.\
    this-label-goes-on-and-on-until-it-has-all-the-63-characters-xx.\
    this-label-has-what-is-left-of-the-253-characters.example.com";

fn names(kind: &str) -> BTreeSet<Identifier> {
    let (_, names) = NAMES.iter().find(|(name, _)| *name == kind).unwrap();
    let hundred: Vec<_> = (0..100).map(|n| format!("host-{n}.example.com")).collect();
    let texts = if kind == "hundred" { hundred } else { names.iter().map(|&name| name.to_owned()).collect() };
    texts
        .iter()
        .map(|text| IpName::parse(text).map_or_else(|_| Identifier::dns(text).unwrap(), Identifier::Ip))
        .collect()
}

/// What one leaf is made of.
#[derive(Clone)]
pub struct Case {
    /// What it is called, as a file too.
    pub name: String,
    pub issuer: &'static IssuerKind,
    pub profile: &'static Profile,
    pub key: LeafKey,
    /// The kind of its names, a row of [`NAMES`].
    pub names: &'static str,
    /// Whether it is given a CRL's URL, and the issuer certificate's.
    pub crl: bool,
    pub ca_issuers: bool,
    /// Whether its names are outside the issuer's constraints: everybody has to refuse it.
    pub outside: bool,
}

impl Case {
    fn new(parts: &[&str], issuer: &'static IssuerKind) -> Self {
        let profile = profile::default_profile();
        let name = parts.join("-");
        Self { name, issuer, profile, key: LeafKey::P256, names: "single", crl: true, ca_issuers: true, outside: false }
    }

    /// Whether it is for clients and not for servers.
    pub fn is_client(&self) -> bool {
        self.profile.name == "client"
    }

    /// Whether it has IP addresses.
    pub fn has_address(&self) -> bool {
        names(self.names).iter().any(|name| matches!(name, Identifier::Ip(_)))
    }

    /// Whether a DNS name of it is a wildcard.
    pub fn has_wildcard(&self) -> bool {
        self.names == "wildcard"
    }

    /// Whether the certificate says where its CRL is.
    pub fn has_crl(&self) -> bool {
        self.crl && self.profile.crl_pointer
    }
}

/// Every case; with the first issuer all other parts take all their values.
pub fn cases() -> Vec<Case> {
    let usual = ISSUERS.first().unwrap();
    let mut cases = vec![];
    for profile in profile::all() {
        for (name, key) in KEYS {
            cases.push(Case { profile, key, ..Case::new(&["profile", profile.name, name], usual) });
        }
        for (name, crl, ca_issuers) in [("none", false, false), ("crl", true, false), ("ca-issuers", false, true)] {
            cases.push(Case { profile, crl, ca_issuers, ..Case::new(&["pointers", name, profile.name], usual) });
        }
    }
    for (names, _) in NAMES.iter().filter(|(names, _)| *names != "single") {
        cases.push(Case { names, ..Case::new(&["names", names], usual) });
    }
    for names in ["mixed", "hundred"] {
        let profile = profile::find("client").unwrap();
        cases.push(Case { names, profile, ..Case::new(&["names", names, "client"], usual) });
    }
    for issuer in ISSUERS.iter().skip(1) {
        let (names, more) = issuer.within.split_first().unwrap();
        // Issuers with constraints have keys that others have too.
        let keys = if issuer.is_constrained() { &KEYS[..1] } else { &KEYS };
        for (name, key) in keys {
            cases.push(Case { names, key: *key, ..Case::new(&["issuer", issuer.name, name], issuer) });
        }
        let profile = profile::find("client").unwrap();
        cases.push(Case { names, profile, ..Case::new(&["issuer", issuer.name, "client"], issuer) });
        for names in more {
            cases.push(Case { names, ..Case::new(&["within", issuer.name, names], issuer) });
        }
        for names in issuer.outside {
            cases.push(Case { names, outside: true, ..Case::new(&["outside", issuer.name, names], issuer) });
        }
    }
    cases
}

/// A certificate of bytes that the lint refuses for their names alone.
fn sealed(tbs: &[u8], signer: &NativeKey, faults: &[lint::LintFault]) -> Vec<u8> {
    assert!(faults.iter().all(|fault| fault.expected == "within the issuer's name constraints"), "{faults:?}");
    #[derive(der::Sequence)]
    struct Sealed {
        tbs: der::Any,
        algorithm: spki::AlgorithmIdentifierOwned,
        signature: der::asn1::BitString,
    }
    let algorithm = sigalg::identifier(signer.algorithm()).unwrap();
    let signature = sigalg::to_x509(signer.algorithm(), &signer.sign(signer.algorithm(), tbs).unwrap()).unwrap();
    let signature = der::asn1::BitString::from_bytes(&signature).unwrap();
    Sealed { tbs: der::Any::from_der(tbs).unwrap(), algorithm, signature }.to_der().unwrap()
}

/// A leaf that was issued.
pub struct Leaf {
    pub case: Case,
    pub der: Vec<u8>,
    pub names: BTreeSet<Identifier>,
    pub period: Period,
    /// Its serial number, in hexadecimal.
    pub serial: String,
}

impl Leaf {
    /// Issues it as the authority does: built, linted, signed, assembled.
    pub fn issue(case: Case, issuer: &Issuer, signer: &NativeKey, now: Time) -> Self {
        let names = names(case.names);
        let public_key = case.key.public();
        let mut random = [0; 18];
        getrandom::fill(&mut random).unwrap();
        let serial = Serial::from_random(random);
        let terms = PeriodLimits { issuer, profile: case.profile, longest: case.profile.validity, ordered: now };
        let period = terms.period(RequestedPeriod::default(), now).unwrap();
        let in_order: Vec<Identifier> = names.iter().cloned().collect();
        let common_name = common_name(None, &in_order).filter(|_| case.profile.common_name);
        let request = LeafRequest {
            issuer,
            profile: case.profile,
            public_key: &public_key,
            names: &in_order,
            common_name,
            serial: &serial,
            now,
            period,
            ca_issuers: case.ca_issuers.then_some(CA_ISSUERS),
            crl: case.crl.then_some(CRL),
            ocsp: None,
            must_staple: false,
        };
        let tbs = build_tbs(&request).unwrap();
        let der = match lint::check(&tbs, &request) {
            Ok(linted) => {
                assert!(!case.outside, "{}: names outside of the issuer's constraints are not signed", case.name);
                let signature = signer.sign(linted.algorithm(), linted.as_bytes()).unwrap();
                assemble(&linted, &signature).unwrap()
            }
            // What nobody would sign here: verifiers are asked all the same.
            Err(faults) if case.outside => sealed(&tbs, signer, &faults),
            Err(faults) => panic!("{}: {faults:?}", case.name),
        };
        Self { case, der, names, period, serial: serial.hex() }
    }
}
