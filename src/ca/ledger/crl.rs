//! The CRLs of an issuer, one for each shard of its certificates.
//!
//! The issuer's ledger stores them. The first CRL of a shard is signed with the shard's first certificate. The next one
//! follows a day later, or within seconds of a revocation, until the shard's last certificate has expired. It is signed
//! by the ledger's alarm, or by a request for a CRL that is due.

use super::kind::Ledger;
use super::log::OpenLog;
use crate::ca::runtime::ports::PartitionPorts;
use crate::ca::runtime::problems::lint_failed;
use crate::pki::{CrlEntry, CrlRequest, Issuer, Serial, crl, lint};
use crate::records::Problem;
use crate::records::acme::certificate::LogPlace;
use crate::records::ledger::crl::{BACKDATE, CrlPieceRecord, CrlRecord, RENEWED, RevokedRecord, ShardRecord, VALIDITY};
use crate::records::ledger::entry::LedgerEntry;
use crate::records::ledger::imported::COMPLETE;
use crate::store::{Kv, Txn};
use crate::values::{Time, b64};
use core::time::Duration;
use serde::{Deserialize, Serialize};

/// Asks for the CRL of a shard; replies `None` for a shard without certificates.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CurrentCrl {
    /// The shard.
    pub shard: u16,
}

/// Lists the CRLs from this shard on, as many as fit into a reply.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ListCrls {
    /// The first shard.
    pub from: u16,
}

/// CRLs of some shards.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CrlPage {
    /// Each in DER, base64url.
    pub lists: Vec<String>,
    /// The first shard of the next page.
    pub next: Option<u16>,
}

/// Lease of a CRL that is being signed. Signing starts again when it expires.
const LEASE: Duration = Duration::from_secs(30);

/// Number of records per read.
const PAGE: usize = 500;

/// Size at which a reply takes no further CRL, in bytes of base64url.
const MAX_REPLY_SIZE: usize = 4 * 1024 * 1024;

/// A CRL that is about to be signed.
struct Begun {
    shard: u16,
    number: u64,
    /// Expiry of the lease.
    lease: Time,
    /// The URLs that it names.
    urls: Vec<String>,
    entries: Vec<CrlEntry>,
    /// The expiry of the certificates that have expired, by serial number.
    expired: Vec<(String, Time)>,
    /// The end of the open log when the entries were collected.
    logged: Option<LogPlace>,
}

/// The entries of a list.
#[derive(Default)]
struct Entries {
    all: Vec<CrlEntry>,
    /// The number of those of the shard itself.
    own: usize,
    expired: Vec<(String, Time)>,
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Ledger<P, K> {
    /// Updates the shard of a new certificate.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn add_to_shard(&self, txn: &mut Txn<'_, K>, entry: &LedgerEntry) -> Result<(), Problem> {
        let Some(shard) = entry.shard else { return Ok(()) };
        let (name, url) = (shard.to_string(), self.scope_of(shard));
        let found = txn.get::<ShardRecord>(&name)?;
        let changed = ShardRecord::with_certificate(found, entry.not_after, url.as_deref(), self.ports.now());
        if let Some(changed) = changed {
            put_shard(txn, &name, &changed)?;
        }
        Ok(())
    }

