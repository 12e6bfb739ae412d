//! Names of partitions, and the JSON messages between them.

use crate::ca::http::address::ClientAddress;
use crate::ca::http::message::Response;
use crate::records::Problem;
use crate::values::Id;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Number of partitions that share the nonces without an account. Each handles about 1,000 redemptions a second, and a
/// client redeems one or two of them in a run.
pub const NONCE_SHARDS: u8 = 8;

/// Number of partitions that share the list of accounts.
pub const ROSTERS: u8 = 4;

/// Identifies a partition.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PartitionId {
    /// An account with its orders, authorizations and certificates.
    Account(Id),
    /// The owner of the account key with this thumbprint.
    Key(String),
    /// Nonces issued without an account.
    Nonce(u8),
    /// The ledger of the issuer with this id.
    Ledger(String),
    /// The keys blocked for all issuers after a revocation for keyCompromise. One partition for all: it is read once
    /// for each issuance, when the ledger is written.
    Compromised,
    /// The external account key with this kid, and its uses.
    Eab(String),
    /// The rate limit of new accounts from this client address.
    Address(ClientAddress),
    /// Sums for the operator.
    Metrics(u8),
    /// The audit record, policies, replacements, and the kids of operators' external account keys.
    Operations,
    /// The ids of accounts: see [`ROSTERS`].
    Roster(u8),
    /// The faults on purpose of a test CA.
    Faults,
    /// The failures that operators look at.
    Failures,
    /// A test CA; for `None` the clock of the main CA.
    TestCa(Option<Id>),
    /// The backups that the Worker makes by itself.
    Backups,
    /// The list of test CAs.
    TestCas,
    /// A partition of the test CA with this id.
    Within(Id, Box<PartitionId>),
}

/// How a backup treats a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InBackup {
    /// It has all rows.
    Saved,
    /// The restore makes the rows of others.
    Derived,
    /// It has no rows.
    LeftOut,
}

impl PartitionId {
    /// Returns the partition's name, that of its Durable Object.
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
            Self::Faults => "faults/ca".to_owned(),
            Self::Failures => "failures/ca".to_owned(),
            Self::Backups => "backups/ca".to_owned(),
            Self::TestCa(None) => "testca/main".to_owned(),
            Self::TestCa(Some(id)) => format!("testca/{id}"),
            Self::TestCas => "testcas/all".to_owned(),
            Self::Within(id, partition) => format!("ca/{id}/{}", partition.name()),
        }
    }

    /// Returns the partition of this name within a test CA. The main CA's own test CAs are the same everywhere.
    #[must_use]
    pub fn within(self, ca: &Id) -> Self {
        match self {
            Self::TestCa(_) | Self::TestCas | Self::Within(..) => self,
            other => Self::Within(ca.clone(), Box::new(other)),
        }
    }

    /// Returns the partition without its test CA.
    #[must_use]
    pub fn inner(self) -> Self {
        match self {
            Self::Within(_, partition) => *partition,
            other => other,
        }
    }

    /// How a backup treats the partition.
    pub fn backup(&self) -> InBackup {
        match self {
            Self::Account(_) | Self::Ledger(_) | Self::Compromised | Self::Eab(_) => InBackup::Saved,
            Self::Operations | Self::Roster(_) => InBackup::Saved,
            // Each account claims its key again. Copies of two instants could name another account.
            Self::Key(_) => InBackup::Derived,
            // Nonces of before the restore are refused altogether.
            Self::Nonce(_) => InBackup::Derived,
            // A limit of hours, and sums that begin anew as after any loss.
            Self::Address(_) | Self::Metrics(_) => InBackup::LeftOut,
            // A list of the last month that fills again: pauses themselves are in accounts.
            Self::Failures => InBackup::LeftOut,
            // Of this storage: a restored one begins its own.
            Self::Backups => InBackup::LeftOut,
            // Only test CAs have them.
            Self::Faults => InBackup::LeftOut,
            // They end within days, with all that is within them.
            Self::TestCa(_) | Self::TestCas | Self::Within(..) => InBackup::LeftOut,
        }
    }

    /// Parses a name.
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
            "faults" => (rest == "ca").then_some(Self::Faults),
            "backups" => (rest == "ca").then_some(Self::Backups),
            "failures" => (rest == "ca").then_some(Self::Failures),
            "testca" if rest == "main" => Some(Self::TestCa(None)),
            "testca" => Id::parse(rest).map(|id| Self::TestCa(Some(id))),
            "testcas" => (rest == "all").then_some(Self::TestCas),
            "ca" => {
                let (id, inner) = rest.split_once('/')?;
                let inner = Self::parse(inner)?;
                let nested = matches!(inner, Self::TestCa(_) | Self::TestCas | Self::Within(..));
                Id::parse(id).filter(|_| !nested).map(|id| Self::Within(id, Box::new(inner)))
            }
            _ => None,
        }
    }
}

/// An ask in transit to a partition.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Message {
    /// Name of the ask: see [`super::ask::Ask::NAME`].
    pub ask: String,
    /// The ask as JSON.
    pub body: Box<RawValue>,
}

impl Message {
    /// Reads the ask.
    ///
    /// # Errors
    /// As [`read_json`].
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        read_json(&self.body)
    }

    /// Returns the refusal of an ask that this kind of partition does not have.
    pub fn misdirected(&self, to: &PartitionId) -> Problem {
        Problem::other_release(format!("{} was asked for {:?}, which is not in its table", to.name(), self.ask))
    }
}

/// The reply to a message.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Reply {
    /// The ask's reply as JSON.
    Answer(Box<RawValue>),
    /// The refusal or failure.
    Refused(Box<Problem>),
}

/// An account's answer to a client's POST.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum PostReply {
    /// The response to the client.
    Response(Box<Response>),
    /// The refusal of a request that the account did not sign. The front answers it: an account's own data, such as its
    /// nonces, is for the account only.
    Unsigned(Problem),
    /// The failure of the partition.
    Refused(Problem),
}

/// Reads JSON that a partition wrote.
///
/// # Errors
/// For JSON of another shape, as another release may write: a refusal for the time in which both run.
pub fn read_json<T: DeserializeOwned>(json: &RawValue) -> Result<T, Problem> {
    serde_json::from_str(json.get()).map_err(|e| Problem::other_release(format!("a message cannot be read: {e}")))
}

/// Writes a value as JSON.
///
/// # Errors
/// `serverInternal` for a value that JSON cannot represent.
pub fn write_json<T: Serialize>(value: &T) -> Result<Box<RawValue>, Problem> {
    serde_json::value::to_raw_value(value).map_err(|e| Problem::internal(e.to_string()))
}
