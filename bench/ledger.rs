//! The cost of requests as the ledger grows.

use crate::common::load::Load;
use crate::common::load::client::Issued;
use crate::common::load::http::{Connection, Endpoint};
use crate::common::load::process::Process;
use crate::common::server::Server;
use crate::options::Options;
use crate::units::Spent;
use selvedge::pki::certificate::parse_presented;
use selvedge::pki::pem;
use selvedge::values::b64;
use serde_json::json;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// Number of concurrent clients.
const CLIENTS: usize = 8;
/// The first name number beyond those of the load.
const APART: u64 = 1 << 40;

/// The costs with this many certificates stored.
pub struct Ledger {
    pub stored: u64,
    pub issuance: Spent,
    /// A GET of renewal information.
    pub renewal: Spent,
    pub revocation: Spent,
}

/// Measures all ledgers in turns on parallel servers. So noise of the machine affects all.
pub async fn all(options: &Options) -> Vec<Ledger> {
    let counts = options.number([0, 100_000, 1_000_000], [0, 1000, 10_000]);
    let mut sites = Vec::new();
    for count in counts {
        println!("ledger: a server with {count} certificates");
        sites.push(Site::start(options, count).await);
    }
    for turn in 0..options.number(6, 2) {
        for site in &mut sites {
            site.turn(options, turn).await;
        }
    }
    sites.into_iter().map(|site| site.ledger).collect()
}

/// A server with its ledger filled.
struct Site {
    ledger: Ledger,
    load: Load,
    endpoint: Endpoint,
    workerd: Process,
    _server: Server,
    _folder: tempfile::TempDir,
}

impl Site {
    async fn start(options: &Options, stored: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut server = Server::start_with(folder.path(), 0, &["--plain-http"]);
        if stored > 0 {
            // One issuance creates the ledger; its row is the template.
            let mut load = Load::new(server.http01).await;
            load.register(&endpoint_of(&server), 1).await;
            assert!(load.run(1, drop).await.failures.is_empty());
            drop(load);
            drop(server);
            fill(&folder.path().join("ca/do"), stored);
            server = Server::start_with(folder.path(), 0, &["--plain-http"]);
        }
        let endpoint = endpoint_of(&server);
        let mut load = Load::new(server.http01).await;
        load.register(&endpoint, CLIENTS).await;
        load.run(options.number(1000, 100), drop).await;
        let workerd = Process(server.facts["workerd_pid"].as_u64().unwrap());
        let [issuance, renewal, revocation] = [Spent::default(); 3];
        let ledger = Ledger { stored, issuance, renewal, revocation };
        Self { ledger, load, endpoint, workerd, _server: server, _folder: folder }
    }

    /// Measures some operations of each kind.
    async fn turn(&mut self, options: &Options, turn: u64) {
        let (count, singles) = options.number((100, 50), (40, 20));
        let issued = Arc::new(Mutex::new(Vec::new()));
        let keep = Arc::clone(&issued);
        let (start, cpu) = (Instant::now(), self.workerd.cpu());
        let outcome = self.load.run(count, move |one: Issued| keep.lock().unwrap().push(one.pem)).await;
        assert!(outcome.failures.is_empty(), "{:?}", outcome.failures.first());
        self.ledger.issuance.add(spent(outcome.steps.len(), start, cpu, self.workerd));
        let issued: Vec<Vec<u8>> = issued.lock().unwrap().iter().take(singles).map(|pem| leaf(pem)).collect();
        let renewal = self.renewal(&issued).await;
        self.ledger.renewal.add(renewal);
        let mine = self.one_by_one(singles, APART + turn * 1000).await;
        let revocation = self.revoke(&mine).await;
        self.ledger.revocation.add(revocation);
    }

    async fn renewal(&self, certificates: &[Vec<u8>]) -> Spent {
        let mut connection = Connection::to(&self.endpoint);
        let (start, cpu) = (Instant::now(), self.workerd.cpu());
        for certificate in certificates {
            let path = format!("/acme/renewal-info/{}", cert_id(certificate));
            let answer = connection.send("GET", &path, b"").await.unwrap();
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
        spent(certificates.len(), start, cpu, self.workerd)
    }

    /// Issues certificates to the first client.
    async fn one_by_one(&mut self, count: usize, first: u64) -> Vec<Vec<u8>> {
        let mut certificates = Vec::new();
        let client = self.load.first();
        for n in 0..count {
            let name = client.name(first + n as u64);
            certificates.push(leaf(&client.issue(&name).await.unwrap().pem));
        }
        certificates
    }

    async fn revoke(&mut self, certificates: &[Vec<u8>]) -> Spent {
        let url = format!("http://{}/acme/revoke-cert", self.endpoint.authority);
        let workerd = self.workerd;
        let client = self.load.first();
        let (start, cpu) = (Instant::now(), workerd.cpu());
        for certificate in certificates {
            let wanted = json!({ "certificate": b64::encode(certificate) }).to_string();
            client.post("revokeCert", &url, &wanted).await.unwrap();
        }
        spent(certificates.len(), start, cpu, workerd)
    }
}

fn endpoint_of(server: &Server) -> Endpoint {
    Endpoint { authority: format!("127.0.0.1:{}", server.port()), tls: None }
}

fn spent(count: usize, start: Instant, cpu: std::time::Duration, workerd: Process) -> Spent {
    Spent { count: u32::try_from(count).unwrap(), cpu: workerd.cpu() - cpu, time: start.elapsed() }
}

fn fill(objects: &Path, count: u64) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/bench/fill.py");
    let output = Command::new("python3").arg(script).arg(objects).arg(count.to_string()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let stored: u64 = said.parse().unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    assert!(stored > count, "{stored} rows in the ledger, {count} put there");
}

/// The first certificate of a chain.
fn leaf(pem: &[u8]) -> Vec<u8> {
    pem::read_certificates(std::str::from_utf8(pem).unwrap()).unwrap().swap_remove(0)
}

/// Its certID (RFC 9773 §4.1).
fn cert_id(certificate: &[u8]) -> String {
    let read = parse_presented(certificate).unwrap();
    format!("{}.{}", b64::encode(&read.authority_key_id.unwrap()), b64::encode(read.serial.octets()))
}
