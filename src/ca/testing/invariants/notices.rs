//! Invariants of notices.

use super::{Snapshot, Stored, find, text};
use crate::records::operations::notice::{KEPT, parse_queue_id};
use crate::values::Time;
use serde_json::Value;
use std::collections::BTreeSet;

fn time(value: &Value) -> Time {
    serde_json::from_value(value.clone()).expect("an instant")
}

impl Stored {
    /// Each revocation has a notice, no expiry has two, and waiting notices get sent.
    pub(super) fn notices(&self, snapshot: &Snapshot) -> Vec<String> {
        let mut wrong = Vec::new();
        let about = |kind: &str, partition: &str, serial: &str| {
            let of = |notice: &Value| text(notice, "kind") == kind && text(&notice["data"], "serial") == serial;
            self.notices.iter().any(|(at, _, notice)| at == partition && of(notice))
        };
        for (ledger, serial, entry) in self.entries.iter().filter(|(_, _, entry)| entry["revoked"].is_object()) {
            // Older ones may be deleted.
            let young = time(&entry["revoked"]["at"]).plus(KEPT) > snapshot.now;
            // A revocation from before its import was told elsewhere.
            let imported = &entry["imported"]["at"];
            let elsewhere = imported.is_number() && time(&entry["revoked"]["at"]) <= time(imported);
            if young && !elsewhere && !about("certificate.revoked", ledger, serial) {
                wrong.push(format!("nobody is told of the revocation of {serial}"));
            }
        }
        let mut ending = BTreeSet::new();
        let endings = self.notices.iter().filter(|(_, _, notice)| text(notice, "kind") == "certificate.ending");
        for (_, id, notice) in endings {
            if !ending.insert(text(&notice["data"], "serial")) {
                wrong.push(format!("notice {id} tells of an end that was told before"));
            }
        }
        for (partition, id, notice) in self.notices.iter().filter(|(_, _, notice)| waits(notice)) {
            let row = format!("{:015}-{id}", time(&notice["delivery"]["next"]).millis());
            if find(&self.outgoing, partition, &row).is_none() {
                wrong.push(format!("notice {id} waits and is not among those to be sent"));
            }
            if snapshot.webhook && find(&self.jobs, partition, "notify").is_none() {
                wrong.push(format!("notice {id} is stuck: nobody sends it"));
            }
        }
        for (partition, row, _) in &self.outgoing {
            let id = parse_queue_id(row).map_or("", |(_, id)| id);
            if find(&self.notices, partition, id).is_some_and(|notice| !waits(notice)) {
                wrong.push(format!("notice {id} is to be sent and does not wait"));
            }
        }
        wrong
    }

    /// Whether this partition has notices to store.
    pub(super) fn has_notices(&self, partition: &str) -> bool {
        self.notices.iter().any(|(at, _, _)| at == partition)
    }
}

fn waits(notice: &Value) -> bool {
    notice["delivery"]["state"] == "waiting"
}
