//! What partitions are asked for by operations. Only the front asks so, for somebody that it knows.

use crate::records::ledger::inventory::{ReplaceRecord, RosterEntry, Selection};
use crate::records::operations::audit::{Actor, Event};
use crate::records::operations::external_key::ExternalKeyRecord;
use crate::values::{Id, Time};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// As [`super::policy_cache::InForce`], on its way.
#[derive(Serialize, Deserialize)]
pub struct InForceDocuments {
    /// The version.
    pub version: u32,
    /// The document; `None` for that of the configuration.
    pub document: Option<Value>,
    /// The document in the shadow.
    pub shadow: Option<Value>,
}

/// A certificate that is near its end and was not renewed, as far as its own ledger knows.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Candidate {
    /// Its serial number in hex.
    pub serial: String,
    /// The name of the set of its names.
    pub set: String,
    /// The names in it.
    pub names: Vec<String>,
    /// When it ends.
    pub not_after: Time,
    /// The account that it was issued to.
    pub account: Id,
    /// Its profile, if that is known.
    pub profile: Option<String>,
}

/// A part of those that are near their end.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Near {
    /// Those that were found.
    pub found: Vec<Candidate>,
    /// Behind which it goes on; `None` when that was all.
    pub after: Option<String>,
}

/// Which are looked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Look {
    /// Those that have not ended then, and of which to remind since.
    pub at: Time,
    /// Those of which to remind after that; `None` for all.
    pub since: Option<Time>,
    /// Behind which it goes on; `None` for the beginning.
    pub after: Option<String>,
}

/// How many orders to replace hold at the same time. Each is looked at with each certificate.
pub const REPLACEMENTS: usize = 50;

/// How many findings of one order are told.
pub const FOUND: usize = 10;

/// What a ledger has done.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::ca) struct Part {
    /// The serial numbers of the certificates that it revoked.
    pub(in crate::ca) revoked: Vec<String>,
    /// How far it has come.
    pub(in crate::ca) reached: String,
    /// Whether that was all.
    pub(in crate::ca) complete: bool,
}

/// An external account key as its partition has it.
#[derive(Serialize, Deserialize)]
pub struct Shown {
    /// What an operator made; `None` when none did.
    pub record: Option<ExternalKeyRecord>,
    /// The accounts that were made with it.
    pub accounts: Vec<String>,
}

/// What a partition is asked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Operation {
    /// To operations: put this into the audit record. Answers its number.
    Note(Event),
    /// To operations: the audit record, the newest first, of entries before this number.
    Audit {
        /// Those before this one; `None` for all.
        before: Option<u64>,
        /// How many at most.
        limit: usize,
    },
    /// To operations: what there is to say of it all.
    Standing,
    /// To operations: there is, or will be, this external account key.
    EnterKey {
        /// Its kid.
        kid: String,
        /// When it was made.
        created: Time,
    },
    /// To operations: the kids of external account keys.
    Keys(Page),
    /// To operations: the policy in force, for whoever decides by it.
    InForce,
    /// To operations: all policies.
    Policies,
    /// To operations: a policy is in force from now on.
    PutPolicy(NewPolicy),
    /// To operations: a policy is in the shadow from now on; `None`: none is.
    PutShadow {
        /// The document.
        document: Option<Value>,
        /// Who.
        by: Actor,
    },
    /// To operations: this is what the policy in the shadow would have refused.
    Found {
        /// To which account.
        account: Id,
        /// Identifiers, each with the rule.
        findings: Vec<(String, String)>,
    },
    /// To operations: what it would have refused.
    Findings,
    /// To operations and to ledgers: these are to be replaced, or not any more.
    PutReplacement(ReplaceRecord),
    /// To operations: what is to be replaced.
    Replacements,
    /// To operations: how often the calendar was given another URL; if `moved`, once more from now on.
    Calendar {
        /// Whether it is given another now.
        moved: bool,
    },
    /// To operations: tell this for a test, and wait for what becomes of it.
    TestNotice,
    /// To operations and to ledgers: what there was to tell, the newest first.
    Notices {
        /// How many at most.
        limit: usize,
    },
    /// To operations and to ledgers: how many notices are on their way, and how many never arrived.
    NoticeCounts,
    /// To an external account key: come into being, unless you exist.
    CreateKey(Box<ExternalKeyRecord>),
    /// To an external account key: what are you?
    ShowKey,
    /// To an external account key: you are different from now on.
    ChangeKey(Box<KeyChange>),
    /// To a ledger: certificates.
    Search(Box<Query>),
    /// To a ledger: the next certificates that are to be revoked are.
    RevokeNext(Box<RevokeNext>),
    /// To a ledger: the certificate of this serial number.
    ShowEntry {
        /// The serial number in hex.
        serial: String,
    },
    /// To a ledger: certificates that are near their end and were not renewed.
    Near(Look),
    /// To a ledger: when does the last certificate of each of these sets of names end?
    Latest {
        /// Their names: see [`crate::records::ledger::inventory::set_id`].
        sets: Vec<String>,
    },
    /// To an account: what are you?
    ShowAccount,
    /// To an account: what has a list of you?
    ListedAccount,
    /// To an account: your end has come.
    EndAccount,
    /// To an account: a certificate with its chain.
    Download {
        /// The serial number in hex.
        serial: String,
    },
    /// To a list of accounts: there is, or will be, this one.
    Enrol(Box<RosterEntry>),
    /// To a list of accounts: them.
    Members(Page),
}

