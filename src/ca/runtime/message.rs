//! What partitions say to each other and the front to them. Crosses the wire as JSON.

use super::operation::Operation;
use crate::ca::http::address::ClientAddress;
use crate::ca::http::message::Response;
use crate::records::acme::account::{ExternalBinding, KeyOwner, NewAccount};
use crate::records::ledger::crl::{CrlRecord, ShardStanding};
use crate::records::ledger::entry::{Authority, CompromisedKey, LedgerEntry};
use crate::records::operations::metrics::Counts;
use crate::records::{AccountStatus, Home, Nonce, Problem, Renewable};
use crate::values::{Id, Time};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How many partitions share the nonces that were handed to nobody in particular. Each takes about 1,000 redemptions
/// a second, and a client redeems one or two of them in its whole run.
pub const NONCE_SHARDS: u8 = 8;

/// Names a partition.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PartitionId {
    /// An account with its orders, authorizations and certificates.
    Account(Id),
    /// Which account owns the key of this thumbprint.
    Key(String),
    /// Nonces handed to nobody in particular.
    Nonce(u8),
    /// The ledger of the issuer of this id.
    Ledger(String),
    /// The keys that are refused for good, whichever issuer's certificate they were revoked with. One for all: it is read
    /// once for each issuance, where the ledger is written.
    Compromised,
    /// The uses of the external account key of this name.
    Eab(String),
    /// How many accounts were made from this client address lately.
    Address(ClientAddress),
    /// Sums for the operator.
    Metrics(u8),
    /// What operators did and decided: the audit record, policies, what is to be replaced, the kids of their external
    /// account keys.
    Operations,
    /// The ids of accounts: see [`ROSTERS`].
    Roster(u8),
}

/// How many partitions share the list of accounts.
pub const ROSTERS: u8 = 4;

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

impl From<&Home> for PartitionId {
    fn from(home: &Home) -> Self {
        match home {
            Home::Account(id) => Self::Account(id.clone()),
            Home::Shard(n) => Self::Nonce(*n % NONCE_SHARDS),
        }
    }
}

/// What a partition is asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Message {
    /// To an account: a request signed with its key, still to be verified. `path` is the request's.
    Post {
        /// The path that was asked.
        path: String,
        /// The JWS.
        body: String,
    },
    /// To a nonce's home: is it the first use?
    Redeem(Redemption),
    /// To a key: whose is it?
    WhoOwns,
    /// To a key: it is this account's from now on, unless it has another owner.
    Claim(KeyOwner),
    /// To a key: it is `to`'s from now on if nothing has changed since it was `from`'s.
    Reassign {
        /// The claim of the owner that does not have the key (any more).
        from: KeyOwner,
        /// The new claim.
        to: KeyOwner,
    },
    /// To a key: it is nobody's from now on if it is this account's now, by a claim before this key change.
    Release(KeyOwner),
    /// To an account: do you have the key of this thumbprint?
    Find {
        /// The thumbprint.
        thumbprint: String,
    },
    /// To an account: do you have the key of this thumbprint? If not, give up what is on its way towards it: it will be
    /// another's.
    Yield {
        /// The thumbprint.
        thumbprint: String,
    },
    /// To an account: come into being, unless you exist.
    Create(Box<Creation>),
    /// To an account: a person agreed to these terms of service for you.
    Agree {
        /// The URL of the terms.
        terms: String,
    },
    /// To an account: a person ended the pause of this name since then.
    Resume {
        /// The name, as `{type}:{value}`.
        subject: String,
        /// When the pause began.
        since: Time,
    },
    /// To a client address: an account is being made from there.
    CountAccount,
    /// To the metrics: add these.
    Sum(Counts),
    /// To an external account key: you are used by an account key for an account; without an account: may you be?
    Bind {
        /// The account key's thumbprint.
        thumbprint: String,
        /// The account that is being made.
        account: Option<Id>,
    },
    /// To a ledger: enter a certificate before it is signed.
    Record {
        /// The serial number in hex.
        serial: String,
        /// What is entered.
        entry: Box<LedgerEntry>,
    },
    /// To a ledger: when is a certificate to be renewed?
    RenewalInfo {
        /// The serial number in hex.
        serial: String,
    },
    /// To a ledger: revoke.
    Revoke(Box<RevocationRequest>),
    /// To the compromised keys: from now on this one is refused.
    Condemn {
        /// The SHA-256 of its DER SubjectPublicKeyInfo, in hex.
        key: String,
        /// Why.
        compromised: CompromisedKey,
    },
    /// To the compromised keys: is this one refused?
    IsCompromised {
        /// As in [`Message::Condemn`].
        key: String,
    },
    /// To a ledger: the CRL of this shard.
    Crl {
        /// The shard.
        shard: u16,
    },
    /// To a ledger: the CRLs of its shards from this one on, as many as go into an answer.
    Lists {
        /// The first shard.
        from: u16,
    },
    /// To a ledger: how things stand with the issuer.
    Standing,
    /// To any: what operators ask for.
    Operate(Operation),
}

