//! A certificate as operators see it.

use super::index::{is_renewed, set_of};
use super::kind::Ledger;
use super::lookup::entry_of;
use super::replacements::{renewable_by, rule_for};
use crate::ca::http::cert_id::spread_of;
use crate::ca::runtime::ports::PartitionPorts;
use crate::records::Problem;
use crate::records::ledger::entry::{Authority, LedgerEntry};
use crate::records::ledger::imported::ImportedRecord;
use crate::records::ledger::inventory::ReplaceRecord;
use crate::store::{Kv, Txn};
use crate::values::Id;
use crate::values::unicode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Asks for a certificate; replies `None` if it is not in the ledger.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ShowEntry {
    /// The serial number in hex.
    pub serial: String,
}

/// A certificate with its place in a list.
#[derive(Debug, Serialize, Deserialize)]
pub struct FoundEntry {
    /// The cursor, in the order of expiry.
    pub id: String,
    /// The id of its set of names.
    pub set: String,
    /// The certificate as the API shows it.
    pub shown: Value,
}

impl FoundEntry {
    /// Checks whether this member of the shown certificate is true.
    pub fn is(&self, member: &str) -> bool {
        self.shown.get(member).and_then(Value::as_bool).unwrap_or_default()
    }

    /// Returns this text member of the shown certificate; empty if absent.
    pub fn text(&self, member: &str) -> &str {
        self.shown.get(member).and_then(Value::as_str).unwrap_or_default()
    }

    /// Marks the certificate as renewed by a certificate of another issuer.
    pub fn set_renewed(&mut self) {
        if let Some(members) = self.shown.as_object_mut() {
            members.insert("renewed".to_owned(), true.into());
            members.insert("replace_now".to_owned(), false.into());
        }
    }
}

/// A certificate with the data that a revocation request needs.
#[derive(Debug, Serialize, Deserialize)]
pub struct ShownEntry {
    /// The certificate.
    pub found: FoundEntry,
    /// SHA-256 of its to-be-signed part, base64url.
    pub tbs_digest: String,
    /// The account that it was issued to.
    pub account: Id,
    /// An imported certificate, DER in base64url.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub der: Option<String>,
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Ledger<P, K> {
    /// Builds the list entry of a certificate, with the data that the front needs.
    pub(in crate::ca) fn found(
        &self,
        txn: &Txn<'_, K>,
        serial: &str,
        entry: &LedgerEntry,
        rules: &[ReplaceRecord],
    ) -> Result<FoundEntry, Problem> {
        let shown = self.entry_shown(txn, serial, entry, rules)?;
        Ok(FoundEntry { id: serial.to_owned(), set: set_of(entry), shown })
    }

    /// Returns a certificate with its revocation data; `None` if it is not in the ledger.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn show_entry(&self, serial: &str) -> Result<Option<ShownEntry>, Problem> {
        self.transact(|txn| {
            let Some((id, entry)) = entry_of(txn, serial, |_| true)? else { return Ok(None) };
            let rules = self.rules_to_replace(txn)?;
            let found = self.found(txn, &id, &entry, &rules)?;
            let der = match &entry.imported {
                Some(imported) => txn.get::<ImportedRecord>(&ImportedRecord::id(&imported.serial, &id))?,
                None => None,
            };
            let der = der.map(|record| record.der);
            Ok(Some(ShownEntry { found, tbs_digest: entry.tbs_digest, account: entry.account, der }))
        })
    }

    /// Returns a certificate as the API shows it.
    pub(crate) fn entry_shown(
        &self,
        txn: &Txn<'_, K>,
        serial: &str,
        entry: &LedgerEntry,
        rules: &[ReplaceRecord],
    ) -> Result<Value, Problem> {
        let now = self.ports.now();
        let renewed = is_renewed(txn, serial, entry)?;
        let rule = rule_for(rules, entry);
        let (start, end) = renewable_by(rule, entry).window(spread_of(entry.serial(serial)));
        let status = match &entry.revoked {
            _ if entry.not_after < now => "expired",
            Some(_) => "revoked",
            None => "valid",
        };
        let revoked = entry.revoked.as_ref().map(|revocation| {
            let by = match &revocation.by {
                Authority::Account(_) => "account".to_owned(),
                Authority::Authorizations(_) => "authorizations".to_owned(),
                Authority::Key => "key".to_owned(),
                Authority::Operator(name) => format!("operator: {name}"),
            };
            json!({ "at": revocation.at.rfc3339(), "reason": revocation.reason, "by": by })
        });
        let imported = entry.imported.as_ref();
        let imported = imported.map(|one| json!({ "at": one.at.rfc3339(), "foreign": one.foreign }));
        let order = entry.owner().map(|_| &entry.order);
        let mut shown = json!({
            "serial": entry.serial(serial), "issuer": self.issuer, "account": entry.owner(),
            "external_account": entry.external_account, "imported": imported, "order": order,
            "profile": entry.profile, "names": entry.names,
            "unicode_names": entry.names.iter().map(|name| unicode::shown(name)).collect::<Vec<_>>(), "issued": entry.recorded.rfc3339(),
            "not_before": entry.not_before.rfc3339(), "not_after": entry.not_after.rfc3339(), "status": status,
            "revoked": revoked, "renewed": renewed,
            "renewal": { "start": start.rfc3339(), "end": end.rfc3339() },
            "replace_now": rule.is_some() && !renewed && status == "valid",
        });
        if let (Some(_), Some(members)) = (&entry.logged, shown.as_object_mut()) {
            let proof = self.ports.settings().urls.log_proof(&self.issuer, serial);
            members.insert("proof".to_owned(), proof.into());
        }
        Ok(shown)
    }
}
