//! Keys as DER SubjectPublicKeyInfo ([RFC 5280 §4.1.2.7](https://www.rfc-editor.org/rfc/rfc5280#section-4.1.2.7)).

use super::JwkFault;
use const_oid::ObjectIdentifier;
use const_oid::db::{rfc5912, rfc8410};
use der::asn1::{Any, BitString, UintRef};
use der::{Encode, Sequence};
use spki::{AlgorithmIdentifier, SubjectPublicKeyInfo};

/// `RSAPublicKey` of [RFC 8017 §A.1.1](https://www.rfc-editor.org/rfc/rfc8017#appendix-A.1.1).
#[derive(Sequence)]
struct RsaPublicKey<'a> {
    modulus: UintRef<'a>,
    public_exponent: UintRef<'a>,
}

pub(super) fn p256(point: &[u8]) -> Result<Vec<u8>, JwkFault> {
    ec(rfc5912::SECP_256_R_1, point)
}

pub(super) fn p384(point: &[u8]) -> Result<Vec<u8>, JwkFault> {
    ec(rfc5912::SECP_384_R_1, point)
}

pub(super) fn rsa(n: &[u8], e: &[u8]) -> Result<Vec<u8>, JwkFault> {
    rsa_public_key(n, e)
        .and_then(|key| encode(rfc5912::RSA_ENCRYPTION, Some(Any::null()), &key))
        .map_err(|_| JwkFault::Der)
}

pub(super) fn ed25519(x: &[u8]) -> Result<Vec<u8>, JwkFault> {
    encode(rfc8410::ID_ED_25519, None, x).map_err(|_| JwkFault::Der)
}

fn ec(curve: ObjectIdentifier, point: &[u8]) -> Result<Vec<u8>, JwkFault> {
    Any::encode_from(&curve)
        .and_then(|curve| encode(rfc5912::ID_EC_PUBLIC_KEY, Some(curve), point))
        .map_err(|_| JwkFault::Der)
}

fn rsa_public_key(n: &[u8], e: &[u8]) -> der::Result<Vec<u8>> {
    RsaPublicKey { modulus: UintRef::new(n)?, public_exponent: UintRef::new(e)? }.to_der()
}

fn encode(oid: ObjectIdentifier, parameters: Option<Any>, key: &[u8]) -> der::Result<Vec<u8>> {
    let algorithm = AlgorithmIdentifier { oid, parameters };
    SubjectPublicKeyInfo { algorithm, subject_public_key: BitString::from_bytes(key)? }.to_der()
}
