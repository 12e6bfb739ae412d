//! Ledger entries: every serial number of an issuer, and its revocation.

use super::imported::Imported;
use crate::records::acme::certificate::LogPlace;
use crate::records::{Kind, Problem, Renewable};
use crate::store::{Record, Table};
use crate::values::quote::quote;
use crate::values::{Id, Time};
use serde::{Deserialize, Serialize};

/// An entry of the ledger, stored as `serial/{hex}` until it is pruned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerEntry {
    /// The account.
    pub account: Id,
    /// The order.
    pub order: Id,
    /// The external account key of the account, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_account: Option<String>,
    /// SHA-256 of the to-be-signed certificate, base64url; identifies a presented certificate as issued here.
    pub tbs_digest: String,
    /// SHA-256 of the DER SubjectPublicKeyInfo in hex; blocked after a revocation for keyCompromise.
    pub key: String,
    /// The certificate's names.
    pub names: Vec<String>,
    /// The profile; `None` for entries that are older than profiles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// The CRL shard that it points to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<u16>,
    /// Time of the entry, before the signature.
    pub recorded: Time,
    /// Start of validity.
    pub not_before: Time,
    /// End of validity.
    pub not_after: Time,
    /// The revocation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Revocation>,
    /// Its place in the transparency log; absent if it was recorded without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logged: Option<LogPlace>,
    /// For a certificate that another program issued.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imported: Option<Imported>,
}

/// A revocation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocation {
    /// Time.
    pub at: Time,
    /// The CRLReason (RFC 5280 §5.3.1), absent when none was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<u8>,
    /// The requester.
    pub by: Authority,
}

impl Revocation {
    /// Whether the certificate's key gets blocked.
    ///
    /// It does when a proven key holder or an operator revokes it as compromised. The certificate key and the
    /// account, whose CSR it signed, have proven the key. An account that only has authorizations for the names
    /// cannot block a key that may be in use elsewhere.
    pub fn blocks_key(&self) -> bool {
        self.reason == Some(KEY_COMPROMISE) && !matches!(self.by, Authority::Authorizations(_))
    }

    /// Whether it may replace an earlier revocation.
    fn outdoes(&self, old: &Self) -> bool {
        let more = self.blocks_key() && !old.blocks_key();
        let heard = matches!(self.by, Authority::Key | Authority::Operator(_));
        more && (heard || old.reason == Some(KEY_COMPROMISE))
    }
}

/// The right by which a certificate is revoked (RFC 8555 §7.6).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Authority {
    /// The account that it was issued to.
    Account(Id),
    /// Another account with valid authorizations for all of its identifiers.
    Authorizations(Id),
    /// The holder of the certificate's own key.
    Key,
    /// An operator: the name of an admin token, or a person's address.
    Operator(String),
}

impl Record for LedgerEntry {
    const PREFIX: &'static str = "serial";
    const TABLE: Table = Table::Sorted;

    fn expires(&self) -> Option<Time> {
        None
    }
}

/// keyCompromise (RFC 5280 §5.3.1).
pub const KEY_COMPROMISE: u8 = 1;

/// Reasons that a client may give: unspecified, keyCompromise, affiliationChanged, superseded, cessationOfOperation.
pub const ALLOWED_REASONS: &[u8] = &[0, 1, 3, 4, 5];

/// The problem for a certificate that no ledger has.
pub fn not_issued_here() -> Problem {
    Problem::malformed("The certificate was not issued by this server.").with_status(404)
}

/// Checks the `reason` of a revocation request.
///
/// # Errors
/// `badRevocationReason` with the allowed ones (RFC 8555 §7.6).
pub fn check_reason(reason: Option<i64>) -> Result<Option<u8>, Problem> {
    let Some(given) = reason else { return Ok(None) };
    match u8::try_from(given).ok().filter(|code| ALLOWED_REASONS.contains(code)) {
        // RFC 5280 §5.3.1: unspecified is expressed by absence.
        Some(0) => Ok(None),
        Some(code) => Ok(Some(code)),
        None => Err(Problem::new(
            Kind::BadRevocationReason,
            format!(
                "Revocation reason {given} is not allowed; allowed are 0 (unspecified), 1 (keyCompromise), \
                 3 (affiliationChanged), 4 (superseded) and 5 (cessationOfOperation), or none."
            ),
        )),
    }
}

impl LedgerEntry {
    /// The renewal data of the certificate; one that an operator revoked also counts as replaced.
    pub fn renewable(&self) -> Renewable {
        let revoked = self.revoked.as_ref().map(|revocation| revocation.at);
        let operator = self.revoked.as_ref().filter(|revocation| matches!(revocation.by, Authority::Operator(_)));
        let replace = operator.map(|revocation| revocation.at);
        Renewable { revoked, replace, ..Renewable::of(self.recorded, self.not_before, self.not_after) }
    }

    /// The serial number of the certificate, by the id of its entry.
    pub fn serial<'a>(&'a self, id: &'a str) -> &'a str {
        self.imported.as_ref().map_or(id, |imported| &imported.serial)
    }

    /// The account that it was issued to; `None` for an imported one.
    pub fn owner(&self) -> Option<&Id> {
        self.imported.is_none().then_some(&self.account)
    }

    /// The name of its issuer; `None` unless that is another CA.
    pub fn foreign(&self) -> Option<&str> {
        self.imported.as_ref()?.foreign.as_deref()
    }

    /// Whether the certificate's key is blocked: see [`Revocation::blocks_key`].
    pub fn blocks_key(&self) -> bool {
        self.revoked.as_ref().is_some_and(Revocation::blocks_key) && !self.key.is_empty()
    }

