//! Conversion between the two forms of an ECDSA signature.
//!
//! X.509 and TLS carry the DER form, a SEQUENCE of two INTEGERs (`ECDSA-Sig-Value` of
//! [RFC 3279 §2.2.3](https://www.rfc-editor.org/rfc/rfc3279#section-2.2.3)). JWS, WebCrypto and the crypto ports
//! carry the raw form, `r || s` of fixed width.

use super::SigAlg;
use p256::ecdsa::Signature as P256;
use p384::ecdsa::Signature as P384;

/// The curve of an algorithm's signatures; `None` for algorithms whose signatures have one form only.
fn curve(alg: SigAlg) -> Option<Curve> {
    match alg {
        SigAlg::Es256 | SigAlg::EcP256Sha384 | SigAlg::EcP256Sha512 => Some(Curve::P256),
        SigAlg::Es384 | SigAlg::EcP384Sha256 | SigAlg::EcP384Sha512 => Some(Curve::P384),
        SigAlg::Rs256
        | SigAlg::Rs384
        | SigAlg::Rs512
        | SigAlg::Ps256
        | SigAlg::Ps384
        | SigAlg::Ps512
        | SigAlg::Ed25519 => None,
    }
}

enum Curve {
    P256,
    P384,
}

/// Converts a signature from the ports' raw form to the form of X.509.
///
/// `None` for a wrong length, and for an `r` or `s` outside 1 to n - 1, the order of the curve.
pub fn to_x509(alg: SigAlg, raw: &[u8]) -> Option<Vec<u8>> {
    match curve(alg) {
        None => Some(raw.to_vec()),
        Some(Curve::P256) => Some(P256::from_slice(raw).ok()?.to_der().as_bytes().to_vec()),
        Some(Curve::P384) => Some(P384::from_slice(raw).ok()?.to_der().as_bytes().to_vec()),
    }
}

/// Converts a signature from the form of X.509 to the ports' raw form.
///
/// `None` for anything but strict DER, and for an `r` or `s` outside 1 to n - 1, the order of the curve.
pub fn from_x509(alg: SigAlg, signature: &[u8]) -> Option<Vec<u8>> {
    match curve(alg) {
        None => Some(signature.to_vec()),
        Some(Curve::P256) => Some(P256::from_der(signature).ok()?.to_bytes().to_vec()),
        Some(Curve::P384) => Some(P384::from_der(signature).ok()?.to_bytes().to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::hex;

    /// The order of P-256.
    const ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";

    #[test]
    fn ecdsa_signatures_change_form_and_back() {
        let mut raw = [0x11; 64];
        raw[0] = 0x80; // r needs a leading zero in DER
        raw[32] = 0;
        raw[33] = 0; // s is shorter in DER
        let der = to_x509(SigAlg::Es256, &raw).unwrap();
        assert_eq!(hex::encode(&der[..6]), "304302210080");
        assert_eq!(der.len(), 2 + 2 + 33 + 2 + 30);
        assert_eq!(from_x509(SigAlg::Es256, &der), Some(raw.to_vec()));
        assert_eq!(to_x509(SigAlg::Es256, &raw[1..]), None);
        assert_eq!(to_x509(SigAlg::Es384, &raw), None);
        assert_eq!(to_x509(SigAlg::Rs256, &raw), Some(raw.to_vec()));
        for bad in [&b""[..], &[0x30, 0], &der[1..], &[&der[..], &[0]].concat(), &[0x30, 6, 2, 1, 0x80, 2, 1, 1]] {
            assert_eq!(from_x509(SigAlg::Es256, bad), None);
        }
        let p384 = to_x509(SigAlg::Es384, &[0x7f; 96]).unwrap();
        assert_eq!(from_x509(SigAlg::Es256, &p384), None, "too wide for P-256");
    }

    #[test]
    fn r_and_s_are_within_the_order_of_the_curve() {
        let one = [&[0; 31][..], &[1]].concat();
        let order = hex::decode(ORDER).unwrap();
        let largest = [&order[..31], &[order[31] - 1]].concat();
        for good in [[one.clone(), largest.clone()].concat(), [largest, one.clone()].concat()] {
            let der = to_x509(SigAlg::Es256, &good).unwrap();
            assert_eq!(from_x509(SigAlg::Es256, &der), Some(good));
        }
        for bad in [vec![0; 32], order, vec![0xff; 32]] {
            for raw in [[one.clone(), bad.clone()].concat(), [bad, one.clone()].concat()] {
                assert_eq!(to_x509(SigAlg::Es256, &raw), None, "{raw:?}");
                assert_eq!(from_x509(SigAlg::Es256, &sequence(&integer(&raw[..32]), &integer(&raw[32..]))), None);
            }
        }
    }

    #[test]
    fn only_der_is_read() {
        let (short, long) = (integer(&[1]), integer(&[0x80; 32]));
        let read = |der: &[u8]| from_x509(SigAlg::Es256, der);
        assert!(read(&sequence(&short, &long)).is_some() && read(&sequence(&long, &short)).is_some());
        let whole = sequence(&short, &short);
        for (bad, why) in [
            ([&whole[..], &[0]].concat(), "something follows"),
            (whole[..whole.len() - 1].to_vec(), "cut short"),
            (sequence(&short, &[]), "one number"),
            (sequence(&short, &[&short[..], &short].concat()), "three numbers"),
            (sequence(&short, &[2, 2, 0, 1]), "a zero before a small number"),
            (sequence(&short, &[2, 1, 0x80]), "a negative number"),
            (sequence(&short, &[2, 0]), "a number without octets"),
            (sequence(&short, &[3, 1, 1]), "another type"),
            (sequence(&short, &[2, 0x81, 1, 1]), "a long length that fits a short one"),
            (sequence(&short, &integer(&[1; 33])), "too wide"),
            ([&[0x30, 0x81, 6][..], &whole[2..]].concat(), "a long length around it"),
            ([&[0x30, 0x80][..], &whole[2..], &[0, 0]].concat(), "an indefinite length"),
            ([&[0x31][..], &whole[1..]].concat(), "a set"),
        ] {
            assert_eq!(read(&bad), None, "{why}");
        }
    }

    /// An INTEGER of fewer than 128 octets.
    fn integer(number: &[u8]) -> Vec<u8> {
        let digits: Vec<u8> = number.iter().copied().skip_while(|octet| *octet == 0).collect();
        let sign = digits.first().is_none_or(|first| *first >= 0x80).then_some(0);
        let content: Vec<u8> = sign.into_iter().chain(digits).collect();
        [&[2, content.len() as u8][..], &content].concat()
    }

    fn sequence(r: &[u8], s: &[u8]) -> Vec<u8> {
        [&[0x30, (r.len() + s.len()) as u8][..], r, s].concat()
    }
}
