//! The built-in resolver of `dev`.
//!
//! It serves DNS over HTTPS ([RFC 8484](https://www.rfc-editor.org/rfc/rfc8484)) to the Worker, and plain UDP to clients
//! that wait for their own TXT record.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, CNAME};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};

use super::zone::{Change, Host, Lookup, Zone};

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

/// A resolver for the records that were set, else by the system's resolver.
pub struct Resolver {
    zone: Mutex<Zone>,
    system: AskSystem,
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
    /// A resolver without records.
    pub fn new(system: AskSystem) -> Self {
        Self { zone: Mutex::default(), system }
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
                    let (code, found) = self.ask_system(&name, question.query_type()).await;
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

    /// Addresses from the system, which has no other types of records.
    async fn ask_system(&self, name: &Name, kind: RecordType) -> (ResponseCode, Vec<Record>) {
        if !matches!(kind, RecordType::A | RecordType::AAAA) {
            return (ResponseCode::NoError, Vec::new());
        }
        let asked = (self.system)(Host::of(name).as_str().to_owned());
        match tokio::time::timeout(SYSTEM_TIMEOUT, asked).await {
            Ok(Ok(found)) => {
                let data = found.into_iter().filter_map(|ip| match ip {
                    IpAddr::V4(ip) => (kind == RecordType::A).then_some(RData::A(A(ip))),
                    IpAddr::V6(ip) => (kind == RecordType::AAAA).then_some(RData::AAAA(AAAA(ip))),
                });
                (ResponseCode::NoError, data.map(|one| Record::from_rdata(name.clone(), TTL, one)).collect())
            }
            Ok(Err(code)) => (code, Vec::new()),
            Err(_) => (ResponseCode::ServFail, Vec::new()),
        }
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
