//! The signature algorithms of requests, by their JWS names.

use crate::values::SigAlg;

/// The accepted `alg` values, for the `algorithms` member of a `badSignatureAlgorithm` problem
/// ([RFC 8555 §6.2](https://www.rfc-editor.org/rfc/rfc8555#section-6.2)).
///
/// RFC 8555 requires ES256 and recommends EdDSA (with Ed25519); clients also use RS256 and ES384. Never `none`, never
/// a MAC.
pub const ALGORITHMS: &[&str] = &["ES256", "ES384", "RS256", "EdDSA"];

/// The algorithm of this name; `None` for names outside [`ALGORITHMS`].
pub(super) fn parse(name: &str) -> Option<SigAlg> {
    match name {
        "ES256" => Some(SigAlg::Es256),
        "ES384" => Some(SigAlg::Es384),
        "RS256" => Some(SigAlg::Rs256),
        "EdDSA" => Some(SigAlg::Ed25519),
        _ => None,
    }
}

/// The name of `alg` in messages: its JWS name where it has one.
pub(super) fn name(alg: SigAlg) -> &'static str {
    match alg {
        SigAlg::Es256 => "ES256",
        SigAlg::Es384 => "ES384",
        SigAlg::EcP256Sha384 => "ECDSA on P-256 with SHA-384",
        SigAlg::EcP256Sha512 => "ECDSA on P-256 with SHA-512",
        SigAlg::EcP384Sha256 => "ECDSA on P-384 with SHA-256",
        SigAlg::EcP384Sha512 => "ECDSA on P-384 with SHA-512",
        SigAlg::Rs256 => "RS256",
        SigAlg::Rs384 => "RS384",
        SigAlg::Rs512 => "RS512",
        SigAlg::Ps256 => "PS256",
        SigAlg::Ps384 => "PS384",
        SigAlg::Ps512 => "PS512",
        SigAlg::Ed25519 => "EdDSA",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn j05_the_published_list_is_what_is_read() {
        for published in ALGORITHMS {
            assert_eq!(parse(published).map(name), Some(*published));
        }
    }

    #[test]
    fn j04_no_mac_no_none_no_other_case() {
        for other in ["none", "HS256", "HS384", "HS512", "RS1", "RS384", "PS256", "ES512", "ES256K", "es256", ""] {
            assert_eq!(parse(other), None, "{other}");
        }
    }
}
