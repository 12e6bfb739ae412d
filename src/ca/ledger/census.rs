//! The census of a ledger: its certificates by state and time left.
//!
//! It is made in steps by those that ask for it, so a ledger without such requests does nothing for it.

use super::expiry_scan::{Candidate, LatestExpiry, not_renewed_elsewhere};
use super::index::{is_renewed, remind_of, set_of};
use super::kind::{Ledger, LedgerAt};
use super::log_summary::LogSummary;
use crate::ca::notices::delivery::NoticeCounts;
use crate::ca::runtime::ports::PartitionPorts;
use crate::pki::Serial;
use crate::records::Problem;
use crate::records::ledger::census::{Census, CensusRecord, CensusStep, Unrenewed, earliest_end};
use crate::records::ledger::crl::ShardStatus;
use crate::records::ledger::entry::LedgerEntry;
use crate::records::operations::notice::ScanStateRecord;
use crate::store::{Kv, Txn};
use crate::values::Time;
use serde::{Deserialize, Serialize};

/// Asks for the state of a ledger. It takes a step of the census if one is due.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct InspectLedger;

/// The state of a ledger.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct LedgerState {
    /// The shards of its CRLs.
    pub shards: Vec<ShardStatus>,
    /// The time of the last census.
    pub counted: Option<Time>,
    /// Its counts.
    pub census: Census,
    /// Whether the next census is incomplete.
    pub counting: bool,
    /// Its notices.
    pub notices: NoticeCounts,
    /// The size of its database in octets.
    #[serde(default)]
    pub size: u64,
    /// The earliest due time of its jobs and its scan.
    pub due: Option<Time>,
    /// Its open transparency log.
    #[serde(default)]
    pub log: Option<LogSummary>,
}

/// Number of certificates counted in one step.
const MAX_COUNTED: usize = 2_000;

/// Number of unrenewed certificates found in one step. Other ledgers are asked about them.
const MAX_FOUND: usize = 200;

/// Number of records per read.
const PAGE: usize = 250;

/// Number of sets of names in one question to another ledger.
const MAX_SETS: usize = 500;

/// The result of a step, with the certificates that this ledger has not renewed.
struct Step {
    counts: Census,
    /// Those in their last sixth.
    found: Vec<Candidate>,
    /// The sets of names and ends of all.
    open: Vec<(String, Time)>,
    after: String,
    last: bool,
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Ledger<P, K> {
    /// Returns the state of this ledger. A step of the census comes first if due.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) async fn inspect(&self) -> Result<LedgerState, Problem> {
        let mut record = self.transact(|txn| Ok(txn.get::<CensusRecord>("")?.unwrap_or_default()))?;
        if record.is_due(self.ports.now()) {
            record = self.count_on(record).await?;
        }
        let notices = self.notices().counts()?;
        let scan = self.transact(|txn| Ok(txn.get::<ScanStateRecord>("")?.map(|state| state.due)))?;
        let scan = scan.filter(|_| self.ports.settings().sends_notices());
        Ok(LedgerState {
            shards: self.standing()?,
            size: self.with_storage(|kv| Ok(kv.size()))?,
            counted: record.at,
            counting: record.next.is_some(),
            census: record.counts,
            log: self.log_summary()?,
            due: [notices.due, scan].into_iter().flatten().min(),
            notices,
        })
    }

    /// Takes a step of the census, and stores it unless another step was faster.
    async fn count_on(&self, before: CensusRecord) -> Result<CensusRecord, Problem> {
        let now = self.ports.now();
        // A count of a time in the future is of a clock that went back.
        let begun = before.next.clone().filter(|step| step.at <= now);
        let begun = begun.unwrap_or_else(|| CensusStep {
            at: now,
            after: Serial::first_of(earliest_end(now)),
            counts: Census::default(),
        });
        let at = begun.at;
        let Step { mut counts, found, open, after, last } = self.transact(|txn| count(txn, begun))?;
        if let Err(problem) = self.count_renewed_elsewhere(at, &mut counts, open).await {
            self.log(&problem);
        }
        // If another ledger does not answer, its renewals are not known.
        let found = match not_renewed_elsewhere(&self.ports, &self.issuer, found.clone()).await {
            Ok(rest) => rest,
            Err(problem) => {
                self.log(&problem);
                found
            }
        };
        counts.count_unrenewed(found.into_iter().map(named));
        let done = match last {
            true => CensusRecord { at: Some(at), counts, next: None },
            false => CensusRecord { next: Some(CensusStep { at, after, counts }), ..before.clone() },
        };
        self.transact(|txn| {
            let found = txn.get::<CensusRecord>("")?;
            // A ledger without certificates stores nothing.
            let unused = found.is_none() && last && done.counts == Census::default();
            if found.clone().unwrap_or_default() != before {
                return Ok(found.unwrap_or_default());
            }
            if !unused {
                txn.put("", &done)?;
            }
            Ok(done)
        })
    }

    /// Counts certificates as renewed that the ledgers of other issuers have renewed.
    async fn count_renewed_elsewhere(
        &self,
        at: Time,
        counts: &mut Census,
        mut open: Vec<(String, Time)>,
    ) -> Result<(), Problem> {
        let settings = self.ports.settings();
        for other in settings.issuers.slots().map(|slot| slot.issuer.id()).filter(|id| *id != self.issuer) {
            let mut rest = Vec::new();
            for part in open.chunks(MAX_SETS) {
                let sets = part.iter().map(|(set, _)| set.clone()).collect();
                let latest = self.ports.ask(&LedgerAt::from(other), &LatestExpiry { sets }).await?;
                for (set, end) in part {
                    match latest.get(set) {
                        Some(last) if last > end => counts.move_to_renewed(at, *end),
                        _ => rest.push((set.clone(), *end)),
                    }
                }
            }
            open = rest;
        }
        Ok(())
    }
}

/// Counts the next certificates, in the order of expiry.
fn count<K: Kv>(txn: &Txn<'_, K>, CensusStep { at, mut after, mut counts }: CensusStep) -> Result<Step, Problem> {
    let (mut found, mut open, mut seen) = (Vec::new(), Vec::new(), 0);
    loop {
        let page = txn.list::<LedgerEntry>(Some(&after), PAGE)?;
        let more = page.len() == PAGE;
        for (serial, entry) in page {
            after.clone_from(&serial);
            seen += 1;
            counts.read += 1;
            if entry.imported.is_none() {
                counts.count_issued(at, entry.recorded);
            }
            if entry.not_after <= at {
                continue;
            }
            if entry.revoked.is_some() {
                counts.revoked += 1;
                continue;
            }
            let renewed = is_renewed(txn, &serial, &entry)?;
            counts.count_valid(at.until(entry.not_after), renewed);
            counts.count_end(at, entry.not_after, renewed);
            if !renewed {
                open.push((set_of(&entry), entry.not_after));
            }
            if !renewed && remind_of(&entry) <= at {
                found.push(Candidate::of(serial, entry));
            }
            if found.len() >= MAX_FOUND {
                return Ok(Step { counts, found, open, after, last: false });
            }
        }
        if !more || seen >= MAX_COUNTED {
            return Ok(Step { counts, found, open, after, last: !more });
        }
    }
}

fn named(one: Candidate) -> Unrenewed {
    let Candidate { serial, names, not_after, account, .. } = one;
    let names_count = names.len();
    Unrenewed { serial, name: names.into_iter().next().unwrap_or_default(), names_count, not_after, account }
}
