//! The expiry scan: certificates that expire soon without a renewal, and dates of the issuer.
//!
//! With a webhook, a ledger scans every hour, some thousand certificates per step. The cursor is stored in the same
//! transaction as the notices, so each notice is stored once, even after a crash.

use super::index::{is_renewed, remind_of, set_of};
use super::kind::{Ledger, LedgerAt};
use crate::ca::config::settings::Settings;
use crate::ca::notices::delivery::NewNotice;
use crate::ca::runtime::ports::{PartitionPorts, Ports};
use crate::pki::{Issuer, Serial, profile};
use crate::records::Problem;
use crate::records::ledger::entry::LedgerEntry;
use crate::records::ledger::inventory::LatestByNames;
use crate::records::operations::notice::{
    IssuerDates, IssuerNotice, NoticeKind, ScanCursor, ScanStateRecord, issuer_notices_due,
};
use crate::store::{Kv, Txn};
use crate::values::{Id, Time};
use core::time::Duration;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A certificate that expires soon and was not renewed in its own ledger.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Candidate {
    /// The id of its entry.
    #[serde(default)]
    pub id: String,
    /// Its serial number in hex.
    pub serial: String,
    /// The id of its set of names.
    pub set: String,
    /// The names in it.
    pub names: Vec<String>,
    /// Its expiry.
    pub not_after: Time,
    /// The account that it was issued to.
    pub account: Id,
    /// Its profile, if known.
    pub profile: Option<String>,
}

impl Candidate {
    /// The certificate of an entry with this id.
    pub(super) fn of(id: String, entry: LedgerEntry) -> Self {
        let (set, serial) = (set_of(&entry), entry.serial(&id).to_owned());
        let LedgerEntry { names, not_after, account, profile, .. } = entry;
        Self { id, serial, set, names, not_after, account, profile }
    }
}

/// Scans for certificates that expire soon and were not renewed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ScanExpiring {
    /// The current time. Certificates that have expired, or whose reminder is later, are left out.
    pub at: Time,
    /// The time after which the reminder is due; `None` for all.
    pub since: Option<Time>,
    /// The cursor; `None` for the beginning.
    pub after: Option<String>,
}

/// A part of a scan.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ScanPage {
    /// The certificates.
    pub found: Vec<Candidate>,
    /// The cursor of the next part; `None` at the end.
    pub after: Option<String>,
}

/// Asks for the latest expiry of the certificates with each of these sets of names.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LatestExpiry {
    /// Their ids: see [`crate::records::ledger::inventory::set_id`].
    pub sets: Vec<String>,
}

/// Interval between scans.
const SCAN_INTERVAL: Duration = Duration::from_secs(3600);

/// Delay of a step after another ledger did not answer.
const RETRY: Duration = Duration::from_secs(60);

/// Number of certificates scanned in one step.
const MAX_SCANNED: usize = 2_000;

/// Maximum number of certificates found in one step.
const MAX_FOUND: usize = 200;

/// Number of records per read.
const PAGE: usize = 250;

/// Returns the lifetime of the issuer's longest profile.
fn longest(issuer: &Issuer) -> Duration {
    profile::offered(issuer).map(|profile| profile.validity).max().unwrap_or_default()
}

/// Returns the data that determine the notices about an issuer.
pub fn dates(issuer: &Issuer) -> IssuerDates {
    IssuerDates { not_after: issuer.not_after(), longest: longest(issuer) }
}

/// Checks whether a later issuer takes over by then, so that no action is needed.
pub fn is_succeeded(settings: &Settings, issuer: &Issuer, by: Time) -> bool {
    let mut behind = settings.issuers.slots().skip_while(|slot| slot.issuer.id() != issuer.id()).skip(1);
    behind.any(|slot| slot.active_from <= by)
}

