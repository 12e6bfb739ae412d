//! Rules that the entries of a CA keep.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result};
use selvedge::pki::pem::read_certificates;
use selvedge::policy::{Known, Pattern, Rule};
use selvedge::tlog::Hash;
use selvedge::tlog::entry::{Entry, Kind as EntryKind, LoggedCrl, LoggedPolicy, LoggedPredecessor, LoggedRevocation};
use selvedge::tlog::tree::leaf_hash;
use selvedge::values::identifier::Identifier;
use selvedge::values::x509::Parts;
use selvedge::values::{Time, hex};
use serde::de::DeserializeOwned;

use super::super::alarm::{Alarm, Kind};
use super::super::report::Report;
use super::certificate::{self, Logged};
use super::lists::List;
use super::policies::Policies;
use crate::common::files::read_pem;

/// Maximum number of alarms of entries; the rest is counted.
const SHOWN: usize = 100;

/// What the entries have said so far.
pub struct Rules<'a> {
    allow: &'a [Pattern],
    /// The only issuer whose log it may be, in DER.
    wanted: Option<Vec<u8>>,
    /// The issuer's certificate as logged last, in DER.
    issuer: Option<Vec<u8>>,
    policies: Policies,
    certificates: BTreeMap<String, Found>,
    bodies: BTreeSet<Hash>,
    revoked: BTreeMap<String, (u64, LoggedRevocation)>,
    lists: BTreeMap<String, (u64, LoggedCrl)>,
    numbers: BTreeMap<u16, u64>,
    /// Certificates that are revoked and not in the log.
    strangers: BTreeSet<String>,
    alarms: Vec<Alarm>,
    unruled: u64,
    by_key: u64,
    /// The first entry that was there to be checked.
    pub pruned: u64,
}

/// A logged certificate, as far as later entries need it.
struct Found {
    index: u64,
    not_after: Time,
    lists: Vec<String>,
}

/// The issuer's certificate in a file, in DER.
///
/// # Errors
/// When the file has none.
pub fn issuer(file: &Path) -> Result<Vec<u8>> {
    let unreadable = || format!("{} is not a certificate", file.display());
    let found = read_certificates(&read_pem(file)?).with_context(unreadable)?;
    found.into_iter().next().with_context(unreadable)
}

impl<'a> Rules<'a> {
    /// Nothing was read yet.
    pub fn new(allow: &'a [Pattern], wanted: Option<Vec<u8>>) -> Self {
        Self {
            allow,
            wanted,
            issuer: None,
            policies: Policies::default(),
            certificates: BTreeMap::new(),
            bodies: BTreeSet::new(),
            revoked: BTreeMap::new(),
            lists: BTreeMap::new(),
            numbers: BTreeMap::new(),
            strangers: BTreeSet::new(),
            alarms: Vec::new(),
            unruled: 0,
            by_key: 0,
            pruned: 0,
        }
    }

    /// Reads the next entry.
    pub fn entry(&mut self, index: u64, octets: &[u8]) {
        let Some(entry) = Entry::read(octets) else {
            return self.rule(format!("entry {index} is of no kind that is known; a newer release may know it"));
        };
        let name = format!("entry {index} ({})", entry.kind);
        let body = entry.body;
        let done = match entry.kind {
            EntryKind::Certificate => self.certificate(index, body),
            EntryKind::Revocation => read::<LoggedRevocation>(body).and_then(|found| self.revocation(index, found)),
            EntryKind::Crl => read::<LoggedCrl>(body).and_then(|found| self.list(index, found)),
            EntryKind::Issuer => self.issuer(body),
            EntryKind::Policy => read::<LoggedPolicy>(body).and_then(|found| self.policies.entry(&found)),
            EntryKind::Predecessor => read::<LoggedPredecessor>(body).and_then(|_| match index {
                0 => Ok(()),
                _ => Err("it is not the first entry of the log".to_owned()),
            }),
        };
        done.unwrap_or_else(|why| self.rule(format!("{name}: {why}")));
    }

    fn rule(&mut self, text: String) {
        self.alarms.push(Alarm::new(Kind::Rule, text));
    }

