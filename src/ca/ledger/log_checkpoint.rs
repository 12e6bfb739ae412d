//! Checkpoints of a log: signed when asked for, and stored before they are shown.
//!
//! Leaves are written once, and a log that may have lost some is never continued. So the tree of a size is always the same,
//! and so is its checkpoint.

use super::kind::Ledger;
use super::log_reader::{LogReader, ShownLog};
use crate::ca::config::log::LogKey;
use crate::ca::runtime::apart::apart;
use crate::ca::runtime::ports::PartitionPorts;
use crate::records::Problem;
use crate::records::ledger::entry::LedgerEntry;
use crate::records::ledger::log::{CheckpointRecord, LogState, LogsRecord};
use crate::store::Kv;
use crate::tlog::cosignature;
use crate::tlog::note::KeyKind;
use crate::tlog::proof::Proof;
use crate::tlog::{Checkpoint, Hash, Note, VerifierKey};
use crate::values::b64;
use core::time::Duration;
use serde::{Deserialize, Serialize};

/// Asks for the newest checkpoint of a log, signed now if there are new leaves. Replies `None` for an unknown log.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CurrentCheckpoint {
    /// The id of the log.
    pub log: String,
}

/// Asks for the proof that a certificate is in a log.
///
/// Replies `None` for one that is not.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ProveEntry {
    /// The serial number in hex.
    pub serial: String,
}

/// Least time between two checkpoints that only readers of the log ask for.
const INTERVAL: Duration = Duration::from_secs(1);

/// A checkpoint that is to be signed.
struct Unsigned {
    state: LogState,
    size: u64,
    root: Hash,
}

