//! The file of a backup under way: compressed, encrypted, and cut into objects.
//!
//! Each step compresses its lines for themselves, so that the next one needs no more than the octets that are left over.
//! Sealed octets are stored before they leave: no chunk is ever sealed twice with different contents.

use crate::ca::runtime::archive::{digest_of, state_of};
use crate::records::Problem;
use crate::records::operations::backup::{BackupBytes, BackupRun};
use crate::store::{Kv, Txn};
use crate::values::age::{CHUNK, PayloadKey};
use crate::values::{b64, hex};
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};
use std::io::Write;

/// Octets from which compressed ones are sealed, and sealed ones go into an object.
pub const OBJECT: usize = 256 * 1024;

/// The octets of a run that are not in the bucket yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bytes {
    /// Compressed ones that are not sealed yet.
    pub plain: Vec<u8>,
    /// Sealed ones.
    pub sealed: Vec<u8>,
}

fn broken(what: &str) -> Problem {
    Problem::internal(format!("the record of the backup under way has {what} that cannot be read"))
}

fn load<K: Kv>(txn: &Txn<'_, K>, which: &str) -> Result<Vec<u8>, Problem> {
    let Some(stored) = txn.get::<BackupBytes>(which)? else { return Ok(Vec::new()) };
    b64::decode(&stored.bytes).ok_or_else(|| broken("octets"))
}

fn store<K: Kv>(txn: &mut Txn<'_, K>, which: &str, bytes: &[u8]) -> Result<(), Problem> {
    match bytes.is_empty() {
        false => txn.put(which, &BackupBytes { bytes: b64::encode(bytes) })?,
        true => txn.delete::<BackupBytes>(which),
    }
    Ok(())
}

impl Bytes {
    /// Reads those that are stored.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn load<K: Kv>(txn: &Txn<'_, K>) -> Result<Self, Problem> {
        Ok(Self { plain: load(txn, "plain")?, sealed: load(txn, "sealed")? })
    }

    /// Stores those that differ from earlier ones.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn store<K: Kv>(&self, txn: &mut Txn<'_, K>, before: &Self) -> Result<(), Problem> {
        for (which, bytes, was) in [("plain", &self.plain, &before.plain), ("sealed", &self.sealed, &before.sealed)] {
            if bytes != was {
                store(txn, which, bytes)?;
            }
        }
        Ok(())
    }

    /// Deletes all.
    pub fn clear<K: Kv>(txn: &mut Txn<'_, K>) {
        ["plain", "sealed"].into_iter().for_each(|which| txn.delete::<BackupBytes>(which));
    }

    /// Adds lines, and seals whole chunks once there are many. `last` seals all.
    ///
    /// # Errors
    /// When the cipher fails.
    pub fn add(&mut self, run: &mut BackupRun, lines: &str, last: bool) -> Result<(), Problem> {
        self.plain.extend(compressed(lines)?);
        if self.plain.len() < OBJECT && !last {
            return Ok(());
        }
        let key = hex::decode(&run.key).and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| broken("a key"))?;
        let key = PayloadKey::of(key);
        let mut rest = self.plain.as_slice();
        // The last chunk is known only when nothing follows, and may be a whole one.
        while rest.len() > CHUNK || (last && !rest.is_empty()) {
            let (chunk, left) = rest.split_at(rest.len().min(CHUNK));
            self.sealed.extend(key.seal(run.chunk, last && left.is_empty(), chunk)?);
            run.chunk = run.chunk.saturating_add(1);
            rest = left;
        }
        self.plain = rest.to_vec();
        Ok(())
    }

    /// Takes the sealed octets for an object: when there are many, or at the end.
    pub fn object(&self, last: bool) -> Option<&[u8]> {
        (self.sealed.len() >= OBJECT || (last && !self.sealed.is_empty())).then_some(&self.sealed)
    }
}

fn compressed(lines: &str) -> Result<Vec<u8>, Problem> {
    if lines.is_empty() {
        return Ok(Vec::new());
    }
    let mut to = GzEncoder::new(Vec::new(), Compression::default());
    let done = to.write_all(lines.as_bytes()).and_then(|()| to.finish());
    done.map_err(|error| Problem::internal(format!("lines of a backup cannot be compressed: {error}")))
}

/// Returns the SHA-256 over the objects of a run.
///
/// # Errors
/// When its state cannot be read.
pub fn file_digest(run: &BackupRun) -> Result<Sha256, Problem> {
    digest_of(&run.file).ok_or_else(|| broken("a digest"))
}

/// Counts an object that is in the bucket.
///
/// # Errors
/// As [`file_digest`].
pub fn count_object(run: &mut BackupRun, bytes: &[u8]) -> Result<(), Problem> {
    let digest = file_digest(run)?.chain_update(bytes);
    run.file = state_of(&digest);
    run.object = run.object.saturating_add(1);
    run.octets = run.octets.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
    Ok(())
}