    fn certificate(&mut self, index: u64, tbs: &[u8]) -> Result<(), String> {
        let found = certificate::read(tbs).map_err(|error| format!("{error:#}"))?;
        let name = format!("entry {index} (certificate {})", found.serial);
        if !self.bodies.insert(leaf_hash(tbs)) {
            return Err(format!("certificate {} is in the log already", found.serial));
        }
        if let Some(first) = self.certificates.get(&found.serial) {
            return Err(format!("another certificate, entry {}, has the serial number {}", first.index, found.serial));
        }
        for why in self.faults(&found) {
            self.rule(format!("{name}: {why}"));
        }
        let Logged { serial, not_after, lists, .. } = found;
        self.certificates.insert(serial, Found { index, not_after, lists });
        Ok(())
    }

    /// What is wrong with a certificate by itself.
    fn faults(&mut self, found: &Logged) -> Vec<String> {
        let mut faults: Vec<String> = self.policies.certificate().err().into_iter().collect();
        if found.not_before > found.not_after {
            faults.push("its validity ends before it begins".to_owned());
        }
        match self.issuer.as_deref().map(Parts::read) {
            Some(Ok(issuer)) => {
                if issuer.subject != found.issuer {
                    faults.push("its issuer is not the one that the log names".to_owned());
                }
                if found.not_after > issuer.not_after {
                    faults.push("it is valid longer than its issuer".to_owned());
                }
            }
            _ => faults.push("no entry before it names the issuer".to_owned()),
        }
        for name in &found.names {
            match name {
                Err(other) => faults.push(format!("its name {other} is neither a DNS name nor an IP address")),
                Ok(name) => self.name_faults(name, &mut faults),
            }
        }
        match self.policies.present() {
            None => self.unruled = self.unruled.saturating_add(1),
            Some(policy) => {
                let lifetime = found.not_before.until(found.not_after);
                if let Some(longest) = policy.max_lifetime.filter(|longest| lifetime > *longest) {
                    let (is, may) = (lifetime.as_secs() / 3600, longest.as_secs() / 3600);
                    faults.push(format!("it is valid for {is} hours, and the policy in force allows {may}"));
                }
            }
        }
        faults
    }

    fn name_faults(&mut self, name: &Identifier, faults: &mut Vec<String>) {
        let shown = name.value().into_owned();
        if !self.allow.is_empty() && !self.allow.iter().any(|pattern| pattern.covers(name)) {
            faults.push(format!("no --allow covers its name {shown}"));
        }
        let Some(policy) = self.policies.present() else { return };
        let known = Known { challenges: vec!["http-01"], offered: vec!["http-01"], profiles: Vec::new() };
        let rules = selvedge::policy::Rules { ca: policy, key: None, trusted: true, known };
        match rules.decide(name).map_err(|refusal| refusal.rule) {
            // An external account key may pre-authorise a name beyond the CA's list, and the log does not have keys.
            Err(Rule::NotAllowed) => self.by_key = self.by_key.saturating_add(1),
            Ok(_) | Err(Rule::NoChallenge) => {}
            Err(rule) => faults.push(format!("the policy in force refuses its name {shown}: {}", clause(&rule))),
        }
    }

    fn revocation(&mut self, index: u64, found: LoggedRevocation) -> Result<(), String> {
        let octets = hex::decode(&found.serial).ok_or_else(|| format!("{:?} is not a serial number", found.serial))?;
        let serial = certificate::serial(&octets);
        // A certificate from before the log, or of the log before.
        if !self.certificates.contains_key(&serial) {
            self.strangers.insert(serial.clone());
        }
        match self.revoked.get(&serial) {
            // A later compromise of the key may be added to a revocation.
            Some((_, first)) if first.reason == found.reason => {
                return Err(format!("the certificate {serial} was revoked for the same reason before"));
            }
            Some(_) => {}
            None => drop(self.revoked.insert(serial, (index, found))),
        }
        Ok(())
    }

    fn list(&mut self, index: u64, found: LoggedCrl) -> Result<(), String> {
        let (shard, number, covers) = (found.shard, found.number, found.covers.unwrap_or(0));
        let before = self.numbers.insert(shard, number);
        self.lists.insert(found.sha256.clone(), (index, found));
        match before.filter(|before| *before >= number) {
            Some(before) => Err(format!("the CRL {number} of shard {shard} follows {before}: numbers have to rise")),
            None if covers > index => Err(format!("it counts {covers} entries, and the log had {index}")),
            None => Ok(()),
        }
    }

