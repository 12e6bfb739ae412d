//! Names proven by a persistent DNS record
//! ([draft-ietf-acme-dns-persist-02
//! §4.4](https://datatracker.ietf.org/doc/html/draft-ietf-acme-dns-persist-02#section-4.4)).

use crate::store::{Record, Table};
use crate::values::Time;
use core::time::Duration;
use serde::{Deserialize, Serialize};

/// Lifetime of the record: longer than the yearly renewal of a certificate.
pub const MEMORY: Duration = Duration::from_secs(400 * 86_400);

/// A name that the account proved by dns-persist-01, stored as `persist/{name}` in its partition. New orders for the
/// name check the DNS record at once and offer the challenge.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PersistRecord {
    /// Time of the last validation.
    pub validated: Time,
}

impl PersistRecord {
    /// A name proven at `now`.
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