    /// Adds a revoked certificate to its shard's next CRL.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn add_revocation(
        &self,
        txn: &mut Txn<'_, K>,
        serial: &str,
        entry: &LedgerEntry,
    ) -> Result<(), Problem> {
        let (Some(shard), Some(revocation)) = (entry.shard, &entry.revoked) else { return Ok(()) };
        let record = RevokedRecord { at: revocation.at, reason: revocation.reason, not_after: entry.not_after };
        txn.put(&format!("{shard}/{}", entry.serial(serial)), &record)?;
        if !self.list_again(txn, shard)? {
            self.add_to_shard(txn, entry)?;
        }
        if shard != COMPLETE {
            self.list_again(txn, COMPLETE)?;
        }
        Ok(())
    }

    /// Makes the list of a shard due for a revocation. Returns whether there is one.
    fn list_again(&self, txn: &mut Txn<'_, K>, shard: u16) -> Result<bool, Problem> {
        let name = shard.to_string();
        let Some(found) = txn.get::<ShardRecord>(&name)? else { return Ok(false) };
        let gathering = self.ports.settings().crl_gathering;
        put_shard(txn, &name, &found.with_revocation(self.ports.now(), gathering))?;
        Ok(true)
    }

    /// Returns the URL that the list of a shard names; `None` for the complete one.
    fn scope_of(&self, shard: u16) -> Option<String> {
        self.url_of(shard).filter(|_| shard != COMPLETE)
    }

    /// Returns the CRL of a shard, signed now if it is due.
    ///
    /// # Errors
    /// When the CRL cannot be signed and no unexpired one is stored.
    pub(in crate::ca) async fn current_crl(&self, shard: u16) -> Result<Option<CrlRecord>, Problem> {
        let name = shard.to_string();
        let (found, list) = self.transact(|txn| Ok((txn.get::<ShardRecord>(&name)?, stored_list(txn, &name)?)))?;
        let Some(due) = found.and_then(|found| self.due_of(&found)) else { return Ok(list) };
        // Without a stored CRL, the first one is signed here even during another signer's lease.
        if due > self.ports.now() && list.is_some() {
            return Ok(list);
        }
        match (self.sign_list(shard).await, list) {
            (Ok(()), _) => self.transact(|txn| stored_list(txn, &name)),
            (Err(problem), Some(list)) if list.next_update > self.ports.now() => {
                self.log(&problem);
                Ok(Some(list))
            }
            (Err(problem), _) => Err(problem),
        }
    }

    /// Returns the CRLs from this shard on, as many as fit, and the next shard.
    ///
    /// CRLs that are due are signed now. An expired one that cannot be signed is left out: the others are valid
    /// without it.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) async fn lists(&self, from: u16) -> Result<CrlPage, Problem> {
        let mut shards: Vec<u16> = self.standing()?.into_iter().map(|(shard, _)| shard).collect();
        shards.sort_unstable();
        let (mut lists, mut size) = (Vec::new(), 0);
        for shard in shards.into_iter().filter(|shard| *shard >= from) {
            if size > MAX_REPLY_SIZE {
                return Ok(CrlPage { lists, next: Some(shard) });
            }
            let list = self.current_crl(shard).await.unwrap_or_else(|problem| {
                self.log(&problem);
                None
            });
            if let Some(list) = list.filter(|list| list.next_update > self.ports.now()) {
                size += list.der.len();
                lists.push(list.der);
            }
        }
        Ok(CrlPage { lists, next: None })
    }

    /// Sets the alarm for the next CRL.
    ///
    /// The configuration may have changed since the ledger was last in memory.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn expect_lists(&self) -> Result<(), Problem> {
        if self.issuer_of_ledger().is_some()
            && let Some(due) = self.next_due()?
        {
            self.ports.wake_at(due);
        }
        Ok(())
    }

    /// Signs the CRLs that are due. Returns when the next one is due; a failed one is retried after its lease.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) async fn renew_lists(&self) -> Result<Option<Time>, Problem> {
        if self.issuer_of_ledger().is_none() {
            return Ok(None);
        }
        for (shard, record) in self.standing()? {
            if self.due_of(&record).is_some_and(|due| due <= self.ports.now())
                && let Err(problem) = self.sign_list(shard).await
            {
                self.log(&problem);
            }
        }
        self.next_due()
    }

    /// Returns when the CRL of a shard is due. After the issuer's expiry none is signed.
    fn due_of(&self, shard: &ShardRecord) -> Option<Time> {
        let now = self.ports.now();
        let works = self.issuer_of_ledger().is_some_and(|issuer| issuer.check_time(now).is_ok());
        if works { shard.due_at(now) } else { shard.due }
    }

    fn next_due(&self) -> Result<Option<Time>, Problem> {
        Ok(self.standing()?.iter().filter_map(|(_, shard)| self.due_of(shard)).min())
    }

    /// Signs and stores the CRL of a shard. Its number is stored before it is signed, so no two CRLs share a number.
    async fn sign_list(&self, shard: u16) -> Result<(), Problem> {
        let missing = || Problem::internal("a CRL is due, but its issuer or STATUS_URL is no longer configured");
        let (Some(issuer), Some(_)) = (self.issuer_of_ledger(), self.url_of(shard)) else { return Err(missing()) };
        let now = self.ports.now();
        let Some(begun) = self.transact_logging(|txn, log| self.begin_list((txn, log), issuer, shard, now))? else {
            return Ok(());
        };
        let this_update = now.minus(BACKDATE).max(issuer.not_before());
        let next_update = now.plus(VALIDITY).min(issuer.not_after());
        let (number, urls, entries) = (begun.number, &begun.urls, &begun.entries);
        let complete = shard == COMPLETE;
        let request = CrlRequest { issuer, number, this_update, next_update, urls, complete, entries };
        let tbs = crl::build_tbs(&request).map_err(|fault| Problem::internal(fault.to_string()))?;
        let linted = lint::crl::check(&tbs, &request).map_err(|faults| lint_failed("CRL", &faults))?;
        let signature = self.ports.sign(issuer, linted.as_bytes()).await?;
        let der = crl::assemble(&linted, &signature).map_err(|fault| Problem::internal(fault.to_string()))?;
        let list = CrlRecord { number, entries: begun.entries.len(), next_update, der: b64::encode(&der), pieces: 0 };
        self.transact_logging(|txn, log| self.finish_list((txn, log), &begun, list, now))
    }

    /// Assigns the number of a CRL and collects its entries. Returns `None` if no CRL is needed.
    fn begin_list(
        &self,
        (txn, log): (&mut Txn<'_, K>, &mut OpenLog),
        issuer: &Issuer,
        shard: u16,
        now: Time,
    ) -> Result<Option<Begun>, Problem> {
        let name = shard.to_string();
        let Some(record) = txn.get::<ShardRecord>(&name)? else { return Ok(None) };
        let entries = revoked_in(txn, shard, now)?;
        // Lists follow the last expiry until every entry was listed after its expiry.
        if (record.is_over(now) && entries.own == 0) || issuer.check_time(now).is_err() {
            txn.put(&name, &ShardRecord { due: None, ..record })?;
            return Ok(None);
        }
        let (number, lease) = (record.next_number(now), now.plus(LEASE));
        let record = ShardRecord { number, due: Some(lease), ..record }.served_at(self.scope_of(shard).as_deref());
        put_shard(txn, &name, &record)?;
        let (Entries { all: entries, expired, .. }, urls) = (entries, record.urls);
        Ok(Some(Begun { shard, number, lease, urls, entries, expired, logged: self.log_end(txn, log)? }))
    }

    /// Stores a CRL, and its leaf, unless a newer one is stored. Drops entries that it lists for the last time.
    ///
    /// A revocation during signing keeps its due time.
    fn finish_list(
        &self,
        (txn, log): (&mut Txn<'_, K>, &mut OpenLog),
        begun: &Begun,
        list: CrlRecord,
        now: Time,
    ) -> Result<(), Problem> {
        let name = begun.shard.to_string();
        let (Some(record), present) = (txn.get::<ShardRecord>(&name)?, txn.get::<CrlRecord>(&name)?) else {
            return Ok(());
        };
        if present.is_some_and(|present| present.number > list.number) {
            return Ok(());
        }
        let due = if record.due == Some(begun.lease) { Some(now.plus(RENEWED)) } else { record.due };
        let (next_update, entries) = (Some(list.next_update), list.entries);
        self.log_list(txn, log, (begun.shard, &list, begun.logged.as_ref()))?;
        put_list(txn, &name, list)?;
        let record = ShardRecord { due, entries, next_update, ..record }.signed_at(now).without_ended_urls();
        for (serial, not_after) in &begun.expired {
            if record.may_drop(*not_after) {
                txn.delete::<RevokedRecord>(&format!("{name}/{serial}"));
            }
        }
        put_shard(txn, &name, &record)
    }
}

fn put_shard<K: Kv>(txn: &mut Txn<'_, K>, name: &str, shard: &ShardRecord) -> Result<(), Problem> {
    txn.put(name, shard)?;
    if let Some(due) = shard.due {
        txn.wake_at(due);
    }
    Ok(())
}

/// Returns the last signed CRL of a shard.
fn stored_list<K: Kv>(txn: &Txn<'_, K>, name: &str) -> Result<Option<CrlRecord>, Problem> {
    let Some(list) = txn.get::<CrlRecord>(name)? else { return Ok(None) };
    let pieces = match list.pieces {
        0 => Vec::new(),
        count => txn.list_below::<CrlPieceRecord>(name, None, count)?,
    };
    let pieces: Vec<_> = pieces.into_iter().map(|(_, piece)| piece).collect();
    let broken = || Problem::internal(format!("a piece of the CRL of shard {name} is missing"));
    list.joined(&pieces).map(Some).ok_or_else(broken)
}

/// Replaces the CRL of a shard. It takes several rows if it is too long for one.
fn put_list<K: Kv>(txn: &mut Txn<'_, K>, name: &str, list: CrlRecord) -> Result<(), Problem> {
    let before = txn.get::<CrlRecord>(name)?.map_or(0, |list| list.pieces);
    let (list, pieces) = list.split();
    let id = |n: usize| format!("{name}/{n:06}");
    for (n, piece) in pieces.iter().enumerate() {
        txn.put(&id(n), piece)?;
    }
    for n in pieces.len()..before {
        txn.delete::<CrlPieceRecord>(&id(n));
    }
    Ok(txn.put(name, &list)?)
}

/// Returns the CRL entries of a shard's revoked certificates, by serial number. A complete list has those of all.
fn revoked_in<K: Kv>(txn: &Txn<'_, K>, shard: u16, now: Time) -> Result<Entries, Problem> {
    let (mut entries, mut after, own) = (Entries::default(), None::<String>, shard.to_string());
    loop {
        let page = match shard {
            COMPLETE => txn.list::<RevokedRecord>(after.as_deref(), PAGE)?,
            _ => txn.list_below::<RevokedRecord>(&own, after.as_deref(), PAGE)?,
        };
        let full = page.len() == PAGE;
        after = page.last().map(|(name, _)| name.clone());
        for (name, record) in page {
            let (of, name) = name.split_once('/').unwrap_or((&own, &name));
            let broken = || Problem::internal(format!("a revocation is stored for {name:?}"));
            let serial = Serial::from_hex(name).ok_or_else(broken)?;
            entries.all.push(CrlEntry { serial, at: record.at, reason: record.reason });
            if of != own {
                continue;
            }
            entries.own += 1;
            if record.not_after < now {
                entries.expired.push((name.to_owned(), record.not_after));
            }
        }
        if !full {
            return Ok(entries);
        }
    }
}
