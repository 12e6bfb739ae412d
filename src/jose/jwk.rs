//! Public keys of accounts, as JSON Web Keys ([RFC 7517](https://www.rfc-editor.org/rfc/rfc7517)).

mod fault;
mod spki;
#[cfg(test)]
mod tests;

use super::encoding;
use super::json::{self, JsonFault};
use super::thumbprint::Thumbprint;
use crate::values::members::type_name;
use crate::values::{SigAlg, b64, edwards};
pub use fault::JwkFault;
use serde::{Deserialize, Deserializer, Serialize, Serializer, ser::SerializeMap};
use serde_json::{Map, Value};
use std::fmt;

/// Public key that may sign requests: on P-256 or P-384, RSA, or Ed25519.
///
/// Every `Jwk` is checked: an elliptic-curve point is on its curve, an RSA modulus has 2048 to 4096
/// bits. Two are equal exactly when their [thumbprints](Jwk::thumbprint) are. It is stored and sent in the
/// canonical form of [RFC 7638 §3.3](https://www.rfc-editor.org/rfc/rfc7638#section-3.3), without any other member.
#[derive(Clone, PartialEq, Eq)]
pub struct Jwk {
    parts: Parts,
    spki: Vec<u8>,
}

/// The numbers that make a key, big-endian.
#[derive(Clone, PartialEq, Eq)]
enum Parts {
    Ec256 { x: [u8; 32], y: [u8; 32] },
    Ec384 { x: [u8; 48], y: [u8; 48] },
    Rsa { n: Vec<u8>, e: Vec<u8> },
    Ed25519 { x: [u8; 32] },
}

/// Members that only a private key has ([RFC 7518 §6](https://www.rfc-editor.org/rfc/rfc7518#section-6)).
const PRIVATE: [&str; 7] = ["d", "p", "q", "dp", "dq", "qi", "oth"];

impl Jwk {
    /// Reads a public key from a JSON value that was read without duplicate members.
    ///
    /// Other members (`kid`, `use`, `alg`, …) are ignored
    /// ([RFC 7517 §4](https://www.rfc-editor.org/rfc/rfc7517#section-4)). Encoding of the numbers:
    ///
    /// - `x` and `y` have the full width of their curve
    ///   ([RFC 7518 §6.2.1.2](https://www.rfc-editor.org/rfc/rfc7518#section-6.2.1.2)). Some clients strip leading
    ///   zeros there. Such a key is refused although it could be read: the client would hash its short form into
    ///   every key authorization, and no challenge could succeed. The client needs another key.
    /// - `n` and `e` may have leading zeros, which are dropped: a client drops them before it computes a thumbprint
    ///   ([RFC 8555 §8.1](https://www.rfc-editor.org/rfc/rfc8555#section-8.1); RSA only, erratum 7565).
    ///
    /// # Errors
    /// The first [`JwkFault`] found.
    pub fn parse(value: &Value) -> Result<Self, JwkFault> {
        let members = value.as_object().ok_or(JwkFault::NotAnObject(type_name(value)))?;
        if let Some(member) = PRIVATE.into_iter().find(|member| members.contains_key(*member)) {
            return Err(JwkFault::Private(member));
        }
        match string(members, "kty")? {
            "EC" => match string(members, "crv")? {
                "P-256" => Self::ec256(coordinate(members, "x", "P-256")?, coordinate(members, "y", "P-256")?),
                "P-384" => Self::ec384(coordinate(members, "x", "P-384")?, coordinate(members, "y", "P-384")?),
                other => Err(JwkFault::Unsupported { member: "crv", found: other.to_owned() }),
            },
            "RSA" => Self::rsa(number(members, "n")?, number(members, "e")?),
            "OKP" => match string(members, "crv")? {
                "Ed25519" => Self::ed25519(coordinate(members, "x", "Ed25519")?),
                other => Err(JwkFault::Unsupported { member: "crv", found: other.to_owned() }),
            },
            other => Err(JwkFault::Unsupported { member: "kty", found: other.to_owned() }),
        }
    }

