//! A resolver for the records that tests set.
//!
//! For other records `dev` asks the system, and `pebble-challtestsrv` has defaults.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, CNAME};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};

use super::zone::{Change, Host, Lookup, Zone, start_of_authority};

/// Aliases followed for one question, as many as most resolvers follow.
const MAX_ALIASES: usize = 8;
/// No caching: the next test sets other records.
const TTL: u32 = 0;
/// Timeout of the system's resolver, well below the Worker's.
const SYSTEM_TIMEOUT: Duration = Duration::from_secs(4);

/// An answer of the system's resolver.
type Addresses = Result<Vec<IpAddr>, ResponseCode>;
/// A query to the system's resolver.
pub type AskSystem = fn(String) -> Pin<Box<dyn Future<Output = Addresses> + Send>>;

/// A resolver for the records that were set.
pub struct Resolver {
    zone: Mutex<Zone>,
    elsewhere: Elsewhere,
}

/// The source of records that were not set.
enum Elsewhere {
    /// The names of `dev`, and the system's resolver for others.
    System(AskSystem),
    /// The same addresses for all names.
    Defaults(Mutex<Defaults>),
}

/// The addresses of all names without their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Defaults {
    /// The IPv4 address, if any.
    pub v4: Option<Ipv4Addr>,
    /// The IPv6 address, if any.
    pub v6: Option<Ipv6Addr>,
}

/// The transport of an answer, which limits its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// HTTP: unlimited.
    Stream,
    /// UDP: the client's payload size (RFC 6891 §6.2.3).
    Datagram,
}

/// The answer to a question.
struct Answer {
    code: ResponseCode,
    records: Vec<Record>,
}

impl Resolver {
    /// A resolver without records, beside the system's.
    ///
    /// Names under `test`, `localhost` and `internal` exist, and are 127.0.0.1 unless another IPv4 address is set. Other
    /// names are left to the system, except for the types of records that are set here.
    pub fn new(system: AskSystem) -> Self {
        Self { zone: Mutex::default(), elsewhere: Elsewhere::System(system) }
    }

    /// A resolver without records, in which every name exists and has these addresses.
    pub fn with_defaults(defaults: Defaults) -> Self {
        Self { zone: Mutex::default(), elsewhere: Elsewhere::Defaults(Mutex::new(defaults)) }
    }

