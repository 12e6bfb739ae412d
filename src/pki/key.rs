//! The key policy, for account keys and CSRs.
//!
//! [`check_spki`] runs for every key on every use; [`PublicKey::check_new`] once, when a key is first presented.

mod fault;
mod kind;
mod natural;
mod weak;

pub use fault::{KeyFault, RSA_BITS};
pub use kind::KeyKind;

use crate::values::edwards;
use const_oid::ObjectIdentifier;
use const_oid::db::rfc5912::{ID_EC_PUBLIC_KEY, RSA_ENCRYPTION, SECP_256_R_1, SECP_384_R_1};
use const_oid::db::rfc8410::ID_ED_25519;
use der::asn1::{AnyRef, UintRef};
use der::{Decode, Sequence};
use spki::SubjectPublicKeyInfoRef;
/// A public key that passed [`check_spki`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    spki_der: Vec<u8>,
    kind: KeyKind,
}

impl PublicKey {
    /// The unchanged DER SubjectPublicKeyInfo.
    pub fn spki_der(&self) -> &[u8] {
        &self.spki_der
    }

    /// The kind of the key.
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// Checks an RSA modulus for small factors, the ROCA fingerprint and close primes.
    ///
    /// That takes 0.3 to 0.6 milliseconds, so it is for new keys (of a CSR or an account), not for every request.
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
/// Certificates contain these bytes, so the form is strict: DER, the AlgorithmIdentifier exactly as in its RFC,
/// uncompressed points.
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

/// Whether AlgorithmIdentifier parameters are the OID `oid`.
fn is_oid(parameters: Option<AnyRef<'_>>, oid: ObjectIdentifier) -> bool {
    parameters.is_some_and(|any| any.decode_as::<ObjectIdentifier>() == Ok(oid))
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
/// Whether the point is on the curve shows in the signature check that follows.
fn check_ed25519(key: &[u8]) -> Result<KeyKind, KeyFault> {
    let key: [u8; 32] = key.try_into().map_err(|_| KeyFault::Ed25519)?;
    if !edwards::is_canonical(&key) {
        return Err(KeyFault::Ed25519);
    }
    if edwards::has_small_order(&key) { Err(KeyFault::SmallOrder) } else { Ok(KeyKind::Ed25519) }
}

#[cfg(test)]
mod tests;
