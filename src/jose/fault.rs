//! Faults of signed requests; each message says what was found and what is expected.

use super::alg::{self, ALGORITHMS};
use super::encoding::Encoding;
use super::fault_kind::FaultKind;
use super::json::JsonFault;
use super::jwk::JwkFault;
use crate::values::quote::{excerpt, quote};
use crate::values::{CryptoFailure, SigAlg};

/// Fault in the form of a signed request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "fields are described with their variant")]
pub enum JwsFault {
    /// The compact serialization, `a.b.c`.
    #[error(
        "the JWS is in compact serialization; \
         send the flattened JSON serialization: {{\"protected\":…,\"payload\":…,\"signature\":…}}"
    )]
    Compact,
    /// Not JSON: the part of the request, and the parser's reason.
    #[error("{part} is not JSON: {why}")]
    NotJson { part: &'static str, why: String },
    /// JSON of another type than an object.
    #[error("{part} is {found}, not a JSON object")]
    NotAnObject { part: &'static str, found: &'static str },
    /// A member name that occurs twice in one object.
    #[error("{part} has the member {} twice in one object", quote(.member))]
    DuplicateMember { part: &'static str, member: String },
    /// The general serialization: a `signatures` array.
    #[error(
        "the JWS has `signatures`, the general JSON serialization; \
         send the flattened one, with a single `signature`"
    )]
    General,
    /// An unprotected `header` member.
    #[error("the JWS has an unprotected `header`; all parameters belong into `protected`")]
    UnprotectedHeader,
    /// A required member is missing.
    #[error("{part} has no `{member}`")]
    MissingMember { part: &'static str, member: &'static str },
    /// A member has another type than string.
    #[error("`{member}` of {part} is {found}, not a string")]
    NotAString { part: &'static str, member: &'static str, found: &'static str },
    /// A text that should be unpadded base64url.
    #[error("`{field}` {fault}")]
    Base64 { field: &'static str, fault: Encoding },
    /// The unencoded-payload option of RFC 7797.
    #[error(
        "the protected header has `b64` other than true; \
         the payload must be base64url-encoded, the option of RFC 7797 is not allowed"
    )]
    UnencodedPayload,
    /// A `crit` parameter; the extensions it names.
    #[error("the protected header has `crit` {}; no extensions are understood here, leave it out", quote(.found))]
    Critical { found: String },
    /// An `alg` that is not accepted.
    #[error("`alg` is {}, which is not accepted; use one of {}", quote(.found), ALGORITHMS.join(", "))]
    Algorithm { found: String },
    /// Both `jwk` and `kid`.
    #[error("the protected header has both `jwk` and `kid`; send exactly one of them")]
    JwkAndKid,
    /// Neither `jwk` nor `kid`.
    #[error("the protected header has neither `jwk` nor `kid`; send exactly one of them")]
    NeitherJwkNorKid,
    /// A `kid` where a `jwk` is required.
    #[error("the protected header has `kid`, but this request is signed with a `jwk`")]
    JwkWanted,
    /// A `jwk` where a `kid` is required.
    #[error("the protected header has `jwk`, but this request is signed with the account's URL as `kid`")]
    KidWanted,
    /// A `jwk` that is not an accepted key.
    #[error(transparent)]
    Jwk(JwkFault),
    /// No `nonce`.
    #[error("the protected header has no `nonce`; take one from a Replay-Nonce")]
    NonceMissing,
    /// A `nonce` that is not base64url.
    #[error("`nonce` is not base64url; send back the value of a Replay-Nonce header unchanged")]
    NonceNotBase64url,
    /// A `nonce` in an inner JWS.
    #[error("the inner JWS has a `nonce`; only the outer one may have it")]
    NonceNotAllowed,
    /// No `url`.
    #[error("the protected header has no `url`; it must be the URL of the request")]
    UrlMissing,
    /// A `url` of another resource.
    #[error("`url` is {}, but the request is for {wanted:?}; use each URL exactly as this server gave it", quote(.found))]
    UrlMismatch { found: String, wanted: String },
    /// A POST-as-GET where a payload is required.
    #[error("the payload is empty (a POST-as-GET); this request needs a JSON object")]
    PayloadEmpty,
    /// A payload without the shape of this request.
    #[error("the payload does not fit this request: {}", excerpt(.why))]
    PayloadShape { why: String },
}

