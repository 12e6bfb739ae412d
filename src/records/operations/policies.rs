//! Records of the policy documents of operators.

use super::audit::Actor;
use crate::store::{Record, Table};
use crate::values::{Id, Time};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A version of the policy document, stored as `policy/{version, 8 digits}`; never deleted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PolicyRecord {
    /// Number from 1.
    pub version: u32,
    /// Operator and time.
    pub made: Actor,
    /// Note of the operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The version that it restores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restores: Option<u32>,
    /// The document; `None` for the configured one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<Value>,
}

impl Record for PolicyRecord {
    const PREFIX: &'static str = "policy";
    const TABLE: Table = Table::Expiring;

    fn expires(&self) -> Option<Time> {
        None
    }
}

impl PolicyRecord {
    /// The id of a version's record; newer ones sort first.
    pub fn id_of(version: u32) -> String {
        format!("{:08}", 99_999_999u32.saturating_sub(version))
    }
}

/// The shadow policy, which refuses nothing and reports findings; stored as `shadow`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShadowRecord {
    /// Operator and time.
    pub made: Actor,
    /// The document.
    pub document: Value,
}

impl Record for ShadowRecord {
    const PREFIX: &'static str = "shadow";
    const TABLE: Table = Table::Expiring;

    fn expires(&self) -> Option<Time> {
        None
    }
}

/// A finding of the shadow policy, stored as `finding/{digest of identifier and rule}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingRecord {
    /// Identifier of the order.
    pub identifier: String,
    /// Reason of the refusal.
    pub rule: String,
    /// The last account.
    pub account: Id,
    /// Number of orders.
    pub count: u64,
    /// Time of the last order.
    pub last: Time,
}

impl Record for FindingRecord {
    const PREFIX: &'static str = "finding";
    const TABLE: Table = Table::Expiring;

    fn expires(&self) -> Option<Time> {
        None
    }
}

/// State of the calendar's URL, stored as `calendar`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CalendarRecord {
    /// Number of changes of the URL.
    pub moved: u32,
}

impl Record for CalendarRecord {
    const PREFIX: &'static str = "calendar";
    const TABLE: Table = Table::Expiring;

    fn expires(&self) -> Option<Time> {
        None
    }
}