    /// Reads a public key from JSON text, as [`Jwk::parse`] does.
    ///
    /// # Errors
    /// As [`Jwk::parse`]; also for text that is not JSON or has a member twice.
    pub fn from_json(text: &str) -> Result<Self, JwkFault> {
        let members = json::parse_object(text.as_bytes()).map_err(|fault| match fault {
            JsonFault::Syntax(why) => JwkFault::NotJson(why),
            JsonFault::Duplicate(member) => JwkFault::Duplicate(member),
            JsonFault::NotAnObject(found) => JwkFault::NotAnObject(found),
        })?;
        Self::parse(&Value::Object(members))
    }

    fn ec256(x: [u8; 32], y: [u8; 32]) -> Result<Self, JwkFault> {
        let point = [&[4], x.as_slice(), y.as_slice()].concat();
        p256::PublicKey::from_sec1_bytes(&point).map_err(|_| JwkFault::NotOnCurve("P-256"))?;
        Ok(Self { parts: Parts::Ec256 { x, y }, spki: spki::p256(&point)? })
    }

    fn ec384(x: [u8; 48], y: [u8; 48]) -> Result<Self, JwkFault> {
        let point = [&[4], x.as_slice(), y.as_slice()].concat();
        p384::PublicKey::from_sec1_bytes(&point).map_err(|_| JwkFault::NotOnCurve("P-384"))?;
        Ok(Self { parts: Parts::Ec384 { x, y }, spki: spki::p384(&point)? })
    }

    fn rsa(n: Vec<u8>, e: Vec<u8>) -> Result<Self, JwkFault> {
        check_modulus(&n)?;
        check_exponent(&e)?;
        let spki = spki::rsa(&n, &e)?;
        Ok(Self { parts: Parts::Rsa { n, e }, spki })
    }

    fn ed25519(x: [u8; 32]) -> Result<Self, JwkFault> {
        if !edwards::is_canonical(&x) || edwards::has_small_order(&x) {
            return Err(JwkFault::WeakPoint);
        }
        Ok(Self { parts: Parts::Ed25519 { x }, spki: spki::ed25519(&x)? })
    }

    /// The key's thumbprint ([RFC 7638](https://www.rfc-editor.org/rfc/rfc7638)).
    pub fn thumbprint(&self) -> Thumbprint {
        Thumbprint::of_canonical(&self.to_json())
    }

    /// The key as DER SubjectPublicKeyInfo, uncompressed.
    ///
    /// The parameters are those of [RFC 5480 §2](https://www.rfc-editor.org/rfc/rfc5480#section-2),
    /// [RFC 3279 §2.3.1](https://www.rfc-editor.org/rfc/rfc3279#section-2.3.1) and
    /// [RFC 8410 §4](https://www.rfc-editor.org/rfc/rfc8410#section-4).
    pub fn spki_der(&self) -> &[u8] {
        &self.spki
    }

    /// Checks whether `alg` fits this key
    /// ([RFC 8555 §6.2](https://www.rfc-editor.org/rfc/rfc8555#section-6.2)): each curve has one hash.
    pub fn alg_fits(&self, alg: SigAlg) -> bool {
        match self.parts {
            Parts::Ec256 { .. } => alg == SigAlg::Es256,
            Parts::Ec384 { .. } => alg == SigAlg::Es384,
            Parts::Rsa { .. } => alg == SigAlg::Rs256,
            Parts::Ed25519 { .. } => alg == SigAlg::Ed25519,
        }
    }

    /// The key as JSON text in the canonical form of RFC 7638.
    ///
    /// It has the required members only, sorted, without white space.
    pub fn to_json(&self) -> String {
        // Base64url and the fixed words need no escapes.
        let members: Vec<String> =
            self.members().iter().map(|(name, value)| format!("\"{name}\":\"{value}\"")).collect();
        format!("{{{}}}", members.join(","))
    }

