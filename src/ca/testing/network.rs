//! A scripted network.

use crate::validation::outbound::{FetchAnswer, OutboundFault, Reaction};
use crate::validation::testing::TlsServer;
use hickory_proto::op::{Message, OpCode, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, CAA, TXT};
use hickory_proto::rr::{Name, RData, Record};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::fmt::{Debug, Formatter};
use std::net::IpAddr;
use std::rc::Rc;

/// The first byte of a ClientHello's record.
const TLS_HANDSHAKE: u8 = 22;

/// Hosts and records for validations. Every name resolves to one address, where an http-01 host and a TLS server
/// answer for all of them.
#[derive(Clone, Debug, Default)]
pub struct Network {
    addresses: RefCell<BTreeMap<String, Vec<IpAddr>>>,
    texts: RefCell<BTreeMap<String, Vec<String>>>,
    /// Tags and values.
    policies: RefCell<BTreeMap<String, Vec<(String, String)>>>,
    /// Record types and names that get SERVFAIL, with the remaining count.
    troubles: RefCell<BTreeMap<String, u32>>,
    /// By host and path.
    pages: RefCell<BTreeMap<(String, String), String>>,
    /// Status and body by URL.
    documents: RefCell<BTreeMap<String, (u16, String)>>,
    tls: RefCell<Option<TlsServer>>,
    resolver_down: Cell<bool>,
    hanging: Cell<bool>,
    asked: RefCell<Vec<String>>,
    servers: RefCell<BTreeMap<String, Server>>,
}

/// The answers of a server to POSTs.
#[derive(Clone)]
struct Server(Rc<PostAnswers>);

type PostAnswers = dyn Fn(&str) -> Result<FetchAnswer, OutboundFault>;

impl Debug for Server {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("Server")
    }
}

impl Network {
    /// Sets the addresses of `name`.
    pub fn address(&self, name: &str, addresses: &[&str]) {
        let addresses = addresses.iter().map(|text| text.parse().expect("an address")).collect();
        self.addresses.borrow_mut().insert(name.to_owned(), addresses);
    }

    /// Adds a TXT record.
    pub fn txt(&self, name: &str, text: &str) {
        self.texts.borrow_mut().entry(name.to_owned()).or_default().push(text.to_owned());
    }

    /// Removes the TXT records of `name`.
    pub fn clear_txt(&self, name: &str) {
        self.texts.borrow_mut().remove(name);
    }

    /// Adds a CAA record, not critical.
    pub fn caa(&self, name: &str, tag: &str, value: &str) {
        self.policies.borrow_mut().entry(name.to_owned()).or_default().push((tag.to_owned(), value.to_owned()));
    }

    /// Removes the CAA records of `name`.
    pub fn clear_caa(&self, name: &str) {
        self.policies.borrow_mut().remove(name);
    }

    /// Answers the next `times` queries for this type of `name` with SERVFAIL.
    pub fn servfail(&self, kind: &str, name: &str, times: u32) {
        self.troubles.borrow_mut().insert(format!("{kind} {name}"), times);
    }

    /// Serves `body` at `path` of the host `name`, with an address if it has none.
    pub fn page(&self, name: &str, path: &str, body: &str) {
        self.addresses.borrow_mut().entry(name.to_owned()).or_insert_with(|| vec![IpAddr::from([10, 0, 0, 1])]);
        self.pages.borrow_mut().insert((name.to_owned(), path.to_owned()), body.to_owned());
    }

    /// Sets the TLS server of every host.
    pub fn tls(&self, server: TlsServer) {
        self.tls.replace(Some(server));
    }

    /// Sets status and document of this URL for `fetch`.
    pub fn document(&self, url: &str, status: u16, body: &str) {
        self.documents.borrow_mut().insert(url.to_owned(), (status, body.to_owned()));
    }

    /// Sets what answers POSTs to this URL.
    pub fn serve(&self, url: &str, answers: impl Fn(&str) -> Result<FetchAnswer, OutboundFault> + 'static) {
        self.servers.borrow_mut().insert(url.to_owned(), Server(Rc::new(answers)));
    }

    /// The answer to a POST.
    ///
    /// # Errors
    /// That of the server; for an unknown URL.
    pub fn post(&self, url: &str, body: &str) -> Result<FetchAnswer, OutboundFault> {
        self.asked.borrow_mut().push(format!("POST {url}"));
        let server = self.servers.borrow().get(url).cloned();
        server.map_or_else(|| Err(OutboundFault::unreachable()), |server| (server.0)(body))
    }

    /// The answer to `fetch`.
    ///
    /// # Errors
    /// For an unknown URL.
    pub fn fetch(&self, url: &str) -> Result<FetchAnswer, OutboundFault> {
        self.asked.borrow_mut().push(format!("FETCH {url}"));
        match self.documents.borrow().get(url) {
            Some((status, body)) => Ok(FetchAnswer { status: *status, location: None, body: body.as_bytes().to_vec() }),
            None => Err(OutboundFault::unreachable()),
        }
    }

    /// Removes all pages, TXT records and the TLS server.
    pub fn clear(&self) {
        self.tls.take();
        self.texts.borrow_mut().clear();
        self.pages.borrow_mut().clear();
    }

