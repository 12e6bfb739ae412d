//! The rounds: so many clients at once, and below each the floor for the same number of POSTs.

use crate::Options;
use crate::floor::Floor;
use crate::load::http::Endpoint;
use crate::load::process::{Process, bytes_below};
use crate::load::{Load, Outcome, client::STEPS};
use crate::server::Server;
use std::time::Duration;

/// A round of so many clients.
pub struct Round {
    pub clients: usize,
    pub outcome: Outcome,
    /// CPU time of workerd per issuance.
    pub cpu: Duration,
    /// Bytes that the state grew by, per issuance.
    pub bytes: f64,
    pub peak_memory: u64,
    /// Bare requests in a second, by as many clients.
    pub floor: f64,
    pub floor_cpu: Duration,
}

impl Round {
    /// POSTs per issuance.
    pub fn posts(&self) -> f64 {
        self.outcome.cost.posts as f64 / self.outcome.steps.len() as f64
    }

    /// How many times longer an issuance takes than as many bare durable requests.
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
    let program = std::fs::read_link(format!("/proc/{}/exe", workerd.0)).unwrap();
    let objects = server.state.join("ca/objects");
    let mut load = Load::new(server.http01).await;
    let warm_up = if options.quick { 50 } else { 500 };
    load.register(&endpoint, 8).await;
    load.run(warm_up, drop).await;
    let floor = Floor::start(&program).await;
    floor.run(8, 2000).await;
    let mut rounds = Vec::new();
    for clients in &options.clients {
        load.register(&endpoint, *clients).await;
        let usual = if options.quick { 200 } else { 2000 };
        let total = options.issuances.unwrap_or(if *clients == 1 { usual / 2 } else { usual });
        let (cpu, bytes) = (workerd.cpu(), bytes_below(&objects));
        let outcome = load.run(total, drop).await;
        let done = outcome.steps.len().max(1);
        let cpu = (workerd.cpu() - cpu) / u32::try_from(done).unwrap();
        let bytes = (bytes_below(&objects) as f64 - bytes as f64) / done as f64;
        let bare = floor.run(*clients, outcome.cost.posts).await;
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

/// The value below which this share of the sorted values lies.
pub fn percentile(sorted: &[Duration], share: f64) -> Duration {
    let at = ((sorted.len() as f64 * share).ceil() as usize).clamp(1, sorted.len().max(1)) - 1;
    sorted.get(at).copied().unwrap_or_default()
}

fn print(round: &Round) {
    let Round { clients, outcome, .. } = round;
    let done = outcome.steps.len() as f64;
    println!(
        "{clients} clients: {:.0} issuances/s, {} failed, {:.2} ms CPU each, {:.1} POSTs, {:.1} DO calls, {:.1} rows, \
         {:.0} bytes, peak {} MiB; floor {:.0}/s at {:.2} ms CPU a request; {:.2} times the floor",
        outcome.per_second(),
        outcome.failures.len(),
        round.cpu.as_secs_f64() * 1000.0,
        round.posts(),
        outcome.cost.calls as f64 / done,
        outcome.cost.rows as f64 / done,
        round.bytes,
        round.peak_memory >> 20,
        round.floor,
        round.floor_cpu.as_secs_f64() * 1000.0,
        round.over_floor(),
    );
    for failure in outcome.failures.iter().take(3) {
        println!("  failed: {failure:?}");
    }
    for (n, step) in STEPS.iter().enumerate() {
        let mut times: Vec<Duration> = outcome.steps.iter().map(|steps| steps[n]).collect();
        times.sort();
        let ms = |share| percentile(&times, share).as_secs_f64() * 1000.0;
        println!("  {step}: p50 {:.1} ms, p90 {:.1} ms, p99 {:.1} ms", ms(0.5), ms(0.9), ms(0.99));
    }
}
