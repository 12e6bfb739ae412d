//! The ledger of an issuer: every serial number it ever gave out, and what became of it.

use crate::records::{Kind, Problem, Renewable};
use crate::store::{Record, Table};
use crate::values::{Id, Time};
use serde::{Deserialize, Serialize};

/// An entry of the ledger, stored as `serial/{hex}`. Kept for good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerEntry {
    /// The account that it was issued to.
    pub account: Id,
    /// The order that it was issued for.
    pub order: Id,
    /// The external account key of the account, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_account: Option<String>,
    /// SHA-256 of the to-be-signed certificate, base64url: by it a presented certificate is known as ours.
    pub tbs_digest: String,
    /// SHA-256 of its DER SubjectPublicKeyInfo in hex: what is refused when it is revoked for keyCompromise.
    pub key: String,
    /// The names in it.
    pub names: Vec<String>,
    /// Its profile; `None` for one that was entered before profiles were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// The shard of CRLs to which it points, if it points to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<u16>,
    /// When it was entered, which is before it was signed.
    pub recorded: Time,
    /// When the certificate begins.
    pub not_before: Time,
    /// When the certificate ends.
    pub not_after: Time,
    /// Its revocation, if it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Revocation>,
}

/// That a certificate was revoked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocation {
    /// When.
    pub at: Time,
    /// The CRLReason (RFC 5280 §5.3.1), absent when none was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<u8>,
    /// Who asked for it.
    pub by: Authority,
}

impl Revocation {
    /// Whether the certificate's key is to be refused from now on: it is said to be compromised, by somebody who has
    /// proven to have it, or by the operator. Who has proven it is its holder, or the account, whose CSR it signed; who only
    /// holds authorizations for the names has nothing to say about a key that may be in use elsewhere.
    pub fn blocks_key(&self) -> bool {
        self.reason == Some(KEY_COMPROMISE) && !matches!(self.by, Authority::Authorizations(_))
    }

    /// Whether it may take the place of an earlier one.
    fn outdoes(&self, old: &Self) -> bool {
        let more = self.blocks_key() && !old.blocks_key();
        let heard = matches!(self.by, Authority::Key | Authority::Operator(_));
        more && (heard || old.reason == Some(KEY_COMPROMISE))
    }
}

/// By which right a certificate is revoked (RFC 8555 §7.6).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Authority {
    /// The account that it was issued to.
    Account(Id),
    /// Another account, which holds valid authorizations for all of its identifiers.
    Authorizations(Id),
    /// The holder of the certificate's own key.
    Key,
    /// Whoever runs the CA: the name of an admin token, or the address of a person.
    Operator(String),
}

/// A key that is refused for good, since a certificate with it was revoked for keyCompromise; stored as
/// `compromised/{SHA-256 of its DER SubjectPublicKeyInfo in hex}` in the one partition of all issuers' compromised keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompromisedKey {
    /// The issuer of the certificate that was revoked, the first one if there were several.
    pub issuer: String,
    /// Its serial number in hex.
    pub serial: String,
    /// Since when the key is refused.
    pub since: Time,
}

impl Record for CompromisedKey {
    const PREFIX: &'static str = "compromised";
    const TABLE: Table = Table::Expiring;

    fn expires(&self) -> Option<Time> {
        None
    }
}

impl Record for LedgerEntry {
    const PREFIX: &'static str = "serial";
    const TABLE: Table = Table::Permanent;

    fn expires(&self) -> Option<Time> {
        None
    }
}

/// keyCompromise of RFC 5280 §5.3.1.
pub const KEY_COMPROMISE: u8 = 1;

/// The reasons that a client may give: unspecified, keyCompromise, affiliationChanged, superseded,
/// cessationOfOperation.
pub const ALLOWED_REASONS: &[u8] = &[0, 1, 3, 4, 5];

/// What is said of a certificate that no ledger has.
pub fn not_issued_here() -> Problem {
    Problem::malformed("The certificate was not issued by this server.").with_status(404)
}

/// Reads the `reason` of a revocation request.
///
/// # Errors
/// `badRevocationReason` for one that is not allowed, naming those that are (RFC 8555 §7.6).
pub fn check_reason(reason: Option<i64>) -> Result<Option<u8>, Problem> {
    let Some(given) = reason else { return Ok(None) };
    match u8::try_from(given).ok().filter(|code| ALLOWED_REASONS.contains(code)) {
        // RFC 5280 §5.3.1: unspecified is said by saying nothing.
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
    /// What decides when the certificate is to be renewed. What an operator revoked an operator wants replaced.
    pub fn renewable(&self) -> Renewable {
        let revoked = self.revoked.as_ref().map(|revocation| revocation.at);
        let operator = self.revoked.as_ref().filter(|revocation| matches!(revocation.by, Authority::Operator(_)));
        let replace = operator.map(|revocation| revocation.at);
        Renewable { revoked, replace, ..Renewable::of(self.recorded, self.not_before, self.not_after) }
    }

    /// Whether the certificate is revoked in a way that has its key refused: see [`Revocation::blocks_key`].
    pub fn blocks_key(&self) -> bool {
        self.revoked.as_ref().is_some_and(Revocation::blocks_key) && !self.key.is_empty()
    }

    /// Revokes the certificate.
    ///
    /// A request by the certificate's own key proves that whoever has the key wants it gone: its reason is
    /// keyCompromise, and it turns an earlier revocation for another reason into one for that. One for keyCompromise that
    /// condemns no key turns into one that does, when somebody asks who may have that.
    ///
    /// # Errors
    /// `alreadyRevoked`; `unauthorized` for a certificate that is over.
    pub fn revoke(&mut self, by: Authority, reason: Option<u8>, now: Time) -> Result<(), Problem> {
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
        }
    }

    #[test]
    fn r05_only_some_reasons_are_allowed_and_unspecified_is_none() {
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
    fn r07_only_who_has_proven_to_have_the_key_condemns_it() {
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
        // Another account cannot keep the key's holder from having it condemned by being first.
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