impl JwsFault {
    /// The fault of the part `part` of a request.
    pub(super) fn of_json(part: &'static str, fault: JsonFault) -> Self {
        match fault {
            JsonFault::Syntax(why) => Self::NotJson { part, why },
            JsonFault::Duplicate(member) => Self::DuplicateMember { part, member },
            JsonFault::NotAnObject(found) => Self::NotAnObject { part, found },
        }
    }

    /// The kind of refusal.
    pub fn kind(&self) -> FaultKind {
        match self {
            Self::Algorithm { .. } => FaultKind::BadSignatureAlgorithm,
            Self::Jwk(fault) => fault.kind(),
            Self::NonceMissing => FaultKind::BadNonce,
            Self::UrlMissing | Self::UrlMismatch { .. } => FaultKind::Unauthorized,
            Self::Compact
            | Self::NotJson { .. }
            | Self::NotAnObject { .. }
            | Self::DuplicateMember { .. }
            | Self::General
            | Self::UnprotectedHeader
            | Self::MissingMember { .. }
            | Self::NotAString { .. }
            | Self::Base64 { .. }
            | Self::UnencodedPayload
            | Self::Critical { .. }
            | Self::JwkAndKid
            | Self::NeitherJwkNorKid
            | Self::JwkWanted
            | Self::KidWanted
            | Self::NonceNotBase64url
            | Self::NonceNotAllowed
            | Self::PayloadEmpty
            | Self::PayloadShape { .. } => FaultKind::Malformed,
        }
    }
}

impl From<JwkFault> for JwsFault {
    fn from(fault: JwkFault) -> Self {
        Self::Jwk(fault)
    }
}

/// Fault of the signature of a well-formed request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "fields are described with their variant")]
pub enum VerifyFault {
    /// The key is of another type than `alg` is for.
    #[error("`alg` is {}, which {key} cannot sign", alg::name(*.alg))]
    KeyMismatch { alg: SigAlg, key: String },
    /// The signature's length in bytes is not that of `alg`.
    #[error("the signature has {found} bytes, but {} signatures have {wanted}; \
         ECDSA is the two numbers r and s side by side, not DER", alg::name(*.alg))]
    SignatureLength { alg: SigAlg, found: usize, wanted: usize },
    /// The signature is not by this key over this header and payload.
    #[error("the signature does not verify with the key that the protected header names")]
    SignatureWrong,
    /// Failure of the crypto provider, not of the request.
    #[error(transparent)]
    Provider(CryptoFailure),
}

impl VerifyFault {
    /// The kind of refusal; `None` for a failure of this server.
    pub fn kind(&self) -> Option<FaultKind> {
        match self {
            Self::KeyMismatch { .. } => Some(FaultKind::BadPublicKey),
            Self::SignatureLength { .. } | Self::SignatureWrong => Some(FaultKind::BadSignature),
            Self::Provider(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn j06_the_sentence_lists_what_is_accepted() {
        let fault = JwsFault::Algorithm { found: "HS256".to_owned() };
        assert_eq!(fault.kind(), FaultKind::BadSignatureAlgorithm);
        assert_eq!(
            fault.to_string(),
            "`alg` is \"HS256\", which is not accepted; use one of ES256, ES384, RS256, EdDSA"
        );
    }

    #[test]
    fn j08_the_sentence_names_both_urls() {
        let fault = JwsFault::UrlMismatch { found: "http://a/b".to_owned(), wanted: "https://a/b".to_owned() };
        assert_eq!(fault.kind(), FaultKind::Unauthorized);
        let text = fault.to_string();
        assert!(text.contains("\"http://a/b\"") && text.contains("\"https://a/b\""), "{text}");
    }
}
