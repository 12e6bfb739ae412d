//! Which public keys are accepted, in account keys and in CSRs alike.
//!
//! [`check_spki`] is what holds for every key, always; [`PublicKey::check_new`] is asked once, where a key comes in.

mod natural;
mod weak;

use super::sigalg::is_oid;
use crate::values::edwards;
use const_oid::ObjectIdentifier;
use const_oid::db::rfc5912::{ID_EC_PUBLIC_KEY, RSA_ENCRYPTION, SECP_256_R_1, SECP_384_R_1};
use const_oid::db::rfc8410::ID_ED_25519;
use core::fmt;
use core::ops::RangeInclusive;
use der::asn1::UintRef;
use der::{Decode, Sequence};
use spki::SubjectPublicKeyInfoRef;

/// The kind of an accepted public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// Elliptic curve P-256 (secp256r1).
    EcP256,
    /// Elliptic curve P-384 (secp384r1).
    EcP384,
    /// RSA.
    Rsa {
        /// Length of the modulus in bits.
        bits: usize,
    },
    /// Ed25519.
    Ed25519,
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EcP256 => f.write_str("P-256"),
            Self::EcP384 => f.write_str("P-384"),
            Self::Rsa { bits } => write!(f, "RSA with {bits} bits"),
            Self::Ed25519 => f.write_str("Ed25519"),
        }
    }
}

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

/// A public key that passed [`check_spki`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    spki_der: Vec<u8>,
    kind: KeyKind,
}

impl PublicKey {
    /// The key as DER SubjectPublicKeyInfo, as it was given.
    pub fn spki_der(&self) -> &[u8] {
        &self.spki_der
    }

    /// The kind of the key.
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// Looks for what makes a private key known to others, beyond what [`check_spki`] sees: RSA moduli with a small
    /// factor, of a faulty generator (ROCA), or of close primes.
    ///
    /// For an RSA key that costs 0.3 to 0.6 milliseconds, so it is for keys that come in new (in a CSR, for an
    /// account), not for those that are read with each request.
    ///
    /// # Errors
    /// The first [`KeyFault`] found.
    pub fn check_new(&self) -> Result<(), KeyFault> {
        let KeyKind::Rsa { .. } = self.kind else { return Ok(()) };
        let spki = SubjectPublicKeyInfoRef::from_der(&self.spki_der).map_err(|_| KeyFault::Encoding)?;
        let key = RsaPublicKey::from_der(spki.subject_public_key.raw_bytes()).map_err(|_| KeyFault::Encoding)?;
        weak::check(key.modulus.as_bytes())
    }
}

/// Reads a DER SubjectPublicKeyInfo and applies the key policy.
///
/// Strict in form, because these very bytes go into certificates: DER, the AlgorithmIdentifier exactly as its
/// RFC has it, uncompressed points.
/// See [RFC 8555 §11.1](https://www.rfc-editor.org/rfc/rfc8555#section-11.1) and RFC 5280 §4.1.2.7.
///
/// # Errors
/// The first [`KeyFault`] found.
pub fn check_spki(der: &[u8]) -> Result<PublicKey, KeyFault> {
    let spki = SubjectPublicKeyInfoRef::from_der(der).map_err(|_| KeyFault::Encoding)?;
    let key = spki.subject_public_key.as_bytes().ok_or(KeyFault::Encoding)?;
    let parameters = spki.algorithm.parameters;
    let kind = match spki.algorithm.oid {
        // RFC 3279 §2.3.1: the parameters are NULL.
        RSA_ENCRYPTION if !parameters.is_some_and(|any| any.is_null()) => return Err(KeyFault::Parameters("RSA")),
        RSA_ENCRYPTION => check_rsa(key)?,
        ID_EC_PUBLIC_KEY if is_oid(parameters, SECP_256_R_1) => check_p256(key)?,
        ID_EC_PUBLIC_KEY if is_oid(parameters, SECP_384_R_1) => check_p384(key)?,
        ID_EC_PUBLIC_KEY => return Err(KeyFault::Curve(parameters.and_then(|any| any.decode_as().ok()))),
        // RFC 8410 §3: the parameters are absent.
        ID_ED_25519 if parameters.is_some() => return Err(KeyFault::Parameters("Ed25519")),
        ID_ED_25519 => check_ed25519(key)?,
        oid => return Err(KeyFault::Algorithm(oid)),
    };
    Ok(PublicKey { spki_der: der.to_vec(), kind })
}

/// The first byte of an uncompressed point (SEC 1 §2.3.3).
const UNCOMPRESSED: u8 = 4;

fn check_p256(point: &[u8]) -> Result<KeyKind, KeyFault> {
    if point.len() != 65 || point.first() != Some(&UNCOMPRESSED) {
        return Err(KeyFault::PointForm(KeyKind::EcP256));
    }
    p256::PublicKey::from_sec1_bytes(point).map_err(|_| KeyFault::OffCurve(KeyKind::EcP256))?;
    Ok(KeyKind::EcP256)
}

fn check_p384(point: &[u8]) -> Result<KeyKind, KeyFault> {
    if point.len() != 97 || point.first() != Some(&UNCOMPRESSED) {
        return Err(KeyFault::PointForm(KeyKind::EcP384));
    }
    p384::PublicKey::from_sec1_bytes(point).map_err(|_| KeyFault::OffCurve(KeyKind::EcP384))?;
    Ok(KeyKind::EcP384)
}

/// `RSAPublicKey` of [RFC 8017 §A.1.1](https://www.rfc-editor.org/rfc/rfc8017#appendix-A.1.1).
#[derive(Sequence)]
struct RsaPublicKey<'a> {
    modulus: UintRef<'a>,
    exponent: UintRef<'a>,
}

fn check_rsa(key: &[u8]) -> Result<KeyKind, KeyFault> {
    let key = RsaPublicKey::from_der(key).map_err(|_| KeyFault::Encoding)?;
    let bits = bit_length(key.modulus.as_bytes());
    if !RSA_BITS.contains(&bits) || !bits.is_multiple_of(8) {
        return Err(KeyFault::RsaSize(bits));
    }
    if key.modulus.as_bytes().last().is_none_or(|last| last.is_multiple_of(2)) {
        return Err(KeyFault::RsaModulus);
    }
    let exponent = key.exponent.as_bytes();
    let value = exponent.iter().fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
    if exponent.len() > 4 || value < 3 || value.is_multiple_of(2) {
        return Err(KeyFault::RsaExponent);
    }
    Ok(KeyKind::Rsa { bits })
}

/// The length in bits of a big-endian number without leading zero bytes.
fn bit_length(number: &[u8]) -> usize {
    let zeros = number.first().map_or(0, |first| first.leading_zeros());
    (number.len() * 8).saturating_sub(zeros as usize)
}

/// Length, a reduced coordinate and no small order ([`edwards`]).
///
/// Whether the point exists needs curve arithmetic, which the signature check that follows does anyway.
fn check_ed25519(key: &[u8]) -> Result<KeyKind, KeyFault> {
    let key: [u8; 32] = key.try_into().map_err(|_| KeyFault::Ed25519)?;
    if !edwards::is_canonical(&key) {
        return Err(KeyFault::Ed25519);
    }
    if edwards::has_small_order(&key) { Err(KeyFault::SmallOrder) } else { Ok(KeyKind::Ed25519) }
}

#[cfg(test)]
mod tests;