    /// Sets whether the DNS resolver is down.
    pub fn set_resolver_down(&self, down: bool) {
        self.resolver_down.set(down);
    }

    /// Sets whether HTTP hosts accept connections without answering.
    pub fn set_hanging(&self, hanging: bool) {
        self.hanging.set(hanging);
    }

    /// Whether HTTP hosts do not answer.
    pub fn hangs(&self) -> bool {
        self.hanging.get()
    }

    /// Queries since the last call, in order: `TXT name`, `GET host path`, `TLS`, `FETCH url`.
    pub fn asked(&self) -> Vec<String> {
        self.asked.take()
    }

    /// The resolver's answer to a query in wire format.
    ///
    /// # Errors
    /// When it is down.
    pub fn resolve(&self, query: &[u8]) -> Result<Vec<u8>, OutboundFault> {
        let query = Message::from_vec(query).expect("a DNS query");
        let question = query.queries.first().expect("a question").clone();
        let name = question.name().to_ascii().trim_end_matches('.').to_ascii_lowercase();
        let kind = question.query_type().to_string();
        self.asked.borrow_mut().push(format!("{kind} {name}"));
        if self.resolver_down.get() {
            return Err(OutboundFault::Resolver("it is down".to_owned()));
        }
        let mut answer = Message::response(query.metadata.id, OpCode::Query);
        if self.is_in_trouble(&format!("{kind} {name}")) {
            answer.metadata.response_code = ResponseCode::ServFail;
            answer.add_query(question);
            return Ok(answer.to_vec().expect("a DNS answer"));
        }
        let owner = Name::from_ascii(format!("{name}.")).expect("a name");
        for data in self.records(&name, &kind) {
            answer.add_answer(Record::from_rdata(owner.clone(), 60, data));
        }
        if !self.exists(&name) {
            answer.metadata.response_code = ResponseCode::NXDomain;
        }
        answer.add_query(question);
        Ok(answer.to_vec().expect("a DNS answer"))
    }

    fn is_in_trouble(&self, asked: &str) -> bool {
        let mut troubles = self.troubles.borrow_mut();
        let left = troubles.get_mut(asked).filter(|left| **left > 0);
        left.map(|left| *left -= 1).is_some()
    }

    fn exists(&self, name: &str) -> bool {
        self.addresses.borrow().contains_key(name)
            || self.texts.borrow().contains_key(name)
            || self.policies.borrow().contains_key(name)
    }

    fn records(&self, name: &str, kind: &str) -> Vec<RData> {
        let addresses = self.addresses.borrow().get(name).cloned().unwrap_or_default();
        match kind {
            "A" => addresses
                .iter()
                .filter_map(|a| if let IpAddr::V4(a) = a { Some(RData::A(A(*a))) } else { None })
                .collect(),
            "AAAA" => addresses
                .iter()
                .filter_map(|a| if let IpAddr::V6(a) = a { Some(RData::AAAA(AAAA(*a))) } else { None })
                .collect(),
            "TXT" => {
                let texts = self.texts.borrow().get(name).cloned().unwrap_or_default();
                texts.into_iter().map(|text| RData::TXT(TXT::new(vec![text]))).collect()
            }
            "CAA" => {
                let policies = self.policies.borrow().get(name).cloned().unwrap_or_default();
                policies.iter().map(|(tag, value)| RData::CAA(caa(tag, value))).collect()
            }
            _ => Vec::new(),
        }
    }

    /// A conversation with an HTTP or TLS host, begun by the client.
    ///
    /// # Errors
    /// For TLS without a TLS server.
    pub fn converse(&self, opening: &[u8], react: &mut dyn FnMut(&[u8]) -> Reaction) -> Result<(), OutboundFault> {
        if opening.first() != Some(&TLS_HANDSHAKE) {
            react(&self.respond(opening));
            return Ok(());
        }
        self.asked.borrow_mut().push("TLS".to_owned());
        let server = self.tls.borrow().clone();
        server.ok_or_else(OutboundFault::unreachable)?.converse(opening, react)
    }

    /// The HTTP response to a request, as bytes.
    fn respond(&self, request: &[u8]) -> Vec<u8> {
        let request = String::from_utf8_lossy(request).into_owned();
        let path = request.split_ascii_whitespace().nth(1).unwrap_or_default().to_owned();
        let host = request.lines().find_map(|line| line.strip_prefix("Host: ").or(line.strip_prefix("host: ")));
        let host = host.unwrap_or_default().trim().split(':').next().unwrap_or_default().to_owned();
        self.asked.borrow_mut().push(format!("GET {host} {path}"));
        let (status, body) = match self.pages.borrow().get(&(host, path)) {
            Some(body) => ("200 OK", body.clone()),
            None => ("404 Not Found", "no such page".to_owned()),
        };
        format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
    }
}

fn caa(tag: &str, value: &str) -> CAA {
    let mut record = CAA::new_issue(false, None, Vec::new());
    (record.tag, record.value) = (tag.to_owned(), value.as_bytes().to_vec());
    record
}
