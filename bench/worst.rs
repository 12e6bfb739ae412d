//! Each kind of request by itself, one after the other.

use crate::common::listening::Listening;
use crate::common::load::process::Process;
use crate::common::server::Server;
use crate::common::wire::{Answer, Wire, body, header};
use crate::options::Options;
use crate::units::Spent;
use selvedge::ca::testing::CsrShape;
use selvedge::jose::key_authorization;
use selvedge::jose::testing::ClientKey;
use selvedge::validation::testing::TlsServer;
use selvedge::values::{Identifier, SigAlg, b64};
use serde_json::{Value, json};
use std::io::Read;
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// A kind of request with its cost.
pub struct Single {
    pub what: &'static str,
    pub spent: Spent,
}

/// Measures all kinds; the first pass warms V8.
pub fn all(options: &Options) -> Vec<Single> {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_with(folder.path(), 0, &["--plain-http"]);
    let workerd = Process(server.facts["workerd_pid"].as_u64().unwrap());
    println!("each request alone");
    let mut singles = Vec::new();
    for pass in 0..2 {
        let mut run = Run { server: &server, workerd, count: options.number(200, 20), pass, singles: Vec::new() };
        run.all();
        singles = run.singles;
    }
    singles
}

/// One pass.
struct Run<'a> {
    server: &'a Server,
    workerd: Process,
    count: usize,
    pass: usize,
    singles: Vec<Single>,
}

/// An order and its challenge.
struct Placed {
    name: String,
    order: Value,
    challenge: Value,
}

