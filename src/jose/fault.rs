//! Why a signed request is refused; every variant's text says what was found and what is wanted.

use super::alg::{self, ALGORITHMS};
use super::encoding::Encoding;
use super::json::JsonFault;
use super::jwk::JwkFault;
use crate::values::quote::{excerpt, quote};
use crate::values::{CryptoFailure, SigAlg};
use std::fmt;

/// The kind of problem that a refusal is, for the problem document's type and status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// `malformed`.
    Malformed,
    /// `badSignatureAlgorithm`, to be sent with [`ALGORITHMS`].
    BadSignatureAlgorithm,
    /// `badPublicKey`.
    BadPublicKey,
    /// `badNonce`: what a missing nonce is ([RFC 8555 §6.5](https://www.rfc-editor.org/rfc/rfc8555#section-6.5)).
    BadNonce,
    /// `unauthorized`: what a missing or wrong `url` is
    /// ([RFC 8555 §6.4](https://www.rfc-editor.org/rfc/rfc8555#section-6.4)).
    Unauthorized,
    /// The signature is not by the key; RFC 8555 names no type for it.
    BadSignature,
}

/// Why a body is no signed request of the form that ACME wants.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "fields are described with their variant")]
pub enum JwsFault {
    /// The compact serialization, `a.b.c`.
    Compact,
    /// No JSON: which part of the request it was, and the parser's words.
    NotJson { part: &'static str, why: String },
    /// JSON of another type than an object.
    NotAnObject { part: &'static str, found: &'static str },
    /// A member name that occurs twice in one object.
    DuplicateMember { part: &'static str, member: String },
    /// The general serialization: a `signatures` array.
    General,
    /// An unprotected `header` member.
    UnprotectedHeader,
    /// A member that has to be there is not.
    MissingMember { part: &'static str, member: &'static str },
    /// A member has another type than string.
    NotAString { part: &'static str, member: &'static str, found: &'static str },
    /// A text that should be unpadded base64url.
    Base64 { field: &'static str, fault: Encoding },
    /// The unencoded-payload option of RFC 7797.
    UnencodedPayload,
    /// A `crit` parameter; the extensions it names.
    Critical { found: String },
    /// An `alg` that is not taken.
    Algorithm { found: String },
    /// Both `jwk` and `kid`.
    JwkAndKid,
    /// Neither `jwk` nor `kid`.
    NeitherJwkNorKid,
    /// A `kid` where only a `jwk` will do.
    JwkWanted,
    /// A `jwk` where only a `kid` will do.
    KidWanted,
    /// The `jwk` is no usable key.
    Jwk(JwkFault),
    /// No `nonce`.
    NonceMissing,
    /// A `nonce` of impossible form.
    NonceNotBase64url,
    /// A `nonce` in an inner JWS.
    NonceNotAllowed,
    /// No `url`.
    UrlMissing,
    /// The `url` is that of another resource.
    UrlMismatch { found: String, wanted: String },
    /// A payload where the request only makes sense without one.
    PayloadNotEmpty,
    /// A POST-as-GET where the request only makes sense with a payload.
    PayloadEmpty,
    /// The payload is JSON, but not of this request's shape.
    PayloadShape { why: String },
}

impl JwsFault {
    /// The fault of the part of the request that is called `part`.
    pub(super) fn of_json(part: &'static str, fault: JsonFault) -> Self {
        match fault {
            JsonFault::Syntax(why) => Self::NotJson { part, why },
            JsonFault::Duplicate(member) => Self::DuplicateMember { part, member },
            JsonFault::NotAnObject(found) => Self::NotAnObject { part, found },
        }
    }

    /// The kind of problem that it is.
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
            | Self::PayloadNotEmpty
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

impl fmt::Display for JwsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Compact => f.write_str(
                "the JWS is in compact serialization; \
                 send the flattened JSON serialization: {\"protected\":…,\"payload\":…,\"signature\":…}",
            ),
            Self::NotJson { part, why } => write!(f, "{part} is not JSON: {why}"),
            Self::NotAnObject { part, found } => write!(f, "{part} is {found}, not a JSON object"),
            Self::DuplicateMember { part, member } => {
                write!(f, "{part} has the member {} twice in one object", quote(member))
            }
            Self::General => f.write_str(
                "the JWS has `signatures`, the general JSON serialization; \
                 send the flattened one, with a single `signature`",
            ),
            Self::UnprotectedHeader => {
                f.write_str("the JWS has an unprotected `header`; all parameters belong into `protected`")
            }
            Self::MissingMember { part, member } => write!(f, "{part} has no `{member}`"),
            Self::NotAString { part, member, found } => {
                write!(f, "`{member}` of {part} is {found}, not a string")
            }
            Self::Base64 { field, fault } => write!(f, "`{field}` {fault}"),
            Self::UnencodedPayload => f.write_str(
                "the protected header has `b64` other than true; \
                 the payload must be base64url-encoded, the option of RFC 7797 is not allowed",
            ),
            Self::Critical { found } => write!(
                f,
                "the protected header has `crit` {}; no extensions are understood here, leave it out",
                quote(found)
            ),
            Self::Algorithm { found } => {
                write!(f, "`alg` is {}, which is not accepted; use one of {}", quote(found), ALGORITHMS.join(", "))
            }
            Self::JwkAndKid => f.write_str("the protected header has both `jwk` and `kid`; send exactly one of them"),
            Self::NeitherJwkNorKid => {
                f.write_str("the protected header has neither `jwk` nor `kid`; send exactly one of them")
            }
            Self::JwkWanted => f.write_str("the protected header has `kid`, but this request is signed with a `jwk`"),
            Self::KidWanted => f.write_str(
                "the protected header has `jwk`, but this request is signed with the account's URL as `kid`",
            ),
            Self::Jwk(fault) => fault.fmt(f),
            Self::NonceMissing => f.write_str("the protected header has no `nonce`; take one from a Replay-Nonce"),
            Self::NonceNotBase64url => {
                f.write_str("`nonce` is not base64url; send back the value of a Replay-Nonce header unchanged")
            }
            Self::NonceNotAllowed => f.write_str("the inner JWS has a `nonce`; only the outer one may have it"),
            Self::UrlMissing => f.write_str("the protected header has no `url`; it must be the URL of the request"),
            Self::UrlMismatch { found, wanted } => write!(
                f,
                "`url` is {}, but the request is for {wanted:?}; use each URL exactly as this server gave it",
                quote(found)
            ),
            Self::PayloadNotEmpty => {
                f.write_str("the payload is not empty; this resource is fetched by POST-as-GET, with the payload \"\"")
            }
            Self::PayloadEmpty => f.write_str("the payload is empty (a POST-as-GET); this request needs a JSON object"),
            Self::PayloadShape { why } => write!(f, "the payload does not fit this request: {}", excerpt(why)),
        }
    }
}

impl std::error::Error for JwsFault {}

/// Why a well-formed request is not proven to come from the holder of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "fields are described with their variant")]
pub enum VerifyFault {
    /// The key is of another type than `alg` is for.
    KeyMismatch { alg: SigAlg, key: String },
    /// The signature's length in bytes is not that of `alg`.
    SignatureLength { alg: SigAlg, found: usize, wanted: usize },
    /// The signature is not by this key over this header and payload.
    SignatureWrong,
    /// The check could not be made; says nothing about the request.
    Provider(CryptoFailure),
}

impl VerifyFault {
    /// The kind of problem that it is; `None` for a failure of our own.
    pub fn kind(&self) -> Option<FaultKind> {
        match self {
            Self::KeyMismatch { .. } => Some(FaultKind::BadPublicKey),
            Self::SignatureLength { .. } | Self::SignatureWrong => Some(FaultKind::BadSignature),
            Self::Provider(_) => None,
        }
    }
}

impl fmt::Display for VerifyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KeyMismatch { alg, key } => {
                write!(f, "`alg` is {}, which {key} cannot sign", alg::name(*alg))
            }
            Self::SignatureLength { alg, found, wanted } => write!(
                f,
                "the signature has {found} bytes, but {} signatures have {wanted}; \
                 ECDSA is the two numbers r and s side by side, not DER",
                alg::name(*alg)
            ),
            Self::SignatureWrong => {
                f.write_str("the signature does not verify with the key that the protected header names")
            }
            Self::Provider(failure) => failure.fmt(f),
        }
    }
}

impl std::error::Error for VerifyFault {}

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
