use super::*;
use crate::pki::testing::{hex, key};
use crate::values::{SigAlg, hex::decode};
use der::Encode;
use der::asn1::{AnyRef, BitStringRef};
use proptest::prelude::*;
use spki::AlgorithmIdentifierRef;

const P521: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");
const X25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.110");

fn spki(oid: ObjectIdentifier, parameters: Option<AnyRef<'_>>, key: &[u8]) -> Vec<u8> {
    let subject_public_key = BitStringRef::from_bytes(key).unwrap();
    SubjectPublicKeyInfoRef { algorithm: AlgorithmIdentifierRef { oid, parameters }, subject_public_key }
        .to_der()
        .unwrap()
}

fn ec_spki(curve: ObjectIdentifier, point: &[u8]) -> Vec<u8> {
    spki(ID_EC_PUBLIC_KEY, Some((&curve).into()), point)
}

fn rsa_spki(bits: usize, last: u8, exponent: &[u8]) -> Vec<u8> {
    let mut modulus = vec![0xa5; bits.div_ceil(8)];
    modulus[0] = 1 << ((bits - 1) % 8);
    *modulus.last_mut().unwrap() = last;
    let key = RsaPublicKey { modulus: UintRef::new(&modulus).unwrap(), exponent: UintRef::new(exponent).unwrap() };
    spki(RSA_ENCRYPTION, Some(AnyRef::NULL), &key.to_der().unwrap())
}

fn unhex(text: &str) -> [u8; 32] {
    decode(text).unwrap().try_into().unwrap()
}

/// The point or key inside an SPKI.
fn inside(spki: &[u8]) -> Vec<u8> {
    SubjectPublicKeyInfoRef::from_der(spki).unwrap().subject_public_key.raw_bytes().to_vec()
}

#[test]
fn c02_accepted_key_keeps_its_bytes() {
    for (alg, kind, identifier) in [
        (SigAlg::Es256, KeyKind::EcP256, "301306072a8648ce3d020106082a8648ce3d030107"),
        (SigAlg::Es384, KeyKind::EcP384, "301006072a8648ce3d020106052b81040022"),
        (SigAlg::Rs256, KeyKind::Rsa { bits: 2048 }, "300d06092a864886f70d0101010500"),
        (SigAlg::Ed25519, KeyKind::Ed25519, "300506032b6570"),
    ] {
        let der = key(alg).spki_der().unwrap();
        let checked = check_spki(&der).unwrap();
        assert_eq!((checked.kind(), checked.spki_der()), (kind, &der[..]));
        let id = SubjectPublicKeyInfoRef::from_der(&der).unwrap().algorithm.to_der().unwrap();
        assert_eq!(hex(&id), identifier);
    }
}

#[test]
fn c02_rsa_sizes_and_exponents_have_limits() {
    for bits in [2048, 2056, 3072, 4096] {
        assert_eq!(check_spki(&rsa_spki(bits, 1, &[1, 0, 1])).unwrap().kind(), KeyKind::Rsa { bits });
    }
    for bits in [512, 1024, 2040, 2047, 2049, 4095, 4104, 8192] {
        assert_eq!(check_spki(&rsa_spki(bits, 1, &[3])), Err(KeyFault::RsaSize(bits)));
    }
    for exponent in [&[3][..], &[17], &[1, 0, 1], &[0xff, 0xff, 0xff, 0xff]] {
        assert!(check_spki(&rsa_spki(2048, 1, exponent)).is_ok());
    }
    // 0, 1, 2, even ones, 2^32 + 1 and more.
    for exponent in [&[0][..], &[1], &[2], &[1, 0, 0], &[1, 0, 0, 0, 1], &[1, 0, 0, 0, 0, 0, 0, 0, 3]] {
        assert_eq!(check_spki(&rsa_spki(2048, 1, exponent)), Err(KeyFault::RsaExponent), "{exponent:?}");
    }
    assert_eq!(check_spki(&rsa_spki(2048, 2, &[3])), Err(KeyFault::RsaModulus));
    let key = inside(&rsa_spki(2048, 1, &[3]));
    assert_eq!(check_spki(&spki(RSA_ENCRYPTION, None, &key)), Err(KeyFault::Parameters("RSA")));
    let negative = [&key[..4], &[2, 1, 0x80], &[2, 1, 3]].concat();
    assert_eq!(check_spki(&spki(RSA_ENCRYPTION, Some(AnyRef::NULL), &negative)), Err(KeyFault::Encoding));
}

