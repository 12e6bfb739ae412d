//! The policy documents that operators put in force.

use super::audit::Actor;
use crate::store::{Record, Table};
use crate::values::{Id, Time};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A policy document that is or was in force, stored as `policy/{version, 8 digits}`. Kept for good.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PolicyRecord {
    /// From 1.
    pub version: u32,
    /// Who put it in force, when.
    pub made: Actor,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The version that it is a copy of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restores: Option<u32>,
    /// The document; `None` for the one of the configuration, whatever that is.
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
    /// The id under which a version is stored: newer ones come first.
    pub fn id_of(version: u32) -> String {
        format!("{:08}", 99_999_999u32.saturating_sub(version))
    }
}

/// A document that decides nothing, and tells what it would refuse; stored as `shadow`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShadowRecord {
    /// Who put it there, when.
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

/// What the shadow would have refused, stored as `finding/{digest of identifier and rule}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingRecord {
    /// What an order was placed for.
    pub identifier: String,
    /// Why it would have been refused.
    pub rule: String,
    /// The account that asked last.
    pub account: Id,
    /// How often.
    pub count: u64,
    /// When last.
    pub last: Time,
}

impl Record for FindingRecord {
    const PREFIX: &'static str = "finding";
    const TABLE: Table = Table::Expiring;

    fn expires(&self) -> Option<Time> {
        None
    }
}

/// What changes the URL of the calendar, stored as `calendar`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CalendarRecord {
    /// How often it was given another one.
    pub moved: u32,
}

impl Record for CalendarRecord {
    const PREFIX: &'static str = "calendar";
    const TABLE: Table = Table::Expiring;

    fn expires(&self) -> Option<Time> {
        None
    }
}
