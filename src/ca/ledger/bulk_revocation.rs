//! Bulk revocation of certificates, step by step.

use super::filter::{Filter, Query, Scanned};
use super::kind::Ledger;
use crate::ca::runtime::ports::PartitionPorts;
use crate::ca::telemetry::events;
use crate::records::Problem;
use crate::records::ledger::entry::{Authority, LedgerEntry};
use crate::store::Kv;
use core::ops::ControlFlow;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Revokes the next certificates that a query finds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RevokeNext {
    /// The certificates, the cursor, and the maximum number per step.
    pub query: Query,
    /// The CRLReason.
    pub reason: Option<u8>,
    /// The operator's name.
    pub by: String,
}

/// The outcome of a step of a bulk revocation.
#[derive(Debug, Serialize, Deserialize)]
pub struct RevokedPart {
    /// The serial numbers of the certificates that it revoked.
    pub revoked: Vec<String>,
    /// The cursor of the next step.
    pub reached: String,
    /// Whether this was the last step.
    pub complete: bool,
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Ledger<P, K> {
    /// Revokes the next matching certificates of this ledger.
    ///
    /// If the reason is keyCompromise, their keys are blocked before it returns.
    ///
    /// # Errors
    /// When the storage fails; when they are revoked but a key is not blocked yet.
    pub(in crate::ca) async fn revoke_next(&self, step: &RevokeNext) -> Result<RevokedPart, Problem> {
        let filter = Filter::new(&step.query, self.ports.now())?;
        let mut revoked: Vec<(String, LedgerEntry)> = Vec::new();
        let scanned = self.transact_logging(|txn, log| {
            revoked.clear();
            let rules = self.rules_to_replace(txn)?;
            filter.scan(txn, |txn, serial, entry| {
                if revoked.len() == step.query.limit {
                    return Ok(ControlFlow::Break(()));
                }
                let (mut entry, by) = (entry.clone(), Authority::Operator(step.by.clone()));
                // Skips revoked and expired certificates, but keyCompromise replaces another reason.
                if filter.fits(serial, &entry) && entry.revoke(by, step.reason, self.ports.now()).is_ok() {
                    self.put_revoked((txn, log), serial, &entry, &rules)?;
                    revoked.push((serial.to_owned(), entry));
                }
                Ok(ControlFlow::Continue(()))
            })
        })?;
        for (serial, entry) in &revoked {
            events::revoked(&self.ports, &self.issuer, entry.serial(serial), entry);
        }
        let blocked = revoked.iter().filter(|(_, entry)| entry.blocks_key());
        let blocked: BTreeMap<&str, &str> = blocked.map(|(id, entry)| (&*entry.key, entry.serial(id))).collect();
        for (key, serial) in blocked {
            self.block_key(key, serial, 1).await?;
        }
        let Scanned { reached, complete } = scanned;
        let revoked = revoked.iter().map(|(id, entry)| entry.serial(id).to_owned()).collect();
        Ok(RevokedPart { revoked, reached, complete })
    }
}
