//! Why a public key is refused.

use super::kind::KeyKind;
use const_oid::ObjectIdentifier;
use core::ops::RangeInclusive;

/// Accepted lengths of an RSA modulus, in bits.
///
/// Verifiers refuse less than 2048; beyond 4096 one check costs more than a request may.
pub const RSA_BITS: RangeInclusive<usize> = 2048..=4096;

/// Accepted keys, as the end of a refusal.
const ACCEPTED: &str = "accepted are RSA of 2048 to 4096 bits, P-256, P-384 and Ed25519";

/// Advice for a key that others can compute, as the end of a refusal.
const NEW_KEY: &str = "make a new key with a current library";

/// Why a public key is refused; the text is a clause about "the key".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// Not a DER SubjectPublicKeyInfo, or not the key structure that its algorithm prescribes.
    #[error("is not a well-formed SubjectPublicKeyInfo")]
    Encoding,
    /// An algorithm that is not accepted.
    #[error("is of a kind ({oid}) that is not accepted; {accepted}", oid = named(*.0), accepted = ACCEPTED)]
    Algorithm(ObjectIdentifier),
    /// Parameters other than those that the algorithm's RFC prescribes.
    #[error("has algorithm parameters that do not belong to {0}")]
    Parameters(&'static str),
    /// An elliptic curve that is not accepted; its OID, when the parameters name one.
    #[error("{}", curve(*.0))]
    Curve(Option<ObjectIdentifier>),
    /// An elliptic-curve point that is compressed, or of the wrong length.
    #[error("is no uncompressed {0} point")]
    PointForm(KeyKind),
    /// A point that is not on the curve.
    #[error("is a point that is not on {0}")]
    OffCurve(KeyKind),
    /// An RSA modulus of a refused length, in bits.
    #[error("{}", rsa_size(*.0))]
    RsaSize(usize),
    /// An even RSA modulus.
    #[error("is RSA with an even modulus; {new_key}", new_key = NEW_KEY)]
    RsaModulus,
    /// An RSA exponent that is even, below 3 or above 2^32.
    #[error("is RSA with an unusable public exponent; it has to be odd and from 3 to below 2^32")]
    RsaExponent,
    /// An RSA modulus with this small factor.
    #[error("is RSA with a modulus that {0} divides, so that anybody can factor it; {new_key}", new_key = NEW_KEY)]
    SmallFactor(u32),
    /// An RSA modulus with the fingerprint of CVE-2017-15361.
    #[error(
        "is RSA from a smart card, TPM or token with the ROCA fault (CVE-2017-15361), so that others can factor it; \
         update the device, or make a new key with a current library outside it"
    )]
    Roca,
    /// An RSA modulus of two primes that are too close together.
    #[error(
        "is RSA with two primes so close together that anybody can find them (CVE-2022-26320); {new_key}",
        new_key = NEW_KEY
    )]
    ClosePrimes,
    /// An Ed25519 key that is not the 32 bytes of a canonical point encoding.
    #[error("is Ed25519 but not the 32 bytes of a canonical point")]
    Ed25519,
    /// An Ed25519 point of small order.
    #[error("is an Ed25519 point of small order, whose signatures anybody can make; {new_key}", new_key = NEW_KEY)]
    SmallOrder,
}

/// The text of [`KeyFault::Curve`].
fn curve(oid: Option<ObjectIdentifier>) -> String {
    match oid {
        Some(oid) => format!("is on a curve ({}) that is not accepted; {ACCEPTED}", named(oid)),
        None => format!("names no curve; {ACCEPTED}"),
    }
}

/// The text of [`KeyFault::RsaSize`].
fn rsa_size(bits: usize) -> String {
    match RSA_BITS.contains(&bits) {
        true => format!("is RSA with a modulus of {bits} bits, which is not a multiple of 8"),
        false => format!("is RSA with a modulus of {bits} bits; {ACCEPTED}"),
    }
}

/// Names of algorithms and curves that are not accepted, for refusals.
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

/// Formats an OID, with its name if [`NAMES`] has one.
fn named(oid: ObjectIdentifier) -> String {
    let dotted = oid.to_string();
    match NAMES.iter().find(|(known, _)| *known == dotted) {
        Some((_, name)) => format!("{name}, {dotted}"),
        None => dotted,
    }
}
