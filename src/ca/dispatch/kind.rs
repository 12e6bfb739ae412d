//! The kinds of partitions, and the dispatch of messages to them.

use crate::ca::account::kind::Account;
use crate::ca::http::routes::Route;
use crate::ca::ledger::kind::Ledger;
use crate::ca::partitions::backups::kind::Backups;
use crate::ca::partitions::client_address::ClientAddressLimit;
use crate::ca::partitions::compromised_keys::CompromisedKeys;
use crate::ca::partitions::external_key::ExternalKey;
use crate::ca::partitions::failures::kind::Failures;
use crate::ca::partitions::faults::Faults;
use crate::ca::partitions::key_owner::Key;
use crate::ca::partitions::metrics::Metrics;
use crate::ca::partitions::nonce::NonceShard;
use crate::ca::partitions::operations::kind::Operations;
use crate::ca::partitions::roster::Roster;
use crate::ca::partitions::test_ca::TestCa;
use crate::ca::partitions::test_cas::TestCas;
use crate::ca::runtime::apart::apart;
use crate::ca::runtime::ask::Ask;
use crate::ca::runtime::message::{Message, PartitionId, PostReply, Reply, write_json};
use crate::ca::runtime::partition::Partition;
use crate::ca::runtime::ports::PartitionPorts;
use crate::ca::runtime::recovering::{GoTo, HoldPartition};
use crate::ca::runtime::restoring::{EndRestore, restoring};
use crate::ca::{account, ledger, partitions};
use crate::records::Problem;
use crate::store::Kv;
use serde_json::value::RawValue;
use std::rc::Rc;

/// The asks of each kind of partition, by the first part of its names.
pub const ASKS: [(&str, &[&str]); 15] = [
    ("account", account::asks::ASKS),
    ("key", partitions::key_owner::ASKS),
    ("nonce", partitions::nonce::ASKS),
    ("ledger", ledger::asks::ASKS),
    ("compromised", partitions::compromised_keys::ASKS),
    ("eab", partitions::external_key::ASKS),
    ("address", partitions::client_address::ASKS),
    ("metrics", partitions::metrics::ASKS),
    ("operations", partitions::operations::asks::ASKS),
    ("roster", partitions::roster::ASKS),
    ("faults", partitions::faults::ASKS),
    ("failures", partitions::failures::asks::ASKS),
    ("backups", partitions::backups::asks::ASKS),
    ("testca", partitions::test_ca::ASKS),
    ("testcas", partitions::test_cas::ASKS),
];

/// A partition as the kind that its id determines.
pub enum Kind<P, K> {
    /// An account.
    Account(Account<P, K>),
    /// An account key.
    Key(Key<P, K>),
    /// Nonces without an account.
    Nonce(NonceShard<P, K>),
    /// A ledger.
    Ledger(Ledger<P, K>),
    /// The compromised keys.
    Compromised(CompromisedKeys<P, K>),
    /// An external account key.
    ExternalKey(ExternalKey<P, K>),
    /// A client address.
    Address(ClientAddressLimit<P, K>),
    /// Sums of counts.
    Metrics(Metrics<P, K>),
    /// The operators' decisions.
    Operations(Operations<P, K>),
    /// A list of accounts.
    Roster(Roster<P, K>),
    /// The faults of a test CA.
    Faults(Faults<P, K>),
    /// The failures.
    Failures(Failures<P, K>),
    /// The backups.
    Backups(Backups<P, K>),
    /// A test CA, or the clock of the main CA.
    TestCa(TestCa<P, K>),
    /// The list of test CAs.
    TestCas(TestCas<P, K>),
}

