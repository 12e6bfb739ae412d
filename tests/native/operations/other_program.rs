//! Certificates as another program makes them: with other serial numbers and pointers.

use core::time::Duration;
use der::asn1::{Any, BitString};
use der::{Encode, Tag};
use selvedge::ca::testing::{START, new_key};
use selvedge::pki::ceremony::{CertAndKey, create_intermediate, create_root};
use selvedge::pki::key::check_spki;
use selvedge::pki::leaf::{LeafRequest, build_tbs};
use selvedge::pki::profile::default_profile;
use selvedge::pki::validity::Period;
use selvedge::pki::{Issuer, Serial, sigalg};
use selvedge::values::native_crypto::NativeKey;
use selvedge::values::{Identifier, SigAlg, Time};

const DAY: Duration = Duration::from_secs(86_400);

/// A CA that another program has.
pub struct OtherProgram {
    pub authority: CertAndKey,
    issuer: Issuer,
    key: NativeKey,
}

/// A certificate of it.
pub struct Made {
    pub der: Vec<u8>,
    pub serial: Serial,
    pub key: NativeKey,
}

impl Made {
    /// The same with another signature.
    pub fn bent(&self) -> Vec<u8> {
        let mut der = self.der.clone();
        *der.last_mut().unwrap() ^= 1;
        der
    }
}

impl OtherProgram {
    pub fn new(name: &str) -> Self {
        let root = create_root(&format!("{name} Root"), START, 10).unwrap();
        let authority = create_intermediate(&root, name, START, 5).unwrap();
        let issuer = Issuer::from_pem_chain(&authority.certificate).unwrap();
        let key = NativeKey::from_pkcs8_pem(&authority.key).unwrap();
        Self { authority, issuer, key }
    }

    /// A certificate of 60 days with this serial number.
    pub fn certificate(&self, serial: &[u8], names: &[&str], crl: Option<&str>) -> Made {
        let period = Period { not_before: START, not_after: START.plus(DAY * 60) };
        self.make(serial, names, crl, period)
    }

    /// One that has expired.
    pub fn expired(&self, serial: &[u8], name: &str) -> Made {
        let period = Period { not_before: START, not_after: START.plus(DAY / 24) };
        self.make(serial, &[name], None, period)
    }

    /// One that ends at this time.
    pub fn until(&self, serial: &[u8], name: &str, not_after: Time) -> Made {
        self.make(serial, &[name], None, Period { not_before: START, not_after })
    }

    fn make(&self, serial: &[u8], names: &[&str], crl: Option<&str>, period: Period) -> Made {
        let serial = Serial::from_octets(serial).unwrap();
        let key = new_key(SigAlg::Es256);
        let public_key = check_spki(&key.spki_der().unwrap()).unwrap();
        let names: Vec<Identifier> = names.iter().map(|name| Identifier::parse(name).unwrap()).collect();
        let request = LeafRequest {
            issuer: &self.issuer,
            profile: default_profile(),
            public_key: &public_key,
            names: &names,
            common_name: None,
            serial: &serial,
            now: START,
            period,
            ca_issuers: None,
            crl,
            ocsp: None,
            must_staple: false,
        };
        let tbs = build_tbs(&request).unwrap();
        // Not by this CA's lint, which takes its own certificates only.
        let algorithm = self.issuer.algorithm();
        let signature = sigalg::to_x509(algorithm, &self.key.sign(algorithm, &tbs).unwrap()).unwrap();
        let identifier = sigalg::identifier(algorithm).unwrap().to_der().unwrap();
        let signature = BitString::from_bytes(&signature).unwrap().to_der().unwrap();
        let parts = [tbs, identifier, signature].concat();
        let der = Any::new(Tag::Sequence, parts).unwrap().to_der().unwrap();
        Made { der, serial, key }
    }
}
