//! Signatures of servers, as algorithms of the [`Verify`](crate::values::Verify) port.

use crate::values::{SigAlg, ecdsa};
use const_oid::ObjectIdentifier;
use const_oid::db::rfc5912::{
    ECDSA_WITH_SHA_256, ECDSA_WITH_SHA_384, ECDSA_WITH_SHA_512, ID_EC_PUBLIC_KEY, RSA_ENCRYPTION, SECP_256_R_1,
    SECP_384_R_1, SHA_256_WITH_RSA_ENCRYPTION, SHA_384_WITH_RSA_ENCRYPTION, SHA_512_WITH_RSA_ENCRYPTION,
};
use const_oid::db::rfc8410::ID_ED_25519;
use der::Decode;
use rustls::SignatureScheme;
use spki::SubjectPublicKeyInfoRef;

/// A signature that is not yet verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnverifiedSignature {
    /// The algorithm of the signature.
    pub algorithm: SigAlg,
    /// The signed message.
    pub message: Vec<u8>,
    /// The signature in the form of the port.
    pub signature: Vec<u8>,
}

impl UnverifiedSignature {
    /// Converts an X.509 signature; `None` if it is malformed for `algorithm`.
    pub fn new(algorithm: SigAlg, message: &[u8], signature: &[u8]) -> Option<Self> {
        let signature = ecdsa::from_x509(algorithm, signature)?;
        Some(Self { algorithm, message: message.to_vec(), signature })
    }
}

/// The supported kinds of keys of servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsKeyKind {
    /// ECDSA on P-256
    P256,
    /// ECDSA on P-384
    P384,
    /// RSA
    Rsa,
    /// Ed25519
    Ed25519,
}

impl TlsKeyKind {
    /// The kind of a DER SubjectPublicKeyInfo; `None` if unsupported.
    pub fn of(spki: &[u8]) -> Option<Self> {
        let algorithm = SubjectPublicKeyInfoRef::from_der(spki).ok()?.algorithm;
        match algorithm.oid {
            RSA_ENCRYPTION => Some(Self::Rsa),
            ID_ED_25519 => Some(Self::Ed25519),
            ID_EC_PUBLIC_KEY => match algorithm.parameters?.decode_as::<ObjectIdentifier>().ok()? {
                SECP_256_R_1 => Some(Self::P256),
                SECP_384_R_1 => Some(Self::P384),
                _ => None,
            },
            _ => None,
        }
    }

    /// The algorithm of a handshake signature. `None`: `scheme` does not fit or was not offered.
    ///
    /// In TLS 1.2 an ECDSA scheme names a hash, and the curve is that of the key
    /// ([RFC 8446 §4.2.3](https://www.rfc-editor.org/rfc/rfc8446#section-4.2.3)); in TLS 1.3 it names both, and RSA is
    /// RSASSA-PSS.
    pub fn handshake_algorithm(self, scheme: SignatureScheme, tls13: bool) -> Option<SigAlg> {
        match (scheme, self) {
            (SignatureScheme::ECDSA_NISTP256_SHA256, Self::P256) => Some(SigAlg::Es256),
            (SignatureScheme::ECDSA_NISTP384_SHA384, Self::P384) => Some(SigAlg::Es384),
            (SignatureScheme::ECDSA_NISTP256_SHA256, Self::P384) if !tls13 => Some(SigAlg::EcP384Sha256),
            (SignatureScheme::ECDSA_NISTP384_SHA384, Self::P256) if !tls13 => Some(SigAlg::EcP256Sha384),
            (SignatureScheme::ED25519, Self::Ed25519) => Some(SigAlg::Ed25519),
            (SignatureScheme::RSA_PSS_SHA256, Self::Rsa) => Some(SigAlg::Ps256),
            (SignatureScheme::RSA_PSS_SHA384, Self::Rsa) => Some(SigAlg::Ps384),
            (SignatureScheme::RSA_PSS_SHA512, Self::Rsa) => Some(SigAlg::Ps512),
            (SignatureScheme::RSA_PKCS1_SHA256, Self::Rsa) if !tls13 => Some(SigAlg::Rs256),
            (SignatureScheme::RSA_PKCS1_SHA384, Self::Rsa) if !tls13 => Some(SigAlg::Rs384),
            (SignatureScheme::RSA_PKCS1_SHA512, Self::Rsa) if !tls13 => Some(SigAlg::Rs512),
            _ => None,
        }
    }

    /// The algorithm of a certificate's signature. `None`: the OID does not fit or is unsupported.
    pub fn certificate_algorithm(self, oid: ObjectIdentifier) -> Option<SigAlg> {
        match (oid, self) {
            (ECDSA_WITH_SHA_256, Self::P256) => Some(SigAlg::Es256),
            (ECDSA_WITH_SHA_384, Self::P256) => Some(SigAlg::EcP256Sha384),
            (ECDSA_WITH_SHA_512, Self::P256) => Some(SigAlg::EcP256Sha512),
            (ECDSA_WITH_SHA_256, Self::P384) => Some(SigAlg::EcP384Sha256),
            (ECDSA_WITH_SHA_384, Self::P384) => Some(SigAlg::Es384),
            (ECDSA_WITH_SHA_512, Self::P384) => Some(SigAlg::EcP384Sha512),
            (SHA_256_WITH_RSA_ENCRYPTION, Self::Rsa) => Some(SigAlg::Rs256),
            (SHA_384_WITH_RSA_ENCRYPTION, Self::Rsa) => Some(SigAlg::Rs384),
            (SHA_512_WITH_RSA_ENCRYPTION, Self::Rsa) => Some(SigAlg::Rs512),
            (ID_ED_25519, Self::Ed25519) => Some(SigAlg::Ed25519),
            _ => None,
        }
    }
}
