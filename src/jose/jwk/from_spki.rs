//! From an X.509 public key to the JWK of the same key.

use super::Jwk;
use crate::values::b64;
use const_oid::db::rfc5912::{ID_EC_PUBLIC_KEY, RSA_ENCRYPTION, SECP_256_R_1, SECP_384_R_1};
use const_oid::db::rfc8410::ID_ED_25519;
use der::asn1::UintRef;
use der::{Decode, Reader, SliceReader};
use serde_json::{Value, json};
use spki::{ObjectIdentifier, SubjectPublicKeyInfoRef};

impl Jwk {
    /// The JWK of a key in DER SubjectPublicKeyInfo; `None` when no account could have it.
    pub fn from_spki(der: &[u8]) -> Option<Self> {
        let spki = SubjectPublicKeyInfoRef::from_der(der).ok()?;
        let bits = spki.subject_public_key.as_bytes()?;
        let jwk = match spki.algorithm.oid {
            ID_EC_PUBLIC_KEY => ec(spki.algorithm.parameters_oid().ok()?, bits)?,
            RSA_ENCRYPTION => rsa(bits)?,
            ID_ED_25519 => json!({ "kty": "OKP", "crv": "Ed25519", "x": b64::encode(bits) }),
            _ => return None,
        };
        Self::parse(&jwk).ok()
    }
}

fn ec(curve: ObjectIdentifier, point: &[u8]) -> Option<Value> {
    let (name, width) = match curve {
        SECP_256_R_1 => ("P-256", 32),
        SECP_384_R_1 => ("P-384", 48),
        _ => return None,
    };
    let (x, y) = point.strip_prefix(&[4])?.split_at_checked(width)?;
    Some(json!({ "kty": "EC", "crv": name, "x": b64::encode(x), "y": b64::encode(y) }))
}

fn rsa(der: &[u8]) -> Option<Value> {
    let mut reader = SliceReader::new(der).ok()?;
    let (n, e) = reader
        .sequence(|inner| Ok::<_, der::Error>((inner.decode::<UintRef<'_>>()?, inner.decode::<UintRef<'_>>()?)))
        .ok()?;
    Some(json!({ "kty": "RSA", "n": b64::encode(n.as_bytes()), "e": b64::encode(e.as_bytes()) }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::testing::ClientKey;
    use crate::values::SigAlg;

    #[test]
    fn c01_a_key_is_the_same_whichever_form_it_is_in() {
        for alg in [SigAlg::Es256, SigAlg::Es384, SigAlg::Rs256, SigAlg::Ed25519] {
            let jwk = ClientKey::generate(alg).jwk();
            assert_eq!(Jwk::from_spki(jwk.spki_der()), Some(jwk));
        }
        assert_eq!(Jwk::from_spki(&[]), None);
        assert_eq!(Jwk::from_spki(&[0x30, 0]), None);
    }
}
