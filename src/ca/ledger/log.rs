//! The transparency log of an issuer, in its ledger.
//!
//! A leaf is written in the transaction of what it records: that of a certificate together with the certificate's entry,
//! before the signature. A log has a random id, so that a ledger which lost rows never continues an old one.

use super::kind::Ledger;
use crate::ca::config::log::Log;
use crate::ca::runtime::ports::PartitionPorts;
use crate::records::Problem;
use crate::records::acme::certificate::LogPlace;
use crate::records::ledger::log::{ClosedLog, LeafRecord, LogState, LogsRecord, SubtreeRecord, TileRecord};
use crate::records::ledger::log_tail::{FullTile, LogTail, TILE};
use crate::store::{Kv, Txn};
use crate::tlog::entry::{Entry, Kind, LoggedPredecessor};
use crate::tlog::tree::leaf_hash;
use crate::values::{b64, hex};
use serde::Serialize;
use sha2::{Digest, Sha256};

/// The log of a ledger within a transaction.
#[derive(Debug, Default)]
pub(in crate::ca) struct OpenLog {
    /// Its end, once it is known.
    tail: Option<LogTail>,
}

impl OpenLog {
    /// Returns the end of a log.
    ///
    /// # Errors
    /// When the storage fails; for a log whose rows have a gap.
    pub fn tail<K: Kv>(&mut self, txn: &Txn<'_, K>, state: &LogState) -> Result<LogTail, Problem> {
        if let Some(known) = self.tail.as_ref().filter(|tail| tail.log == state.id && tail.tiled == state.tiled) {
            return Ok(known.clone());
        }
        let read = tail_of(txn, state)?;
        if state.closed.is_none() {
            self.tail = Some(read.clone());
        }
        Ok(read)
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
        let mut log = OpenLog { tail: self.running.log.take() };
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
        let Some(settings) = &self.ports.settings().log else { return Ok(None) };
        let mut tail = self.opened(txn, log, settings)?;
        let index = put_leaf(txn, &mut tail, entry)?;
        let place = LogPlace { log: tail.log.clone(), index };
        log.tail = Some(tail);
        Ok(Some(place))
    }

    /// Returns the end of the open log. Without one that the settings continue, a log begins.
    fn opened(&self, txn: &mut Txn<'_, K>, log: &mut OpenLog, settings: &Log) -> Result<LogTail, Problem> {
        let logs = LogsRecord::of(txn)?;
        let mut tail = match logs.open().filter(|open| self.continues_log(open, settings)) {
            Some(open) => log.tail(txn, open)?,
            None => {
                self.close(txn)?;
                self.begin_log(txn, settings)?
            }
        };
        self.put_issuer_leaf(txn, &mut tail)?;
        Ok(tail)
    }

    /// Whether the settings continue the open log, if there is one.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn continues(&self, txn: &Txn<'_, K>) -> Result<bool, Problem> {
        let logs = LogsRecord::of(txn)?;
        let settings = self.ports.settings().log.as_ref();
        Ok(settings.zip(logs.open()).is_some_and(|(settings, open)| self.continues_log(open, settings)))
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
    fn begin_log(&self, txn: &mut Txn<'_, K>, settings: &Log) -> Result<LogTail, Problem> {
        let mut logs = LogsRecord::of(txn)?;
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
            id: id.clone(),
            key: settings.key_text(),
            own: true,
            begun: self.ports.now(),
            closed: None,
            tiled: 0,
            peaks: Vec::new(),
            least: 0,
            issuer: None,
            policy: None,
        });
        txn.put("", &logs)?;
        let mut tail = LogTail { log: id, ..LogTail::default() };
        if let Some(before) = before {
            put_leaf(txn, &mut tail, Entry { kind: Kind::Predecessor, body: &json(&before)? })?;
        }
        Ok(tail)
    }

    /// Adds the issuer's certificate if the log does not have it last.
    fn put_issuer_leaf(&self, txn: &mut Txn<'_, K>, tail: &mut LogTail) -> Result<(), Problem> {
        let Some(issuer) = self.issuer_of_ledger() else { return Ok(()) };
        let der = issuer.certificate_der();
        let digest = b64::encode(&Sha256::digest(der));
        let mut logs = LogsRecord::of(txn)?;
        let Some(state) = logs.find_mut(&tail.log).filter(|state| state.issuer.as_ref() != Some(&digest)) else {
            return Ok(());
        };
        state.issuer = Some(digest);
        txn.put("", &logs)?;
        put_leaf(txn, tail, Entry { kind: Kind::Issuer, body: der }).map(drop)
    }
}

/// Stores a leaf, and the tile that it makes full. Returns its index.
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
    if let Some(full) = tail.push(hash) {
        put_tile(txn, tail, &full)?;
    }
    Ok(index)
}

/// Stores a full tile with its subtrees, and the state of the log.
fn put_tile<K: Kv>(txn: &mut Txn<'_, K>, tail: &LogTail, full: &FullTile) -> Result<(), Problem> {
    let hashes: Vec<u8> = full.hashes.iter().flat_map(|hash| *hash.as_bytes()).collect();
    txn.put(&TileRecord::id(&tail.log, full.number), &TileRecord { hashes: b64::encode(&hashes) })?;
    for (level, number, hash) in &full.subtrees {
        txn.put(&SubtreeRecord::id(&tail.log, *level, *number), &SubtreeRecord { hash: *hash })?;
    }
    let mut logs = LogsRecord::of(txn)?;
    let state = logs.find_mut(&tail.log).ok_or_else(|| broken(&tail.log))?;
    (state.tiled, state.peaks) = (tail.tiled, tail.peaks.clone());
    Ok(txn.put("", &logs)?)
}

/// Reads the end of a log from its rows.
///
/// # Errors
/// When the storage fails; for a log whose rows have a gap.
pub(in crate::ca) fn tail_of<K: Kv>(txn: &Txn<'_, K>, state: &LogState) -> Result<LogTail, Problem> {
    let after = state.tiled.checked_sub(1).map(LeafRecord::index);
    let leaves = txn.list_below::<LeafRecord>(&state.id, after.as_deref(), TILE)?;
    let mut tail =
        LogTail { log: state.id.clone(), tiled: state.tiled, peaks: state.peaks.clone(), hashes: Vec::new() };
    for (index, leaf) in leaves {
        if index != LeafRecord::index(tail.size()) {
            return Err(broken(&state.id));
        }
        tail.hashes.push(leaf.hash);
    }
    Ok(tail)
}

/// The JSON body of an entry.
///
/// # Errors
/// `serverInternal` for a value that JSON cannot represent.
pub(in crate::ca) fn json(body: &impl Serialize) -> Result<Vec<u8>, Problem> {
    serde_json::to_vec(body).map_err(|error| Problem::internal(error.to_string()))
}

/// The problem of a log whose rows do not fit together.
pub(in crate::ca) fn broken(log: &str) -> Problem {
    Problem::internal(format!("the rows of log {log} do not fit together"))
}