impl Run<'_> {
    fn all(&mut self) {
        let mut wire = self.accounts();
        let http = self.orders(&wire, "newOrder", "authorization", "http-01");
        self.http01(&wire, &http, Some("challenge, http-01"));
        let urls = self.finalize(&wire, &http, "finalize, P-256 CSR", SigAlg::Es256);
        self.each("certificate", &urls, |url| wire.post(url, None));
        let tls = self.orders(&wire, "", "", "tls-alpn-01");
        self.tls_alpn(&wire, &tls);
        self.finalize(&wire, &tls, "finalize, P-384 CSR", SigAlg::Es384);
        wire.kid = None;
        wire.key = ClientKey::generate(SigAlg::Es384);
        wire.register();
        let http = self.orders(&wire, "newOrder, P-384 account key", "", "http-01");
        self.http01(&wire, &http, None);
        self.finalize(&wire, &http, "finalize, P-384 CSR and account key", SigAlg::Es384);
    }

    /// Sends a request for each item and records the cost under the name `what`.
    ///
    /// An empty name records nothing.
    fn each<T>(&mut self, what: &'static str, items: &[T], send: impl FnMut(&T) -> Answer) -> Vec<Answer> {
        let (start, cpu) = (Instant::now(), self.workerd.cpu());
        let answers: Vec<Answer> = items.iter().map(send).collect();
        let spent =
            Spent { count: u32::try_from(items.len()).unwrap(), cpu: self.workerd.cpu() - cpu, time: start.elapsed() };
        for answer in &answers {
            assert!(answer.status().is_success(), "{what}: {}", answer.body());
        }
        if !what.is_empty() {
            self.singles.push(Single { what, spent });
        }
        answers
    }

    /// Creates accounts; returns a client with the last one.
    fn accounts(&mut self) -> Wire {
        let mut wire = Wire::plain(self.server.fact("directory"));
        let url = wire.url("/acme/new-account");
        wire.forget_nonce();
        wire.get(&wire.url("/acme/new-nonce"));
        let keys: Vec<ClientKey> = (0..self.count).map(|_| ClientKey::generate(SigAlg::Es256)).collect();
        let answers = self.each("newAccount", &keys, |key| {
            wire.key = key.clone();
            wire.post(&url, Some(json!({ "termsOfServiceAgreed": true })))
        });
        wire.kid = answers.last().map(|answer| header(answer, "location"));
        wire
    }

    fn orders(&mut self, wire: &Wire, new: &'static str, read: &'static str, kind: &str) -> Vec<Placed> {
        let account = wire.kid.as_deref().and_then(|kid| kid.rsplit('/').next()).unwrap_or_default().to_lowercase();
        let label: String = account.chars().filter(char::is_ascii_alphanumeric).collect();
        let (pass, prefix) = (self.pass, kind.split('-').next().unwrap_or_default());
        let names: Vec<String> = (0..self.count).map(|n| format!("{prefix}{n}.p{pass}.a{label}.test")).collect();
        let url = wire.url("/acme/new-order");
        let wanted = |name: &String| json!({ "identifiers": [{ "type": "dns", "value": name }] });
        let orders: Vec<Value> =
            self.each(new, &names, |name| wire.post(&url, Some(wanted(name)))).iter().map(body).collect();
        let authorization = |order: &Value| wire.post(order["authorizations"][0].as_str().unwrap(), None);
        let authorizations = self.each(read, &orders, authorization);
        let challenges = authorizations.iter().map(|answer| {
            let authorization = body(answer);
            let mut challenges = authorization["challenges"].as_array().unwrap().iter();
            challenges.find(|challenge| challenge["type"] == kind).unwrap().clone()
        });
        let placed = names.into_iter().zip(orders).zip(challenges);
        placed.map(|((name, order), challenge)| Placed { name, order, challenge }).collect()
    }

    /// Answers http-01 challenges, each with its own host.
    fn http01(&mut self, wire: &Wire, placed: &[Placed], what: Option<&'static str>) {
        let port = self.server.http01;
        self.each(what.unwrap_or_default(), placed, |placed| {
            let _host = wire.serve(port, &placed.challenge);
            valid(wire.post(placed.challenge["url"].as_str().unwrap(), Some(json!({}))))
        });
    }

    fn tls_alpn(&mut self, wire: &Wire, placed: &[Placed]) {
        let key = selvedge::ca::testing::new_key(SigAlg::Es256);
        let port = self.server.tls_alpn;
        self.each("challenge, tls-alpn-01", placed, |placed| {
            let proof = key_authorization(placed.challenge["token"].as_str().unwrap(), &wire.key.thumbprint());
            let tls = TlsServer::proper(&Identifier::dns(&placed.name).unwrap(), &proof, &key);
            let _host = Listening::start(port, move |stream| shake_hands(&tls, stream));
            valid(wire.post(placed.challenge["url"].as_str().unwrap(), Some(json!({}))))
        });
    }

    /// Requests certificates for keys of `alg`; returns their URLs.
    fn finalize(&mut self, wire: &Wire, placed: &[Placed], what: &'static str, alg: SigAlg) -> Vec<String> {
        let csr = |name: &str| b64::encode(&CsrShape::dns(&[name]).build(ClientKey::generate(alg).native()));
        let requests: Vec<(&str, String)> =
            placed.iter().map(|placed| (placed.order["finalize"].as_str().unwrap(), csr(&placed.name))).collect();
        let answers = self.each(what, &requests, |(url, csr)| valid(wire.post(url, Some(json!({ "csr": csr })))));
        answers.iter().map(|answer| body(answer)["certificate"].as_str().unwrap().to_owned()).collect()
    }
}

/// Checks that the work is complete and does not count for the next request.
fn valid(answer: Answer) -> Answer {
    assert_eq!(body(&answer)["status"], "valid", "{}", answer.body());
    answer
}

fn shake_hands(tls: &TlsServer, mut stream: TcpStream) {
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut connection = tls.connection();
    while connection.is_handshaking() && connection.complete_io(&mut stream).is_ok_and(|io| io != (0, 0)) {}
    let _ = rustls::Stream::new(&mut connection, &mut stream).read_to_end(&mut Vec::new());
}