    /// The required members in lexical order.
    fn members(&self) -> Vec<(&'static str, String)> {
        let word = str::to_owned;
        match &self.parts {
            Parts::Ec256 { x, y } => {
                vec![("crv", word("P-256")), ("kty", word("EC")), ("x", b64::encode(x)), ("y", b64::encode(y))]
            }
            Parts::Ec384 { x, y } => {
                vec![("crv", word("P-384")), ("kty", word("EC")), ("x", b64::encode(x)), ("y", b64::encode(y))]
            }
            Parts::Rsa { n, e } => vec![("e", b64::encode(e)), ("kty", word("RSA")), ("n", b64::encode(n))],
            Parts::Ed25519 { x } => vec![("crv", word("Ed25519")), ("kty", word("OKP")), ("x", b64::encode(x))],
        }
    }
}

/// The kind of key, with its article.
impl fmt::Display for Jwk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.parts {
            Parts::Ec256 { .. } => f.write_str("a P-256 key"),
            Parts::Ec384 { .. } => f.write_str("a P-384 key"),
            Parts::Rsa { n, .. } => write!(f, "an RSA key of {} bits", bits(n)),
            Parts::Ed25519 { .. } => f.write_str("an Ed25519 key"),
        }
    }
}

impl fmt::Debug for Jwk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_json())
    }
}

impl Serialize for Jwk {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let members = self.members();
        let mut map = serializer.serialize_map(Some(members.len()))?;
        for (name, value) in &members {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Jwk {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&Value::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// Reads a required string member.
fn string<'a>(members: &'a Map<String, Value>, member: &'static str) -> Result<&'a str, JwkFault> {
    match members.get(member) {
        Some(Value::String(text)) => Ok(text),
        Some(other) => Err(JwkFault::NotAString { member, found: type_name(other) }),
        None => Err(JwkFault::Missing(member)),
    }
}

/// Reads a required base64url member.
fn bytes(members: &Map<String, Value>, member: &'static str) -> Result<Vec<u8>, JwkFault> {
    let text = string(members, member)?;
    encoding::decode(text).map_err(|fault| JwkFault::Base64 { member, fault })
}

/// Reads a coordinate of the width of the curve's field.
fn coordinate<const N: usize>(
    members: &Map<String, Value>,
    member: &'static str,
    curve: &'static str,
) -> Result<[u8; N], JwkFault> {
    let bytes = bytes(members, member)?;
    let found = bytes.len();
    bytes.try_into().map_err(|_| JwkFault::Width { member, curve, found, wanted: N })
}

/// Reads a number and drops its leading zeros.
fn number(members: &Map<String, Value>, member: &'static str) -> Result<Vec<u8>, JwkFault> {
    Ok(bytes(members, member)?.into_iter().skip_while(|byte| *byte == 0).collect())
}

/// Checks a modulus: odd, with 2048 to 4096 bits in whole bytes.
///
/// Publicly trusted CAs and WebCrypto require such sizes.
fn check_modulus(n: &[u8]) -> Result<(), JwkFault> {
    let bits = bits(n);
    if !(2048..=4096).contains(&bits) || !bits.is_multiple_of(8) {
        return Err(JwkFault::RsaSize(bits));
    }
    if n.last().is_none_or(|byte| byte.is_multiple_of(2)) {
        return Err(JwkFault::RsaEven);
    }
    Ok(())
}

/// Checks an exponent: odd, at least 3 and below 2^32, so at most four bytes.
fn check_exponent(e: &[u8]) -> Result<(), JwkFault> {
    let odd = e.last().is_some_and(|byte| !byte.is_multiple_of(2));
    if !odd || e == [1] || e.len() > 4 {
        return Err(JwkFault::RsaExponent);
    }
    Ok(())
}

/// The length in bits of a number without leading zero bytes.
fn bits(number: &[u8]) -> usize {
    number.first().map_or(0, |first| number.len() * 8 - first.leading_zeros() as usize)
}
