//! External account keys of operators ([RFC 8555 §7.3.4](https://www.rfc-editor.org/rfc/rfc8555#section-7.3.4)).
//!
//! The MAC key is derived from the key identifier and a secret of the CA, not stored. So storage does not reveal it,
//! and a forged binding is refused without a call.

use super::audit::Actor;
use crate::store::{Record, Table};
use crate::values::Time;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Number of account keys that may use an external account key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Uses {
    /// The first one.
    Once,
    /// Any number.
    Many,
}

/// An external account key, stored as `key` in the partition of its kid. Never deleted, since kids are not reused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExternalKeyRecord {
    /// The key identifier.
    pub kid: String,
    /// Note of the operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Number of account keys that may use it.
    pub uses: Uses,
    /// Policy of its accounts; `None` for the CA's alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Value>,
    /// Operator and time of creation.
    pub created: Actor,
    /// Time from which no account is created with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Time>,
    /// Operator and time of disabling.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<Actor>,
    /// Check value of the MAC key: it differs once the CA's secret has changed.
    pub check: String,
}

impl Record for ExternalKeyRecord {
    const PREFIX: &'static str = "key";
    const TABLE: Table = Table::Expiring;

    fn expires(&self) -> Option<Time> {
        None
    }
}

/// Index entry of an external account key, stored as `external/{when, 16 digits}-{kid}` in the operations partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExternalKeyEntry {
    /// The key identifier.
    pub kid: String,
    /// Creation time; another entry of the same kid comes from a failed attempt.
    pub created: Time,
    /// Time from which no account is created with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Time>,
}

impl Record for ExternalKeyEntry {
    const PREFIX: &'static str = "external";
    const TABLE: Table = Table::Expiring;

    fn expires(&self) -> Option<Time> {
        None
    }
}
