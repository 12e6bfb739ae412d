//! ECDSA signatures of clients that drop leading zeros.
//!
//! A JWS holds the numbers `r` and `s` side by side, each as wide as the curve's order
//! ([RFC 7518 §3.4](https://www.rfc-editor.org/rfc/rfc7518#section-3.4)). Apple's ACME client, for one, takes them
//! from DER and writes them without leading zeros, so about one signature in 128 is shorter. Refusing it would make
//! that client fail at random. The short form does not show where `s` begins, but there are few possibilities; each is
//! verified like a signature of full width, so trying them weakens nothing.

use super::fault::VerifyFault;
use crate::values::SigAlg;

/// Maximum number of missing bytes. One honest signature in four million lacks more; each further byte costs another
/// verification of wrong signatures.
const MISSING: usize = 2;

/// Lists the full-width forms of a signature under `alg`: at least one, at most three.
///
/// The length of an RSA signature is checked with the key, in verification.
pub(super) fn readings(alg: SigAlg, signature: &[u8]) -> Result<Vec<Vec<u8>>, VerifyFault> {
    match alg {
        SigAlg::Es256 | SigAlg::EcP256Sha384 | SigAlg::EcP256Sha512 => ecdsa(alg, 32, signature),
        SigAlg::Es384 | SigAlg::EcP384Sha256 | SigAlg::EcP384Sha512 => ecdsa(alg, 48, signature),
        SigAlg::Ed25519 if signature.len() != 64 => {
            Err(VerifyFault::SignatureLength { alg, found: signature.len(), wanted: 64 })
        }
        SigAlg::Ed25519
        | SigAlg::Rs256
        | SigAlg::Rs384
        | SigAlg::Rs512
        | SigAlg::Ps256
        | SigAlg::Ps384
        | SigAlg::Ps512 => Ok(vec![signature.to_vec()]),
    }
}

/// The candidates for a signature of two numbers of `width` bytes each.
///
/// A complete signature is the only candidate. For a shorter one they are all ways to restore up to [`MISSING`] zeros.
fn ecdsa(alg: SigAlg, width: usize, signature: &[u8]) -> Result<Vec<Vec<u8>>, VerifyFault> {
    let wrong_length = || VerifyFault::SignatureLength { alg, found: signature.len(), wanted: 2 * width };
    let missing = (2 * width).checked_sub(signature.len()).ok_or_else(wrong_length)?;
    if missing > MISSING {
        return Err(wrong_length());
    }
    Ok((0..=missing)
        .filter_map(|of_r| signature.split_at_checked(width - of_r))
        .filter_map(|(r, s)| Some([pad(r, width)?, pad(s, width)?].concat()))
        .collect())
}

/// `number` with leading zeros to `width` bytes; `None` when it is longer.
fn pad(number: &[u8], width: usize) -> Option<Vec<u8>> {
    let zeros = width.checked_sub(number.len())?;
    Some([vec![0; zeros].as_slice(), number].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn j10_full_width_is_taken_as_it_is() {
        for (alg, length) in [(SigAlg::Es256, 64), (SigAlg::Es384, 96), (SigAlg::Ed25519, 64), (SigAlg::Rs256, 256)] {
            assert_eq!(readings(alg, &vec![7; length]), Ok(vec![vec![7; length]]));
        }
    }

    #[test]
    fn t11_every_place_for_the_missing_zeros_is_tried() {
        let short: Vec<u8> = (1..=62).collect();
        let found = readings(SigAlg::Es256, &short).unwrap();
        let zeros_at = |places: [usize; 2]| {
            let mut full = short.clone();
            places.into_iter().for_each(|place| full.insert(place, 0));
            full
        };
        assert_eq!(found, [zeros_at([32, 32]), zeros_at([0, 32]), zeros_at([0, 0])]);
        assert_eq!(readings(SigAlg::Es384, &[1; 95]).map(|found| found.len()), Ok(2));
    }

    #[test]
    fn j10_other_lengths_are_refused_der_among_them() {
        for (alg, found, wanted) in [
            (SigAlg::Es256, 0, 64),
            (SigAlg::Es256, 61, 64),
            (SigAlg::Es256, 65, 64),
            (SigAlg::Es256, 71, 64),
            (SigAlg::Es384, 93, 96),
            (SigAlg::Es384, 103, 96),
            (SigAlg::Ed25519, 63, 64),
        ] {
            let fault = VerifyFault::SignatureLength { alg, found, wanted };
            assert_eq!(readings(alg, &vec![0x30; found]), Err(fault));
        }
    }
}
