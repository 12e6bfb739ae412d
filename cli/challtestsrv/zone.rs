//! DNS records that were set, and domains that resolve to this machine by default.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use hickory_proto::rr::rdata::{A, AAAA, CAA, CNAME, SOA, TXT};
use hickory_proto::rr::{Name, RData, RecordType};
use serde::{Deserialize, Serialize};

/// The own top-level domains: every name below them exists and resolves to this machine.
pub const OWN_DOMAINS: [&str; 3] = ["test", "localhost", "internal"];
/// Longest string of a TXT record, in bytes (RFC 1035 §3.3).
const TXT_STRING: usize = 255;

/// A name as a key: lower case, without the trailing dot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Host(String);

impl Host {
    /// The key of a name in a DNS message.
    pub fn of(name: &Name) -> Self {
        Self(name.to_ascii().trim_end_matches('.').to_ascii_lowercase())
    }

    /// The name without a trailing dot.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of its dns-01 record (RFC 8555 §8.4).
    pub fn challenge(&self) -> Self {
        Self(format!("_acme-challenge.{}", self.0))
    }

    fn name(&self) -> Option<Name> {
        Name::from_ascii(format!("{}.", self.0)).ok()
    }

    /// The own domain that contains the name.
    pub fn own_zone(&self) -> Option<&'static str> {
        let last = self.0.rsplit('.').next()?;
        OWN_DOMAINS.into_iter().find(|zone| *zone == last)
    }
}

impl TryFrom<String> for Host {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let bare = text.strip_suffix('.').unwrap_or(&text).to_ascii_lowercase();
        let readable = !bare.is_empty() && Name::from_ascii(format!("{bare}.")).is_ok();
        readable.then_some(Self(bare)).ok_or_else(|| format!("{text:?} is not a DNS name"))
    }
}

/// One property of a CAA record set (RFC 8659 §4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// The property tag: `issue`, `issuewild`, `iodef`, or an unknown one.
    pub tag: String,
    /// Its value.
    pub value: String,
    /// The critical flag.
    #[serde(default)]
    pub critical: bool,
}

/// The records of one name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
struct Records {
    a: Vec<Ipv4Addr>,
    aaaa: Vec<Ipv6Addr>,
    txt: Vec<String>,
    caa: Vec<Policy>,
    cname: Option<Host>,
    servfail: bool,
}

/// A change to the records at one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Adds IPv4 addresses.
    AddA(Vec<Ipv4Addr>),
    /// Removes all IPv4 addresses.
    ClearA,
    /// Adds IPv6 addresses.
    AddAaaa(Vec<Ipv6Addr>),
    /// Removes all IPv6 addresses.
    ClearAaaa,
    /// Adds a TXT value.
    AddTxt(String),
    /// Removes a TXT value.
    RemoveTxt(String),
    /// Removes all TXT values.
    ClearTxt,
    /// Adds CAA properties.
    AddCaa(Vec<Policy>),
    /// Removes all CAA properties.
    ClearCaa,
    /// Makes the name an alias.
    SetCname(Host),
    /// Removes the alias.
    ClearCname,
    /// Whether queries for the name fail.
    Servfail(bool),
}

/// The result of a lookup in the zone.
#[derive(Debug, PartialEq)]
pub enum Lookup {
    /// The name exists with these records, or without any.
    Records(Vec<RData>),
    /// The name is an alias of that one.
    Alias(Name),
    /// The query fails.
    Failure,
    /// Nothing of that type is set for the name.
    Unset,
}

/// All records that were set.
#[derive(Debug, Default, Serialize)]
pub struct Zone(BTreeMap<String, Records>);

impl Zone {
    /// Makes a change.
    pub fn apply(&mut self, host: &Host, change: Change) {
        let records = self.0.entry(host.0.clone()).or_default();
        match change {
            Change::AddA(list) => records.a.extend(list),
            Change::ClearA => records.a.clear(),
            Change::AddAaaa(list) => records.aaaa.extend(list),
            Change::ClearAaaa => records.aaaa.clear(),
            Change::AddTxt(value) if records.txt.contains(&value) => {}
            Change::AddTxt(value) => records.txt.push(value),
            Change::RemoveTxt(value) => records.txt.retain(|one| *one != value),
            Change::ClearTxt => records.txt.clear(),
            Change::AddCaa(list) => records.caa.extend(list),
            Change::ClearCaa => records.caa.clear(),
            Change::SetCname(target) => records.cname = Some(target),
            Change::ClearCname => records.cname = None,
            Change::Servfail(fails) => records.servfail = fails,
        }
        if *records == Records::default() {
            self.0.remove(&host.0);
        }
    }

    /// Answers a question of class IN.
    pub fn find(&self, name: &Name, kind: RecordType) -> Lookup {
        let host = Host::of(name);
        let unset = Records::default();
        let records = self.0.get(host.as_str()).unwrap_or(&unset);
        if records.servfail {
            return Lookup::Failure;
        }
        if let Some(target) = records.cname.as_ref().filter(|_| kind != RecordType::CNAME) {
            return target.name().map_or(Lookup::Failure, Lookup::Alias);
        }
        let found = records.of_kind(kind);
        if found.is_empty() { Lookup::Unset } else { Lookup::Records(found) }
    }
}

impl Records {
    fn of_kind(&self, kind: RecordType) -> Vec<RData> {
        match kind {
            RecordType::A => self.a.iter().map(|ip| RData::A(A(*ip))).collect(),
            RecordType::AAAA => self.aaaa.iter().map(|ip| RData::AAAA(AAAA(*ip))).collect(),
            RecordType::TXT => self.txt.iter().map(|value| RData::TXT(txt(value))).collect(),
            RecordType::CAA => self.caa.iter().map(|policy| RData::CAA(caa(policy))).collect(),
            RecordType::CNAME => {
                self.cname.iter().filter_map(Host::name).map(|name| RData::CNAME(CNAME(name))).collect()
            }
            _ => Vec::new(),
        }
    }
}

fn txt(value: &str) -> TXT {
    let strings: Vec<&[u8]> = value.as_bytes().chunks(TXT_STRING).collect();
    TXT::from_bytes(if strings.is_empty() { vec![b""] } else { strings })
}

fn caa(policy: &Policy) -> CAA {
    let mut record = CAA::new_issue(policy.critical, None, Vec::new());
    record.tag.clone_from(&policy.tag);
    record.value = policy.value.clone().into_bytes();
    record
}

/// The SOA record, by which clients find the zone before they set a TXT record.
pub fn start_of_authority(zone: &str) -> Option<RData> {
    let mname = Name::from_ascii(format!("ns.{zone}.")).ok()?;
    let rname = Name::from_ascii(format!("nobody.{zone}.")).ok()?;
    Some(RData::SOA(SOA::new(mname, rname, 1, 60, 60, 60, 0)))
}
