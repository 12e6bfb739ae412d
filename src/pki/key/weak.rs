//! RSA moduli with known weaknesses.
//!
//! Each rule is a published weakness of key generators that were in use. They are too expensive for
//! every request, so they run once per new key ([`super::PublicKey::check_new`]).

use super::fault::KeyFault;
use super::natural::Natural;

/// Bound of trial division: only a broken generator makes a prime below it.
const SMALL: u32 = 752;

/// The largest prime of the ROCA fingerprint.
///
/// The faulty library uses more primes for longer keys; all its keys share the primes up to this one.
const LAST_ROCA_PRIME: u32 = 167;

/// The generator of the faulty library.
const ROCA_GENERATOR: u32 = 65537;

/// Rounds of Fermat's factorisation.
///
/// Each step is one candidate for the mean of the two primes, from the square root of the modulus on. Two
/// primes that are found share about half of their leading bits, which independent ones do not.
const FERMAT_ROUNDS: usize = 100;

/// Checks a modulus (odd, big-endian) for known weaknesses.
///
/// - A factor below 752.
/// - ROCA (CVE-2017-15361; Nemec, Sys, Svenda, Klinec, Matyas: "The Return of Coppersmith's Attack", CCS 2017): the
///   library's primes are `k * M + 65537^a mod M` with `M` the product of the first primes, so that modulo each of these
///   the modulus is a power of 65537. About one sound key in 2.4 * 10^8 matches too, and is refused.
/// - Primes that are close together (Fermat; CVE-2022-26320).
///
/// # Errors
/// The first weakness found.
pub(super) fn check(modulus: &[u8]) -> Result<(), KeyFault> {
    let modulus = Natural::from_bytes(modulus);
    let mut roca = true;
    let primes: Vec<u32> = (3..SMALL).step_by(2).filter(|n| is_prime(*n)).collect();
    // The product of three of them is below 2^32: a third of the long divisions is enough.
    for group in primes.chunks(3) {
        let residue = modulus.residue(group.iter().product());
        for prime in group {
            if residue.is_multiple_of(*prime) {
                return Err(KeyFault::SmallFactor(*prime));
            }
            roca = roca && (*prime > LAST_ROCA_PRIME || is_power(residue % prime, *prime));
        }
    }
    if roca {
        return Err(KeyFault::Roca);
    }
    if has_close_factors(&modulus, FERMAT_ROUNDS) { Err(KeyFault::ClosePrimes) } else { Ok(()) }
}

/// Whether an odd number is prime.
fn is_prime(n: u32) -> bool {
    (3..).step_by(2).take_while(|d| d * d <= n).all(|d| !n.is_multiple_of(d))
}

/// Whether `residue` is a power of the generator modulo `prime`.
fn is_power(residue: u32, prime: u32) -> bool {
    let generator = ROCA_GENERATOR % prime;
    let mut power = 1;
    loop {
        if power == residue {
            return true;
        }
        power = power * generator % prime;
        if power == 1 {
            return false;
        }
    }
}

/// Whether Fermat's factorisation succeeds for an odd number within `rounds`.
///
/// `n = a² - b²` is `(a - b)(a + b)`. If the factors are close together, `a` is one of the first numbers whose square
/// is not below `n`, and `a² - n` is a square.
fn has_close_factors(n: &Natural, rounds: usize) -> bool {
    let (root, rest) = n.root();
    if rest.is_zero() {
        return true; // a square
    }
    // For the first `a`, the root and one: a² - n = 2 * root + 1 - rest. For each next one it is larger by 2a + 1.
    let mut step = root.clone();
    step.add(&root);
    step.increment();
    let mut difference = step.clone();
    difference.subtract(&rest);
    for _ in 0..rounds {
        if difference.is_square() {
            return true;
        }
        step.increment();
        step.increment();
        difference.add(&step);
    }
    false
}

#[cfg(test)]
mod tests;
