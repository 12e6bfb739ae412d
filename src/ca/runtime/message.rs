//! Names of partitions, and what crosses between them as JSON.

use crate::ca::http::address::ClientAddress;
use crate::ca::http::message::Response;
use crate::records::Problem;
use crate::values::Id;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Number of partitions that share the nonces without an account. Each takes about 1,000 redemptions
/// a second, and a client redeems one or two of them in its whole run.
pub const NONCE_SHARDS: u8 = 8;

/// Number of partitions that share the list of accounts.
pub const ROSTERS: u8 = 4;

/// Names a partition.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PartitionId {
    /// An account with its orders, authorizations and certificates.
    Account(Id),
    /// The owner of the account key of this thumbprint.
    Key(String),
    /// Nonces that were issued without an account.
    Nonce(u8),
    /// The ledger of the issuer of this id.
    Ledger(String),
    /// The keys that are refused everywhere, whichever issuer's certificate they were revoked with. One for all: it is read
    /// once for each issuance, where the ledger is written.
    Compromised,
    /// The uses of the external account key of this name.
    Eab(String),
    /// The rate limit of new accounts of this client address.
    Address(ClientAddress),
    /// Sums for the operator.
    Metrics(u8),
    /// What operators did and decided: the audit record, policies, what is to be replaced, the kids of their external
    /// account keys.
    Operations,
    /// The ids of accounts: see [`ROSTERS`].
    Roster(u8),
}

impl PartitionId {
    /// The partition's name: that of its Durable Object.
    pub fn name(&self) -> String {
        match self {
            Self::Account(id) => format!("account/{id}"),
            Self::Key(thumbprint) => format!("key/{thumbprint}"),
            Self::Nonce(n) => format!("nonce/{n}"),
            Self::Ledger(issuer) => format!("ledger/{issuer}"),
            Self::Compromised => "compromised/keys".to_owned(),
            Self::Eab(kid) => format!("eab/{kid}"),
            Self::Address(address) => format!("address/{address}"),
            Self::Metrics(n) => format!("metrics/{n}"),
            Self::Operations => "operations/ca".to_owned(),
            Self::Roster(n) => format!("roster/{n}"),
        }
    }

    /// Reads a name back.
    pub fn parse(name: &str) -> Option<Self> {
        let (kind, rest) = name.split_once('/')?;
        match kind {
            "account" => Id::parse(rest).map(Self::Account),
            "key" => Some(Self::Key(rest.to_owned())),
            "nonce" => rest.parse().ok().map(Self::Nonce),
            "ledger" => Some(Self::Ledger(rest.to_owned())),
            "compromised" => (rest == "keys").then_some(Self::Compromised),
            "eab" => Some(Self::Eab(rest.to_owned())),
            "address" => ClientAddress::parse(rest).map(Self::Address),
            "metrics" => rest.parse().ok().map(Self::Metrics),
            "operations" => (rest == "ca").then_some(Self::Operations),
            "roster" => rest.parse().ok().map(Self::Roster),
            _ => None,
        }
    }
}

/// An ask on its way to a partition.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Message {
    /// The name of the ask: see [`super::ask::Ask::NAME`].
    pub ask: String,
    /// The ask as JSON.
    pub body: Box<RawValue>,
}

impl Message {
    /// Reads the ask.
    ///
    /// # Errors
    /// `serverInternal` for JSON of another shape.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        read_json(&self.body)
    }

    /// The refusal of an ask for another kind of partition, which only a fault of the host can bring here.
    pub fn misdirected(&self, to: &PartitionId) -> Problem {
        Problem::internal(format!("{} was asked for {:?}, which is not in its table", to.name(), self.ask))
    }
}

/// The answer to a message.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Reply {
    /// The ask's reply as JSON.
    Answer(Box<RawValue>),
    /// The refusal, or the failure.
    Refused(Box<Problem>),
}

/// An account's answer to a client's POST.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum PostReply {
    /// The response to the client.
    Response(Box<Response>),
    /// The refusal of a request that turned out not to be signed by the account. The front answers it: what is
    /// the account's own, its nonces among it, is for the account only.
    Unsigned(Problem),
    /// The failure of the partition.
    Refused(Problem),
}

/// Reads JSON that a partition wrote.
///
/// # Errors
/// `serverInternal` for JSON of another shape.
pub fn read_json<T: DeserializeOwned>(json: &RawValue) -> Result<T, Problem> {
    serde_json::from_str(json.get()).map_err(|e| Problem::internal(format!("a message cannot be read: {e}")))
}

/// Writes a value as JSON.
///
/// # Errors
/// `serverInternal` for a value that JSON cannot have.
pub fn write_json<T: Serialize>(value: &T) -> Result<Box<RawValue>, Problem> {
    serde_json::value::to_raw_value(value).map_err(|e| Problem::internal(e.to_string()))
}
