//! Taking certificates of other programs into the ledger.

use super::block_key::put_blocked;
use super::kind::Ledger;
use super::log::OpenLog;
use super::lookup::entries_of;
use crate::ca::runtime::jobs::Work;
use crate::ca::runtime::ports::PartitionPorts;
use crate::pki::Serial;
use crate::pki::certificate::sha256;
use crate::pki::serial::LEAF_RANDOM_BYTES;
use crate::records::Problem;
use crate::records::ledger::entry::LedgerEntry;
use crate::records::ledger::imported::ImportedRecord;
use crate::store::{Kv, Txn};
use serde::{Deserialize, Serialize};

/// Takes certificates into the ledger, all of them or none.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ImportCertificates {
    /// The certificates.
    pub certificates: Vec<CertificateToImport>,
    /// Whether nothing is stored: the reply says what would become of them.
    pub check: bool,
}

/// A certificate to be taken into the ledger.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CertificateToImport {
    /// Its entry.
    pub entry: LedgerEntry,
    /// The certificate, DER in base64url.
    pub der: String,
}

/// The outcome for a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fate {
    /// It was taken in.
    Imported,
    /// It was in the ledger, and its revocation is new.
    Revoked,
    /// It was in the ledger.
    Known,
}

/// The id of the entry of an imported certificate. The same certificate has the same one.
fn entry_id(entry: &LedgerEntry) -> String {
    let digest = sha256(entry.tbs_digest.as_bytes());
    let mut random = [0; LEAF_RANDOM_BYTES];
    random.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    Serial::of_leaf(entry.not_after, random).hex()
}

/// Checks that no other certificate has the serial number of this one.
///
/// Two of other CAs may have the same: their issuers differ.
fn collides(new: &LedgerEntry, known: &LedgerEntry) -> bool {
    let issuer = |entry: &LedgerEntry| entry.imported.as_ref().map(|imported| imported.issuer.clone());
    known.imported.is_none() || issuer(known) == issuer(new)
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Ledger<P, K> {
    /// Takes certificates into the ledger, and returns what became of each.
    ///
    /// The keys of those that were revoked as compromised are blocked before it returns, or by a job.
    ///
    /// # Errors
    /// 409 for a serial number that another certificate has: nothing is stored then; when the storage fails.
    pub(in crate::ca) async fn import(&self, asked: &ImportCertificates) -> Result<Vec<Fate>, Problem> {
        let fates = self.transact_logging(|txn, log| {
            let each = asked.certificates.iter().map(|one| self.import_one((txn, log), one, asked.check));
            each.collect::<Result<Vec<_>, _>>()
        })?;
        let stored = asked.certificates.iter().zip(&fates).filter(|(_, fate)| !asked.check && **fate != Fate::Known);
        for (CertificateToImport { entry, .. }, _) in stored.filter(|(one, _)| one.entry.blocks_key()) {
            if let Err(problem) = self.block_key(&entry.key, entry.serial(""), 1).await {
                self.log(&problem);
            }
        }
        Ok(fates)
    }

    fn import_one(
        &self,
        (txn, log): (&mut Txn<'_, K>, &mut OpenLog),
        CertificateToImport { entry, der }: &CertificateToImport,
        check: bool,
    ) -> Result<Fate, Problem> {
        let id = entry_id(entry);
        let serial = entry.serial(&id);
        for (known_id, mut known) in entries_of(txn, serial)? {
            if known.tbs_digest == entry.tbs_digest {
                // A certificate that was issued here is revoked here.
                if known.imported.is_none() || known.revoked.is_some() || entry.revoked.is_none() {
                    return Ok(Fate::Known);
                }
                if !check {
                    known.revoked.clone_from(&entry.revoked);
                    self.enter_revocation((txn, log), &known_id, &known)?;
                }
                return Ok(Fate::Revoked);
            }
            if collides(entry, &known) {
                return Err(taken(serial));
            }
        }
        if txn.has::<LedgerEntry>(&id)? {
            return Err(taken(&id));
        }
        if check {
            return Ok(Fate::Imported);
        }
        txn.put(&id, entry)?;
        txn.put(&ImportedRecord::id(serial, &id), &ImportedRecord { der: der.clone() })?;
        self.add_to_shard(txn, entry)?;
        match entry.revoked {
            Some(_) => self.enter_revocation((txn, log), &id, entry)?,
            None => self.add_to_inventory(txn, &id, entry)?,
        }
        self.begin_scan(txn)?;
        Ok(Fate::Imported)
    }

    /// Stores a revoked entry with its leaf, CRL entry and blocking job.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn enter_revocation(
        &self,
        (txn, log): (&mut Txn<'_, K>, &mut OpenLog),
        id: &str,
        entry: &LedgerEntry,
    ) -> Result<(), Problem> {
        txn.put(id, entry)?;
        if entry.foreign().is_none() {
            self.log_revocation(txn, log, entry.serial(id), entry)?;
            self.add_revocation(txn, id, entry)?;
        }
        if entry.blocks_key() {
            // In the transaction of the revocation, so that the key gets blocked even after a crash.
            put_blocked(txn, &entry.key)?;
            self.begin(txn, Work::Block(entry.key.clone(), entry.serial(id).to_owned()), 0)?;
        }
        Ok(())
    }
}

fn taken(serial: &str) -> Problem {
    let detail = format!(
        "Another certificate of the same issuer has the serial number {serial} here. Two of one issuer never have the same; \
         leave out the wrong one. Nothing of this request was imported."
    );
    Problem::malformed(detail).with_status(409)
}
