//! Problems that more than one partition answers.

use super::jobs::{JobRecord, Try, Work};
use super::jws::Fresh;
use super::message::{Holding, Message, Partition, Redemption, Reply};
use super::partition::Cell;
use super::ports::PartitionPorts;
use crate::acme::ledger::LedgerEntry;
use crate::acme::nonce::RedeemedNonce;
use crate::acme::order::Issuance;
use crate::acme::{AccountRecord, AccountStatus, CertificateRecord, Home, Kind, Nonce, OrderRecord, Problem};
use crate::ca::account::request::only_read;
use crate::ca::config::issuers::Published;
use crate::ca::http::message::{Answer, Response};
use crate::ca::http::routes::Route;
use crate::ca::issuance_policy::effective::Governing;
use crate::jose::{Jwk, Verified};
use crate::pki::leaf::LeafRequest;
use crate::pki::{Issuer, Period, Profile, PublicKey, Serial, key, leaf, lint, profile};
use crate::store::{Kv, StoreFailure, Txn};
use crate::values::{Id, Identifier, Time, b64};
use core::time::Duration;
use sha2::{Digest, Sha256};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

/// What is said when a `what`, a certificate or a CRL, does not pass the lint.
pub(in crate::ca) fn lint_failed(what: &str, faults: &[lint::LintFault]) -> Problem {
    let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
    Problem::internal(format!("the {what} about to be signed is not as it should be: {}", faults.join("; ")))
}

/// What a request of an account is answered that was deactivated (RFC 8555 §7.3.6).
pub fn dead_account() -> Problem {
    let detail = "The account was deactivated and cannot be used any more. Create another with another key.";
    Problem::new(Kind::Unauthorized, detail).with_status(401)
}