#[test]
fn c02_points_are_uncompressed_and_on_their_curve() {
    let p256 = inside(&key(SigAlg::Es256).spki_der().unwrap());
    let p384 = inside(&key(SigAlg::Es384).spki_der().unwrap());
    let mut off = p256.clone();
    *off.last_mut().unwrap() ^= 1;
    assert_eq!(check_spki(&ec_spki(SECP_256_R_1, &off)), Err(KeyFault::OffCurve(KeyKind::EcP256)));
    let mut off = p384.clone();
    *off.last_mut().unwrap() ^= 1;
    assert_eq!(check_spki(&ec_spki(SECP_384_R_1, &off)), Err(KeyFault::OffCurve(KeyKind::EcP384)));
    let compressed = [&[2 + (p256[64] & 1)], &p256[1..33]].concat();
    for point in [&compressed[..], &[0], &[], &p384, &p256[..64], &[&[4; 1][..], &[0; 65]].concat()] {
        assert_eq!(check_spki(&ec_spki(SECP_256_R_1, point)), Err(KeyFault::PointForm(KeyKind::EcP256)));
    }
    for point in [&[0][..], &[], &p256, &p384[..96]] {
        assert_eq!(check_spki(&ec_spki(SECP_384_R_1, point)), Err(KeyFault::PointForm(KeyKind::EcP384)));
    }
    // The point at infinity has no coordinates; zeros are not a point of either curve.
    let zeros = |width: usize| [&[4][..], &vec![0; 2 * width]].concat();
    assert_eq!(check_spki(&ec_spki(SECP_256_R_1, &zeros(32))), Err(KeyFault::OffCurve(KeyKind::EcP256)));
    assert_eq!(check_spki(&ec_spki(SECP_384_R_1, &zeros(48))), Err(KeyFault::OffCurve(KeyKind::EcP384)));
    assert_eq!(check_spki(&ec_spki(P521, &p256)), Err(KeyFault::Curve(Some(P521))));
    assert_eq!(check_spki(&spki(ID_EC_PUBLIC_KEY, None, &p256)), Err(KeyFault::Curve(None)));
    assert_eq!(check_spki(&spki(ID_EC_PUBLIC_KEY, Some(AnyRef::NULL), &p256)), Err(KeyFault::Curve(None)));
}

#[test]
fn c02_ed25519_keys_are_32_canonical_bytes() {
    let good = inside(&key(SigAlg::Ed25519).spki_der().unwrap());
    assert!(check_spki(&spki(ID_ED_25519, None, &good)).is_ok());
    // The field's prime 2^255 - 19 and its neighbours, little-endian.
    let near_p = |last: u8| [&[last][..], &[0xff; 30], &[0x7f]].concat();
    for bad in [&good[..31], &[&good[..], &[0]].concat(), &[0xff; 32], &near_p(0xed), &near_p(0xee)] {
        assert_eq!(check_spki(&spki(ID_ED_25519, None, bad)), Err(KeyFault::Ed25519));
    }
    assert!(check_spki(&spki(ID_ED_25519, None, &near_p(0xeb))).is_ok());
    let null = spki(ID_ED_25519, Some(AnyRef::NULL), &good);
    assert_eq!(check_spki(&null), Err(KeyFault::Parameters("Ed25519")));
    assert_eq!(check_spki(&spki(X25519, None, &good)), Err(KeyFault::Algorithm(X25519)));
}

#[test]
fn c02_ed25519_points_of_small_order_are_refused() {
    use ed25519_dalek::VerifyingKey;
    let text = [
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    ];
    for mut point in text.map(unhex) {
        for sign in [0, 0x80] {
            point[31] = point[31] & 0x7f | sign;
            assert_eq!(check_spki(&spki(ID_ED_25519, None, &point)), Err(KeyFault::SmallOrder), "{}", hex(&point));
            // An implementation of the curve agrees.
            assert!(VerifyingKey::from_bytes(&point).is_ok_and(|key| key.is_weak()), "{}", hex(&point));
        }
    }
}

#[test]
fn j07_key_refusal_names_found_and_accepted_kinds() {
    assert_eq!(
        KeyFault::RsaSize(1024).to_string(),
        "is RSA with a modulus of 1024 bits; accepted are RSA of 2048 to 4096 bits, P-256, P-384 and Ed25519"
    );
    assert!(KeyFault::RsaSize(2049).to_string().ends_with("not a multiple of 8"));
    assert!(KeyFault::Curve(Some(P521)).to_string().contains("1.3.132.0.35"));
}

#[test]
fn key_with_trailing_bytes_or_long_lengths_is_refused() {
    let good = key(SigAlg::Es256).spki_der().unwrap();
    assert_eq!(check_spki(&[&good[..], &[0]].concat()), Err(KeyFault::Encoding));
    let long_length = [&[0x30, 0x81, good[1]], &good[2..]].concat();
    assert_eq!(check_spki(&long_length), Err(KeyFault::Encoding));
}

proptest! {
    #[test]
    fn any_bytes_are_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(check_spki(&bytes).is_err());
    }

    #[test]
    fn a_changed_key_is_refused_or_still_what_it_says(at in 0..91_usize, bit in 0..8_u8) {
        let mut der = key(SigAlg::Es256).spki_der().unwrap();
        der[at] ^= 1 << bit;
        // A P-256 point has no redundancy to spare: every single bit matters.
        prop_assert!(check_spki(&der).is_err());
    }
}
