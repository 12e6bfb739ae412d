//! RSA moduli that somebody else can factor.
//!
//! Each rule is a published weakness of key generators that were in use. They cost too much to be asked of a key with
//! every request, so they are asked once, of a key that comes in new ([`super::PublicKey::check_new`]).

use super::fault::KeyFault;
use super::natural::Natural;

/// Primes below this are tried as factors: no sound generator makes a prime so small, a broken one may.
const SMALL: u32 = 752;

/// Primes up to this make the ROCA fingerprint. The faulty library takes more of them for longer keys, and these for the
/// shortest, so all of its keys have this much in common.
const LAST_ROCA_PRIME: u32 = 167;

/// The generator that the faulty library uses.
const ROCA_GENERATOR: u32 = 65537;

/// How many steps of Fermat's factorisation are tried.
///
/// Each step is one candidate for the mean of the two primes, from the square root of the modulus on. Primes drawn
/// independently are found by none of them: two that are, have to have about half of their leading bits in common.
const FERMAT_ROUNDS: usize = 100;

/// Checks a modulus (odd, big-endian) for the weaknesses that show in it.
///
/// - A factor below 752.
/// - ROCA (CVE-2017-15361; Nemec, Sys, Svenda, Klinec, Matyas: "The Return of Coppersmith's Attack", CCS 2017): the
///   library's primes are `k * M + 65537^a mod M` with `M` the product of the first primes, so that modulo each of these
///   the modulus is a power of 65537. Of sound keys about one in 2.4 * 10^8 looks like that, and is refused as well.
/// - Primes that lie close together (Fermat; CVE-2022-26320).
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

/// Whether Fermat's factorisation finds two factors of an odd number in so many rounds.
///
/// `n = a² - b²` is `(a - b)(a + b)`. Where the factors lie close together, `a` is one of the first numbers whose square
/// is not below `n`, and it shows by `a² - n` being a square.
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
