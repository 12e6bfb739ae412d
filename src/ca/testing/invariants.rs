//! Invariants of all stored records.

mod log;
mod notices;

use super::client::Client;
use super::world::{Rows, World};
use crate::ca::account::activity::ActivityRecord;
use crate::ca::dispatch::alarm::RETRY;
use crate::ca::partitions::compromised_keys;
use crate::jose::testing::ClientKey;
use crate::pki::{Serial, certificate, pem};
use crate::records::acme::authorization::GRACE;
use crate::records::acme::redeemed::RedeemedNonces;
use crate::records::ledger::entry::Revocation;
use crate::records::ledger::prune::MIN_KEEP_DAYS;
use crate::store::Record as _;
use crate::values::{Time, b64};
use core::time::Duration;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Least time after its expiry when a certificate may be pruned.
const PRUNABLE: Duration = Duration::from_secs(MIN_KEEP_DAYS as u64 * 86_400);

/// Asserts the invariants at any moment, whatever was interrupted.
///
/// They are S-01, N-04, O-12, and that nothing is stuck.
pub fn check_all(world: &World, what: &str) {
    let found = violations(world);
    assert!(found.is_empty(), "{what}: {}", found.join("; "));
    check_secrets(world, what);
}

/// Asserts that each key finds its account, or gets one, and keeps it.
pub fn check_key_works(world: &World, key: &ClientKey, what: &str) {
    let client = Client::with_key(world, key.clone());
    let first = client.new_account(json!({}));
    assert!([200, 201].contains(&first.status()), "{what}: {}", first.text());
    assert_eq!(client.new_account(json!({})).is(200).location(), first.location(), "{what}");
    let found = Stored::of(&world.rows()).keys();
    assert!(found.is_empty(), "{what}: {}", found.join("; "));
}

/// Violations of invariants in all stored records.
pub fn violations(world: &World) -> Vec<String> {
    let snapshot = Snapshot {
        rows: world.rows(),
        alarms: world.alarms(),
        now: world.now(),
        webhook: world.settings().webhook.is_some(),
        log: world.settings().log.is_some(),
    };
    let twice = world.operations().accepted_twice.borrow();
    let twice = twice.iter().map(|nonce| format!("{nonce} was accepted twice"));
    snapshot.violations().into_iter().chain(twice).collect()
}

/// The state of a whole CA, of a world or of workerd.
#[derive(Debug)]
pub struct Snapshot {
    /// All stored records: partition, key, JSON. Records that share a row are apart.
    pub rows: Rows,
    /// The partitions' alarms.
    pub alarms: BTreeMap<String, Time>,
    /// The time of the snapshot.
    pub now: Time,
    /// Whether notices go to a webhook.
    pub webhook: bool,
    /// Whether certificates are logged.
    pub log: bool,
}

impl Snapshot {
    /// Returns the violations of invariants, one line each.
    pub fn violations(&self) -> Vec<String> {
        let stored = Stored::of(&self.rows);
        [
            stored.keys(),
            stored.nonces(),
            stored.certificates(),
            stored.entries(self.now),
            stored.compromised_keys(self.now),
            stored.work(),
            stored.jobs(self),
            stored.notices(self),
            stored.log(self.log),
        ]
        .concat()
    }
}

/// S-04: neither records nor logs contain a secret.
fn check_secrets(world: &World, what: &str) {
    let secrets = world.secrets();
    for ((partition, key), record) in world.rows() {
        secrets.check(&format!("{what}: {partition}, {key}"), &record);
    }
    world.log().iter().for_each(|line| secrets.check(&format!("{what}: the log"), line));
}

/// Records of a type: partition, id, record; in their order.
type Records = Vec<(String, String, Value)>;

/// All records that invariants cover.
struct Stored {
    accounts: Records,
    owners: Records,
    nonces: Records,
    orders: Records,
    authorizations: Records,
    certificates: Records,
    entries: Records,
    blocked: Records,
    copies: Records,
    subscriptions: Records,
    jobs: Records,
    activities: Records,
    notices: Records,
    outgoing: Records,
    logs: Records,
    leaves: Records,
}

