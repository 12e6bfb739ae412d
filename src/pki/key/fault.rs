//! Why a public key is refused.

use super::kind::KeyKind;
use const_oid::ObjectIdentifier;
use core::fmt;
use core::ops::RangeInclusive;

/// Accepted lengths of an RSA modulus, in bits: 2048 is the least that verifiers still take, and beyond 4096
/// one check costs more than a request may.
pub const RSA_BITS: RangeInclusive<usize> = 2048..=4096;

/// What is accepted, for the end of a refusal.
const ACCEPTED: &str = "accepted are RSA of 2048 to 4096 bits, P-256, P-384 and Ed25519";

/// What to do about a key that is no secret, for the end of a refusal.
const NEW_KEY: &str = "make a new key with a current library";

/// Why a public key is refused; [`fmt::Display`] is a clause about "the key".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyFault {
    /// Not a DER SubjectPublicKeyInfo, or not the key structure that its algorithm promises.
    Encoding,
    /// An algorithm that is not accepted.
    Algorithm(ObjectIdentifier),
    /// Parameters other than those that the algorithm's RFC prescribes.
    Parameters(&'static str),
    /// An elliptic curve that is not accepted; its OID, when the parameters name one.
    Curve(Option<ObjectIdentifier>),
    /// An elliptic-curve point that is not uncompressed, or of the wrong length.
    PointForm(KeyKind),
    /// A point that is not on the curve.
    OffCurve(KeyKind),
    /// An RSA modulus of a refused length, in bits.
    RsaSize(usize),
    /// An even RSA modulus.
    RsaModulus,
    /// An RSA exponent that is even, below 3 or above 2^32.
    RsaExponent,
    /// An RSA modulus with this small factor.
    SmallFactor(u32),
    /// An RSA modulus with the fingerprint of CVE-2017-15361.
    Roca,
    /// An RSA modulus of two primes that lie close together.
    ClosePrimes,
    /// An Ed25519 key that is not 32 bytes of a canonical point encoding.
    Ed25519,
    /// An Ed25519 point of small order.
    SmallOrder,
}

impl fmt::Display for KeyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Encoding => f.write_str("is not a well-formed SubjectPublicKeyInfo"),
            Self::Algorithm(oid) => write!(f, "is of a kind ({}) that is not accepted; {ACCEPTED}", named(*oid)),
            Self::Parameters(name) => write!(f, "has algorithm parameters that do not belong to {name}"),
            Self::Curve(Some(oid)) => write!(f, "is on a curve ({}) that is not accepted; {ACCEPTED}", named(*oid)),
            Self::Curve(None) => write!(f, "names no curve; {ACCEPTED}"),
            Self::PointForm(kind) => write!(f, "is no uncompressed {kind} point"),
            Self::OffCurve(kind) => write!(f, "is a point that is not on {kind}"),
            Self::RsaSize(bits) if RSA_BITS.contains(bits) => {
                write!(f, "is RSA with a modulus of {bits} bits, which is not a multiple of 8")
            }
            Self::RsaSize(bits) => write!(f, "is RSA with a modulus of {bits} bits; {ACCEPTED}"),
            Self::RsaModulus => write!(f, "is RSA with an even modulus; {NEW_KEY}"),
            Self::RsaExponent => {
                f.write_str("is RSA with an unusable public exponent; it has to be odd and from 3 to below 2^32")
            }
            Self::SmallFactor(factor) => {
                write!(f, "is RSA with a modulus that {factor} divides, so that anybody can factor it; {NEW_KEY}")
            }
            Self::Roca => write!(
                f,
                "is RSA from a smart card, TPM or token with the ROCA fault (CVE-2017-15361), so that others can factor \
                 it; update the device, or make a new key with a current library outside it"
            ),
            Self::ClosePrimes => write!(
                f,
                "is RSA with two primes so close together that anybody can find them (CVE-2022-26320); {NEW_KEY}"
            ),
            Self::Ed25519 => f.write_str("is Ed25519 but not the 32 bytes of a canonical point"),
            Self::SmallOrder => {
                write!(f, "is an Ed25519 point of small order, whose signatures anybody can make; {NEW_KEY}")
            }
        }
    }
}

impl std::error::Error for KeyFault {}

/// Kinds and curves that are known and not accepted, so that a refusal can name them.
const NAMES: &[(&str, &str)] = &[
    ("1.2.840.10040.4.1", "DSA"),
    ("1.2.840.113549.1.1.7", "RSAES-OAEP"),
    ("1.2.840.113549.1.1.10", "RSASSA-PSS"),
    ("1.3.101.113", "Ed448"),
    ("1.3.132.0.10", "secp256k1"),
    ("1.3.132.0.33", "P-224"),
    ("1.3.132.0.35", "P-521"),
    ("1.3.36.3.3.2.8.1.1.7", "brainpoolP256r1"),
    ("1.3.36.3.3.2.8.1.1.11", "brainpoolP384r1"),
    ("1.3.36.3.3.2.8.1.1.13", "brainpoolP512r1"),
];

/// An OID, with its name where it has one here.
fn named(oid: ObjectIdentifier) -> String {
    let dotted = oid.to_string();
    match NAMES.iter().find(|(known, _)| *known == dotted) {
        Some((_, name)) => format!("{name}, {dotted}"),
        None => dotted,
    }
}
