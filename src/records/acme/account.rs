//! Accounts ([RFC 8555 §7.1.2](https://www.rfc-editor.org/rfc/rfc8555#section-7.1.2)).

use crate::store::{Record, Table};
use crate::values::{Id, Time};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Number of former keys that an account keeps: the record is read with every request.
const MAX_FORMER_KEYS: usize = 20;

/// Status of an account; the final states are never left (RFC 8555 §7.1.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AccountStatus {
    /// Usable.
    Valid,
    /// Deactivated by its holder.
    Deactivated,
    /// Revoked by the server.
    Revoked,
}

/// The account of its partition, stored as `account`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AccountRecord {
    /// Name in the account's URL. It never changes, as it may be in DNS (CAA `accounturi`).
    pub id: Id,
    /// Status.
    pub status: AccountStatus,
    /// The account key as a canonical JWK.
    pub key: Value,
    /// The account key's thumbprint (RFC 7638).
    pub thumbprint: String,
    /// Thumbprint of the key that a running key change will set; see [`AccountRecord::change_key`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending_thumbprint: Option<String>,
    /// Thumbprints of its former keys, the latest first. Records that remain in DNS may use any of them
    /// (draft-ietf-acme-dns-persist-02 §4.2).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub former_thumbprints: Vec<String>,
    /// Number of key changes begun; the last one's key is the pending one.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub key_changes: u64,
    /// Contact URLs.
    pub contact: Vec<String>,
    /// Whether terms of service were agreed to.
    #[serde(default)]
    pub terms_agreed: bool,
    /// URL of the latest terms of service that were agreed to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms: Option<String>,
    /// The external account binding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external: Option<ExternalBinding>,
    /// Creation time.
    pub created: Time,
    /// Revision of the members that lists of accounts show.
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
    /// Replaces the key by the pending one.
    pub fn change_key(&mut self, key: Value, thumbprint: String) {
        let former = core::mem::replace(&mut self.thumbprint, thumbprint);
        self.former_thumbprints.retain(|known| *known != former);
        self.former_thumbprints.insert(0, former);
        self.former_thumbprints.truncate(MAX_FORMER_KEYS);
        self.key = key;
        self.pending_thumbprint = None;
    }

    /// Thumbprints of all its keys, the current one first.
    pub fn thumbprints(&self) -> Vec<String> {
        core::iter::once(&self.thumbprint).chain(&self.former_thumbprints).cloned().collect()
    }

    /// The account object (RFC 8555 §7.1.2) with the URL of its orders list.
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

/// A verified external account binding (RFC 8555 §7.3.4).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExternalBinding {
    /// Key identifier of the external account key.
    pub kid: String,
    /// Whether an operator created the key; otherwise it is configured. The kid does not decide that: the same kid
    /// may be a configured key's today and a created one's tomorrow.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub made: bool,
    /// The binding as the client sent it, for the account object.
    pub binding: Value,
}

/// An account key that used this external account key. Stored as `use/{thumbprint}` in that key's partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExternalUse {
    /// The account for the account key; it may not be created yet.
    pub account: Id,
    /// Time of use.
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
    /// Whether an account is only looked up, never created.
    pub only_return_existing: bool,
    /// The external account binding, unparsed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_account_binding: Option<Value>,
}

/// The payload of an account update (RFC 8555 §7.3.2). `status` other than `deactivated` is ignored.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct AccountUpdate {
    /// New contact URLs, which replace all old ones.
    pub contact: Option<Vec<String>>,
    /// The new status as the client sent it.
    pub status: Option<String>,
}

impl AccountUpdate {
    /// Whether the client deactivates the account (RFC 8555 §7.3.6).
    pub fn deactivates(&self) -> bool {
        self.status.as_deref() == Some("deactivated")
    }
}

/// The account that owns an account key, stored as `owner` in the key's partition.
///
/// The claim is stored before the account, so the account may not exist, or may have another key by now. The reader
/// that detects this repairs it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyOwner {
    /// The account.
    pub account: Id,
    /// Number of the account's key change that claimed the key; 0 for its first key. A late message undoes only the
    /// claim of its own number.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub change: u64,
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// A tombstone, stored as `void` in an account's partition: the account must not be created. Its key was given to
/// another account.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Tombstone {
    /// Time after which no request can create the account.
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