impl<P, K> Kind<P, K> {
    /// Returns the kind of a partition.
    pub fn of(partition: Rc<Partition<P, K>>) -> Self {
        match partition.id.clone() {
            PartitionId::Account(id) => Self::Account(Account { partition, id }),
            PartitionId::Key(_) => Self::Key(Key { partition }),
            PartitionId::Nonce(_) => Self::Nonce(NonceShard { partition }),
            PartitionId::Ledger(issuer) => Self::Ledger(Ledger { partition, issuer }),
            PartitionId::Compromised => Self::Compromised(CompromisedKeys { partition }),
            PartitionId::Eab(kid) => Self::ExternalKey(ExternalKey { partition, kid }),
            PartitionId::Address(_) => Self::Address(ClientAddressLimit { partition }),
            PartitionId::Metrics(_) => Self::Metrics(Metrics { partition }),
            PartitionId::Operations => Self::Operations(Operations { partition }),
            PartitionId::Roster(_) => Self::Roster(Roster { partition }),
            PartitionId::Faults => Self::Faults(Faults { partition }),
            PartitionId::Failures => Self::Failures(Failures { partition }),
            PartitionId::Backups => Self::Backups(Backups { partition }),
            PartitionId::TestCa(ca) => Self::TestCa(TestCa { partition, ca }),
            // Nothing is within two test CAs.
            PartitionId::TestCas | PartitionId::Within(..) => Self::TestCas(TestCas { partition }),
        }
    }
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Partition<P, K> {
    /// Answers a message.
    pub async fn handle(self: Rc<Self>, message: Message) -> Reply {
        let common = match self.handle_common(&message) {
            None => apart(self.handle_waiting(&message)).await,
            common => common,
        };
        if let Some(answer) = common {
            return self.reply(answer);
        }
        self.take_up();
        let answer = match Kind::of(self.clone()) {
            Kind::Account(account) => apart(account.answer(&message)).await,
            Kind::Key(key) => apart(key.answer(&message)).await,
            Kind::Nonce(nonces) => apart(nonces.answer(&message)).await,
            Kind::Ledger(ledger) => apart(ledger.answer(&message)).await,
            Kind::Compromised(keys) => apart(keys.answer(&message)).await,
            Kind::ExternalKey(key) => apart(key.answer(&message)).await,
            Kind::Address(address) => apart(address.answer(&message)).await,
            Kind::Metrics(metrics) => apart(metrics.answer(&message)).await,
            Kind::Operations(operations) => apart(operations.answer(&message)).await,
            Kind::Roster(roster) => apart(roster.answer(&message)).await,
            Kind::Faults(faults) => apart(faults.answer(&message)).await,
            Kind::Failures(failures) => apart(failures.answer(&message)).await,
            Kind::Backups(backups) => apart(backups.answer(&message)).await,
            Kind::TestCa(ca) => apart(ca.answer(&message)).await,
            Kind::TestCas(all) => apart(all.answer(&message)).await,
        };
        self.flush_if_due();
        if let Err(problem) = apart(self.join_if_written()).await {
            return self.reply(Err(problem));
        }
        self.reply(answer)
    }

    /// Answers an ask of restores and recoveries that waits; `None` for others.
    async fn handle_waiting(self: &Rc<Self>, message: &Message) -> Option<Result<Box<RawValue>, Problem>> {
        match message.ask.as_str() {
            EndRestore::NAME => Some(self.end_restore(message).await),
            HoldPartition::NAME => Some(self.hold_for(message).await),
            GoTo::NAME => Some(self.go_for(message).await),
            _ => None,
        }
    }

    async fn hold_for(&self, message: &Message) -> Result<Box<RawValue>, Problem> {
        write_json(&self.hold_partition(&message.read()?).await?)
    }

    async fn go_for(&self, message: &Message) -> Result<Box<RawValue>, Problem> {
        write_json(&self.go_to(&message.read()?).await?)
    }

    /// Settles what the present means for a restored partition, and opens it.
    async fn end_restore(self: &Rc<Self>, message: &Message) -> Result<Box<RawValue>, Problem> {
        let ask: EndRestore = message.read()?;
        match Kind::of(self.clone()) {
            Kind::Nonce(shard) => shard.refuse_earlier()?,
            Kind::Account(account) if self.running.restoring.get() => account.settle_restored().await?,
            Kind::Ledger(ledger) if self.running.restoring.get() => ledger.settle_restored()?,
            _ => {}
        }
        self.open_restored(&ask)?;
        write_json(&())
    }

    fn reply(&self, answer: Result<Box<RawValue>, Problem>) -> Reply {
        answer.map(Reply::Answer).unwrap_or_else(|problem| {
            self.log(&problem);
            Reply::Refused(Box::new(problem))
        })
    }

    /// Resumes begun jobs whose runs failed or were cut off.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn resume_interrupted(self: &Rc<Self>) -> Result<(), Problem> {
        let now = self.ports.now();
        if !self.running.is_interrupted(now) {
            return Ok(());
        }
        match Kind::of(self.clone()) {
            Kind::Account(account) => account.resume_begun(now),
            _ => Ok(()),
        }
    }

    /// Resumes interrupted jobs before a message. If the storage fails, the next message tries again.
    fn take_up(self: &Rc<Self>) {
        if let Err(problem) = self.resume_interrupted() {
            self.log(&problem);
        }
    }

    /// Answers a client's POST, given its path, its JWS and the id of the request.
    pub async fn post(self: Rc<Self>, path: &str, body: &str, request: &str) -> PostReply {
        if let Some(refusal) = self.refusal() {
            self.log(&refusal);
            return PostReply::Unsigned(refusal);
        }
        if self.running.restoring.get() {
            return PostReply::Unsigned(restoring());
        }
        self.take_up();
        let reply = match (Kind::of(self.clone()), self.ports.settings().urls.route(path)) {
            (Kind::Account(account), Some(Route::Account(route))) => {
                apart(account.post(&route, path, body, request)).await
            }
            _ => {
                let problem = Problem::other_release(format!("{} was passed a POST to {path:?}", self.id.name()));
                self.log(&problem);
                PostReply::Refused(problem)
            }
        };
        self.flush_if_due();
        reply
    }
}