    fn issuer(&mut self, der: &[u8]) -> Result<(), String> {
        Parts::read(der).map_err(|error| format!("it is not a certificate: {error}"))?;
        self.issuer = Some(der.to_vec());
        match self.wanted.as_deref().filter(|wanted| *wanted != der) {
            Some(_) => Err("it is another certificate than that of --issuer".to_owned()),
            None => Ok(()),
        }
    }

    /// Compares CRLs with the logged revocations.
    pub fn compare(&mut self, lists: &[List]) {
        for list in lists {
            let unknown = list.serials.iter().filter(|serial| !self.certificates.contains_key(*serial));
            self.strangers.extend(unknown.cloned());
            for text in self.list_faults(list) {
                self.rule(format!("{}: {text}", list.place));
            }
        }
    }

    fn list_faults(&self, list: &List) -> Vec<String> {
        let mut faults = Vec::new();
        if let Some(Ok(issuer)) = self.issuer.as_deref().map(Parts::read)
            && !list.is_by(&issuer)
        {
            faults.push("the CRL is not signed by the issuer that the log names".to_owned());
        }
        let Some((at, logged)) = self.lists.get(&list.sha256) else {
            faults.push("no entry has this CRL: it was signed without being logged".to_owned());
            return faults;
        };
        for serial in list.serials.iter().filter(|serial| self.certificates.contains_key(*serial)) {
            match self.revoked.get(serial) {
                None => faults.push(format!("it revokes {serial}, and no entry does")),
                Some((index, _)) if index > at => {
                    faults.push(format!("it revokes {serial}, which entry {index} does later"));
                }
                Some(_) => {}
            }
        }
        // A revocation while the CRL was signed is in the next one.
        let covers = logged.covers.unwrap_or(0);
        let due = |(index, revocation): &(u64, LoggedRevocation)| {
            *index < covers || (index < at && revocation.time <= list.this_update)
        };
        for (serial, (index, _)) in self.revoked.iter().filter(|(_, revoked)| due(revoked)) {
            let Some(found) = self.certificates.get(serial) else { continue };
            let covered = list.urls.is_empty() || found.lists.iter().any(|url| list.urls.contains(url));
            if covered && found.not_after > list.this_update && !list.serials.contains(serial) {
                faults.push(format!("it does not revoke {serial}, which entry {index} does"));
            }
        }
        faults
    }

    /// Adds the outcome to a report.
    pub fn finish(self, now: Time, report: &mut Report) {
        let valid = self.certificates.values().filter(|found| found.not_after >= now).count();
        report.fact("certificates", self.certificates.len());
        report.fact("of these valid", valid);
        report.fact("revocations", self.revoked.len());
        report.fact("crls", self.lists.len());
        // A revision whose text was not logged is no policy that anything was checked against.
        report.fact("policy", self.policies.revision());
        if self.pruned > 0 {
            report.notes.push(format!("the entries before {} were pruned, and only their hashes checked", self.pruned));
        }
        if !self.strangers.is_empty() {
            report.notes.push(format!(
                "{} revoked certificates are not in this log: they are older than it, of the log before, or imported",
                self.strangers.len()
            ));
        }
        if self.unruled > 0 {
            report.notes.push(format!("{} certificates are of no policy whose text is in the log", self.unruled));
        }
        if self.by_key > 0 {
            report.notes.push(format!(
                "{} names are not in the policy's list: an external account key must have allowed them, and the log does not \
                 have keys' policies",
                self.by_key
            ));
        }
        let more = self.alarms.len().saturating_sub(SHOWN);
        report.alarms.extend(self.alarms.into_iter().take(SHOWN));
        if more > 0 {
            report.alarms.push(Alarm::new(Kind::Rule, format!("and {more} more")));
        }
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| format!("its body cannot be read: {error}"))
}

fn clause(rule: &Rule) -> String {
    match rule {
        Rule::Deny(pattern) => format!("\"deny\" has {pattern}"),
        Rule::Wildcards => "it allows no wildcards".to_owned(),
        Rule::SingleLabel => "it allows no names of a single label".to_owned(),
        Rule::Internal(suffix) => format!("it allows no names below {suffix:?}"),
        Rule::NotAllowed => "\"allow\" does not list it".to_owned(),
        Rule::NoChallenge => "it leaves no challenge".to_owned(),
    }
}
