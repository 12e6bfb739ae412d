//! The transparency log of an issuer, in its ledger.
//!
//! A leaf is written in the transaction of what it records: that of a certificate together with the certificate's entry,
//! before the signature. A log has a random id, so that a ledger which lost rows never continues an old one. Full tiles
//! are stored later, by the alarm.

use super::kind::Ledger;
use crate::ca::config::log::Log;
use crate::ca::runtime::ports::PartitionPorts;
use crate::records::Problem;
use crate::records::acme::certificate::LogPlace;
use crate::records::ledger::log::{ClosedLog, LeafRecord, LogState, LogsRecord};
use crate::records::ledger::log_tail::{LogTail, TILE};
use crate::store::{Kv, Txn};
use crate::tlog::entry::{Entry, Kind, LoggedPredecessor};
use crate::tlog::tree::leaf_hash;
use crate::values::{b64, hex};
use core::time::Duration;
use serde::Serialize;

/// The longest time after which the alarm looks for full tiles. Other alarms usually come earlier, and do it too.
pub(in crate::ca) const TILING: Duration = Duration::from_secs(86_400);

/// The logs of a ledger within a transaction.
#[derive(Debug, Default)]
pub(in crate::ca) struct OpenLog {
    /// The record, once it was read.
    logs: Option<LogsRecord>,
    /// The end of the open log, once it is known.
    tail: Option<LogTail>,
    /// The end of a closed log, once it was read.
    closed: Option<LogTail>,
}

impl OpenLog {
    /// Returns the logs.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn logs<K: Kv>(&mut self, txn: &Txn<'_, K>) -> Result<&mut LogsRecord, Problem> {
        let logs = match self.logs.take() {
            Some(known) => known,
            None => LogsRecord::of(txn)?,
        };
        Ok(self.logs.insert(logs))
    }

    /// Returns a log with its end; `None` for an unknown one.
    ///
    /// # Errors
    /// When the storage fails; for a log whose rows have a gap.
    pub fn find<K: Kv>(&mut self, txn: &Txn<'_, K>, id: &str) -> Result<Option<(&LogState, &LogTail)>, Problem> {
        self.logs(txn)?;
        let Some(state) = self.logs.as_ref().and_then(|logs| logs.find(id)) else { return Ok(None) };
        let known = if state.closed.is_none() { &mut self.tail } else { &mut self.closed };
        let tail = match known.take().filter(|tail| tail.follows(state)) {
            Some(tail) => tail,
            None => tail_of(txn, state)?,
        };
        Ok(Some((state, known.insert(tail))))
    }

    /// Returns the end of the open log in memory, if it follows the stored tiles.
    pub fn known_tail(&mut self, state: &LogState) -> Option<&mut LogTail> {
        self.tail.as_mut().filter(|tail| state.closed.is_none() && tail.follows(state))
    }

    /// Changes the state of the open log, and stores it.
    ///
    /// # Errors
    /// When the storage fails; without an open log.
    pub fn change<K: Kv>(&mut self, txn: &mut Txn<'_, K>, change: impl FnOnce(&mut LogState)) -> Result<(), Problem> {
        let logs = self.logs(txn)?;
        change(logs.open_mut().ok_or_else(no_log)?);
        Ok(txn.put("", logs)?)
    }

    /// Adds an entry to the open log. Returns its place.
    ///
    /// # Errors
    /// When the storage fails; without an open log.
    pub fn put<K: Kv>(&mut self, txn: &mut Txn<'_, K>, entry: Entry<'_>) -> Result<LogPlace, Problem> {
        let id = self.logs(txn)?.open().ok_or_else(no_log)?.id.clone();
        self.find(txn, &id)?;
        let tail = self.tail.as_mut().ok_or_else(no_log)?;
        let index = put_leaf(txn, tail, entry)?;
        Ok(LogPlace { log: id, index })
    }
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Ledger<P, K> {
    /// Runs a transaction that can add leaves to the log.
    ///
    /// The log's end in memory is that of committed transactions: a failed one drops it, and it is read again.
    ///
    /// # Errors
    /// Those of [`Partition::transact`](crate::ca::runtime::partition::Partition::transact).
    pub(in crate::ca) fn transact_logging<T>(
        &self,
        act: impl FnOnce(&mut Txn<'_, K>, &mut OpenLog) -> Result<T, Problem>,
    ) -> Result<T, Problem> {
        let mut log = OpenLog { tail: self.running.log.take(), ..OpenLog::default() };
        let value = self.transact(|txn| act(txn, &mut log))?;
        self.running.log.replace(log.tail);
        Ok(value)
    }

    /// Adds an entry to the open log, which begins with its first one. Returns its place; `None` without a log.
    ///
    /// # Errors
    /// When the storage fails; without randomness.
    pub(in crate::ca) fn append(
        &self,
        txn: &mut Txn<'_, K>,
        log: &mut OpenLog,
        entry: Entry<'_>,
    ) -> Result<Option<LogPlace>, Problem> {
        match self.opened(txn, log)? {
            true => log.put(txn, entry).map(Some),
            false => Ok(None),
        }
    }

    /// Makes sure that a log is open which the settings continue: without one it begins. `false` without a log.
    ///
    /// # Errors
    /// When the storage fails; without randomness.
    pub(in crate::ca) fn opened(&self, txn: &mut Txn<'_, K>, log: &mut OpenLog) -> Result<bool, Problem> {
        let Some(settings) = &self.ports.settings().log else { return Ok(false) };
        if !self.continues(txn, log)? {
            self.close(txn)?;
            *log = OpenLog::default();
            self.begin_log(txn, log, settings)?;
        }
        self.put_issuer_leaf(txn, log)?;
        Ok(true)
    }

    /// Whether the settings continue the open log, if there is one.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn continues(&self, txn: &Txn<'_, K>, log: &mut OpenLog) -> Result<bool, Problem> {
        let settings = self.ports.settings().log.as_ref();
        Ok(settings.zip(log.logs(txn)?.open()).is_some_and(|(settings, open)| self.continues_log(open, settings)))
    }

    fn continues_log(&self, open: &LogState, settings: &Log) -> bool {
        let urls = &self.ports.settings().urls;
        open.key == settings.key_text() && open.origin == urls.log_origin(&self.issuer, &open.id)
    }

    /// Closes the open log, if any: it takes no more leaves.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn close(&self, txn: &mut Txn<'_, K>) -> Result<(), Problem> {
        let Some(mut logs) = txn.get::<LogsRecord>("")? else { return Ok(()) };
        let Some(open) = logs.open() else { return Ok(()) };
        let tail = tail_of(txn, open)?;
        let root = tail.root().ok_or_else(|| broken(&tail.log))?;
        if let Some(open) = logs.logs.last_mut() {
            open.closed = Some(ClosedLog { at: self.ports.now(), size: tail.size(), root });
        }
        Ok(txn.put("", &logs)?)
    }

    /// Begins a log. Its first entry names the one before it.
    fn begin_log(&self, txn: &mut Txn<'_, K>, log: &mut OpenLog, settings: &Log) -> Result<(), Problem> {
        let logs = log.logs(txn)?;
        let id = hex::encode(&self.ports.random::<4>()?);
        if logs.find(&id).is_some() {
            return Err(Problem::internal(format!("a new log would have the id {id} of an earlier one")));
        }
        let before = logs.logs.last().and_then(|log| {
            let ClosedLog { size, root, .. } = log.closed.as_ref()?;
            Some(LoggedPredecessor { origin: log.origin.clone(), size: *size, root: *root })
        });
        logs.logs.push(LogState {
            origin: self.ports.settings().urls.log_origin(&self.issuer, &id),
            id,
            key: settings.key_text(),
            own: true,
            begun: self.ports.now(),
            closed: None,
            tiled: 0,
            peaks: Vec::new(),
            least: 0,
            issuer: None,
            policy: None,
            last_policy: None,
        });
        txn.put("", logs)?;
        txn.wake_at(self.ports.now().plus(TILING));
        if let Some(before) = before {
            log.put(txn, Entry { kind: Kind::Predecessor, body: &json(&before)? })?;
        }
        Ok(())
    }

    /// Adds the issuer's certificate if the log does not have it last.
    fn put_issuer_leaf(&self, txn: &mut Txn<'_, K>, log: &mut OpenLog) -> Result<(), Problem> {
        let Some(issuer) = self.issuer_of_ledger() else { return Ok(()) };
        let (digest, last) =
            (issuer.certificate_digest(), log.logs(txn)?.open().and_then(|open| open.issuer.as_deref()));
        if last == Some(digest) {
            return Ok(());
        }
        log.change(txn, |state| state.issuer = Some(digest.to_owned()))?;
        log.put(txn, Entry { kind: Kind::Issuer, body: issuer.certificate_der() }).map(drop)
    }
}