/// A part of a list.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Page {
    /// What follows this; `None` for the beginning.
    pub after: Option<String>,
    /// How many at most.
    pub limit: usize,
}

/// A policy to be put in force.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NewPolicy {
    /// The document; with `restores` it is the one of that version, and not given here.
    pub document: Option<Value>,
    /// The version that is to be in force again; 0 for the configuration.
    pub restores: Option<Restored>,
    /// What it is about.
    pub note: Option<String>,
    /// Who.
    pub by: Actor,
}

/// Which policy is to be in force again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Restored {
    /// That of this version; 0 is the configuration.
    Version(u32),
    /// The one before the present one.
    Before,
}

/// What changes about an external account key; `None` for what stays.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeyChange {
    /// Whether it is disabled.
    pub disabled: Option<bool>,
    /// Its policy.
    pub policy: PolicyChange,
    /// What it is for.
    pub note: Option<String>,
    /// Who.
    pub by: Actor,
}

/// What becomes of the policy of an external account key. In JSON a `null` within an `Option` would be none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum PolicyChange {
    /// It stays.
    Stays,
    /// There is none any more.
    Ends,
    /// It is this document.
    Is(Value),
}

/// A step of a revocation of many certificates.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RevokeNext {
    /// Which, behind which one it goes on, and how many at most.
    pub query: Query,
    /// The CRLReason.
    pub reason: Option<u8>,
    /// The operator who wants it.
    pub by: String,
}

/// How a certificate has to stand to be found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// Not expired.
    #[default]
    Current,
    /// Neither expired nor revoked.
    Valid,
    /// Revoked and not expired.
    Revoked,
    /// Expired.
    Expired,
    /// In any way.
    All,
}

/// Which certificates are looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Query {
    /// A part of a name in either of its forms, or from eight characters on of the serial number or the account's id.
    pub text: Option<String>,
    /// The serial number in hex.
    pub serial: Option<String>,
    /// Which.
    pub selection: Selection,
    /// How they stand.
    pub standing: Standing,
    /// They end then or later.
    pub ends_after: Option<Time>,
    /// They end before then.
    pub ends_before: Option<Time>,
    /// They were issued before then.
    pub issued_before: Option<Time>,
    /// What follows this, in the order of their ends: see [`crate::records::ledger::inventory::expiry_id`].
    pub after: Option<String>,
    /// How many at most.
    pub limit: usize,
}
