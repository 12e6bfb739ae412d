//! ECDSA signatures between their two forms.
//!
//! X.509 and TLS carry an ECDSA signature as a DER SEQUENCE of two INTEGERs; JWS, WebCrypto and the crypto ports
//! carry it as raw `r || s` of fixed width.

use super::SigAlg;
use der::asn1::UintRef;
use der::{Decode, Encode, Sequence};

/// `ECDSA-Sig-Value` of [RFC 3279 §2.2.3](https://www.rfc-editor.org/rfc/rfc3279#section-2.2.3).
#[derive(Sequence)]
struct EcdsaSigValue<'a> {
    r: UintRef<'a>,
    s: UintRef<'a>,
}

/// Bytes of `r`, and of `s`, in the raw form; `None` for algorithms with one form only.
fn width(alg: SigAlg) -> Option<usize> {
    match alg {
        SigAlg::Es256 | SigAlg::EcP256Sha384 | SigAlg::EcP256Sha512 => Some(32),
        SigAlg::Es384 | SigAlg::EcP384Sha256 | SigAlg::EcP384Sha512 => Some(48),
        SigAlg::Rs256
        | SigAlg::Rs384
        | SigAlg::Rs512
        | SigAlg::Ps256
        | SigAlg::Ps384
        | SigAlg::Ps512
        | SigAlg::Ed25519 => None,
    }
}

/// A signature as the ports carry it, turned into what X.509 carries; `None` when its length is wrong.
pub fn to_x509(alg: SigAlg, raw: &[u8]) -> Option<Vec<u8>> {
    let Some(width) = width(alg) else { return Some(raw.to_vec()) };
    let (r, s) = raw.split_at_checked(width).filter(|(_, s)| s.len() == width)?;
    EcdsaSigValue { r: UintRef::new(r).ok()?, s: UintRef::new(s).ok()? }.to_der().ok()
}

/// A signature as X.509 carries it, turned into what the ports carry; `None` when it is no signature of `alg`.
pub fn from_x509(alg: SigAlg, signature: &[u8]) -> Option<Vec<u8>> {
    let Some(width) = width(alg) else { return Some(signature.to_vec()) };
    let value = EcdsaSigValue::from_der(signature).ok()?;
    let mut raw = pad(value.r.as_bytes(), width)?;
    raw.extend(pad(value.s.as_bytes(), width)?);
    Some(raw)
}

/// `bytes` with zeros before them, up to `width` bytes.
fn pad(bytes: &[u8], width: usize) -> Option<Vec<u8>> {
    let mut padded = vec![0; width.checked_sub(bytes.len())?];
    padded.extend_from_slice(bytes);
    Some(padded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn ecdsa_signatures_change_form_and_back() {
        let mut raw = [0x11; 64];
        raw[0] = 0x80; // r needs a leading zero in DER
        raw[32] = 0;
        raw[33] = 0; // s is shorter in DER
        let der = to_x509(SigAlg::Es256, &raw).unwrap();
        assert_eq!(hex(&der[..6]), "304302210080");
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
}
