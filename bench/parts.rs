//! The platform's share of an issuance, measured by bare requests.
//!
//! Each request does one operation; its cost is multiplied by the number of such operations in an issuance. No change
//! of our code can save this cost while the issuance has these steps.

use crate::common::load::process::Process;
use crate::common::load::responder::Responder;
use crate::common::server::{Server, free_port};
use crate::floor::{Bare, Floor, Outside};
use crate::options::{CLIENTS, Options};
use crate::units::ms;
use std::sync::{Arc, RwLock};
use std::time::Duration;

/// A part of an issuance.
pub struct Taken {
    pub what: &'static str,
    /// CPU time of workerd.
    pub each: Duration,
    /// Number per issuance by http-01 for one name.
    pub times: u32,
}

impl Taken {
    /// CPU milliseconds per issuance.
    pub fn of_an_issuance(&self) -> f64 {
        ms(self.each) * f64::from(self.times)
    }
}

/// Measures all parts: each is the extra cost of a bare request with it.
pub async fn all(options: &Options) -> Vec<Taken> {
    let folder = tempfile::tempdir().unwrap();
    // Provides the resolver.
    let server = Server::start_with(folder.path(), 0, &["--plain-http"]);
    let program = Process(server.facts["workerd_pid"].as_u64().unwrap()).program();
    let port = free_port();
    let _host = Responder::start(port, Arc::new(RwLock::new(vec!["x".repeat(43)]))).await.unwrap();
    let resolver = format!("{}/dns-query", server.fact("management"));
    let floor = Floor::start(&program, &Outside { resolver, host: format!("127.0.0.1:{port}") }).await;
    let total = options.number(4000, 400);
    println!("what the platform takes");
    let mut costs = Vec::new();
    for kind in [Bare::Answer, Bare::Verify, Bare::Sign, Bare::Query, Bare::Connection, Bare::Hop, Bare::Write] {
        floor.run(kind, CLIENTS, total / 2).await;
        costs.push(floor.run(kind, CLIENTS, total).await.cpu);
    }
    let [answer, verify, sign, query, connection, hop, write] = costs[..] else { return Vec::new() };
    let taken = |what, each: Duration, over, times| Taken { what, each: each.saturating_sub(over), times };
    vec![
        taken("a request to a Worker, and its answer", answer, Duration::ZERO, 5),
        // To the account with each POST, and from there to the ledger.
        taken("to a Durable Object and back", hop, answer, 6),
        // In the account one for each POST, one more for the outcome of a validation, one for the certificate; the ledger's.
        taken("a row, on the disk before the answer leaves", write, hop, 8),
        taken("a P-256 signature checked", verify, answer, 6),
        taken("a P-256 signature made", sign, answer, 1),
        taken("a DNS query", query, answer, 2),
        taken("a connection to the host of the name", connection, answer, 1),
    ]
}
