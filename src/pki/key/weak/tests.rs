use super::*;
use crate::pki::key::{KeyKind, check_spki};
use crate::pki::testing::{key, random};
use crate::values::SigAlg;
use crate::values::native_crypto::NativeKey;
use der::pem::{LineEnding, encode_string};
use rsa::BoxedUint;

/// A file of tests/fixtures/keys.
macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!("../../../../tests/fixtures/keys/", $name, ".der"))
    };
}

/// The public key of a private one, PKCS#8.
fn public(private: &[u8]) -> Vec<u8> {
    let pem = encode_string("PRIVATE KEY", LineEnding::LF, private).unwrap();
    NativeKey::from_pkcs8_pem(&pem).unwrap().spki_der().unwrap()
}

/// Checks a new key that [`check_spki`] accepts.
fn check_new(spki: &[u8]) -> Result<(), KeyFault> {
    check_spki(spki).unwrap().check_new()
}

#[test]
fn c02_key_with_roca_fingerprint_is_refused() {
    for (private, bits) in
        [(&fixture!("roca-2048")[..], 2048), (fixture!("roca-3072"), 3072), (fixture!("roca-4096"), 4096)]
    {
        let spki = public(private);
        // What every request asks lets it pass: it is a key that works.
        assert_eq!(check_spki(&spki).unwrap().kind(), KeyKind::Rsa { bits });
        assert_eq!(check_new(&spki), Err(KeyFault::Roca));
    }
    let said = KeyFault::Roca.to_string();
    assert!(said.contains("CVE-2017-15361") && said.contains("make a new key"), "{said}");
}

#[test]
fn c02_key_of_close_primes_is_refused() {
    assert_eq!(check_new(&public(fixture!("close-primes-2048"))), Err(KeyFault::ClosePrimes));
    let said = KeyFault::ClosePrimes.to_string();
    assert!(said.contains("close together") && said.contains("make a new key"), "{said}");
}

#[test]
fn c02_ordinary_keys_pass() {
    for spki in [
        &fixture!("openssl-2048")[..],
        fixture!("openssl-2048-exponent-3"),
        fixture!("openssl-3072"),
        fixture!("openssl-4096"),
    ] {
        assert_eq!(check_new(spki), Ok(()));
    }
    assert_eq!(check_new(&NativeKey::generate_rsa(2056, &mut random).unwrap().spki_der().unwrap()), Ok(()));
    for alg in [SigAlg::Rs256, SigAlg::Es256, SigAlg::Es384, SigAlg::Ed25519] {
        assert_eq!(check_new(&key(alg).spki_der().unwrap()), Ok(()), "{alg:?}");
    }
}

/// A modulus of 2048 bits, in a width that its square fits too.
fn modulus() -> BoxedUint {
    let spki = fixture!("openssl-2048");
    // The exponent follows the modulus: five bytes with its header.
    BoxedUint::from_be_slice(&spki[spki.len() - 5 - 256..spki.len() - 5], 4096).unwrap()
}

fn small(n: u64) -> BoxedUint {
    BoxedUint::from_be_slice(&n.to_be_bytes(), 4096).unwrap()
}

/// The number without leading zeros.
fn bytes(n: &BoxedUint) -> Vec<u8> {
    n.to_be_bytes().iter().copied().skip_while(|byte| *byte == 0).collect()
}

#[test]
fn c02_modulus_with_small_factor_is_refused_with_the_factor() {
    let n = modulus();
    assert_eq!(check(&bytes(&n)), Ok(()), "the fixture was cut right");
    for factor in [3, 5, 17, 167, 173, 743, 751] {
        let multiple = n.wrapping_mul(small(factor));
        assert_eq!(check(&bytes(&multiple)), Err(KeyFault::SmallFactor(factor as u32)));
    }
    let said = KeyFault::SmallFactor(743).to_string();
    assert!(said.contains("743") && said.contains("make a new key"), "{said}");
    // 757 is the first prime that is not tried.
    assert_eq!(check(&757_u64.pow(3).to_be_bytes()), Ok(()));
    assert_eq!(check(&757_u64.pow(2).to_be_bytes()), Err(KeyFault::ClosePrimes), "a square");
}

#[test]
fn c02_roca_fingerprint_of_sound_keys_is_rare() {
    // For each prime: which part of all residues are powers of 65537. The published test lets one of 238,878,720 by.
    let mut rarity = 1_u64;
    for prime in (3..=LAST_ROCA_PRIME).step_by(2).filter(|n| is_prime(*n)) {
        let powers = (1..prime).filter(|residue| is_power(*residue, prime)).count() as u64;
        assert_eq!(u64::from(prime - 1) % powers, 0, "a subgroup of {prime}");
        rarity *= u64::from(prime - 1) / powers;
    }
    assert_eq!(rarity, 238_878_720);
}

/// In which round Fermat's factorisation finds the factors of an odd number, by its definition.
fn round(n: u128) -> usize {
    let is_square = |n: u128| n.isqrt().pow(2) == n;
    let first = n.isqrt() + u128::from(!is_square(n));
    let found = (first..).position(|a| is_square(a * a - n));
    found.unwrap() + usize::from(!is_square(n))
}

#[test]
fn c02_close_factors_are_found_in_the_expected_round() {
    for n in [9_u128, 15, 21, 33, 49, 1_000_001, 1_000_003 * 1_000_033, 999_983 * 1_004_987, 65_537 * 92_683]
        .into_iter()
        .chain((10_001..10_401).step_by(2))
        .filter(|n| round(*n) <= 500)
    {
        let (number, round) = (Natural::from_bytes(&n.to_be_bytes()), round(n));
        assert!(has_close_factors(&number, round), "{n} in round {round}");
        assert!(round == 0 || !has_close_factors(&number, round - 1), "{n} before round {round}");
    }
}

#[test]
fn c02_long_modulus_gets_a_hundred_rounds() {
    let a = modulus().shr(1024);
    for rounds in [FERMAT_ROUNDS, FERMAT_ROUNDS + 1] {
        // The root of a² - b² is about b² / 2a below a, so a is the candidate of this round.
        let b = small(2 * rounds as u64 - 1).wrapping_mul(&a).floor_sqrt_vartime();
        let n = Natural::from_bytes(&bytes(&a.wrapping_square().wrapping_sub(b.wrapping_square())));
        assert!(has_close_factors(&n, rounds) && !has_close_factors(&n, rounds - 1), "{rounds}");
        assert_eq!(has_close_factors(&n, FERMAT_ROUNDS), rounds == FERMAT_ROUNDS);
    }
}
