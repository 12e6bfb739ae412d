//! The memory of names that were proven by a record that stays in DNS
//! ([draft-ietf-acme-dns-persist-02 §4.4](https://datatracker.ietf.org/doc/html/draft-ietf-acme-dns-persist-02#section-4.4)).

use crate::store::{Record, Table};
use crate::values::Time;
use core::time::Duration;
use serde::{Deserialize, Serialize};

/// For how long it is remembered: a certificate a year has time enough.
pub const MEMORY: Duration = Duration::from_secs(400 * 86_400);

/// The account proved this name by dns-persist-01, stored as `persist/{name}` in its partition. New orders for the name
/// look for the record at once and offer the challenge.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PersistRecord {
    /// When it did so last.
    pub validated: Time,
}

impl PersistRecord {
    /// Proven now.
    pub fn new(now: Time) -> Self {
        Self { validated: now }
    }
}

impl Record for PersistRecord {
    const PREFIX: &'static str = "persist";
    const TABLE: Table = Table::Expiring;

    fn expires(&self) -> Option<Time> {
        Some(self.validated.plus(MEMORY))
    }
}
