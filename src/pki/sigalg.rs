//! Signature algorithms in X.509.

use super::key::KeyKind;
use crate::values::SigAlg;
pub use crate::values::ecdsa::{from_x509, to_x509};
use const_oid::ObjectIdentifier;
use const_oid::db::rfc5912::{
    ECDSA_WITH_SHA_256, ECDSA_WITH_SHA_384, ECDSA_WITH_SHA_512, SHA_256_WITH_RSA_ENCRYPTION,
    SHA_384_WITH_RSA_ENCRYPTION, SHA_512_WITH_RSA_ENCRYPTION,
};
use const_oid::db::rfc8410::ID_ED_25519;
use der::Tag;
use der::asn1::Any;
use spki::{AlgorithmIdentifierOwned, AlgorithmIdentifierRef};

/// Why a signature algorithm is refused; the text is a sentence without its full stop.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AlgorithmFault {
    /// A broken hash; the algorithm's name.
    #[error("the signature algorithm is {0}, whose hash is broken; use SHA-256")]
    Weak(&'static str),
    /// An algorithm that is not supported: its OID, and its name if `REFUSED` has one.
    #[error(
        "the signature algorithm is {name} ({0}); accepted are ECDSA and RSA (PKCS#1 v1.5) with SHA-256, SHA-384 or \
         SHA-512, and Ed25519",
        name = .1.unwrap_or("unknown")
    )]
    Unknown(ObjectIdentifier, Option<&'static str>),
    /// An algorithm for other keys; the algorithm's name and the key's kind.
    #[error("the signature algorithm is {0}, but the key is {1}")]
    Misfit(&'static str, KeyKind),
    /// AlgorithmIdentifier parameters other than those that the RFC prescribes; the algorithm's name.
    #[error("the AlgorithmIdentifier of {0} has parameters that do not belong there")]
    Parameters(&'static str),
}

/// Names of refused algorithms; `true` marks a broken hash.
const REFUSED: &[(&str, &str, bool)] = &[
    ("1.2.840.113549.1.1.2", "md2WithRSAEncryption", true),
    ("1.2.840.113549.1.1.4", "md5WithRSAEncryption", true),
    ("1.2.840.113549.1.1.5", "sha1WithRSAEncryption", true),
    ("1.3.14.3.2.29", "sha1WithRSAEncryption", true),
    ("1.2.840.10045.4.1", "ecdsa-with-SHA1", true),
    ("1.2.840.10040.4.3", "dsa-with-sha1", true),
    ("1.2.840.113549.1.1.10", "RSASSA-PSS", false),
    ("1.2.840.10045.4.3.1", "ecdsa-with-SHA224", false),
    ("1.3.101.113", "Ed448", false),
];

/// Maps the AlgorithmIdentifier `id` to an algorithm for a key of this kind.
///
/// # Errors
/// [`AlgorithmFault`] for every algorithm that the crypto ports do not support.
pub fn read(id: &AlgorithmIdentifierRef<'_>, key: KeyKind) -> Result<SigAlg, AlgorithmFault> {
    let (name, rsa) = match id.oid {
        ECDSA_WITH_SHA_256 => ("ecdsa-with-SHA256", false),
        ECDSA_WITH_SHA_384 => ("ecdsa-with-SHA384", false),
        ECDSA_WITH_SHA_512 => ("ecdsa-with-SHA512", false),
        SHA_256_WITH_RSA_ENCRYPTION => ("sha256WithRSAEncryption", true),
        SHA_384_WITH_RSA_ENCRYPTION => ("sha384WithRSAEncryption", true),
        SHA_512_WITH_RSA_ENCRYPTION => ("sha512WithRSAEncryption", true),
        ID_ED_25519 => ("Ed25519", false),
        oid => return Err(refuse(oid)),
    };
    // RFC 4055 §5 wants NULL for RSA and has verifiers take its absence too; RFC 5758 §3.2 and RFC 8410 §3
    // want absence for the others.
    if !id.parameters.is_none_or(|parameters| rsa && parameters.is_null()) {
        return Err(AlgorithmFault::Parameters(name));
    }
    match (id.oid, key) {
        (ECDSA_WITH_SHA_256, KeyKind::EcP256) => Ok(SigAlg::Es256),
        (ECDSA_WITH_SHA_384, KeyKind::EcP256) => Ok(SigAlg::EcP256Sha384),
        (ECDSA_WITH_SHA_512, KeyKind::EcP256) => Ok(SigAlg::EcP256Sha512),
        (ECDSA_WITH_SHA_256, KeyKind::EcP384) => Ok(SigAlg::EcP384Sha256),
        (ECDSA_WITH_SHA_384, KeyKind::EcP384) => Ok(SigAlg::Es384),
        (ECDSA_WITH_SHA_512, KeyKind::EcP384) => Ok(SigAlg::EcP384Sha512),
        (SHA_256_WITH_RSA_ENCRYPTION, KeyKind::Rsa { .. }) => Ok(SigAlg::Rs256),
        (SHA_384_WITH_RSA_ENCRYPTION, KeyKind::Rsa { .. }) => Ok(SigAlg::Rs384),
        (SHA_512_WITH_RSA_ENCRYPTION, KeyKind::Rsa { .. }) => Ok(SigAlg::Rs512),
        (ID_ED_25519, KeyKind::Ed25519) => Ok(SigAlg::Ed25519),
        _ => Err(AlgorithmFault::Misfit(name, key)),
    }
}

fn refuse(oid: ObjectIdentifier) -> AlgorithmFault {
    let dotted = oid.to_string();
    match REFUSED.iter().find(|(known, ..)| *known == dotted) {
        Some((_, name, true)) => AlgorithmFault::Weak(name),
        Some((_, name, false)) => AlgorithmFault::Unknown(oid, Some(name)),
        None => AlgorithmFault::Unknown(oid, None),
    }
}

/// The AlgorithmIdentifier of signatures under `alg`: NULL parameters for RSA, none for the others.
///
/// # Errors
/// For RSASSA-PSS, which certificates and CSRs of this CA do not use.
pub fn identifier(alg: SigAlg) -> der::Result<AlgorithmIdentifierOwned> {
    let (oid, parameters) = match alg {
        SigAlg::Es256 | SigAlg::EcP384Sha256 => (ECDSA_WITH_SHA_256, None),
        SigAlg::Es384 | SigAlg::EcP256Sha384 => (ECDSA_WITH_SHA_384, None),
        SigAlg::EcP256Sha512 | SigAlg::EcP384Sha512 => (ECDSA_WITH_SHA_512, None),
        SigAlg::Rs256 => (SHA_256_WITH_RSA_ENCRYPTION, Some(Any::null())),
        SigAlg::Rs384 => (SHA_384_WITH_RSA_ENCRYPTION, Some(Any::null())),
        SigAlg::Rs512 => (SHA_512_WITH_RSA_ENCRYPTION, Some(Any::null())),
        SigAlg::Ed25519 => (ID_ED_25519, None),
        SigAlg::Ps256 | SigAlg::Ps384 | SigAlg::Ps512 => {
            return Err(Tag::ObjectIdentifier.value_error().into());
        }
    };
    Ok(AlgorithmIdentifierOwned { oid, parameters })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::hex::encode as hex;
    use der::asn1::AnyRef;
    use der::{Decode, Encode};

    #[test]
    fn algorithm_identifiers_have_exact_der() {
        for (alg, der) in [
            (SigAlg::Es256, "300a06082a8648ce3d040302"),
            (SigAlg::EcP384Sha256, "300a06082a8648ce3d040302"),
            (SigAlg::Es384, "300a06082a8648ce3d040303"),
            (SigAlg::EcP256Sha512, "300a06082a8648ce3d040304"),
            (SigAlg::EcP384Sha512, "300a06082a8648ce3d040304"),
            (SigAlg::Rs256, "300d06092a864886f70d01010b0500"),
            (SigAlg::Rs384, "300d06092a864886f70d01010c0500"),
            (SigAlg::Rs512, "300d06092a864886f70d01010d0500"),
            (SigAlg::Ed25519, "300506032b6570"),
        ] {
            assert_eq!(hex(&identifier(alg).unwrap().to_der().unwrap()), der, "{alg:?}");
        }
    }

    #[test]
    fn c06_algorithms_round_trip_and_broken_hashes_are_refused_by_name() {
        for (alg, kind) in [
            (SigAlg::Es256, KeyKind::EcP256),
            (SigAlg::EcP256Sha384, KeyKind::EcP256),
            (SigAlg::EcP256Sha512, KeyKind::EcP256),
            (SigAlg::EcP384Sha512, KeyKind::EcP384),
            (SigAlg::Es384, KeyKind::EcP384),
            (SigAlg::EcP384Sha256, KeyKind::EcP384),
            (SigAlg::Rs256, KeyKind::Rsa { bits: 2048 }),
            (SigAlg::Rs384, KeyKind::Rsa { bits: 2048 }),
            (SigAlg::Rs512, KeyKind::Rsa { bits: 2048 }),
            (SigAlg::Ed25519, KeyKind::Ed25519),
        ] {
            let der = identifier(alg).unwrap().to_der().unwrap();
            assert_eq!(read(&AlgorithmIdentifierRef::from_der(&der).unwrap(), kind), Ok(alg));
        }
        for (oid, _, weak) in REFUSED {
            let id = AlgorithmIdentifierRef { oid: ObjectIdentifier::new_unwrap(oid), parameters: None };
            let fault = read(&id, KeyKind::EcP256).unwrap_err();
            assert_eq!(matches!(fault, AlgorithmFault::Weak(_)), *weak, "{fault}");
        }
        let rsa = AlgorithmIdentifierRef { oid: SHA_256_WITH_RSA_ENCRYPTION, parameters: None };
        let fault = read(&rsa, KeyKind::EcP256).unwrap_err();
        assert_eq!(fault.to_string(), "the signature algorithm is sha256WithRSAEncryption, but the key is P-256");
        let ecdsa = AlgorithmIdentifierRef { oid: ECDSA_WITH_SHA_256, parameters: Some(AnyRef::NULL) };
        assert_eq!(read(&ecdsa, KeyKind::EcP256), Err(AlgorithmFault::Parameters("ecdsa-with-SHA256")));
    }
}
