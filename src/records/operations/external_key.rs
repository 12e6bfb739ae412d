//! External account keys that operators make ([RFC 8555 §7.3.4](https://www.rfc-editor.org/rfc/rfc8555#section-7.3.4)).
//!
//! The MAC key is not stored: it is made of the key identifier and a secret of the CA, so that whoever reads the storage has
//! none, and a binding by a stranger is refused without asking anybody.

use super::audit::Actor;
use crate::store::{Record, Table};
use crate::values::Time;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// For how many account keys an external account key is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Uses {
    /// For the first that comes.
    Once,
    /// For any number.
    Many,
}

/// An external account key, stored as `key` in the partition of its kid. Kept for good: a kid is never given out again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExternalKeyRecord {
    /// The key identifier.
    pub kid: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// For how many account keys it is good.
    pub uses: Uses,
    /// The policy of its accounts; `None` for that of the CA alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Value>,
    /// Who made it, when.
    pub created: Actor,
    /// No account is made with it from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Time>,
    /// Who ended it, when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<Actor>,
    /// By what it is seen that the CA's secret, and with it the MAC key, is another by now.
    pub check: String,
}

impl Record for ExternalKeyRecord {
    const PREFIX: &'static str = "key";
    const TABLE: Table = Table::Expiring;

    fn expires(&self) -> Option<Time> {
        None
    }
}

/// That there is such a key, stored as `external/{when, 16 digits}-{kid}` in the partition of operations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExternalKeyEntry {
    /// The key identifier.
    pub kid: String,
    /// When it was made: another entry of the same kid tells of a try that failed.
    pub created: Time,
}

impl Record for ExternalKeyEntry {
    const PREFIX: &'static str = "external";
    const TABLE: Table = Table::Expiring;

    fn expires(&self) -> Option<Time> {
        None
    }
}
