use super::*;
use crate::values::crypto::Sign as _;

fn random(bytes: &mut [u8]) {
    getrandom::fill(bytes).unwrap();
}

fn verify(alg: SigAlg, spki: &[u8], message: &[u8], signature: &[u8]) -> bool {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(NativeCrypto.verify(alg, spki, message, signature))
        .unwrap()
}

const ALL: [SigAlg; 10] = [
    SigAlg::Es256,
    SigAlg::Es384,
    SigAlg::EcP256Sha384,
    SigAlg::EcP384Sha256,
    SigAlg::EcP256Sha512,
    SigAlg::EcP384Sha512,
    SigAlg::Rs256,
    SigAlg::Rs384,
    SigAlg::Rs512,
    SigAlg::Ed25519,
];

#[test]
fn j10_a_signature_holds_for_its_key_message_and_algorithm_only() {
    let keys: Vec<_> = [SigAlg::Es256, SigAlg::Es384, SigAlg::Rs256, SigAlg::Ed25519]
        .map(|alg| NativeKey::generate(alg, &mut random).unwrap())
        .into();
    for key in &keys {
        let spki = key.spki_der().unwrap();
        let mut fitting = 0;
        for alg in ALL {
            let Ok(signature) = key.sign(alg, b"message") else { continue };
            fitting += 1;
            for other in ALL {
                assert_eq!(verify(other, &spki, b"message", &signature), other == alg, "{key:?} {alg:?} {other:?}");
            }
            assert!(!verify(alg, &spki, b"massage", &signature));
            assert!(!verify(alg, &spki, b"message", &signature[1..]), "{alg:?} short");
            assert!(!verify(alg, &spki, b"message", &[&signature[..], &[0]].concat()), "{alg:?} long");
            assert!(!verify(alg, &spki, b"message", &[]));
            assert!(!verify(alg, &spki[1..], b"message", &signature));
            for stranger in keys.iter().filter(|other| other.algorithm() != key.algorithm()) {
                assert!(!verify(alg, &stranger.spki_der().unwrap(), b"message", &signature));
            }
        }
        let expected = match key.algorithm() {
            SigAlg::Ed25519 => 1,
            _ => 3,
        };
        assert_eq!(fitting, expected, "{key:?}");
    }
}

#[test]
fn j10_ecdsa_signatures_are_raw_and_of_fixed_width() {
    let p256 = NativeKey::generate(SigAlg::Es256, &mut random).unwrap();
    let p384 = NativeKey::generate(SigAlg::Es384, &mut random).unwrap();
    for n in 0..50u8 {
        assert_eq!(p256.sign(SigAlg::Es256, &[n]).unwrap().len(), 64);
        assert_eq!(p384.sign(SigAlg::EcP384Sha256, &[n]).unwrap().len(), 96);
    }
}

#[test]
fn a_key_survives_its_pem() {
    for alg in [SigAlg::Es256, SigAlg::Es384, SigAlg::Rs256, SigAlg::Ed25519] {
        let key = NativeKey::generate(alg, &mut random).unwrap();
        let pem = key.to_pkcs8_pem().unwrap();
        assert!(pem.starts_with("-----BEGIN PRIVATE KEY-----\n"), "{pem}");
        let back = NativeKey::from_pkcs8_pem(&pem).unwrap();
        assert_eq!(back.spki_der(), key.spki_der());
        assert_eq!(back.algorithm(), alg);
    }
    let sec1 = "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n";
    assert!(NativeKey::from_pkcs8_pem(sec1).unwrap_err().0.contains("EC PRIVATE KEY"));
}

#[test]
fn only_p256_signs_as_an_issuer() {
    let key = NativeKey::generate(SigAlg::Es256, &mut random).unwrap();
    let signer = NativeSigner::from_pkcs8_pem(&key.to_pkcs8_pem().unwrap()).unwrap();
    assert_eq!(signer.algorithm(), SigAlg::Es256);
    assert_eq!(signer.spki_der(), key.spki_der());
    let other = NativeKey::generate(SigAlg::Ed25519, &mut random).unwrap();
    assert!(NativeSigner::new(other).unwrap_err().0.contains("Ed25519"));
}

#[test]
fn a_printed_key_shows_no_secret() {
    let key = NativeKey::generate(SigAlg::Ed25519, &mut random).unwrap();
    assert_eq!(format!("{key:?}"), "NativeKey(Ed25519)");
}