/// A nonce to redeem.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Redemption {
    /// The nonce's name at its home.
    pub name: String,
    /// When it need not be remembered any longer.
    pub expires: Time,
}

impl From<&Nonce> for Redemption {
    fn from(nonce: &Nonce) -> Self {
        Self { name: nonce.name.clone(), expires: nonce.expires }
    }
}

/// A new account whose key is verified and claimed for it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Creation {
    /// The account key as canonical JWK.
    pub key: Value,
    /// Its thumbprint.
    pub thumbprint: String,
    /// What the client asked for, checked.
    pub wanted: NewAccount,
    /// The external account that it will belong to.
    pub external: Option<ExternalBinding>,
    /// When it is made.
    pub created: Time,
}

/// A verified wish to revoke.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RevocationRequest {
    /// The serial number in hex.
    pub serial: String,
    /// SHA-256 of the presented certificate's to-be-signed part, base64url.
    pub tbs_digest: String,
    /// The given reason.
    pub reason: Option<u8>,
    /// Who asks.
    pub by: Requester,
}

/// Who asks for a revocation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Requester {
    /// An account; `authorized` when it holds valid authorizations for all names in the certificate.
    Account {
        /// Which.
        id: Id,
        /// Whether it could have the certificate issued itself.
        authorized: bool,
    },
    /// The holder of the certificate's key.
    Key,
    /// Whoever runs the CA, by this name.
    Operator(String),
}

impl Requester {
    /// The right by which it may revoke a certificate of `owner`; `None` for no right.
    pub fn authority(&self, owner: &Id) -> Option<Authority> {
        match self {
            Self::Key => Some(Authority::Key),
            Self::Operator(name) => Some(Authority::Operator(name.clone())),
            Self::Account { id, .. } if id == owner => Some(Authority::Account(id.clone())),
            Self::Account { id, authorized: true } => Some(Authority::Authorizations(id.clone())),
            Self::Account { .. } => None,
        }
    }
}

/// What a partition answers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Reply {
    /// The response to pass on to the client.
    Response(Box<Response>),
    /// Why a client's request is refused that turned out not to be signed by the account. The front answers it: what is
    /// the account's own, its nonces among it, is for none but the account.
    Unsigned(Problem),
    /// The sums so far.
    Sums(Counts),
    /// Whether a nonce was redeemed just now for the first time.
    Redeemed(bool),
    /// Who owns a key (after the request).
    Owner(Option<KeyOwner>),
    /// Whether, and how, an account has a key.
    Account(Holding),
    /// Whether an external account key may be used so.
    Bound(bool),
    /// Whether a serial number was entered (or is, with the same content).
    Recorded(bool),
    /// What decides when a certificate is to be renewed; `None` for one that is not in the ledger.
    Renewable(Option<Renewable>),
    /// Whether a key is refused for good.
    Compromised(bool),
    /// The CRL of a shard; `None` where it has no certificates.
    Crl(Option<CrlRecord>),
    /// CRLs of shards.
    Lists {
        /// Each in DER, base64url.
        lists: Vec<String>,
        /// The shard to go on from; `None` when there are no more.
        next: Option<u16>,
    },
    /// How things stand with an issuer.
    Standing(Vec<ShardStanding>),
    /// What operators asked for.
    Shown(Value),
    /// It is done.
    Done,
    /// It is refused, or failed.
    Refused(Problem),
}

/// An account's word on whether it has a key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Holding {
    /// There is no such account (and, after [`Message::Yield`], never will be).
    Nobody,
    /// It has another key.
    OtherKey,
    /// It has the key.
    Has {
        /// Its status.
        status: AccountStatus,
        /// The account object to show.
        object: Value,
        /// Whether it was made just now.
        created: bool,
    },
}

/// A partition answered something that does not fit the question.
pub fn unexpected(reply: &Reply) -> Problem {
    Problem::internal(format!("a partition answered {reply:?}, which does not fit the question"))
}

impl Holding {
    /// Whether the account of this id has the key.
    pub fn has(&self) -> bool {
        matches!(self, Self::Has { .. })
    }
}
