//! The cost of CRLs: from stored revocations to the signed CRL.

use crate::common::load::Load;
use crate::common::load::http::{Connection, Endpoint};
use crate::common::load::process::Process;
use crate::common::server::Server;
use crate::options::Options;
use crate::units::Spent;
use selvedge::pki::pem;
use selvedge::values::b64;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// The cost of an issuer's CRLs with this many revoked certificates.
pub struct Lists {
    pub revoked: u64,
    pub shards: u64,
    /// Bytes per CRL, on average.
    pub bytes: u64,
    /// Reading, building, linting, signing and storing a CRL.
    pub signed: Spent,
}

/// Measures all combinations, one server after the other.
pub async fn all(options: &Options) -> Vec<Lists> {
    let revoked = options.number(100_000, 1000);
    let mut all = Vec::new();
    for (revoked, shards) in [(0, 32), (revoked, 128), (revoked, 32), (revoked, 1)] {
        println!("lists: {revoked} revocations in {shards} shards");
        all.push(measure(revoked, shards).await);
    }
    all
}

async fn measure(revoked: u64, shards: u64) -> Lists {
    let folder = tempfile::tempdir().unwrap();
    let set = format!("CRL_SHARDS={shards}");
    let start = || Server::start_with(folder.path(), 0, &["--plain-http", "--set", &set]);
    let server = start();
    revoke_one(&server).await;
    drop(server);
    fill(&folder.path().join("ca/do"), revoked, shards);
    let server = start();
    let workerd = Process(server.facts["workerd_pid"].as_u64().unwrap());
    let endpoint = endpoint_of(&server);
    let mut connection = Connection::to(&endpoint);
    // Loads and warms the module.
    for _ in 0..200 {
        connection.send("GET", "/directory", b"").await.unwrap();
    }
    let (begin, cpu) = (Instant::now(), workerd.cpu());
    // Waking the ledger fires its alarm, since all CRLs are due.
    let lists = loop {
        let answer = connection.send("GET", "/issuers", b"").await.unwrap();
        let overview: Value = serde_json::from_str(&answer.text()).unwrap();
        let lists = overview["issuers"][0]["crls"].as_array().unwrap().clone();
        // A signed CRL is due in a day.
        if lists.len() as u64 == shards && lists.iter().all(|list| list["due"].as_str() > list["signed"].as_str()) {
            break lists;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    let count = u32::try_from(shards).unwrap();
    let signed = Spent { count, cpu: workerd.cpu() - cpu, time: begin.elapsed() };
    let mut bytes = 0;
    for list in &lists {
        let url = list["url"].as_str().unwrap();
        let path = url.splitn(4, '/').nth(3).unwrap();
        let answer = connection.send("GET", &format!("/{path}"), b"").await.unwrap();
        assert_eq!(answer.status, 200);
        bytes += answer.body.len() as u64;
    }
    // An entry takes at least 35 bytes.
    assert!(bytes > revoked * 35, "{bytes}");
    Lists { revoked, shards, bytes: bytes / shards, signed }
}

async fn revoke_one(server: &Server) {
    let mut load = Load::new(server.http01).await;
    let endpoint = endpoint_of(server);
    load.register(&endpoint, 1).await;
    let issued = Arc::new(Mutex::new(Vec::new()));
    let keep = Arc::clone(&issued);
    assert!(load.run(1, move |one| keep.lock().unwrap().push(one.pem)).await.failures.is_empty());
    let chain = issued.lock().unwrap().remove(0);
    let leaf = pem::read_certificates(std::str::from_utf8(&chain).unwrap()).unwrap().swap_remove(0);
    let url = format!("http://{}/acme/revoke-cert", endpoint.authority);
    let wanted = json!({ "certificate": b64::encode(&leaf), "reason": 4 }).to_string();
    load.first().post("revokeCert", &url, &wanted).await.unwrap();
}

fn endpoint_of(server: &Server) -> Endpoint {
    Endpoint { authority: format!("127.0.0.1:{}", server.port()), tls: None }
}

fn fill(objects: &Path, revoked: u64, shards: u64) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/bench/revoke.py");
    let (revoked, shards) = (revoked.to_string(), shards.to_string());
    let output = Command::new("python3").arg(script).arg(objects).args([revoked, shards]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
