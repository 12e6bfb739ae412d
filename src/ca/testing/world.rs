//! The world: partitions and alarms in maps, time set by hand.

use super::bucket::Platform;
use super::faults::{Fault, SharedKv};
use super::issuers::authority;
use super::network::Network;
use super::operations::Operations;
use super::receiver;
use super::receiver::Receiver;
use super::releases::OtherRelease;
use super::secrets::Secrets;
use crate::ca::account::activity::ActivityRecord;
use crate::ca::config::settings::Settings;
use crate::ca::runtime::hosted::HostedCas;
use crate::ca::runtime::memory::Memory;
use crate::ca::runtime::ports::Task;
use crate::ca::runtime::running::Running;
use crate::pki::{Issuer, Issuers};
use crate::records::acme::nonce::NonceSeries;
use crate::records::acme::redeemed::RedeemedNonces;
use crate::records::{AuthorizationRecord, OrderRecord};
use crate::store::{MemoryKv, Record, SharedRow, Write};
use crate::values::Time;
use core::time::Duration;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::LazyLock;

/// The CA's base URL.
pub const BASE: &str = "https://ca.test";

/// Start of a world's time: 24 November 2026, about noon.
pub const START: Time = Time::from_secs(1_795_521_600);

/// All stored records: partition, key, JSON.
pub type Rows = BTreeMap<(String, String), String>;

/// A whole CA. Clones are handles to the same one.
#[derive(Clone)]
pub struct World {
    pub(super) settings: Rc<Settings>,
    /// The settings of the test CA that clients of this handle use.
    pub(super) seen: Option<Rc<Settings>>,
    /// The secrets of the settings.
    secrets: Rc<Secrets>,
    pub(super) state: Rc<State>,
    /// The issuers' keys, PEM.
    pub(super) keys: Rc<Vec<String>>,
}

pub(super) struct State {
    pub(super) now: Cell<Time>,
    pub(super) partitions: RefCell<BTreeMap<String, SharedKv>>,
    pub(super) alarms: RefCell<BTreeMap<String, Time>>,
    pub(super) timers: RefCell<BTreeSet<Time>>,
    /// Spawned tasks with their partitions.
    pub(super) tasks: RefCell<Vec<(Option<String>, Task)>>,
    /// The numbers of the partitions' nonces.
    pub(super) series: RefCell<BTreeMap<String, NonceSeries>>,
    /// Requests to the partitions: calls and alarms that ran.
    pub(super) requests: RefCell<BTreeMap<String, u64>>,
    /// How often the partitions' alarms were set.
    pub(super) alarms_set: RefCell<BTreeMap<String, u64>>,
    /// The runs of the partitions' jobs.
    pub(super) running: RefCell<BTreeMap<String, Rc<Running>>>,
    /// Partitions that are not in memory.
    pub(super) lost: RefCell<BTreeSet<String>>,
    network: Network,
    receiver: Receiver,
    pub(super) store: Rc<Fault>,
    pub(super) operations: Rc<Operations>,
    calls: Fault,
    replies: Fault,
    signatures: Fault,
    pub(super) random: Cell<u64>,
    pub(super) cooperative: Cell<bool>,
    pub(super) progress: Cell<u64>,
    pub(super) log: RefCell<Vec<String>>,
    pub(super) lines: RefCell<Vec<String>>,
    nonces: RefCell<BTreeSet<String>>,
    pub(super) memory: Memory,
    pub(super) hosted_cas: HostedCas,
    pub(super) release: OtherRelease,
    pub(super) platform: Platform,
}

