//! URLs of the operations API, parsed in this file.

use crate::pki::Serial;
use crate::values::Id;

/// Common prefix of their paths.
pub const PREFIX: &str = "/admin/v1/";

/// Maximum length of a kid in a path, in characters.
const MAX_KID: usize = 128;

/// A route of the operations API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminRoute {
    /// Status of the CA.
    Status,
    /// The operator of the request.
    Me,
    /// Health of the CA.
    Health,
    /// What the operators' page shows first.
    Overview,
    /// The external account keys.
    ExternalAccounts,
    /// The external account key of this kid.
    ExternalAccount(String),
    /// The certificates.
    Certificates,
    /// The import of certificates of other programs.
    Import,
    /// A certificate.
    Certificate(Serial),
    /// A certificate with its chain, PEM.
    Pem(Serial),
    /// A certificate's revocation.
    Revoke(Serial),
    /// The revocation of many certificates.
    Revocations,
    /// The accounts.
    Accounts,
    /// An account.
    Account(Id),
    /// An account's deactivation.
    Deactivate(Id),
    /// The resumption of an account's paused name.
    Resume(Id),
    /// The failures of accounts and registrations.
    Failures,
    /// The paused names.
    Paused,
    /// The replacements.
    Replacements,
    /// Withdrawal of a replacement.
    Withdraw(String),
    /// The policy in force, and earlier ones.
    Policy,
    /// Restore of an earlier policy.
    Restore,
    /// A dry run of the policy.
    Check,
    /// The shadow policy.
    Shadow,
    /// The audit record.
    Audit,
    /// The actions that wait for a second person.
    Approvals,
    /// One of them.
    Approval(String),
    /// Its confirmation.
    Confirm(String),
    /// Its rejection.
    Reject(String),
    /// The notices.
    Notices,
    /// A test notice.
    TestNotice,
    /// The calendar's URL.
    Calendar,
    /// The faults of a test CA.
    Faults,
    /// The end of faults of a test CA.
    ClearFaults,
    /// The test CAs.
    TestCas,
    /// The end of a test CA, within it.
    EndTestCa,
    /// The clock of a test CA, within it.
    Clock,
    /// The backups in the bucket, and the begin of another.
    Backups,
    /// An object of a backup in the bucket.
    BackupObjects,
    /// Rows for a backup.
    BackupRows,
    /// The recovery of a partition to an earlier time.
    Recovery,
    /// The restore of a backup.
    Restoration,
    /// Rows of a backup that is restored.
    RestoredRows,
    /// The end of a restore.
    RestorationEnd,
    /// The undoing of a restore.
    RestorationUndo,
}

impl AdminRoute {
    /// Parses the path after [`PREFIX`], without the query.
    pub fn parse(path: &str) -> Option<Self> {
        let mut parts = path.split('/');
        let route = match (parts.next()?, parts.next(), parts.next()) {
            ("status", None, None) => Self::Status,
            ("me", None, None) => Self::Me,
            ("health", None, None) => Self::Health,
            ("overview", None, None) => Self::Overview,
            ("external-accounts", None, None) => Self::ExternalAccounts,
            ("external-accounts", Some(kid), None) => Self::ExternalAccount(self::kid(kid)?),
            ("certificates", None, None) => Self::Certificates,
            ("certificates", Some("import"), None) => Self::Import,
            ("certificates", Some(serial), None) => Self::Certificate(Serial::from_hex(serial)?),
            ("certificates", Some(serial), Some("pem")) => Self::Pem(Serial::from_hex(serial)?),
            ("certificates", Some(serial), Some("revoke")) => Self::Revoke(Serial::from_hex(serial)?),
            ("revocations", None, None) => Self::Revocations,
            ("accounts", None, None) => Self::Accounts,
            ("accounts", Some(id), None) => Self::Account(Id::parse(id)?),
            ("accounts", Some(id), Some("deactivate")) => Self::Deactivate(Id::parse(id)?),
            ("accounts", Some(id), Some("resume")) => Self::Resume(Id::parse(id)?),
            ("failures", None, None) => Self::Failures,
            ("paused", None, None) => Self::Paused,
            ("replacements", None, None) => Self::Replacements,
            ("replacements", Some(id), Some("withdraw")) => Self::Withdraw(kid(id)?),
            ("policy", None, None) => Self::Policy,
            ("policy", Some("restore"), None) => Self::Restore,
            ("policy", Some("check"), None) => Self::Check,
            ("policy", Some("shadow"), None) => Self::Shadow,
            ("audit", None, None) => Self::Audit,
            ("approvals", None, None) => Self::Approvals,
            ("approvals", Some(id), None) => Self::Approval(kid(id)?),
            ("approvals", Some(id), Some("confirm")) => Self::Confirm(kid(id)?),
            ("approvals", Some(id), Some("reject")) => Self::Reject(kid(id)?),
            ("notices", None, None) => Self::Notices,
            ("notices", Some("test"), None) => Self::TestNotice,
            ("calendar", None, None) => Self::Calendar,
            ("faults", None, None) => Self::Faults,
            ("faults", Some("clear"), None) => Self::ClearFaults,
            ("test-cas", None, None) => Self::TestCas,
            ("end", None, None) => Self::EndTestCa,
            ("clock", None, None) => Self::Clock,
            ("backups", None, None) => Self::Backups,
            ("backups", Some("rows"), None) => Self::BackupRows,
            ("backups", Some("objects"), None) => Self::BackupObjects,
            ("recovery", None, None) => Self::Recovery,
            ("restoration", None, None) => Self::Restoration,
            ("restoration", Some("rows"), None) => Self::RestoredRows,
            ("restoration", Some("end"), None) => Self::RestorationEnd,
            ("restoration", Some("undo"), None) => Self::RestorationUndo,
            _ => return None,
        };
        parts.next().is_none().then_some(route)
    }