/// The newest checkpoint of a log.
enum Newest {
    /// There is no such log.
    Unknown,
    /// It is signed; `None` for an empty log.
    Signed(Option<CheckpointRecord>),
    /// It is to be signed.
    Unsigned(Box<Unsigned>),
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Ledger<P, K> {
    /// Returns the newest checkpoint of a log. One of at least `least` leaves is signed at once, if there are as many.
    ///
    /// # Errors
    /// When the storage fails, or the checkpoint cannot be signed.
    pub(in crate::ca) async fn checkpoint(&self, log: &str, least: u64) -> Result<Option<CheckpointRecord>, Problem> {
        let Unsigned { state, size, root } = match self.unsigned(log, least)? {
            Newest::Unknown => return Ok(None),
            Newest::Signed(stored) => return Ok(stored),
            Newest::Unsigned(unsigned) => *unsigned,
        };
        let made = apart(self.signed(&state, Checkpoint::new(&state.origin, size, root))).await?;
        self.transact(|txn| {
            let known = LogsRecord::of(txn)?;
            if known.find(log).is_none() {
                return Ok(None);
            }
            match txn.get::<CheckpointRecord>(log)? {
                // A concurrent request was faster.
                Some(newer) if newer.size >= size && is_by_its_keys(&newer, &state) => Ok(Some(newer)),
                _ => {
                    txn.put(log, &made)?;
                    Ok(Some(made))
                }
            }
        })
    }

    /// Signs a checkpoint with the keys of its log.
    async fn signed(&self, state: &LogState, checkpoint: Checkpoint) -> Result<CheckpointRecord, Problem> {
        let signed = self.ports.now();
        let mut note =
            Note::unsigned(checkpoint.to_string()).ok_or_else(|| Problem::internal("a checkpoint is no text"))?;
        let mut keys = Vec::new();
        for (key, public) in self.keys_of(state).await? {
            let Some(message) = cosignature::message(&public, &checkpoint, signed) else { continue };
            let made = self.ports.sign_log(&key, &message).await?;
            note.sign(cosignature::signature(&public, signed, &made));
            keys.push(public.to_string());
        }
        Ok(CheckpointRecord { size: checkpoint.size, root: checkpoint.root, signed, note: note.to_string(), keys })
    }

    /// Returns the keys of a log that `LOG_KEY` belongs to.
    ///
    /// # Errors
    /// When the crypto provider fails.
    async fn keys_of(&self, state: &LogState) -> Result<Vec<(LogKey, VerifierKey)>, Problem> {
        let mut keys = Vec::new();
        for key in LogKey::of(&state.origin, state.own) {
            let Some(public) = self.ports.log_key(&key).await? else { continue };
            let public = VerifierKey::new(&state.origin, key.kind(), &public);
            keys.push((key, public.map_err(|fault| Problem::internal(fault.to_string()))?));
        }
        Ok(keys)
    }

    /// Returns the logs of the issuer.
    ///
    /// # Errors
    /// When the storage or the crypto provider fails.
    pub(in crate::ca) async fn show_logs(&self) -> Result<Vec<ShownLog>, Problem> {
        let logs = self.transact(|txn| {
            let with_checkpoint = |state: LogState| Ok((txn.get::<CheckpointRecord>(&state.id)?, state));
            LogsRecord::of(txn)?.logs.into_iter().map(with_checkpoint).collect::<Result<Vec<_>, Problem>>()
        })?;
        let mut shown = Vec::new();
        for (checkpoint, state) in logs {
            let keys = match (self.signs(&state), &checkpoint) {
                (true, _) => self.keys_of(&state).await?.iter().map(|(_, key)| key.to_string()).collect(),
                (false, Some(checkpoint)) if !checkpoint.keys.is_empty() => checkpoint.keys.clone(),
                (false, _) => shared_key(&state)?,
            };
            shown.push(ShownLog { size: checkpoint.map_or(0, |checkpoint| checkpoint.size), state, keys });
        }
        Ok(shown)
    }

    /// Whether `LOG_KEY` signs for a log.
    fn signs(&self, state: &LogState) -> bool {
        self.ports.settings().log.as_ref().is_some_and(|log| log.key_text() == state.key)
    }

    /// Returns the newest checkpoint of a log.
    fn unsigned(&self, log: &str, least: u64) -> Result<Newest, Problem> {
        let now = self.ports.now();
        self.transact_logging(|txn, open| {
            let Some((state, tail)) = open.find(txn, log)? else { return Ok(Newest::Unknown) };
            let stored = txn.get::<CheckpointRecord>(log)?;
            let right = stored.as_ref().is_none_or(|stored| is_by_its_keys(stored, state));
            let (size, shown) = (tail.size(), stored.as_ref().map_or(0, |stored| stored.size));
            let fresh = stored.as_ref().is_some_and(|stored| stored.signed.is_within(INTERVAL, now));
            let ours = self.signs(state);
            if (right && (size <= shown || (fresh && shown >= least))) || !ours {
                return Ok(Newest::Signed(stored));
            }
            let root = tail.root().ok_or_else(|| super::log::broken(log))?;
            Ok(Newest::Unsigned(Box::new(Unsigned { state: state.clone(), size, root })))
        })
    }

    /// Returns the proof that a certificate is in its log.
    ///
    /// # Errors
    /// When the storage fails, or a checkpoint cannot be signed.
    pub(in crate::ca) async fn prove(&self, serial: &str) -> Result<Option<String>, Problem> {
        let entry = self.transact(|txn| Ok(txn.get::<LedgerEntry>(serial)?))?;
        let Some(place) = entry.and_then(|entry| entry.logged) else { return Ok(None) };
        let least = place.index.saturating_add(1);
        if self.checkpoint(&place.log, least).await?.is_none() {
            return Ok(None);
        }
        // One with a quorum, if there is one: a proof is verified without this CA.
        let witnessed = self.witnessed(&place.log, place.index)?;
        self.read_log(&place.log, |log| {
            let newest = log.checkpoint.as_ref().map(|newest| (newest.size, newest.note.clone()));
            let chosen = witnessed.map(|witnessed| (witnessed.size, witnessed.note)).or(newest);
            chosen.map_or(Ok(None), |(size, note)| prove(log, place.index, (size, &note)))
        })
    }
}

/// Whether a checkpoint was signed by the keys that its log has.
///
/// An earlier release does not know of own keys. Beside this one, after a deployment, it signs with the shared one.
fn is_by_its_keys(stored: &CheckpointRecord, state: &LogState) -> bool {
    !state.own || !stored.keys.is_empty()
}

/// The key of a log that `LOG_KEY` itself signs for; nothing for others.
///
/// # Errors
/// `serverInternal` if the record has no key.
pub fn shared_key(state: &LogState) -> Result<Vec<String>, Problem> {
    if state.own {
        return Ok(Vec::new());
    }
    let broken = || Problem::internal(format!("log {} has no key", state.id));
    let key = b64::decode(&state.key).ok_or_else(broken)?;
    let key = VerifierKey::new(&state.origin, KeyKind::Ed25519, &key);
    Ok(vec![key.map_err(|fault| Problem::internal(fault.to_string()))?.to_string()])
}

/// Writes the proof of a leaf for a checkpoint (<https://c2sp.org/tlog-proof>).
fn prove<K: Kv>(
    log: &mut LogReader<'_, '_, K>,
    index: u64,
    (size, note): (u64, &str),
) -> Result<Option<String>, Problem> {
    let Some(hashes) = log.inclusion(index, size)? else { return Ok(None) };
    let note = Note::parse(note).map_err(|fault| Problem::internal(fault.to_string()))?;
    Ok(Some(Proof { extra: None, index, hashes, note }.to_string()))
}
