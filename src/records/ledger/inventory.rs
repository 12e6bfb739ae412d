//! Inventory indexes of a ledger, replacements, and the roster of accounts.

use super::entry::LedgerEntry;
use crate::records::acme::account::{AccountRecord, AccountStatus};
use crate::records::operations::audit::Actor;
use crate::store::{Record, Table};
use crate::values::{Id, Time, b64};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The latest-expiring certificate of a set of names, stored as `latest/{digest of the names}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LatestByNames {
    /// Its serial number in hex.
    pub serial: String,
    /// End of validity.
    pub not_after: Time,
}

impl Record for LatestByNames {
    const PREFIX: &'static str = "latest";
    const TABLE: Table = Table::Sorted;

    fn expires(&self) -> Option<Time> {
        None
    }
}

/// Digest of a set of names of imported certificates, whatever their order. They renew each other, and no others.
pub fn imported_set_id(names: &[String]) -> String {
    digest("imported", names)
}

/// Digest of a set of names, whatever their order. `client` separates certificates for clients and servers, which do
/// not renew each other.
pub fn set_id(names: &[String], client: bool) -> String {
    digest(if client { "client" } else { "server" }, names)
}

fn digest(of: &str, names: &[String]) -> String {
    let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
    names.sort_unstable();
    let text = format!("{of}\n{}", names.join("\n"));
    b64::encode(Sha256::digest(text).get(..16).unwrap_or_default())
}

/// A selection of certificates. All given members have to match.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    /// Id of the issuer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// Profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// Account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<Id>,
    /// External account key of the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_account: Option<String>,
    /// Pattern that one of the names matches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl Selection {
    /// Whether a certificate is selected, except for issuer and names, which the caller compares.
    pub fn fits(&self, entry: &LedgerEntry) -> bool {
        let has = |wanted: &Option<String>, found: &Option<String>| wanted.is_none() || wanted == found;
        has(&self.profile, &entry.profile)
            && has(&self.external_account, &entry.external_account)
            && self.account.as_ref().is_none_or(|wanted| Some(wanted) == entry.owner())
    }
}

/// A replacement of selected certificates, stored as `replace/{id}` in ledgers and the operations partition. It ends
/// when the last certificate expires.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplaceRecord {
    /// Its id.
    pub id: String,
    /// The certificates.
    pub selection: Selection,
    /// Operator and time of the request.
    pub made: Actor,
    /// Note of the operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// URL of a page that clients show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explanation: Option<String>,
    /// Operator and time of the withdrawal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn: Option<Actor>,
    /// Expiry of the last selected certificate.
    pub expires: Time,
}

impl Record for ReplaceRecord {
    const PREFIX: &'static str = "replace";
    const TABLE: Table = Table::Expiring;

    fn expires(&self) -> Option<Time> {
        Some(self.expires)
    }
}

/// A roster entry of an account, stored as `member/{when, 16 digits}-{id}`. It is written before the account, so the
/// account may not exist; its data follow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RosterEntry {
    /// The account.
    pub account: Id,
    /// Creation time.
    pub created: Time,
    /// Listed data; `None` until the account has sent them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown: Option<MemberShown>,
}

/// Data of an account in lists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberShown {
    /// Status.
    pub status: AccountStatus,
    /// Contact URLs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contact: Vec<String>,
    /// Key identifier of its external account key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external: Option<String>,
    /// The account key's thumbprint (RFC 7638).
    pub thumbprint: String,
    /// The account's revision of these data; older ones are ignored.
    pub revision: u64,
}

impl RosterEntry {
    /// The listed data of this account.
    pub fn of(account: &AccountRecord) -> Self {
        let shown = MemberShown {
            status: account.status,
            contact: account.contact.clone(),
            external: account.external.as_ref().map(|bound| bound.kid.clone()),
            thumbprint: account.thumbprint.clone(),
            revision: account.revision,
        };
        Self { account: account.id.clone(), created: account.created, shown: Some(shown) }
    }

    /// The id of its record.
    pub fn id(&self) -> String {
        format!("{:016}-{}", self.created.millis(), self.account)
    }

    /// Whether it is at least as recent as another entry of the same account.
    pub fn covers(&self, other: &Self) -> bool {
        let revision = |record: &Self| record.shown.as_ref().map(|shown| shown.revision);
        revision(self) >= revision(other)
    }
}

impl Record for RosterEntry {
    const PREFIX: &'static str = "member";
    const TABLE: Table = Table::Sorted;

    fn expires(&self) -> Option<Time> {
        None
    }
}

#[cfg(test)]
mod tests {
    use crate::records::ledger::inventory::*;

    #[test]
    fn set_id_ignores_the_order_of_names() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(set_id(&names(&["a.test", "b.test"]), false), set_id(&names(&["b.test", "a.test"]), false));
        assert_ne!(set_id(&names(&["a.test"]), false), set_id(&names(&["a.test"]), true));
        assert_ne!(set_id(&names(&["a.test"]), false), set_id(&names(&["b.test"]), false));
    }
}