    /// Changes the default addresses, if there are any.
    pub fn change_defaults(&self, change: impl FnOnce(&mut Defaults)) {
        if let Elsewhere::Defaults(defaults) = &self.elsewhere {
            change(&mut defaults.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }

    /// Makes a change to the records at a name.
    pub fn apply(&self, host: &Host, change: Change) {
        self.zone.lock().unwrap_or_else(PoisonError::into_inner).apply(host, change);
    }

    /// All records that are set, as JSON.
    ///
    /// # Errors
    /// Never in practice: the records are plain text and addresses.
    pub fn records(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(&*self.zone.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Answers a query in wire form; `None` when it is not a DNS message.
    ///
    /// An answer too long for the transport is truncated.
    pub async fn answer(&self, query: &[u8], via: Transport) -> Option<Vec<u8>> {
        let query = Message::from_vec(query).ok().filter(|m| m.metadata.message_type == MessageType::Query)?;
        let mut reply = Message::response(query.metadata.id, query.metadata.op_code);
        reply.metadata.recursion_desired = query.metadata.recursion_desired;
        reply.metadata.recursion_available = true;
        reply.queries.clone_from(&query.queries);
        if query.edns.is_some() {
            reply.edns = Some(Edns::new());
        }
        let answer = match question(&query) {
            Ok(question) => self.resolve(question).await,
            Err(code) => Answer { code, records: Vec::new() },
        };
        reply.metadata.response_code = answer.code;
        reply.answers = answer.records;
        let bytes = reply.to_vec().ok()?;
        let room = match via {
            Transport::Stream => usize::MAX,
            Transport::Datagram => usize::from(query.max_payload()),
        };
        if bytes.len() > room { reply.truncate().to_vec().ok() } else { Some(bytes) }
    }

    /// Follows aliases from the question's name to its records.
    async fn resolve(&self, question: &Query) -> Answer {
        let mut name = question.name().clone();
        let mut records = Vec::new();
        for _ in 0..=MAX_ALIASES {
            match self.find(&name, question.query_type()) {
                Lookup::Records(data) => {
                    records.extend(data.into_iter().map(|one| Record::from_rdata(name.clone(), TTL, one)));
                    return Answer { code: ResponseCode::NoError, records };
                }
                Lookup::Alias(target) => {
                    records.push(Record::from_rdata(name, TTL, RData::CNAME(CNAME(target.clone()))));
                    name = target;
                }
                Lookup::Failure => return Answer { code: ResponseCode::ServFail, records: Vec::new() },
                Lookup::Unset => {
                    let (code, found) = self.unset(&name, question.query_type()).await;
                    records.extend(found);
                    return Answer { code, records };
                }
            }
        }
        Answer { code: ResponseCode::ServFail, records: Vec::new() }
    }

    fn find(&self, name: &Name, kind: RecordType) -> Lookup {
        self.zone.lock().unwrap_or_else(PoisonError::into_inner).find(name, kind)
    }

    /// The records of a name for which none of this type was set.
    async fn unset(&self, name: &Name, kind: RecordType) -> (ResponseCode, Vec<Record>) {
        let (code, data) = match &self.elsewhere {
            Elsewhere::Defaults(defaults) => defaults.lock().unwrap_or_else(PoisonError::into_inner).of_kind(kind),
            Elsewhere::System(system) => match of_own_zone(name, kind) {
                Some(data) => (ResponseCode::NoError, data),
                None => addresses(*system, name, kind).await,
            },
        };
        (code, data.into_iter().map(|one| Record::from_rdata(name.clone(), TTL, one)).collect())
    }
}

impl Defaults {
    fn of_kind(self, kind: RecordType) -> (ResponseCode, Vec<RData>) {
        let data = match kind {
            RecordType::A => self.v4.map(|ip| RData::A(A(ip))),
            RecordType::AAAA => self.v6.map(|ip| RData::AAAA(AAAA(ip))),
            RecordType::TXT | RecordType::CAA | RecordType::CNAME => None,
            _ => return (ResponseCode::NotImp, Vec::new()),
        };
        (ResponseCode::NoError, data.into_iter().collect())
    }
}

/// The records that names of `dev` have by default; `None` for another name.
fn of_own_zone(name: &Name, kind: RecordType) -> Option<Vec<RData>> {
    let host = Host::of(name);
    let zone = host.own_zone()?;
    Some(match kind {
        RecordType::A => vec![RData::A(A(Ipv4Addr::LOCALHOST))],
        RecordType::SOA if zone == host.as_str() => start_of_authority(zone).into_iter().collect(),
        _ => Vec::new(),
    })
}

/// Addresses from the system, which has no other types of records.
pub async fn addresses(system: AskSystem, name: &Name, kind: RecordType) -> (ResponseCode, Vec<RData>) {
    if !matches!(kind, RecordType::A | RecordType::AAAA) {
        return (ResponseCode::NoError, Vec::new());
    }
    match tokio::time::timeout(SYSTEM_TIMEOUT, system(Host::of(name).as_str().to_owned())).await {
        Ok(Ok(found)) => {
            let data = found.into_iter().filter_map(|ip| match ip {
                IpAddr::V4(ip) => (kind == RecordType::A).then_some(RData::A(A(ip))),
                IpAddr::V6(ip) => (kind == RecordType::AAAA).then_some(RData::AAAA(AAAA(ip))),
            });
            (ResponseCode::NoError, data.collect())
        }
        Ok(Err(code)) => (code, Vec::new()),
        Err(_) => (ResponseCode::ServFail, Vec::new()),
    }
}

/// The one question of a query, or the code that refuses it.
fn question(query: &Message) -> Result<&Query, ResponseCode> {
    if query.metadata.op_code != OpCode::Query {
        return Err(ResponseCode::NotImp);
    }
    let [question] = query.queries.as_slice() else { return Err(ResponseCode::FormErr) };
    if question.query_class() == DNSClass::IN { Ok(question) } else { Err(ResponseCode::Refused) }
}

/// Queries the machine's own resolver (including `/etc/hosts`) for addresses.
pub fn ask_system(host: String) -> Pin<Box<dyn Future<Output = Addresses> + Send>> {
    Box::pin(async move {
        match tokio::net::lookup_host((host.as_str(), 0)).await {
            Ok(found) => Ok(found.map(|address| address.ip()).collect()),
            // Only getaddrinfo's text tells a temporary failure from a missing name.
            Err(error) if error.to_string().contains("emporary failure") => Err(ResponseCode::ServFail),
            Err(_) => Err(ResponseCode::NXDomain),
        }
    })
}
