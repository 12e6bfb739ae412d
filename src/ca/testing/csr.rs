//! CSRs, valid and invalid.

use crate::pki::sigalg;
use crate::values::SigAlg;
use crate::values::native_crypto::NativeKey;
use der::asn1::{BitString, Ia5String, SetOfVec};
use der::{Decode, Encode};
use spki::SubjectPublicKeyInfoOwned;
use std::str::FromStr;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::{Extension, ToExtension};
use x509_cert::name::Name;
use x509_cert::request::{CertReq, CertReqInfo, ExtensionReq, Version};

/// Contents of a CSR.
#[derive(Clone, Debug, Default)]
pub struct CsrShape {
    /// The subject, as RFC 4514 text.
    pub subject: String,
    /// Its subject alternative names.
    pub names: Vec<GeneralName>,
    /// Further requested extensions.
    pub extensions: Vec<Extension>,
    /// Whether the signature is invalid.
    pub spoiled: bool,
    /// The signature algorithm; `None` for the key's default.
    pub alg: Option<SigAlg>,
}

impl CsrShape {
    /// For these DNS names, without a common name.
    pub fn dns(names: &[&str]) -> Self {
        Self { names: names.iter().map(|name| dns(name)).collect(), ..Self::default() }
    }

    /// Its DER, signed with `key`.
    pub fn build(&self, key: &NativeKey) -> Vec<u8> {
        let subject = match self.subject.as_str() {
            "" => Name::default(),
            text => Name::from_str(text).expect("a subject"),
        };
        let mut extensions = self.extensions.clone();
        if !self.names.is_empty() {
            extensions.push(SubjectAltName(self.names.clone()).to_extension(&subject, &[]).expect("an extension"));
        }
        let mut attributes = SetOfVec::new();
        if !extensions.is_empty() {
            attributes.insert(ExtensionReq(extensions).try_into().expect("an attribute")).expect("one attribute");
        }
        let spki = key.spki_der().expect("a public key");
        let public_key = SubjectPublicKeyInfoOwned::from_der(&spki).expect("a public key");
        let info = CertReqInfo { version: Version::V1, subject, public_key, attributes };
        let alg = self.alg.unwrap_or_else(|| key.algorithm());
        let message = info.to_der().expect("DER");
        let mut raw = key.sign(alg, &message).expect("a signature");
        if self.spoiled {
            raw[20] ^= 1;
        }
        let signature = sigalg::to_x509(alg, &raw).expect("a signature in X.509 form");
        let signature = BitString::from_bytes(&signature).expect("a bit string");
        CertReq { info, algorithm: sigalg::identifier(alg).expect("an X.509 algorithm"), signature }
            .to_der()
            .expect("DER")
    }
}

fn dns(name: &str) -> GeneralName {
    GeneralName::DnsName(Ia5String::new(name).expect("ASCII"))
}