/// Stores a leaf. Returns its index.
fn put_leaf<K: Kv>(txn: &mut Txn<'_, K>, tail: &mut LogTail, entry: Entry<'_>) -> Result<u64, Problem> {
    if !entry.fits() {
        return Err(Problem::internal(format!("an entry of kind {} is too long for the log", entry.kind)));
    }
    let bytes = entry.octets();
    let (index, hash) = (tail.size(), leaf_hash(&bytes));
    let id = LeafRecord::id(&tail.log, index);
    if txn.has::<LeafRecord>(&id)? {
        // Two entries of one index would be two trees of one size.
        return Err(Problem::internal(format!("leaf {id} exists already")));
    }
    txn.put(&id, &LeafRecord { hash, entry: Some(b64::encode(&bytes)) })?;
    tail.push(hash);
    Ok(index)
}

/// Reads the end of a log from its rows: all leaves after its stored tiles.
///
/// # Errors
/// When the storage fails; for a log whose rows have a gap.
pub(in crate::ca) fn tail_of<K: Kv>(txn: &Txn<'_, K>, state: &LogState) -> Result<LogTail, Problem> {
    let mut tail = LogTail::after_tiles(state);
    while read_leaves(txn, &mut tail)? {}
    Ok(tail)
}

/// Reads the next leaves of a log, at most a tile. Returns whether there were as many.
///
/// # Errors
/// When the storage fails; for a log whose rows have a gap.
pub(in crate::ca) fn read_leaves<K: Kv>(txn: &Txn<'_, K>, tail: &mut LogTail) -> Result<bool, Problem> {
    let after = tail.size().checked_sub(1).map(LeafRecord::index);
    let leaves = txn.list_below::<LeafRecord>(&tail.log, after.as_deref(), TILE)?;
    let full = leaves.len() == TILE;
    for (index, leaf) in leaves {
        if index != LeafRecord::index(tail.size()) {
            return Err(broken(&tail.log));
        }
        tail.push(leaf.hash);
    }
    Ok(full)
}

/// The JSON body of an entry.
///
/// # Errors
/// `serverInternal` for a value that JSON cannot represent.
pub(in crate::ca) fn json(body: &impl Serialize) -> Result<Vec<u8>, Problem> {
    serde_json::to_vec(body).map_err(|error| Problem::internal(error.to_string()))
}

/// The problem of an entry without a log.
fn no_log() -> Problem {
    Problem::internal("an entry has no open log")
}

/// The problem of a log whose rows do not fit together.
pub(in crate::ca) fn broken(log: &str) -> Problem {
    Problem::internal(format!("the rows of log {log} do not fit together"))
}
