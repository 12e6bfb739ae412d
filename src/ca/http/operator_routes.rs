//! The URLs of operations, read and written in this one file.

use crate::pki::Serial;
use crate::values::Id;

/// Below which all of them are.
pub const PREFIX: &str = "/admin/v1/";

/// The longest kid in a path, in characters.
const MAX_KID: usize = 128;

/// What a path of operations names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminRoute {
    /// How the authority stands.
    Status,
    /// The external account keys.
    ExternalAccounts,
    /// The external account key of this kid.
    ExternalAccount(String),
    /// The certificates.
    Certificates,
    /// A certificate.
    Certificate(Serial),
    /// A certificate with its chain.
    Pem(Serial),
    /// A certificate's revocation.
    Revoke(Serial),
    /// The revocation of many certificates.
    Revocations,
    /// The accounts.
    Accounts,
    /// An account.
    Account(Id),
    /// An account's end.
    Deactivate(Id),
    /// What is to be replaced at once.
    Replacements,
    /// Taking one of these back.
    Withdraw(String),
    /// The policy in force, and those before.
    Policy,
    /// An earlier policy, in force again.
    Restore,
    /// A dry run.
    Check,
    /// The policy in the shadow.
    Shadow,
    /// The audit record.
    Audit,
    /// What there was to tell.
    Notices,
    /// Something to tell, for a test.
    TestNotice,
    /// Where the calendar is.
    Calendar,
}

impl AdminRoute {
    /// Reads what follows [`PREFIX`] in a path, without the query.
    pub fn parse(path: &str) -> Option<Self> {
        let mut parts = path.split('/');
        let route = match (parts.next()?, parts.next(), parts.next()) {
            ("status", None, None) => Self::Status,
            ("external-accounts", None, None) => Self::ExternalAccounts,
            ("external-accounts", Some(kid), None) => Self::ExternalAccount(self::kid(kid)?),
            ("certificates", None, None) => Self::Certificates,
            ("certificates", Some(serial), None) => Self::Certificate(Serial::from_hex(serial)?),
            ("certificates", Some(serial), Some("pem")) => Self::Pem(Serial::from_hex(serial)?),
            ("certificates", Some(serial), Some("revoke")) => Self::Revoke(Serial::from_hex(serial)?),
            ("revocations", None, None) => Self::Revocations,
            ("accounts", None, None) => Self::Accounts,
            ("accounts", Some(id), None) => Self::Account(Id::parse(id)?),
            ("accounts", Some(id), Some("deactivate")) => Self::Deactivate(Id::parse(id)?),
            ("replacements", None, None) => Self::Replacements,
            ("replacements", Some(id), Some("withdraw")) => Self::Withdraw(kid(id)?),
            ("policy", None, None) => Self::Policy,
            ("policy", Some("restore"), None) => Self::Restore,
            ("policy", Some("check"), None) => Self::Check,
            ("policy", Some("shadow"), None) => Self::Shadow,
            ("audit", None, None) => Self::Audit,
            ("notices", None, None) => Self::Notices,
            ("notices", Some("test"), None) => Self::TestNotice,
            ("calendar", None, None) => Self::Calendar,
            _ => return None,
        };
        parts.next().is_none().then_some(route)
    }

    /// The methods that it answers, as in `Allow`, and its path in docs/openapi.json.
    pub fn described(&self) -> (&'static str, &'static str) {
        match self {
            Self::Status => ("GET, HEAD", "/admin/v1/status"),
            Self::ExternalAccounts => ("GET, HEAD, POST", "/admin/v1/external-accounts"),
            Self::ExternalAccount(_) => ("GET, HEAD, POST", "/admin/v1/external-accounts/{kid}"),
            Self::Certificates => ("GET, HEAD", "/admin/v1/certificates"),
            Self::Certificate(_) => ("GET, HEAD", "/admin/v1/certificates/{serial}"),
            Self::Pem(_) => ("GET, HEAD", "/admin/v1/certificates/{serial}/pem"),
            Self::Revoke(_) => ("POST", "/admin/v1/certificates/{serial}/revoke"),
            Self::Revocations => ("POST", "/admin/v1/revocations"),
            Self::Accounts => ("GET, HEAD", "/admin/v1/accounts"),
            Self::Account(_) => ("GET, HEAD", "/admin/v1/accounts/{id}"),
            Self::Deactivate(_) => ("POST", "/admin/v1/accounts/{id}/deactivate"),
            Self::Replacements => ("GET, HEAD, POST", "/admin/v1/replacements"),
            Self::Withdraw(_) => ("POST", "/admin/v1/replacements/{id}/withdraw"),
            Self::Policy => ("GET, HEAD, POST", "/admin/v1/policy"),
            Self::Restore => ("POST", "/admin/v1/policy/restore"),
            Self::Check => ("POST", "/admin/v1/policy/check"),
            Self::Shadow => ("GET, HEAD, POST", "/admin/v1/policy/shadow"),
            Self::Audit => ("GET, HEAD", "/admin/v1/audit"),
            Self::Notices => ("GET, HEAD", "/admin/v1/notices"),
            Self::TestNotice => ("POST", "/admin/v1/notices/test"),
            Self::Calendar => ("GET, HEAD, POST", "/admin/v1/calendar"),
        }
    }
}

/// A name in a path: none that would have to be encoded there.
fn kid(text: &str) -> Option<String> {
    (text.len() <= MAX_KID && is_plain(text)).then(|| text.to_owned())
}

/// Whether a name stands in URLs, file names and shells as it is. Clients take `.` and `..` out of a path.
pub fn is_plain(text: &str) -> bool {
    !matches!(text, "" | "." | "..")
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}