fn find<'a>(records: &'a Records, partition: &str, id: &str) -> Option<&'a Value> {
    let place = records.binary_search_by(|(at, found, _)| (at.as_str(), found.as_str()).cmp(&(partition, id)));
    place.ok().map(|n| &records[n].2)
}

fn text<'a>(record: &'a Value, member: &str) -> &'a str {
    record[member].as_str().unwrap_or_default()
}

impl Stored {
    fn of(rows: &Rows) -> Self {
        let of = |prefix: &str| {
            let records = rows.iter().filter_map(|((partition, key), json)| {
                // The account's own record has no id.
                let id = key.strip_prefix(prefix)?;
                let id = if id.is_empty() { id } else { id.strip_prefix('/')? };
                Some((partition.clone(), id.to_owned(), serde_json::from_str(json).expect("a record is JSON")))
            });
            records.collect()
        };
        Self {
            accounts: of("account"),
            owners: of("owner"),
            nonces: of(RedeemedNonces::PREFIX),
            orders: of("order"),
            authorizations: of("authz"),
            certificates: of("cert"),
            entries: of("serial"),
            blocked: of("compromised"),
            copies: of("blocked"),
            subscriptions: of("subscription"),
            jobs: of("job"),
            activities: of(ActivityRecord::PREFIX),
            notices: of("notice"),
            outgoing: of("outgoing"),
            logs: of("log"),
            leaves: of("leaf"),
        }
    }

    /// No key has two accounts, and each account is found by its key.
    fn keys(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
        for (partition, _, account) in &self.accounts {
            let thumbprint = text(account, "thumbprint");
            if let Some(other) = seen.insert(thumbprint, partition) {
                wrong.push(format!("{other} and {partition} have the same key"));
            }
            match self.owners.iter().find(|(at, _, _)| *at == format!("key/{thumbprint}")) {
                None => wrong.push(format!("{partition} has a key that nobody owns")),
                Some((_, _, owner)) if format!("account/{}", text(owner, "account")) != *partition => {
                    wrong.push(format!("{partition} has a key that another account owns"));
                }
                Some(_) => {}
            }
        }
        wrong
    }

    /// No series of nonces has two homes.
    fn nonces(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut seen: BTreeSet<String> = BTreeSet::new();
        for (partition, _, record) in &self.nonces {
            let redeemed: RedeemedNonces = serde_json::from_value(record.clone()).expect("redeemed nonces");
            // An isolate has a series for each home.
            let again = redeemed.series.into_iter().filter(|series| !seen.insert(series.id.clone()));
            wrong.extend(again.map(|series| format!("series {} of {partition} has two homes", series.id)));
        }
        wrong
    }

    /// No order has two certificates; each certificate is its order's and in the ledger.
    fn certificates(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let (mut issued, mut numbers) = (BTreeSet::new(), BTreeSet::new());
        for (partition, id, certificate) in &self.certificates {
            let (order, serial) = (text(certificate, "order"), text(certificate, "serial"));
            if !issued.insert((partition, order)) {
                wrong.push(format!("order {order} has two certificates"));
            }
            if !numbers.insert(serial) {
                wrong.push(format!("two certificates have the serial number {serial}"));
            }
            wrong.extend(self.certificate_and_entry(partition, certificate));
            // Orders are deleted some time after their expiry; certificates stay.
            if let Some(order) = find(&self.orders, partition, order)
                && text(&order["issuance"], "serial") != id
            {
                wrong.push(format!("certificate {serial} is one that its order does not know"));
            }
        }
        wrong
    }

