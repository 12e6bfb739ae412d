//! Why an assertion of Cloudflare Access is refused.

use crate::jose::encoding::Encoding;
use crate::jose::fault::JwsFault;
use crate::jose::json::JsonFault;
use crate::values::CryptoFailure;
use crate::values::quote::quote;

/// Why an assertion, or a team's document of keys, is refused. No text quotes a claim.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "fields are described with their variant")]
pub enum AccessFault {
    /// Longer than any that Access makes.
    #[error("the Access assertion is too long")]
    TooLong,
    /// Not three parts with dots between.
    #[error("the Access assertion is not three base64url texts with dots between")]
    NotCompact,
    /// A part that should be unpadded base64url.
    #[error("the {field} of the Access assertion {fault}")]
    Base64 { field: &'static str, fault: Encoding },
    /// No JSON object, or a header that has not the right form.
    #[error("in the Access assertion: {0}")]
    Form(JwsFault),
    /// An `alg` other than RS256 and ES256.
    #[error("`alg` of the Access assertion is {}; RS256 and ES256 are taken", quote(.0))]
    Algorithm(String),
    /// No `kid`, so no key.
    #[error("the Access assertion has no `kid`")]
    NoKid,
    /// The key of that `kid` cannot sign under `alg`; what it is.
    #[error("`kid` of the Access assertion names {0}, which has another `alg`")]
    KeyMismatch(String),
    /// The signature is not by the key of that `kid`.
    #[error("the signature of the Access assertion is not by the team's key")]
    SignatureWrong,
    /// The check could not be made; says nothing about the assertion.
    #[error(transparent)]
    Provider(CryptoFailure),
    /// A claim that has to be there is not.
    #[error("the Access assertion has no `{0}`")]
    Missing(&'static str),
    /// A claim of a type that it cannot have.
    #[error("`{0}` of the Access assertion has a type that it cannot have")]
    Type(&'static str),
    /// It is by another team.
    #[error("`iss` of the Access assertion is not ACCESS_TEAM")]
    Issuer,
    /// It is for another application.
    #[error("`aud` of the Access assertion does not have ACCESS_AUDIENCE")]
    Audience,
    /// It is over.
    #[error("the Access assertion is over (`exp`)")]
    Expired,
    /// It is not good yet, by this claim.
    #[error("the Access assertion is not good yet (`{0}`)")]
    Early(&'static str),
    /// It names neither a person nor a service token.
    #[error("the Access assertion has neither `email` nor `common_name`")]
    Nobody,
    /// The name in this claim is too long, or has characters that no name has.
    #[error("`{0}` of the Access assertion is too long or not printable")]
    Name(&'static str),
    /// A document of keys that cannot be used; why.
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