/// Removes the certificates that were renewed by another issuer.
///
/// Its ledger has a certificate with the same names that expires later.
///
/// # Errors
/// When a ledger does not answer.
pub async fn not_renewed_elsewhere<P: Ports>(
    ports: &P,
    issuer: &str,
    mut found: Vec<Candidate>,
) -> Result<Vec<Candidate>, Problem> {
    let others = ports.settings().issuers.slots().map(|slot| slot.issuer.id()).filter(|id| *id != issuer);
    for other in others {
        if found.is_empty() {
            break;
        }
        let sets = found.iter().map(|candidate| candidate.set.clone()).collect();
        let latest = ports.ask(&LedgerAt::from(other), &LatestExpiry { sets }).await?;
        found.retain(|one| latest.get(&one.set).is_none_or(|not_after| *not_after <= one.not_after));
    }
    Ok(found)
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Ledger<P, K> {
    /// Returns the latest expiry of each set of names. Sets without certificates are left out.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn latest(&self, sets: &[String]) -> Result<BTreeMap<String, Time>, Problem> {
        self.transact(|txn| {
            let mut found = BTreeMap::new();
            for set in sets {
                if let Some(latest) = txn.get::<LatestByNames>(set)? {
                    found.insert(set.clone(), latest.not_after);
                }
            }
            Ok(found)
        })
    }

    /// Scans for certificates that expire soon, up to the limits of one step.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn scan_expiring(&self, look: &ScanExpiring) -> Result<ScanPage, Problem> {
        let longest = profile::all().iter().map(|profile| profile.validity).max().unwrap_or_default();
        let before = look.at.plus(longest / 6);
        self.transact(|txn| {
            let mut at = look.after.clone().unwrap_or_else(|| Serial::first_of(look.at));
            let (mut found, mut seen) = (Vec::new(), 0);
            loop {
                let page = txn.list::<LedgerEntry>(Some(&at), PAGE)?;
                let more = page.len() == PAGE;
                for (serial, entry) in page {
                    if entry.not_after > before {
                        return Ok(ScanPage { found, after: None });
                    }
                    at.clone_from(&serial);
                    found.extend(near(txn, look, serial, entry)?);
                    seen += 1;
                    if found.len() >= MAX_FOUND {
                        return Ok(ScanPage { found, after: Some(at) });
                    }
                }
                if !more || seen >= MAX_SCANNED {
                    return Ok(ScanPage { found, after: Some(at).filter(|_| more) });
                }
            }
        })
    }

    /// Schedules the first scan unless one is scheduled or no webhook is configured.
    ///
    /// The ledger's first certificate triggers it.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn begin_scan(&self, txn: &mut Txn<'_, K>) -> Result<(), Problem> {
        if !self.ports.settings().sends_notices() || txn.get::<ScanStateRecord>("")?.is_some() {
            return Ok(());
        }
        put_scan_state(txn, &ScanStateRecord { until: None, cursor: None, due: self.ports.now().plus(SCAN_INTERVAL) })
    }

    /// Resumes the scan of a newly loaded ledger. A webhook may have been configured since.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn resume_scan(&self) -> Result<(), Problem> {
        if !self.ports.settings().sends_notices() || self.issuer_of_ledger().is_none() {
            return Ok(());
        }
        self.transact(|txn| match txn.get::<ScanStateRecord>("")? {
            Some(state) => {
                txn.wake_at(state.due);
                Ok(())
            }
            None if txn.list::<LedgerEntry>(None, 1)?.is_empty() => Ok(()),
            None => put_scan_state(txn, &ScanStateRecord { until: None, cursor: None, due: self.ports.now() }),
        })
    }

    /// Runs a step of the scan if it is due. Returns the time of the next step.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) async fn scan_if_due(&self) -> Result<Option<Time>, Problem> {
        let Some(issuer) = self.issuer_of_ledger().filter(|_| self.ports.settings().sends_notices()) else {
            return Ok(None);
        };
        let now = self.ports.now();
        let state = self.transact(|txn| {
            let Some(stored) = txn.get::<ScanStateRecord>("")? else { return Ok(None) };
            let state = stored.clone().at(now, SCAN_INTERVAL);
            if state != stored {
                put_scan_state(txn, &state)?;
            }
            Ok(Some(state))
        })?;
        let Some(state) = state else { return Ok(None) };
        if state.due > now {
            return Ok(Some(state.due));
        }
        let at = state.cursor.as_ref().map_or(now, |cursor| cursor.at);
        let after = state.cursor.as_ref().map(|cursor| cursor.after.clone());
        let ScanPage { found, after } = self.scan_expiring(&ScanExpiring { at, since: state.until, after })?;
        match not_renewed_elsewhere(&self.ports, issuer.id(), found).await {
            Ok(found) => {
                let cursor = after.map(|after| ScanCursor { at, after });
                self.transact(|txn| self.enqueue_found(txn, &state, cursor, at, &found)).map(Some)
            }
            Err(problem) => {
                // Nothing was stored, so the retry repeats this step.
                self.log(&problem);
                Ok(Some(now.plus(RETRY)))
            }
        }
    }

    /// Stores the notices and the cursor of a scan step. Returns the time of the next step.
    fn enqueue_found(
        &self,
        txn: &mut Txn<'_, K>,
        state: &ScanStateRecord,
        cursor: Option<ScanCursor>,
        at: Time,
        found: &[Candidate],
    ) -> Result<Time, Problem> {
        if txn.get::<ScanStateRecord>("")?.as_ref() != Some(state) {
            // A concurrent step was faster and has stored the notices.
            return Ok(state.due);
        }
        let rules = self.rules_to_replace(txn)?;
        for Candidate { id: serial, .. } in found {
            let Some(entry) = txn.get::<LedgerEntry>(serial)? else { continue };
            // The entry may have changed while other ledgers were asked.
            if entry.revoked.is_some() || is_renewed(txn, serial, &entry)? {
                continue;
            }
            let data = self.entry_shown(txn, serial, &entry, &rules)?;
            self.notices().enqueue(
                txn,
                NewNotice { kind: NoticeKind::CertificateEnding, what: &format!("ending-{serial}"), data },
            )?;
        }
        let now = self.ports.now();
        let next = match cursor {
            Some(cursor) => ScanStateRecord { cursor: Some(cursor), due: now, ..state.clone() },
            None => {
                self.enqueue_issuer(txn, state.until, at)?;
                ScanStateRecord { until: Some(at), cursor: None, due: now.plus(SCAN_INTERVAL) }
            }
        };
        put_scan_state(txn, &next)?;
        Ok(next.due)
    }

    /// Stores the notices about the issuer that became due after `since`, up to `at`.
    fn enqueue_issuer(&self, txn: &mut Txn<'_, K>, since: Option<Time>, at: Time) -> Result<(), Problem> {
        let (settings, Some(issuer)) = (self.ports.settings(), self.issuer_of_ledger()) else { return Ok(()) };
        for notice in issuer_notices_due(since, at, &dates(issuer)) {
            if !is_succeeded(settings, issuer, notice.at) {
                let what = format!("issuer-{}-{}-{}", notice.turn.name(), notice.days, issuer.id());
                self.notices().enqueue(
                    txn,
                    NewNotice { kind: NoticeKind::IssuerEnding, what: &what, data: shown(issuer, &notice) },
                )?;
            }
        }
        Ok(())
    }
}

/// Returns the certificate of this serial number, if it matches the scan.
fn near<K: Kv>(
    txn: &Txn<'_, K>,
    look: &ScanExpiring,
    serial: String,
    entry: LedgerEntry,
) -> Result<Option<Candidate>, Problem> {
    let remind = remind_of(&entry);
    let wanted = remind <= look.at && look.since.is_none_or(|since| remind > since) && entry.not_after > look.at;
    if !wanted || entry.revoked.is_some() || is_renewed(txn, &serial, &entry)? {
        return Ok(None);
    }
    Ok(Some(Candidate::of(serial, entry)))
}

fn put_scan_state<K: Kv>(txn: &mut Txn<'_, K>, state: &ScanStateRecord) -> Result<(), Problem> {
    txn.put("", state)?;
    txn.wake_at(state.due);
    Ok(())
}

/// Returns a date of an issuer as the API shows it.
fn shown(issuer: &Issuer, notice: &IssuerNotice) -> Value {
    json!({
        "issuer": issuer.id(), "name": issuer.name(), "turn": notice.turn.name(), "at": notice.at.rfc3339(),
        "days": notice.days, "not_after": issuer.not_after().rfc3339(),
    })
}
