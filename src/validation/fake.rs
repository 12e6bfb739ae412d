//! A network that follows a script and a clock of its own, for native tests.

use super::dns::{DOH_ID, RecordKind};
use super::outbound::{FetchAnswer, Limits, Outbound, OutboundFault, Reaction};
use super::testing::TlsServer;
use super::{ExpectedRecord, Subject};
use crate::values::native_crypto::NativeCrypto;
use crate::values::{CryptoFailure, Identifier, SigAlg, Time, Verify};
use core::cell::{Cell, RefCell};
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use hickory_proto::op::{Message, OpCode, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, CNAME, TXT};
use hickory_proto::rr::{Name, RData, Record};
use std::collections::{HashMap, VecDeque};

/// The answer of a resolver for one name and kind.
pub(crate) enum Zone {
    Records(Vec<RData>),
    /// These one after the other; the last for all further questions.
    Turns(RefCell<VecDeque<Vec<RData>>>),
    Code(ResponseCode),
    /// These bytes.
    Raw(Vec<u8>),
    Fault(OutboundFault),
    /// Nothing, ever.
    Silence,
}

/// What a host does with one connection.
#[derive(Clone)]
pub(crate) enum Host {
    /// Sends these pieces, one read each, and closes.
    Sends(Vec<Vec<u8>>),
    /// Sends this again and again.
    Endless(Vec<u8>, Vec<u8>),
    Fault(OutboundFault),
    /// Speaks TLS.
    Tls(TlsServer),
    /// Sends one byte of this again and again, with this time before each.
    Drip(u8, Duration),
    /// Accepts and sends nothing.
    Silence,
}

#[derive(Default)]
pub(crate) struct Fake {
    zone: HashMap<(String, String), Zone>,
    hosts: RefCell<HashMap<SocketAddr, VecDeque<Host>>>,
    pages: HashMap<String, Result<FetchAnswer, OutboundFault>>,
    now: Cell<u64>,
    /// How many questions the resolver is there for.
    pub(crate) bound: Option<usize>,
    /// What was asked, in order: `TXT name`, `address request line`, `fetch url`.
    pub(crate) log: RefCell<Vec<String>>,
    /// What was sent to hosts, in order.
    pub(crate) requests: RefCell<Vec<String>>,
}

fn fqdn(name: &str) -> Name {
    Name::from_ascii(format!("{name}.")).unwrap()
}