    fn certificate_and_entry(&self, partition: &str, certificate: &Value) -> Option<String> {
        let (order, serial) = (text(certificate, "order"), text(certificate, "serial"));
        let Some((_, _, entry)) = self.entries.iter().find(|(_, id, _)| id == serial) else {
            return Some(format!("certificate {serial} is not in the ledger"));
        };
        let holder = format!("account/{}", text(entry, "account"));
        if (text(entry, "order"), holder.as_str()) != (order, partition) {
            return Some(format!("certificate {serial} is in the ledger for another order"));
        }
        let der = pem::read_certificates(text(certificate, "pem")).ok().and_then(|ders| ders.into_iter().next());
        let read = der.and_then(|der| certificate::parse_presented(&der).ok());
        match read {
            None => Some(format!("certificate {serial} cannot be read")),
            Some(read) if text(entry, "tbs_digest") != b64::encode(&read.tbs_hash()) => {
                Some(format!("certificate {serial} is another than the ledger's"))
            }
            Some(_) => None,
        }
    }

    /// The entry of a serial number. That of an imported certificate has another id.
    fn entry(&self, ledger: &str, serial: &str) -> Option<&Value> {
        let is_imported = |entry: &Value| text(&entry["imported"], "serial") == serial;
        let imported = || self.entries.iter().find(|(at, _, entry)| at == ledger && is_imported(entry));
        find(&self.entries, ledger, serial).or_else(|| imported().map(|(_, _, entry)| entry))
    }

    /// Ledger entries are unique by order and serial number, and match their orders.
    ///
    /// An entry without a certificate belongs to an order that is processing or was given up: it may have been
    /// signed, so it stays.
    fn entries(&self, now: Time) -> Vec<String> {
        let mut wrong = Vec::new();
        let (mut entered, mut numbers) = (BTreeSet::new(), BTreeSet::new());
        for (_, serial, entry) in &self.entries {
            // Imported ones have neither an account nor an order.
            let imported = entry["imported"].is_object();
            let (id, partition) = (text(entry, "order"), format!("account/{}", text(entry, "account")));
            if !imported && !entered.insert((partition.clone(), id)) {
                wrong.push(format!("order {id} has two serial numbers"));
            }
            if !numbers.insert(serial) {
                wrong.push(format!("serial number {serial} is in two ledgers"));
            }
            if imported {
                continue;
            }
            let certificate = find(&self.certificates, &partition, serial);
            match find(&self.orders, &partition, id) {
                Some(order) if text(&order["issuance"], "serial") != serial => {
                    wrong.push(format!("entry {serial} is one that its order does not know"));
                }
                Some(_) => {}
                None => {
                    let recorded: Time = serde_json::from_value(entry["recorded"].clone()).expect("an instant");
                    // A recent one still has its order.
                    if certificate.is_none() && now < recorded.plus(GRACE) {
                        wrong.push(format!("entry {serial} has neither a certificate nor an order"));
                    }
                }
            }
        }
        wrong
    }

    /// Exactly the keys revoked for keyCompromise by a proven key holder are refused.
    fn compromised_keys(&self, now: Time) -> Vec<String> {
        let mut wrong = Vec::new();
        let blocked = |entry: &Value| {
            let revocation: Option<Revocation> =
                serde_json::from_value(entry["revoked"].clone()).expect("a revocation");
            revocation.is_some_and(|revocation| revocation.blocks_key())
        };
        for (ledger, serial, _) in self.entries.iter().filter(|(_, _, entry)| blocked(entry)) {
            let certificate = self.certificates.iter().find(|(_, id, _)| id == serial);
            let ders = certificate.and_then(|(_, _, record)| pem::read_certificates(text(record, "pem")).ok());
            let read = ders.and_then(|ders| certificate::parse_presented(ders.first()?).ok());
            let Some(key) = read.map(|read| compromised_keys::fingerprint(&read.spki_der)) else { continue };
            let refused = self.blocked.iter().any(|(_, id, _)| *id == key);
            if !refused && find(&self.jobs, ledger, &format!("block-{key}")).is_none() {
                wrong.push(format!("the key of certificate {serial} was compromised and is not refused"));
            }
        }
        let being_blocked = |key: &str| self.jobs.iter().any(|(_, job, _)| *job == format!("block-{key}"));
        for (ledger, _, _) in self.subscriptions.iter().filter(|(_, _, record)| record["complete"] == true) {
            for (_, key, _) in &self.blocked {
                if find(&self.copies, ledger, key).is_none() && !being_blocked(key) {
                    wrong.push(format!("{ledger} has not learned that {key} is blocked"));
                }
            }
        }
        for (ledger, key, _) in &self.copies {
            let known = self.blocked.iter().any(|(_, blocked, _)| blocked == key);
            if !known && !being_blocked(key) {
                wrong.push(format!("{ledger} refuses {key}, which is not blocked"));
            }
        }
        for (_, key, record) in &self.blocked {
            let ledger = format!("ledger/{}", text(record, "issuer"));
            // One that expired long ago may be pruned.
            let pruned = *text(record, "serial") < *Serial::first_of(now.minus(PRUNABLE));
            if !pruned && !self.entry(&ledger, text(record, "serial")).is_some_and(blocked) {
                wrong.push(format!("key {key} is refused, and no certificate was revoked for that"));
            }
        }
        wrong
    }

