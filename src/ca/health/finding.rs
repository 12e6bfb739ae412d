//! A finding with its severity and what to do.

use crate::values::Time;
use serde::{Deserialize, Serialize};

/// The severity of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Does not work as it should.
    Wrong,
    /// Needs action now to keep working.
    Due,
    /// For planning.
    Note,
}

impl Severity {
    /// All severities, the gravest first.
    pub const ALL: [Self; 3] = [Self::Wrong, Self::Due, Self::Note];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Wrong => "wrong",
            Self::Due => "due",
            Self::Note => "note",
        }
    }
}

/// A finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Its kind, for programs.
    pub id: String,
    /// The severity.
    pub severity: Severity,
    /// The fact.
    pub what: String,
    /// What to do.
    pub todo: String,
    /// The number of things that it is about, where they are counted.
    #[serde(default)]
    pub count: Option<u64>,
}

impl Finding {
    /// A finding.
    pub fn new(id: &str, severity: Severity, what: impl Into<String>, todo: impl Into<String>) -> Self {
        Self { id: id.to_owned(), severity, what: what.into(), todo: todo.into(), count: None }
    }

    /// The same finding about so many things.
    pub fn counted(self, count: u64) -> Self {
        Self { count: Some(count), ..self }
    }
}

/// The day of a time, in UTC.
pub(super) fn day(at: Time) -> String {
    at.rfc3339().chars().take(10).collect()
}

/// A number of things, as in `1 name`, `2 names`.
pub(super) fn number(n: u64, thing: &str) -> String {
    format!("{n} {thing}{}", if n == 1 { "" } else { "s" })
}
