//! Invariants of transparency logs.

use super::{Stored, find, text};
use crate::pki::{certificate, pem};
use crate::records::ledger::log::{LeafRecord, LogsRecord};
use crate::tlog::entry::{Entry, Kind};
use crate::tlog::tree::leaf_hash;
use crate::values::b64;
use serde_json::Value;

impl Stored {
    /// Each certificate since the begin of a log has its leaf.
    pub(super) fn log(&self, logged: bool) -> Vec<String> {
        let mut wrong = Vec::new();
        for (account, serial, certificate) in &self.certificates {
            let ledger = format!("ledger/{}", text(certificate, "issuer"));
            let entry = find(&self.entries, &ledger, serial);
            if entry.is_some_and(|entry| entry.get("logged") != certificate.get("logged")) {
                wrong.push(format!("{account} and {ledger} have different places for {serial}"));
            }
            match self.leaf_of(&ledger, certificate) {
                Ok(Some(entry)) => {
                    let der = pem::read_certificates(text(certificate, "pem")).expect("PEM").remove(0);
                    let presented = certificate::parse_presented(&der).expect("a certificate");
                    let read = Entry::read(&entry).filter(|entry| entry.kind == Kind::Certificate);
                    if read.is_none_or(|entry| entry.body != presented.tbs_der) {
                        wrong.push(format!("the leaf of {serial} is another's"));
                    }
                }
                Ok(None) if logged && self.since_log(&ledger, certificate) => {
                    wrong.push(format!("certificate {serial} of {account} is not in the log"));
                }
                Ok(None) => {}
                Err(why) => wrong.push(why),
            }
        }
        wrong
    }

    /// The entry of a certificate's leaf; `None` without a place, or when it was pruned.
    fn leaf_of(&self, ledger: &str, certificate: &Value) -> Result<Option<Vec<u8>>, String> {
        let Some(place) = certificate.get("logged") else { return Ok(None) };
        let id = LeafRecord::id(text(place, "log"), place["index"].as_u64().expect("an index"));
        let leaf = find(&self.leaves, ledger, &id).ok_or_else(|| format!("{ledger} has no leaf {id}"))?;
        let leaf: LeafRecord = serde_json::from_value(leaf.clone()).expect("a leaf");
        let Some(entry) = leaf.entry.and_then(|entry| b64::decode(&entry)) else { return Ok(None) };
        match leaf_hash(&entry) == leaf.hash {
            true => Ok(Some(entry)),
            false => Err(format!("leaf {id} of {ledger} has another hash")),
        }
    }

    /// Whether a certificate was prepared after the ledger's first log began.
    fn since_log(&self, ledger: &str, certificate: &Value) -> bool {
        let logs = find(&self.logs, ledger, "");
        let logs: LogsRecord = logs.map(|logs| serde_json::from_value(logs.clone()).expect("logs")).unwrap_or_default();
        let begun = logs.logs.first().map(|log| log.begun.millis());
        // Without a log, none of its certificates has a leaf.
        begun.is_none_or(|begun| certificate["issued"].as_u64() > Some(begun))
    }
}