    fn is_being_issued(&self, partition: &str, order: &Value) -> bool {
        let serial = text(&order["issuance"], "serial");
        !order["issuance"].is_null()
            && order["error"].is_null()
            && find(&self.certificates, partition, serial).is_none()
    }

    /// Nothing is stuck: each processing object has a job, recorded or begun by a request.
    fn work(&self) -> Vec<String> {
        let begun = |partition: &str| -> Vec<String> {
            let activity = self.activities.iter().find(|(at, ..)| at == partition);
            let record =
                activity.and_then(|(_, _, record)| serde_json::from_value::<ActivityRecord>(record.clone()).ok());
            record.unwrap_or_default().begun.iter().map(|job| job.work.name()).collect()
        };
        let has = |partition: &str, name: String| {
            find(&self.jobs, partition, &name).is_some() || begun(partition).contains(&name)
        };
        let mut wrong = Vec::new();
        for (partition, id, order) in &self.orders {
            if self.is_being_issued(partition, order) && !has(partition, format!("issue-{id}")) {
                wrong.push(format!("order {id} is stuck: it is being processed by nobody"));
            }
        }
        for (partition, id, authorization) in &self.authorizations {
            for challenge in authorization["challenges"].as_array().expect("challenges") {
                let kind = text(challenge, "kind");
                if challenge["status"] == "processing" && !has(partition, format!("validate-{id}-{kind}")) {
                    wrong.push(format!("authorization {id} is stuck: its {kind} is being processed by nobody"));
                }
            }
        }
        wrong
    }

    /// No job is an orphan: its object exists. An alarm is set in time for it.
    fn jobs(&self, snapshot: &Snapshot) -> Vec<String> {
        let mut wrong = Vec::new();
        for (partition, name, job) in &self.jobs {
            let due: Time = serde_json::from_value(job["due"].clone()).expect("an instant");
            let latest = due.max(snapshot.now).plus(RETRY);
            if snapshot.alarms.get(partition).is_none_or(|at| *at > latest) {
                wrong.push(format!("nobody wakes {partition} for {name}"));
            }
            let (issued, validated) = (&job["work"]["issue"], &job["work"]["validate"][0]);
            let order = issued.as_str().and_then(|id| find(&self.orders, partition, id));
            let authorization = validated.as_str().and_then(|id| find(&self.authorizations, partition, id));
            let entry = job["work"]["block"][1].as_str().and_then(|serial| self.entry(partition, serial));
            let revoked = entry.is_some_and(|entry| entry["revoked"].is_object());
            let told = job["work"] == "notify" && self.has_notices(partition);
            let listed = job["work"] == "list" && self.accounts.iter().any(|(at, ..)| at == partition);
            let about = authorization.is_some() || revoked || told || listed;
            if order.is_none_or(|order| order["issuance"].is_null()) && !about {
                wrong.push(format!("job {name} of {partition} is an orphan"));
            }
        }
        wrong
    }
}