/// An HTTP response with this status line, headers (each ended by CRLF) and body.
pub(crate) fn http(status: &str, headers: &str, body: &str) -> Host {
    let length = body.len();
    Host::Sends(vec![format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\n\r\n{body}").into_bytes()])
}

/// A redirect to `location`.
pub(crate) fn redirect(location: &str) -> Host {
    http("302 Found", &format!("Location: {location}\r\n"), "moved")
}

impl Fake {
    pub(crate) fn zone(mut self, name: &str, kind: RecordKind, zone: Zone) -> Self {
        self.zone.insert((name.to_owned(), kind.to_string()), zone);
        self
    }

    /// Gives `name` these addresses and no others.
    pub(crate) fn name(self, name: &str, addresses: &[&str]) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for address in addresses {
            match address.parse().unwrap() {
                IpAddr::V4(address) => v4.push(RData::A(A(address))),
                IpAddr::V6(address) => v6.push(RData::AAAA(AAAA(address))),
            }
        }
        self.zone(name, RecordKind::A, Zone::Records(v4)).zone(name, RecordKind::Aaaa, Zone::Records(v6))
    }

    /// Gives `name` TXT records, each of several strings.
    pub(crate) fn txt(self, name: &str, records: &[&[&str]]) -> Self {
        let record = |strings: &&[&str]| RData::TXT(TXT::new(strings.iter().map(|s| (*s).to_owned()).collect()));
        self.zone(name, RecordKind::Txt, Zone::Records(records.iter().map(record).collect()))
    }

    /// What `address` does with the next connection; the last one serves all further connections.
    pub(crate) fn host(self, address: &str, host: Host) -> Self {
        self.hosts.borrow_mut().entry(address.parse().unwrap()).or_default().push_back(host);
        self
    }

    pub(crate) fn page(mut self, url: &str, page: Result<FetchAnswer, OutboundFault>) -> Self {
        self.pages.insert(url.to_owned(), page);
        self
    }

    pub(crate) fn elapsed(&self) -> Duration {
        Duration::from_millis(self.now.get())
    }

    fn pass(&self, time: Duration) {
        self.now.set(self.now.get() + u64::try_from(time.as_millis()).unwrap());
    }

    fn time_out<T>(&self, limits: Limits) -> Result<T, OutboundFault> {
        self.pass(limits.timeout);
        Err(OutboundFault::Timeout)
    }
}

fn add_answers(answer: &mut Message, name: &str, records: &[RData]) {
    let mut owner = fqdn(name);
    for data in records {
        answer.add_answer(Record::from_rdata(owner.clone(), 60, data.clone()));
        if let RData::CNAME(CNAME(target)) = data {
            owner = target.clone();
        }
    }
}

/// Feeds `pieces` to `react` as a socket would.
fn receive(
    pieces: impl Iterator<Item = Vec<u8>>,
    limits: Limits,
    react: &mut dyn FnMut(&[u8]) -> Reaction,
) -> Result<(), OutboundFault> {
    let mut total = 0;
    for piece in pieces.filter(|piece| !piece.is_empty()) {
        total += piece.len();
        match react(&piece) {
            Reaction::Close(_) => break,
            Reaction::Send(_) if total > limits.max_bytes => return Err(OutboundFault::TooLarge),
            Reaction::Send(_) => {}
        }
    }
    Ok(())
}

impl Verify for Fake {
    async fn verify(&self, alg: SigAlg, spki: &[u8], message: &[u8], signature: &[u8]) -> Result<bool, CryptoFailure> {
        NativeCrypto.verify(alg, spki, message, signature).await
    }
}

impl Outbound for Fake {
    fn now(&self) -> Time {
        Time::from_millis(self.now.get())
    }

    async fn doh(&self, query: &[u8], limits: Limits) -> Result<Vec<u8>, OutboundFault> {
        let query = Message::from_vec(query).unwrap();
        let question = query.queries[0].clone();
        let name = question.name().to_ascii().trim_end_matches('.').to_owned();
        let kind = question.query_type().to_string();
        self.log.borrow_mut().push(format!("{kind} {name}"));
        self.pass(Duration::from_millis(1));
        if self.bound.is_some_and(|bound| self.log.borrow().len() > bound) {
            return Err(OutboundFault::Resolver("too many subrequests".to_owned()));
        }
        let mut answer = Message::response(DOH_ID, OpCode::Query);
        answer.add_query(question);
        match self.zone.get(&(name.clone(), kind)) {
            Some(Zone::Records(records)) => add_answers(&mut answer, &name, records),
            Some(Zone::Turns(turns)) => {
                let mut turns = turns.borrow_mut();
                let records = if turns.len() > 1 { turns.pop_front() } else { turns.front().cloned() };
                add_answers(&mut answer, &name, &records.unwrap());
            }
            Some(Zone::Code(code)) => answer.metadata.response_code = *code,
            Some(Zone::Raw(bytes)) => return Ok(bytes.clone()),
            Some(Zone::Fault(fault)) => return Err(fault.clone()),
            Some(Zone::Silence) => return self.time_out(limits),
            None => answer.metadata.response_code = ResponseCode::NXDomain,
        }
        Ok(answer.to_vec().unwrap())
    }

    async fn converse(
        &self,
        addr: SocketAddr,
        opening: &[u8],
        limits: Limits,
        react: &mut dyn FnMut(&[u8]) -> Reaction,
    ) -> Result<(), OutboundFault> {
        // A ClientHello is not text.
        let request = String::from_utf8(opening.to_vec()).unwrap_or_else(|_| "TLS".to_owned());
        self.log.borrow_mut().push(format!("{addr} {}", request.lines().next().unwrap()));
        self.requests.borrow_mut().push(request);
        self.pass(Duration::from_millis(1));
        let host = match self.hosts.borrow_mut().get_mut(&addr) {
            Some(hosts) if hosts.len() > 1 => hosts.pop_front(),
            Some(hosts) => hosts.front().cloned(),
            None => None,
        };
        match host {
            Some(Host::Sends(pieces)) => receive(pieces.into_iter(), limits, react),
            Some(Host::Endless(first, more)) => {
                receive(core::iter::once(first).chain(core::iter::repeat(more)), limits, react)
            }
            Some(Host::Drip(byte, every)) => {
                let mut spent = Duration::ZERO;
                while spent < limits.timeout {
                    self.pass(every);
                    spent += every;
                    if matches!(react(&[byte]), Reaction::Close(_)) {
                        return Ok(());
                    }
                }
                Err(OutboundFault::Timeout)
            }
            Some(Host::Tls(server)) => server.converse(opening, react),
            Some(Host::Fault(fault)) => Err(fault),
            Some(Host::Silence) => self.time_out(limits),
            None => Err(OutboundFault::unreachable()),
        }
    }

    async fn fetch(&self, url: &str, limits: Limits) -> Result<FetchAnswer, OutboundFault> {
        self.log.borrow_mut().push(format!("fetch {url}"));
        self.pass(Duration::from_millis(1));
        let page = self.pages.get(url).cloned();
        let page = page.unwrap_or_else(|| Err(OutboundFault::unreachable()))?;
        if page.body.len() > limits.max_bytes { Err(OutboundFault::TooLarge) } else { Ok(page) }
    }
}

/// A subject of an account that does not matter.
pub fn subject<'a>(identifier: &'a Identifier, token: &'a str, key_authorization: &'a str) -> Subject<'a> {
    let (account, persist) = ("https://ca.test/acme/account/a", ExpectedRecord::default());
    Subject { identifier, wildcard: false, token, key_authorization, account, persist }
}
