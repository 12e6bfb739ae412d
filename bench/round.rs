//! The rounds: issuances by concurrent clients, and the floor for the same number of POSTs.

use crate::common::load::http::Endpoint;
use crate::common::load::process::Process;
use crate::common::load::{Load, Outcome};
use crate::common::server::Server;
use crate::common::stored;
use crate::floor::{Bare, Floor, Outside};
use crate::options::Options;
use crate::units;
use std::time::Duration;

/// A round with this number of clients.
pub struct Round {
    pub clients: usize,
    pub outcome: Outcome,
    /// CPU time of workerd per issuance.
    pub cpu: Duration,
    /// Growth of the state in bytes, per issuance.
    pub bytes: f64,
    pub peak_memory: u64,
    /// Bare requests per second, by as many clients.
    pub floor: f64,
    pub floor_cpu: Duration,
}

impl Round {
    /// POSTs per issuance.
    pub fn posts(&self) -> f64 {
        self.outcome.cost.posts as f64 / self.outcome.steps.len() as f64
    }

    /// The time of an issuance relative to as many bare durable requests.
    pub fn over_floor(&self) -> f64 {
        self.floor / (self.outcome.per_second() * self.posts())
    }
}

/// All rounds.
pub async fn all(options: &Options) -> Vec<Round> {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_with(folder.path(), 0, &["--plain-http"]);
    let authority = format!("127.0.0.1:{}", server.port());
    let endpoint = Endpoint { authority, tls: None };
    let workerd = Process(server.facts["workerd_pid"].as_u64().unwrap());
    let objects = server.state.join("ca/do");
    let mut load = Load::new(server.http01).await;
    load.register(&endpoint, 8).await;
    // Warms the module: V8 recompiles functions that have run often.
    load.run(options.number(1500, 300), drop).await;
    let floor = Floor::start(&workerd.program(), &Outside::default()).await;
    floor.run(Bare::Write, 8, 2000).await;
    let mut rounds = Vec::new();
    for clients in &options.clients {
        load.register(&endpoint, *clients).await;
        let usual = options.number(2000, 200);
        let total = options.issuances.unwrap_or(if *clients == 1 { usual / 2 } else { usual });
        let (cpu, bytes) = (workerd.cpu(), stored::bytes(&objects));
        let outcome = load.run(total, drop).await;
        let done = outcome.steps.len().max(1);
        let cpu = (workerd.cpu() - cpu) / u32::try_from(done).unwrap();
        let bytes = (stored::bytes(&objects) as f64 - bytes as f64) / done as f64;
        let bare = floor.run(Bare::Write, *clients, outcome.cost.posts).await;
        let round = Round {
            clients: *clients,
            outcome,
            cpu,
            bytes,
            peak_memory: workerd.peak_memory(),
            floor: bare.per_second,
            floor_cpu: bare.cpu,
        };
        print(&round);
        rounds.push(round);
    }
    rounds
}

/// Prints one line per round; the tables follow at the end.
fn print(round: &Round) {
    let Round { clients, outcome, cpu, .. } = round;
    let (rate, cpu, over) = (outcome.per_second(), units::ms(*cpu), round.over_floor());
    println!("{clients} clients: {rate:.0} issuances/s, {cpu:.2} ms CPU each, {over:.2} times the floor");
    for failure in outcome.failures.iter().take(3) {
        println!("  failed: {failure:?}");
    }
}
