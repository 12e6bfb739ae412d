//! Accounts ([RFC 8555 §7.1.2](https://www.rfc-editor.org/rfc/rfc8555#section-7.1.2)).

use crate::store::{Record, Table};
use crate::values::{Id, Time};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// How many former keys an account remembers: the record is read with every request.
const MAX_FORMER_KEYS: usize = 20;

/// Where an account is in its life; none of the final states is ever left (RFC 8555 §7.1.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AccountStatus {
    /// Usable.
    Valid,
    /// Ended by its holder.
    Deactivated,
    /// Ended by the server.
    Revoked,
}

/// The account of its partition, stored as `account`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AccountRecord {
    /// Name in the account's URL; never changes, for it may stand in DNS (CAA `accounturi`).
    pub id: Id,
    /// Where it is in its life.
    pub status: AccountStatus,
    /// The account key as a canonical JWK.
    pub key: Value,
    /// The account key's thumbprint (RFC 7638).
    pub thumbprint: String,
    /// A key that a running key change wants to give this account; see [`AccountRecord::key`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending_thumbprint: Option<String>,
    /// The thumbprints of the keys that it had before, the last one first: records that stay in DNS may have been made
    /// with any of them (draft-ietf-acme-dns-persist-02 §4.2).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub former_thumbprints: Vec<String>,
    /// How many key changes were begun; the number of the last one, whose key is the pending one.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub key_changes: u64,
    /// Contact URLs.
    pub contact: Vec<String>,
    /// Whether terms of service were agreed to.
    #[serde(default)]
    pub terms_agreed: bool,
    /// The URL of the terms of service that were agreed to, the latest if there were several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms: Option<String>,
    /// The external account that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external: Option<ExternalBinding>,
    /// When it was made.
    pub created: Time,
    /// How often something of it changed that lists of accounts show.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub revision: u64,
}

impl Record for AccountRecord {
    const PREFIX: &'static str = "account";
    const TABLE: Table = Table::Expiring;

    fn expires(&self) -> Option<Time> {
        None
    }
}

impl AccountRecord {
    /// Gives the account another key, the one that was pending.
    pub fn change_key(&mut self, key: Value, thumbprint: String) {
        let former = core::mem::replace(&mut self.thumbprint, thumbprint);
        self.former_thumbprints.retain(|known| *known != former);
        self.former_thumbprints.insert(0, former);
        self.former_thumbprints.truncate(MAX_FORMER_KEYS);
        self.key = key;
        self.pending_thumbprint = None;
    }

    /// The thumbprints of all keys that it ever had, the present one first.
    pub fn thumbprints(&self) -> Vec<String> {
        core::iter::once(&self.thumbprint).chain(&self.former_thumbprints).cloned().collect()
    }

    /// The account object (RFC 8555 §7.1.2); `orders_url` is where its orders are listed.
    pub fn wire(&self, orders_url: &str) -> Value {
        let mut object = json!({ "status": self.status, "contact": self.contact, "orders": orders_url });
        if let Some(members) = object.as_object_mut() {
            if self.terms_agreed {
                members.insert("termsOfServiceAgreed".into(), true.into());
            }
            if let Some(external) = &self.external {
                members.insert("externalAccountBinding".into(), external.binding.clone());
            }
        }
        object
    }
}

/// An external account binding that was verified (RFC 8555 §7.3.4).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExternalBinding {
    /// The external account key's name.
    pub kid: String,
    /// Whether an operator made the key; else it is one of the configuration. A name alone does not tell them apart: it may
    /// be that of the one today, and of the other tomorrow.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub made: bool,
    /// The binding as the client sent it, which the account object has to show.
    pub binding: Value,
}

/// Stored as `use/{thumbprint}` in the partition of an external account key: an account key that was bound with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExternalUse {
    /// The account that was made, or about to be made, for the account key.
    pub account: Id,
    /// When.
    pub at: Time,
}

impl Record for ExternalUse {
    const PREFIX: &'static str = "use";
    const TABLE: Table = Table::Expiring;

    fn expires(&self) -> Option<Time> {
        None
    }
}

/// The payload of new-account (RFC 8555 §7.3). Unknown members are ignored, `orders` among them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NewAccount {
    /// Contact URLs.
    pub contact: Option<Vec<String>>,
    /// Agreement to the terms of service.
    pub terms_of_service_agreed: bool,
    /// Find the account, never create one.
    pub only_return_existing: bool,
    /// The external account binding, unread.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_account_binding: Option<Value>,
}

/// The payload of an account update (RFC 8555 §7.3.2). `status` other than `deactivated` is ignored.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct AccountUpdate {
    /// New contact URLs, replacing all old ones.
    pub contact: Option<Vec<String>>,
    /// The new status as the client wrote it.
    pub status: Option<String>,
}

impl AccountUpdate {
    /// Whether the client asks for the account's end (RFC 8555 §7.3.6).
    pub fn deactivates(&self) -> bool {
        self.status.as_deref() == Some("deactivated")
    }
}

/// Which account owns an account key, stored as `owner` in the partition of the key's thumbprint.
///
/// The claim comes first and the account after it, so this may name an account that does not exist (yet), or that
/// has another key by now; whoever finds that out heals it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyOwner {
    /// The account.
    pub account: Id,
    /// The number of the account's key change that claimed the key; 0 for the key that it was made with. It tells an
    /// old claim from a new one, so that what is late undoes no more than what it knows of.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub change: u64,
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// Stored as `void` in the partition of an account that is never to be: its key was given to another account while
/// it was about to be made.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Tombstone {
    /// When nobody can be about to make it any more.
    pub expires: Time,
}

impl Record for Tombstone {
    const PREFIX: &'static str = "void";
    const TABLE: Table = Table::Expiring;

    fn expires(&self) -> Option<Time> {
        Some(self.expires)
    }
}

impl Record for KeyOwner {
    const PREFIX: &'static str = "owner";
    const TABLE: Table = Table::Expiring;

    fn expires(&self) -> Option<Time> {
        None
    }
}
