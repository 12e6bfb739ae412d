//! Faults of Cloudflare Access assertions.

use crate::jose::encoding::Encoding;
use crate::jose::fault::JwsFault;
use crate::jose::json::JsonFault;
use crate::values::CryptoFailure;
use crate::values::quote::quote;

/// Fault of an assertion or of a team's JWK Set; no message quotes a claim.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "fields are described with their variant")]
pub enum AccessFault {
    /// Longer than the maximum.
    #[error("the Access assertion is too long")]
    TooLong,
    /// Not three parts with dots between.
    #[error("the Access assertion is not three base64url texts with dots between")]
    NotCompact,
    /// A part that should be unpadded base64url.
    #[error("the {field} of the Access assertion {fault}")]
    Base64 { field: &'static str, fault: Encoding },
    /// Not a JSON object, or a malformed header.
    #[error("in the Access assertion: {0}")]
    Form(JwsFault),
    /// An `alg` other than RS256 and ES256.
    #[error("`alg` of the Access assertion is {}; RS256 and ES256 are taken", quote(.0))]
    Algorithm(String),
    /// A missing `kid`.
    #[error("the Access assertion has no `kid`")]
    NoKid,
    /// A key that does not fit `alg`; its kind.
    #[error("`kid` of the Access assertion names {0}, which has another `alg`")]
    KeyMismatch(String),
    /// A signature that does not verify with the key of `kid`.
    #[error("the signature of the Access assertion is not by the team's key")]
    SignatureWrong,
    /// Failure of the crypto provider, not of the assertion.
    #[error(transparent)]
    Provider(CryptoFailure),
    /// A required claim is missing.
    #[error("the Access assertion has no `{0}`")]
    Missing(&'static str),
    /// A claim of the wrong type.
    #[error("`{0}` of the Access assertion has the wrong type")]
    Type(&'static str),
    /// An `iss` other than the team.
    #[error("`iss` of the Access assertion is not ACCESS_TEAM")]
    Issuer,
    /// An `aud` without this application.
    #[error("`aud` of the Access assertion does not have ACCESS_AUDIENCE")]
    Audience,
    /// Past its `exp`.
    #[error("the Access assertion has expired (`exp`)")]
    Expired,
    /// Not valid yet, by this claim.
    #[error("the Access assertion is not valid yet (`{0}`)")]
    Early(&'static str),
    /// Neither `email` nor `common_name`.
    #[error("the Access assertion has neither `email` nor `common_name`")]
    Nobody,
    /// A name that is too long, or has characters that are not printable.
    #[error("`{0}` of the Access assertion is too long or not printable")]
    Name(&'static str),
    /// An unusable JWK Set; the reason.
    #[error("the Access team's keys cannot be used: {0}")]
    Keys(&'static str),
}

impl AccessFault {
    pub(super) fn of_json(part: &'static str, fault: JsonFault) -> Self {
        Self::Form(JwsFault::of_json(part, fault))
    }
}

impl From<JwsFault> for AccessFault {
    fn from(fault: JwsFault) -> Self {
        Self::Form(fault)
    }
}
