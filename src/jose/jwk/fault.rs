//! Faults of JWKs.

use crate::jose::encoding::Encoding;
use crate::jose::fault_kind::FaultKind;
use crate::values::quote::quote;

/// Fault of a JSON value that has to be a public key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "fields are described with their variant")]
pub enum JwkFault {
    /// Not JSON; the parser's reason.
    #[error("the JWK is not JSON: {0}")]
    NotJson(String),
    /// JSON of another type than an object: the type.
    #[error("the JWK is {0}, not a JSON object")]
    NotAnObject(&'static str),
    /// A member name that occurs twice.
    #[error("the JWK has the member {} twice", quote(.0))]
    Duplicate(String),
    /// A required member is missing.
    #[error("the JWK has no `{0}`")]
    Missing(&'static str),
    /// A member has another type than string.
    #[error("`{member}` of the JWK is {found}, not a string")]
    NotAString { member: &'static str, found: &'static str },
    /// A member of a private key, which is compromised now.
    #[error(
        "the JWK has `{0}`, a part of the private key; send the public key only, \
         and a new one: this one is compromised now"
    )]
    Private(&'static str),
    /// A type of key or curve that is not accepted.
    #[error("`{member}` of the JWK is {}, which is not accepted; use kty EC with crv P-256 or P-384, \
         kty RSA with 2048 to 4096 bits, or kty OKP with crv Ed25519", quote(.found))]
    Unsupported { member: &'static str, found: String },
    /// A member that should be unpadded base64url.
    #[error("`{member}` of the JWK {fault}")]
    Base64 { member: &'static str, fault: Encoding },
    /// A coordinate whose length is not that of its curve.
    #[error(
        "`{member}` of the JWK has {found} bytes, but a {curve} key has {wanted}, leading zeros included \
         (RFC 7518 section 6.2.1.2); update the client or make a new key"
    )]
    Width { member: &'static str, curve: &'static str, found: usize, wanted: usize },
    /// `x` and `y` are not a point of the curve.
    #[error("`x` and `y` of the JWK are not a point on {0}")]
    NotOnCurve(&'static str),
    /// An Ed25519 point of small order, or not canonically encoded.
    #[error(
        "`x` of the JWK is an Ed25519 point of small order, or not written canonically (RFC 8032 section 5.1.3); \
         signatures of such a key prove nothing: make a new key"
    )]
    WeakPoint,
    /// An RSA modulus of an unsupported number of bits.
    #[error("the RSA key has {0} bits; 2048 to 4096, in whole bytes, are accepted")]
    RsaSize(usize),
    /// An even RSA modulus, which is not a product of two large primes.
    #[error("`n` of the JWK is even, which no RSA modulus is")]
    RsaEven,
    /// An RSA exponent that is even, 1, or above 2^32.
    #[error("`e` of the JWK is not an odd number from 3 to 2^32; the usual one is 65537 (\"AQAB\")")]
    RsaExponent,
    /// The key cannot be written as DER.
    #[error("the JWK cannot be written as a SubjectPublicKeyInfo")]
    Der,
}

impl JwkFault {
    /// The kind of refusal: `malformed` or `badPublicKey`.
    ///
    /// `malformed` means that the text is not a JWK, `badPublicKey` that the key is not accepted.
    pub fn kind(&self) -> FaultKind {
        match self {
            Self::NotJson(_)
            | Self::NotAnObject(_)
            | Self::Duplicate(_)
            | Self::Missing(_)
            | Self::NotAString { .. }
            | Self::Base64 { .. } => FaultKind::Malformed,
            Self::Private(_)
            | Self::Unsupported { .. }
            | Self::Width { .. }
            | Self::NotOnCurve(_)
            | Self::WeakPoint
            | Self::RsaSize(_)
            | Self::RsaEven
            | Self::RsaExponent
            | Self::Der => FaultKind::BadPublicKey,
        }
    }
}
