//! Why a JWK is refused.

use crate::jose::encoding::Encoding;
use crate::jose::fault::FaultKind;
use crate::values::quote::quote;
use std::fmt;

/// Why a JSON value is no usable public key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "fields are described with their variant")]
pub enum JwkFault {
    /// No JSON; the parser's words.
    NotJson(String),
    /// JSON of another type than an object, which is named.
    NotAnObject(&'static str),
    /// A member name that occurs twice.
    Duplicate(String),
    /// A member that has to be there is not.
    Missing(&'static str),
    /// A member has another type than string.
    NotAString { member: &'static str, found: &'static str },
    /// A member of a private key: the key is no secret any more.
    Private(&'static str),
    /// A type of key or curve that is not accepted.
    Unsupported { member: &'static str, found: String },
    /// A member that should be unpadded base64url.
    Base64 { member: &'static str, fault: Encoding },
    /// A coordinate with another number of bytes than its curve wants.
    Width { member: &'static str, curve: &'static str, found: usize, wanted: usize },
    /// `x` and `y` are no point of the curve.
    NotOnCurve(&'static str),
    /// An Ed25519 point of small order, or one that is written in another than its one way.
    WeakPoint,
    /// An RSA modulus of that many bits.
    RsaSize(usize),
    /// An even RSA modulus, which is no product of two primes.
    RsaEven,
    /// An RSA exponent that is even, 1, or above 2^32.
    RsaExponent,
    /// The key cannot be written as DER.
    Der,
}

impl JwkFault {
    /// The kind of problem that it is: `malformed` for what is no JWK at all, `badPublicKey` for a key that this
    /// server does not take.
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

impl fmt::Display for JwkFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotJson(why) => write!(f, "the JWK is not JSON: {why}"),
            Self::NotAnObject(found) => write!(f, "the JWK is {found}, not a JSON object"),
            Self::Duplicate(member) => write!(f, "the JWK has the member {} twice", quote(member)),
            Self::Missing(member) => write!(f, "the JWK has no `{member}`"),
            Self::NotAString { member, found } => write!(f, "`{member}` of the JWK is {found}, not a string"),
            Self::Private(member) => write!(
                f,
                "the JWK has `{member}`, a part of the private key; send the public key only, \
                 and a new one: this one is compromised now"
            ),
            Self::Unsupported { member, found } => write!(
                f,
                "`{member}` of the JWK is {}, which is not accepted; use kty EC with crv P-256 or P-384, \
                 kty RSA with 2048 to 4096 bits, or kty OKP with crv Ed25519",
                quote(found)
            ),
            Self::Base64 { member, fault } => write!(f, "`{member}` of the JWK {fault}"),
            Self::Width { member, curve, found, wanted } => write!(
                f,
                "`{member}` of the JWK has {found} bytes, but a {curve} key has {wanted}, leading zeros included \
                 (RFC 7518 section 6.2.1.2); update the client or make a new key"
            ),
            Self::NotOnCurve(curve) => write!(f, "`x` and `y` of the JWK are not a point on {curve}"),
            Self::WeakPoint => f.write_str(
                "`x` of the JWK is an Ed25519 point of small order, or not written canonically (RFC 8032 section 5.1.3); \
                 signatures of such a key prove nothing: make a new key",
            ),
            Self::RsaSize(bits) => {
                write!(f, "the RSA key has {bits} bits; 2048 to 4096, in whole bytes, are accepted")
            }
            Self::RsaEven => f.write_str("`n` of the JWK is even, which no RSA modulus is"),
            Self::RsaExponent => {
                f.write_str("`e` of the JWK is not an odd number from 3 to 2^32; the usual one is 65537 (\"AQAB\")")
            }
            Self::Der => f.write_str("the JWK cannot be written as a SubjectPublicKeyInfo"),
        }
    }
}

impl std::error::Error for JwkFault {}