/// The keys and tokens of a world with these settings.
fn secrets(settings: &Settings) -> Secrets {
    static AUTHORITY: LazyLock<Secrets> = LazyLock::new(|| {
        let mut secrets = Secrets::default();
        secrets.add_key("the issuer's key", &authority().1.key);
        secrets.add_key("the root's key", &authority().0.key);
        secrets.add("the webhook's secret", &receiver::SECRET);
        secrets.add_text("the path of the webhook", receiver::TOKEN);
        secrets
    });
    let mut secrets = AUTHORITY.clone();
    settings.nonce_key.all().for_each(|key| secrets.add("the nonce key", key.as_slice()));
    for (kid, external) in &settings.external.keys {
        secrets.add(&format!("the external account key {kid}"), external.key.bytes());
    }
    for (name, token) in settings.admin.texts() {
        secrets.add(&format!("the admin token of {name}"), token.as_bytes());
    }
    secrets
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

/// The settings of a world. Tests know its nonce key.
fn settings() -> Settings {
    let (root, issuer) = authority();
    let value = |name: &str| {
        let text = match name {
            "MODE" => "production",
            "BASE_URL" => BASE,
            "NONCE_KEY" => "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "RESOLVER_URL" => "https://resolver.test/dns-query",
            "ROOT_CERTIFICATE" => &root.certificate,
            "ISSUER_CHAIN" => &issuer.certificate,
            "CRL_SHARDS" => "4",
            "ALLOW_PRIVATE" => "true",
            "RATE_LIMITS" => "off",
            "CLIENT_ADDRESS_HEADER" => "none",
            _ => return None,
        };
        Some(text.to_owned())
    };
    let settings = Settings::read(&value, START).expect("settings");
    let issuers = Issuers::one(Issuer::from_pem_chain(&issuer.certificate).expect("the issuer"));
    Settings { nonce_key: [7; 32].into(), issuers, ..settings }
}

impl World {
    /// An empty CA.
    pub fn new() -> Self {
        let store = Rc::new(Fault::default());
        let state = State {
            now: Cell::new(START),
            partitions: RefCell::default(),
            alarms: RefCell::default(),
            timers: RefCell::default(),
            tasks: RefCell::default(),
            network: Network::default(),
            receiver: Receiver::default(),
            series: RefCell::default(),
            running: RefCell::default(),
            requests: RefCell::default(),
            alarms_set: RefCell::default(),
            lost: RefCell::default(),
            store,
            operations: Rc::default(),
            calls: Fault::default(),
            replies: Fault::default(),
            signatures: Fault::default(),
            random: Cell::new(0),
            cooperative: Cell::new(false),
            progress: Cell::new(0),
            log: RefCell::default(),
            lines: RefCell::default(),
            nonces: RefCell::default(),
            memory: Memory::default(),
            hosted_cas: HostedCas::default(),
            release: OtherRelease::default(),
            platform: Platform::default(),
        };
        let keys = Rc::new(vec![authority().1.key.clone()]);
        let settings = settings();
        Self {
            secrets: Rc::new(secrets(&settings)),
            settings: Rc::new(settings),
            seen: None,
            state: Rc::new(state),
            keys,
        }
    }

    /// An empty CA in which requests interleave at each step.
    pub fn cooperative() -> Self {
        let world = Self::new();
        world.set_cooperative(true);
        world
    }

    /// The same CA, restarted with other settings.
    pub fn reconfigured(&self, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = (*self.settings).clone();
        change(&mut settings);
        let secrets = Rc::new(secrets(&settings));
        Self { secrets, settings: Rc::new(settings), seen: None, state: self.state.clone(), keys: self.keys.clone() }
    }

    /// An independent copy of this world. Running tasks stay behind.
    pub fn fork(&self) -> Self {
        let (old, store) = (&*self.state, Rc::new(Fault::default()));
        let operations = Rc::new(Operations::default());
        operations.accepted_twice.replace(old.operations.accepted_twice.borrow().clone());
        let copy = |(name, kv): (&String, &SharedKv)| {
            (name.clone(), SharedKv::new(name, kv.copy(), store.clone(), operations.clone()))
        };
        let partitions = old.partitions.borrow().iter().map(copy).collect();
        let state = State {
            now: old.now.clone(),
            partitions: RefCell::new(partitions),
            alarms: old.alarms.clone(),
            timers: RefCell::default(),
            tasks: RefCell::default(),
            network: old.network.clone(),
            receiver: old.receiver.clone(),
            series: RefCell::default(),
            running: RefCell::default(),
            requests: RefCell::default(),
            alarms_set: RefCell::default(),
            lost: old.lost.clone(),
            store: store.clone(),
            operations: operations.clone(),
            calls: Fault::default(),
            replies: Fault::default(),
            signatures: Fault::default(),
            random: old.random.clone(),
            cooperative: old.cooperative.clone(),
            progress: Cell::new(0),
            log: RefCell::default(),
            lines: RefCell::default(),
            nonces: old.nonces.clone(),
            memory: old.memory.clone(),
            hosted_cas: HostedCas::default(),
            release: old.release.clone(),
            platform: old.platform.clone(),
        };
        Self { state: Rc::new(state), ..self.clone() }
    }

    /// Secrets that log lines, responses and records must not contain.
    pub fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// The configuration.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The network.
    pub fn network(&self) -> &Network {
        &self.state.network
    }

    /// The webhook receiver.
    pub fn receiver(&self) -> &Receiver {
        &self.state.receiver
    }

    /// Faults of storage operations, in any partition.
    pub fn store_fault(&self) -> &Fault {
        &self.state.store
    }

    /// Faults of calls that never arrive.
    pub fn call_fault(&self) -> &Fault {
        &self.state.calls
    }

    /// Faults of calls whose replies are lost.
    pub fn reply_fault(&self) -> &Fault {
        &self.state.replies
    }

    /// Faults of signatures, with their count.
    pub fn sign_fault(&self) -> &Fault {
        &self.state.signatures
    }

    /// All operations in order, with their faults.
    pub fn operations(&self) -> &Operations {
        &self.state.operations
    }

    /// Ends all faults.
    pub fn heal(&self) {
        self.state.operations.plan(&[]);
        for fault in [&*self.state.store, &self.state.calls, &self.state.replies, &self.state.signatures] {
            fault.heal();
        }
    }

    /// Sets whether steps that leave a partition (a call, a signature, a look-up) let others run.
    pub fn set_cooperative(&self, cooperative: bool) {
        self.state.cooperative.set(cooperative);
    }

    /// The current time.
    pub fn now(&self) -> Time {
        self.state.now.get()
    }

    /// Lets time pass without alarms.
    pub fn pass(&self, time: Duration) {
        self.state.now.set(self.now().plus(time));
    }

    /// Sets the clock, in either direction, without alarms.
    pub fn set_clock(&self, to: Time) {
        self.state.now.set(to);
    }

    /// Lines of the operator's log.
    pub fn log(&self) -> Vec<String> {
        self.state.log.borrow().clone()
    }

    /// Event lines.
    pub fn lines(&self) -> Vec<String> {
        self.state.lines.borrow().clone()
    }

    /// Number of steps; unchanged while all wait.
    pub fn progress(&self) -> u64 {
        self.state.progress.get()
    }

    /// All stored records, with those that share rows.
    pub fn rows(&self) -> Rows {
        let mut rows = Rows::new();
        let record = |name: &str, key: &str, json: &str| ((name.to_owned(), key.to_owned()), json.to_owned());
        for (name, kv) in self.state.partitions.borrow().iter() {
            for (key, json, _) in kv.copy().rows() {
                match SharedRow::read(key, json) {
                    Ok(row) => rows.extend(row.records().map(|(key, json)| record(name, key, json))),
                    Err(_) => rows.extend([record(name, key, json)]),
                }
            }
        }
        rows
    }

    /// The rows of a partition, by their keys, as they are stored.
    pub fn stored_rows(&self, partition: &str) -> BTreeMap<String, String> {
        let rows = self.storage(partition).copy();
        rows.rows().map(|(key, json, _)| (key.to_owned(), json.to_owned())).collect()
    }

    /// The partitions that have a database.
    pub fn databases(&self) -> BTreeSet<String> {
        let partitions = self.state.partitions.borrow();
        partitions.iter().filter(|(_, kv)| kv.copy().is_database()).map(|(name, _)| name.clone()).collect()
    }

    /// Total number of rows read from these partitions' databases.
    pub fn rows_read(&self, prefix: &str) -> u64 {
        let partitions = self.state.partitions.borrow();
        partitions.iter().filter(|(name, _)| name.starts_with(prefix)).map(|(_, kv)| kv.look(MemoryKv::rows_read)).sum()
    }

    /// All stored records except redeemed nonces.
    pub fn rows_but_nonces(&self) -> Rows {
        let of_nonces = [RedeemedNonces::PREFIX, ActivityRecord::PREFIX];
        self.rows().into_iter().filter(|((_, key), _)| !of_nonces.contains(&key.as_str())).collect()
    }

    /// Records with this key prefix as JSON, with their partitions.
    pub fn records(&self, prefix: &str) -> Vec<(String, serde_json::Value)> {
        let rows = self.rows().into_iter().filter(|((_, key), _)| key.starts_with(prefix));
        rows.map(|((name, _), json)| (name, serde_json::from_str(&json).expect("JSON"))).collect()
    }

    /// Stores a record in a partition.
    pub fn put<R: Record>(&self, partition: &str, id: &str, record: &R) {
        self.cell(partition).transact(|txn| Ok(txn.put(id, record)?)).expect("the record is stored");
    }

    /// Writes or deletes any record of a partition, for tests of tests.
    pub fn plant(&self, partition: &str, key: &str, record: Option<&serde_json::Value>) {
        let storage = self.storage(partition);
        let write = |text: Option<String>| text.map_or(Write::Delete, |value| Write::Put { value, expires: None });
        let home = match key.split_once('/') {
            Some((OrderRecord::PREFIX, id)) => OrderRecord::row(id),
            Some((AuthorizationRecord::PREFIX, id)) => AuthorizationRecord::row(id),
            _ => return storage.plant(key, write(record.map(ToString::to_string))),
        };
        let stored = storage.copy().rows().find(|(row, ..)| *row == home).map(|(_, text, _)| text.to_owned());
        let mut row =
            stored.map_or_else(SharedRow::default, |text| SharedRow::read(&home, &text).expect("a shared row"));
        match record {
            Some(record) => row.insert(key, record.to_string(), None).expect("JSON"),
            None => drop(row.remove(key)),
        }
        storage.plant(&home, write((!row.is_empty()).then(|| row.text().expect("JSON"))));
    }

    /// Notes an issued nonce. `false` if it was issued before.
    pub fn note_nonce(&self, nonce: &str) -> bool {
        self.state.nonces.borrow_mut().insert(nonce.to_owned())
    }
}
