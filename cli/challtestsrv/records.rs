//! The operations that set DNS records: those of `pebble-challtestsrv`, and of lego's `httpreq` provider.

use std::net::{Ipv4Addr, Ipv6Addr};

use selvedge::values::b64;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::zone::{Change, Host, Policy};
use crate::common::go_json;

/// The operations, for the error about an unknown one.
pub const OPERATIONS: &str = "set-txt, clear-txt, add-a, clear-a, add-aaaa, clear-aaaa, add-caa, clear-caa, set-cname, \
     clear-cname, set-servfail, clear-servfail (of pebble-challtestsrv), present and cleanup (of lego's httpreq)";

/// The reason to refuse an operation.
#[derive(Debug, PartialEq)]
pub enum Refusal {
    /// No operation has that name.
    Unknown,
    /// The body is not what the operation takes; a clause that follows the operation's name.
    Body(String),
}

#[derive(Deserialize)]
struct HostOnly {
    host: Host,
}

#[derive(Deserialize)]
struct HostValue {
    host: Host,
    value: String,
}

#[derive(Deserialize)]
struct HostAddresses<Ip> {
    host: Host,
    addresses: Vec<Ip>,
}

#[derive(Deserialize)]
struct HostPolicies {
    host: Host,
    policies: Vec<Policy>,
}

#[derive(Deserialize)]
struct HostTarget {
    host: Host,
    target: Host,
}

/// A request of httpreq: the record itself, or (RAW mode) the values it is computed from.
#[derive(Deserialize)]
#[serde(untagged)]
enum Challenge {
    Record {
        fqdn: Host,
        value: String,
    },
    Raw {
        domain: Host,
        #[serde(rename = "keyAuth")]
        key_auth: String,
    },
}

impl Challenge {
    fn record(self) -> (Host, String) {
        match self {
            Self::Record { fqdn, value } => (fqdn, value),
            // RFC 8555 §8.4: the record holds the digest of the key authorization.
            Self::Raw { domain, key_auth } => (domain.challenge(), b64::encode(&Sha256::digest(key_auth))),
        }
    }
}

/// Parses the body of an operation into a change.
///
/// # Errors
/// The reason to refuse it.
pub fn read_change(operation: &str, body: &[u8]) -> Result<(Host, Change), Refusal> {
    let at = |change| read(body, r#"{"host"}"#).map(|HostOnly { host }| (host, change));
    match operation {
        "set-txt" => read(body, r#"{"host","value"}"#).map(|b: HostValue| (b.host, Change::AddTxt(b.value))),
        "clear-txt" => at(Change::ClearTxt),
        "add-a" => {
            let b: HostAddresses<Ipv4Addr> = read(body, r#"{"host","addresses":[IPv4 …]}"#)?;
            Ok((b.host, Change::AddA(non_empty(b.addresses, "addresses")?)))
        }
        "clear-a" => at(Change::ClearA),
        "add-aaaa" => {
            let b: HostAddresses<Ipv6Addr> = read(body, r#"{"host","addresses":[IPv6 …]}"#)?;
            Ok((b.host, Change::AddAaaa(non_empty(b.addresses, "addresses")?)))
        }
        "clear-aaaa" => at(Change::ClearAaaa),
        "add-caa" => {
            let b: HostPolicies = read(body, r#"{"host","policies":[{"tag","value"} …]}"#)?;
            Ok((b.host, Change::AddCaa(non_empty(b.policies, "policies")?)))
        }
        "clear-caa" => at(Change::ClearCaa),
        "set-cname" => read(body, r#"{"host","target"}"#).map(|b: HostTarget| (b.host, Change::SetCname(b.target))),
        "clear-cname" => at(Change::ClearCname),
        "set-servfail" => at(Change::Servfail(true)),
        "clear-servfail" => at(Change::Servfail(false)),
        "present" => challenge(body).map(|(host, value)| (host, Change::AddTxt(value))),
        "cleanup" => challenge(body).map(|(host, value)| (host, Change::RemoveTxt(value))),
        _ => Err(Refusal::Unknown),
    }
}

fn challenge(body: &[u8]) -> Result<(Host, String), Refusal> {
    read(body, r#"{"fqdn","value"} or {"domain","token","keyAuth"}"#).map(Challenge::record)
}

/// The members of all bodies.
const MEMBERS: [&str; 14] = [
    "host",
    "value",
    "addresses",
    "policies",
    "target",
    "fqdn",
    "domain",
    "keyAuth",
    "ip",
    "token",
    "content",
    "path",
    "targetURL",
    "type",
];

/// Parses a JSON body of this form, whatever the case of its members.
///
/// # Errors
/// The reason to refuse it.
pub fn read<T: DeserializeOwned>(body: &[u8], form: &str) -> Result<T, Refusal> {
    let read = serde_json::from_slice(body).and_then(|mut value: serde_json::Value| {
        go_json::fold(&mut value, &MEMBERS);
        for policy in value.get_mut("policies").and_then(serde_json::Value::as_array_mut).into_iter().flatten() {
            go_json::fold(policy, &["tag", "value", "critical"]);
        }
        serde_json::from_value(value)
    });
    read.map_err(|error| Refusal::Body(format!("takes the JSON {form}, but: {error}")))
}

fn non_empty<T>(list: Vec<T>, member: &str) -> Result<Vec<T>, Refusal> {
    if list.is_empty() { Err(Refusal::Body(format!("needs at least one of {member:?}"))) } else { Ok(list) }
}
