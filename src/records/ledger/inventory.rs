//! By what certificates are found in a ledger beside their serial number, and what is to be replaced.

use super::entry::LedgerEntry;
use crate::records::acme::account::{AccountRecord, AccountStatus};
use crate::records::operations::audit::Actor;
use crate::store::{Record, Table};
use crate::values::{Id, Time, b64};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// That a certificate ends then, stored as `ending/{second, 12 digits}-{serial in hex}`. Kept for good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExpiryIndex {}

impl Record for ExpiryIndex {
    const PREFIX: &'static str = "ending";
    const TABLE: Table = Table::Sorted;

    fn expires(&self) -> Option<Time> {
        None
    }
}

/// The id of the record that a certificate ends then; all of a moment begin with that of an empty serial number.
pub fn expiry_id(not_after: Time, serial: &str) -> String {
    format!("{:012}-{serial}", not_after.secs())
}

/// The second and the serial number in such an id.
pub fn parse_expiry_id(id: &str) -> Option<(Time, &str)> {
    let (second, serial) = id.split_once('-')?;
    Some((Time::from_secs(second.parse().ok()?), serial))
}

/// The certificate of some names that ends last, stored as `latest/{digest of the names}`. Kept for good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LatestByNames {
    /// Its serial number in hex.
    pub serial: String,
    /// When it ends.
    pub not_after: Time,
}

impl Record for LatestByNames {
    const PREFIX: &'static str = "latest";
    const TABLE: Table = Table::Sorted;

    fn expires(&self) -> Option<Time> {
        None
    }
}

/// The name of a set of names, in whatever order they come. Certificates for servers and for clients with the same names
/// are not each other's renewal, so `client` tells them apart.
pub fn set_id(names: &[String], client: bool) -> String {
    let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
    names.sort_unstable();
    let text = format!("{}\n{}", if client { "client" } else { "server" }, names.join("\n"));
    b64::encode(Sha256::digest(text).get(..16).unwrap_or_default())
}

/// How far the records of this file go, stored as `indexed`: those of a ledger from before they were there are made step by
/// step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexedRecord {
    /// The last serial number that was looked at; `None` when all have their records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

impl Record for IndexedRecord {
    const PREFIX: &'static str = "indexed";
    const TABLE: Table = Table::Expiring;

    fn expires(&self) -> Option<Time> {
        None
    }
}

/// Which certificates are meant. All that is given has to fit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    /// The id of their issuer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// Their profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// The account that they were issued to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<Id>,
    /// The external account key of the accounts that they were issued to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_account: Option<String>,
    /// A pattern that one of their names fits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl Selection {
    /// Whether a certificate is meant, as far as issuer and names, which others know how to compare, do not say otherwise.
    pub fn fits(&self, entry: &LedgerEntry) -> bool {
        let has = |wanted: &Option<String>, found: &Option<String>| wanted.is_none() || wanted == found;
        has(&self.profile, &entry.profile)
            && has(&self.external_account, &entry.external_account)
            && self.account.as_ref().is_none_or(|wanted| *wanted == entry.account)
    }
}

/// That certificates which were issued until then are to be replaced at once, stored as `replace/{id}` in ledgers and in the
/// partition of operations. Over when the last of them is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplaceRecord {
    /// Its name.
    pub id: String,
    /// Which.
    pub selection: Selection,
    /// Who said so, when.
    pub made: Actor,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// A page that clients show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explanation: Option<String>,
    /// Who took it back, when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn: Option<Actor>,
    /// When all that it means is over.
    pub expires: Time,
}

impl Record for ReplaceRecord {
    const PREFIX: &'static str = "replace";
    const TABLE: Table = Table::Expiring;

    fn expires(&self) -> Option<Time> {
        Some(self.expires)
    }
}

/// An account, stored as `member/{when, 16 digits}-{id}` in a partition that lists accounts. It is written before the
/// account is made, so it may name one that never was; what the account tells of itself comes after that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RosterEntry {
    /// The account.
    pub account: Id,
    /// When it was made.
    pub created: Time,
    /// What a list shows of it; `None` until it has told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown: Option<MemberShown>,
}

/// What a list shows of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberShown {
    /// Where it is in its life.
    pub status: AccountStatus,
    /// Contact URLs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contact: Vec<String>,
    /// The name of the external account key that it was bound with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external: Option<String>,
    /// The account key's thumbprint (RFC 7638).
    pub thumbprint: String,
    /// The account's revision of which this is: what comes late changes nothing.
    pub revision: u64,
}

impl RosterEntry {
    /// What a list has of this account.
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

    /// Whether it says no less than the other, of the same account.
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
    fn certificates_are_in_the_order_of_their_ends() {
        let (early, late) = (Time::from_secs(999), Time::from_secs(1_795_521_600));
        assert!(expiry_id(early, "ff") < expiry_id(late, "00"));
        assert!(expiry_id(late, "") < expiry_id(late, "00"));
        assert_eq!(parse_expiry_id(&expiry_id(late, "0a")), Some((late, "0a")));
        assert_eq!(parse_expiry_id("x"), None);
    }

    #[test]
    fn a_set_of_names_is_the_same_in_any_order() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(set_id(&names(&["a.test", "b.test"]), false), set_id(&names(&["b.test", "a.test"]), false));
        assert_ne!(set_id(&names(&["a.test"]), false), set_id(&names(&["a.test"]), true));
        assert_ne!(set_id(&names(&["a.test"]), false), set_id(&names(&["b.test"]), false));
    }
}
