//! Dispatches each message to the kind of partition that answers it.

use super::kind::Kind;
use crate::ca::http::routes::Route;
use crate::ca::runtime::message::{Message, PostReply, Reply};
use crate::ca::runtime::partition::Partition;
use crate::ca::runtime::ports::PartitionPorts;
use crate::ca::{account, ledger, partitions};
use crate::records::Problem;
use crate::store::Kv;
use std::rc::Rc;

/// The asks of each kind of partition, by the first part of its names.
pub const ASKS: [(&str, &[&str]); 10] = [
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
];

impl<P: PartitionPorts + 'static, K: Kv + 'static> Partition<P, K> {
    /// Answers a message.
    pub async fn handle(self: Rc<Self>, message: Message) -> Reply {
        let answer = match Kind::of(self.clone()) {
            Kind::Account(account) => account.answer(&message).await,
            Kind::Key(key) => key.answer(&message).await,
            Kind::Nonce(nonces) => nonces.answer(&message).await,
            Kind::Ledger(ledger) => ledger.answer(&message).await,
            Kind::Compromised(keys) => keys.answer(&message).await,
            Kind::ExternalKey(key) => key.answer(&message).await,
            Kind::Address(address) => address.answer(&message).await,
            Kind::Metrics(metrics) => metrics.answer(&message).await,
            Kind::Operations(operations) => operations.answer(&message).await,
            Kind::Roster(roster) => roster.answer(&message).await,
        };
        self.flush_if_due();
        answer.map(Reply::Answer).unwrap_or_else(|problem| {
            self.log(&problem);
            Reply::Refused(Box::new(problem))
        })
    }

    /// Answers a client's POST, given its path and JWS.
    pub async fn post(self: Rc<Self>, path: &str, body: &str) -> PostReply {
        let reply = match (Kind::of(self.clone()), Route::parse(path)) {
            (Kind::Account(account), Some(Route::Account(route))) => account.post(&route, path, body).await,
            _ => {
                let problem = Problem::internal(format!("{} was passed a POST to {path:?}", self.id.name()));
                self.log(&problem);
                PostReply::Refused(problem)
            }
        };
        self.flush_if_due();
        reply
    }
}