    /// Revokes the certificate.
    ///
    /// A request signed with the certificate's key proves possession: its reason is keyCompromise, which replaces an
    /// earlier revocation for another reason. A revocation for keyCompromise that does not block the key is replaced
    /// by one that does.
    ///
    /// # Errors
    /// `alreadyRevoked`; `unauthorized` for an expired certificate, and for one of another CA.
    pub fn revoke(&mut self, by: Authority, reason: Option<u8>, now: Time) -> Result<(), Problem> {
        if let Some(issuer) = self.foreign() {
            let detail = format!(
                "The certificate was issued by {}, which is no issuer of this CA. Revoke it there, and import it again with \
                 its revocation.",
                quote(issuer)
            );
            return Err(Problem::new(Kind::Unauthorized, detail));
        }
        if now > self.not_after {
            let detail =
                format!("The certificate expired at {}; there is nothing left to revoke.", self.not_after.rfc3339());
            return Err(Problem::new(Kind::Unauthorized, detail));
        }
        let reason = if by == Authority::Key { Some(KEY_COMPROMISE) } else { reason };
        let new = Revocation { at: now, reason, by };
        match &self.revoked {
            Some(old) if !new.outdoes(old) => {
                let detail = format!("The certificate was revoked at {}.", old.at.rfc3339());
                return Err(Problem::new(Kind::AlreadyRevoked, detail));
            }
            Some(old) => self.revoked = Some(Revocation { at: old.at, ..new }),
            None => self.revoked = Some(new),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::records::ledger::entry::*;

    fn entry() -> LedgerEntry {
        LedgerEntry {
            account: Id::from_random([1; 16]),
            order: Id::from_random([2; 16]),
            external_account: None,
            tbs_digest: String::new(),
            key: String::new(),
            names: vec!["a.test".into()],
            profile: Some("default".into()),
            shard: None,
            recorded: Time::from_secs(10),
            not_before: Time::from_secs(5),
            not_after: Time::from_secs(100),
            revoked: None,
            logged: None,
            imported: None,
        }
    }

    #[test]
    fn r05_allowed_reasons_are_read_and_unspecified_is_absent() {
        assert_eq!(check_reason(None), Ok(None));
        assert_eq!(check_reason(Some(0)), Ok(None));
        for good in [1, 3, 4, 5] {
            assert_eq!(check_reason(Some(good)), Ok(Some(good as u8)));
        }
        for bad in [-1, 2, 6, 7, 8, 9, 10, 11, 256, 257, i64::MAX] {
            let problem = check_reason(Some(bad)).unwrap_err();
            assert_eq!(problem.kind, Kind::BadRevocationReason, "{bad}");
            assert!(problem.detail.contains("1 (keyCompromise)"));
        }
    }

    #[test]
    fn r06_a_second_revocation_is_refused() {
        let mut entry = entry();
        let by = Authority::Account(entry.account.clone());
        entry.revoke(by.clone(), Some(4), Time::from_secs(20)).unwrap();
        let problem = entry.revoke(by, Some(1), Time::from_secs(21)).unwrap_err();
        assert_eq!(problem.kind, Kind::AlreadyRevoked);
        assert_eq!(entry.revoked.unwrap().reason, Some(4));
    }

    #[test]
    fn r07_the_certificates_key_means_key_compromise_and_upgrades_an_earlier_reason() {
        let mut entry = entry();
        entry.revoke(Authority::Account(entry.account.clone()), Some(4), Time::from_secs(20)).unwrap();
        entry.revoke(Authority::Key, Some(4), Time::from_secs(30)).unwrap();
        let revoked = entry.revoked.clone().unwrap();
        assert_eq!((revoked.reason, revoked.at), (Some(1), Time::from_secs(20)));
        assert_eq!(entry.revoke(Authority::Key, None, Time::from_secs(31)).unwrap_err().kind, Kind::AlreadyRevoked);
    }

    #[test]
    fn r07_only_a_proven_key_holder_blocks_the_key() {
        let account = Authority::Account(entry().account);
        let other = Authority::Authorizations(Id::from_random([3; 16]));
        let revoked = |steps: &[(&Authority, Option<u8>)]| {
            let mut entry = entry();
            let answers: Vec<bool> = steps
                .iter()
                .map(|(by, reason)| entry.revoke((*by).clone(), *reason, Time::from_secs(20)).is_ok())
                .collect();
            (entry.revoked.is_some_and(|revocation| revocation.blocks_key()), answers)
        };
        assert_eq!(revoked(&[(&account, Some(1))]), (true, vec![true]));
        assert_eq!(revoked(&[(&Authority::Key, Some(4))]), (true, vec![true]));
        assert_eq!(revoked(&[(&account, Some(4)), (&account, Some(1))]), (false, vec![true, false]));
        // Another account cannot prevent the key's holder from blocking it by being first.
        assert_eq!(revoked(&[(&other, Some(1))]), (false, vec![true]));
        assert_eq!(revoked(&[(&other, Some(1)), (&other, Some(1))]), (false, vec![true, false]));
        for holder in [&account, &Authority::Key] {
            let steps = [(&other, Some(1)), (holder, Some(1)), (holder, Some(1)), (&other, Some(1))];
            assert_eq!(revoked(&steps), (true, vec![true, true, false, false]), "{holder:?}");
        }
        assert_eq!(revoked(&[(&other, Some(1)), (&account, Some(4))]), (false, vec![true, false]));
    }

    #[test]
    fn r06_an_expired_certificate_is_not_revoked() {
        let problem = entry().revoke(Authority::Key, None, Time::from_secs(101)).unwrap_err();
        assert_eq!(problem.kind, Kind::Unauthorized);
    }
}
