//! Why an assertion of Cloudflare Access is refused.

use crate::jose::encoding::Encoding;
use crate::jose::fault::JwsFault;
use crate::jose::json::JsonFault;
use crate::values::CryptoFailure;
use crate::values::quote::quote;
use std::fmt;

/// Why an assertion, or a team's document of keys, is refused. No text quotes a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "fields are described with their variant")]
pub enum AccessFault {
    /// Longer than any that Access makes.
    TooLong,
    /// Not three parts with dots between.
    NotCompact,
    /// A part that should be unpadded base64url.
    Base64 { field: &'static str, fault: Encoding },
    /// No JSON object, or a header that has not the right form.
    Form(JwsFault),
    /// An `alg` other than RS256 and ES256.
    Algorithm(String),
    /// No `kid`, so no key.
    NoKid,
    /// The key of that `kid` cannot sign under `alg`; what it is.
    KeyMismatch(String),
    /// The signature is not by the key of that `kid`.
    SignatureWrong,
    /// The check could not be made; says nothing about the assertion.
    Provider(CryptoFailure),
    /// A claim that has to be there is not.
    Missing(&'static str),
    /// A claim of a type that it cannot have.
    Type(&'static str),
    /// It is by another team.
    Issuer,
    /// It is for another application.
    Audience,
    /// It is over.
    Expired,
    /// It is not good yet, by this claim.
    Early(&'static str),
    /// It names neither a person nor a service token.
    Nobody,
    /// The name in this claim is too long, or has characters that no name has.
    Name(&'static str),
    /// A document of keys that cannot be used; why.
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

impl fmt::Display for AccessFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => f.write_str("the Access assertion is too long"),
            Self::NotCompact => f.write_str("the Access assertion is not three base64url texts with dots between"),
            Self::Base64 { field, fault } => write!(f, "the {field} of the Access assertion {fault}"),
            Self::Form(fault) => write!(f, "in the Access assertion: {fault}"),
            Self::Algorithm(found) => {
                write!(f, "`alg` of the Access assertion is {}; RS256 and ES256 are taken", quote(found))
            }
            Self::NoKid => f.write_str("the Access assertion has no `kid`"),
            Self::KeyMismatch(key) => write!(f, "`kid` of the Access assertion names {key}, which has another `alg`"),
            Self::SignatureWrong => f.write_str("the signature of the Access assertion is not by the team's key"),
            Self::Provider(failure) => failure.fmt(f),
            Self::Missing(claim) => write!(f, "the Access assertion has no `{claim}`"),
            Self::Type(claim) => write!(f, "`{claim}` of the Access assertion has a type that it cannot have"),
            Self::Issuer => f.write_str("`iss` of the Access assertion is not ACCESS_TEAM"),
            Self::Audience => f.write_str("`aud` of the Access assertion does not have ACCESS_AUDIENCE"),
            Self::Expired => f.write_str("the Access assertion is over (`exp`)"),
            Self::Early(claim) => write!(f, "the Access assertion is not good yet (`{claim}`)"),
            Self::Nobody => f.write_str("the Access assertion has neither `email` nor `common_name`"),
            Self::Name(claim) => write!(f, "`{claim}` of the Access assertion is too long or not printable"),
            Self::Keys(why) => write!(f, "the Access team's keys cannot be used: {why}"),
        }
    }
}

impl std::error::Error for AccessFault {}