    /// Its methods, as in `Allow`, and its path in docs/openapi.json.
    pub fn described(&self) -> (&'static str, &'static str) {
        match self {
            Self::Status => ("GET, HEAD", "/admin/v1/status"),
            Self::Me => ("GET, HEAD", "/admin/v1/me"),
            Self::Health => ("GET, HEAD", "/admin/v1/health"),
            Self::Overview => ("GET, HEAD", "/admin/v1/overview"),
            Self::ExternalAccounts => ("GET, HEAD, POST", "/admin/v1/external-accounts"),
            Self::ExternalAccount(_) => ("GET, HEAD, POST", "/admin/v1/external-accounts/{kid}"),
            Self::Certificates => ("GET, HEAD", "/admin/v1/certificates"),
            Self::Import => ("POST", "/admin/v1/certificates/import"),
            Self::Certificate(_) => ("GET, HEAD", "/admin/v1/certificates/{serial}"),
            Self::Pem(_) => ("GET, HEAD", "/admin/v1/certificates/{serial}/pem"),
            Self::Revoke(_) => ("POST", "/admin/v1/certificates/{serial}/revoke"),
            Self::Revocations => ("POST", "/admin/v1/revocations"),
            Self::Accounts => ("GET, HEAD", "/admin/v1/accounts"),
            Self::Account(_) => ("GET, HEAD", "/admin/v1/accounts/{id}"),
            Self::Deactivate(_) => ("POST", "/admin/v1/accounts/{id}/deactivate"),
            Self::Resume(_) => ("POST", "/admin/v1/accounts/{id}/resume"),
            Self::Failures => ("GET, HEAD", "/admin/v1/failures"),
            Self::Paused => ("GET, HEAD", "/admin/v1/paused"),
            Self::Replacements => ("GET, HEAD, POST", "/admin/v1/replacements"),
            Self::Withdraw(_) => ("POST", "/admin/v1/replacements/{id}/withdraw"),
            Self::Policy => ("GET, HEAD, POST", "/admin/v1/policy"),
            Self::Restore => ("POST", "/admin/v1/policy/restore"),
            Self::Check => ("POST", "/admin/v1/policy/check"),
            Self::Shadow => ("GET, HEAD, POST", "/admin/v1/policy/shadow"),
            Self::Audit => ("GET, HEAD", "/admin/v1/audit"),
            Self::Approvals => ("GET, HEAD", "/admin/v1/approvals"),
            Self::Approval(_) => ("GET, HEAD", "/admin/v1/approvals/{id}"),
            Self::Confirm(_) => ("POST", "/admin/v1/approvals/{id}/confirm"),
            Self::Reject(_) => ("POST", "/admin/v1/approvals/{id}/reject"),
            Self::Notices => ("GET, HEAD", "/admin/v1/notices"),
            Self::TestNotice => ("POST", "/admin/v1/notices/test"),
            Self::Calendar => ("GET, HEAD, POST", "/admin/v1/calendar"),
            Self::Faults => ("GET, HEAD, POST", "/admin/v1/faults"),
            Self::ClearFaults => ("POST", "/admin/v1/faults/clear"),
            Self::TestCas => ("GET, HEAD, POST", "/admin/v1/test-cas"),
            Self::EndTestCa => ("POST", "/admin/v1/end"),
            Self::Clock => ("GET, HEAD, POST", "/admin/v1/clock"),
            Self::Backups => ("GET, HEAD, POST", "/admin/v1/backups"),
            Self::BackupObjects => ("POST", "/admin/v1/backups/objects"),
            Self::BackupRows => ("POST", "/admin/v1/backups/rows"),
            Self::Recovery => ("POST", "/admin/v1/recovery"),
            Self::Restoration => ("GET, HEAD, POST", "/admin/v1/restoration"),
            Self::RestoredRows => ("POST", "/admin/v1/restoration/rows"),
            Self::RestorationEnd => ("POST", "/admin/v1/restoration/end"),
            Self::RestorationUndo => ("POST", "/admin/v1/restoration/undo"),
        }
    }
}

/// Parses a kid in a path, which needs no encoding.
fn kid(text: &str) -> Option<String> {
    (text.len() <= MAX_KID && is_plain(text)).then(|| text.to_owned())
}

/// Whether a name needs no escaping in URLs, file names and shells. Clients remove `.` and `..` from paths.
pub fn is_plain(text: &str) -> bool {
    !matches!(text, "" | "." | "..")
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}
