//! End to end: a CA that goes on issuing does not fill up. What ends is deleted; certificates and the ledger stay.
//! 20,000 issuances: `cargo test --test e2e soak -- --ignored --nocapture`.

use super::rows::Found;
use crate::common::load::Load;
use crate::common::load::http::Endpoint;
use crate::common::load::process::Process;
use crate::common::server::Server;
use crate::common::stored;
use crate::common::turns;
use std::path::Path;
use std::time::{Duration, Instant};

/// How many clients there are.
const CLIENTS: usize = 8;

/// How many times it is looked what is there.
const ROUNDS: usize = 12;

/// A soak.
struct Soak {
    /// How many certificates are issued in each round.
    issuances: u64,
    /// How long nonces, orders and authorizations last, in seconds. They are readable for as long again, and then
    /// deleted within the same time.
    life: u64,
    /// How long a round lasts at least.
    round: Duration,
}

/// What is there after a round.
struct Sample {
    /// The expiring rows.
    passing: u64,
    /// Bytes of all databases.
    bytes: u64,
    /// Bytes that workerd holds in memory.
    memory: u64,
}

#[test]
fn expired_records_are_deleted_except_certificates_and_ledger() {
    run(&Soak { issuances: 40, life: 5, round: Duration::from_secs(4) });
}

#[test]
#[ignore = "20,000 issuances take some minutes"]
fn twenty_thousand_issuances_leave_only_certificates_and_ledger() {
    // All that is there when a round ends was made in it or in the one before.
    let samples = run(&Soak { issuances: 1700, life: 5, round: Duration::from_secs(15) });
    let (middle, last) = thirds(&samples);
    let most = |samples: &[Sample]| samples.iter().map(|sample| sample.memory).max().unwrap() as f64;
    assert!(most(last) < 1.15 * most(middle), "memory grows");
}

fn run(soak: &Soak) -> Vec<Sample> {
    turns::apart("soak");
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(issue(soak, folder.path()))
}

async fn issue(soak: &Soak, state: &Path) -> Vec<Sample> {
    let life = format!("LONGEST_LIFE={}", soak.life);
    let server = Server::start_with(state, 0, &["--plain-http", "--set", &life]);
    let workerd = Process(server.facts["workerd_pid"].as_u64().unwrap());
    let mut load = Load::new(server.http01).await;
    load.register(&Endpoint { authority: format!("127.0.0.1:{}", server.port()), tls: None }, CLIENTS).await;
    let mut samples = Vec::new();
    for round in 1..=ROUNDS {
        let start = Instant::now();
        let outcome = load.run(soak.issuances, drop).await;
        assert!(outcome.failures.is_empty(), "{:?}", outcome.failures);
        tokio::time::sleep(soak.round.saturating_sub(start.elapsed())).await;
        let passing = Found::read(state, false, &[]).passing().values().sum();
        let sample = Sample { passing, bytes: stored::bytes(&state.join("ca/do")), memory: workerd.resident_memory() };
        println!(
            "{} issuances, {:.0}/s: {passing} rows that pass, {} kB stored, {} MiB of memory",
            round as u64 * soak.issuances,
            outcome.per_second(),
            sample.bytes / 1000,
            sample.memory >> 20
        );
        samples.push(sample);
    }
    let (middle, last) = thirds(&samples);
    let most = |samples: &[Sample]| samples.iter().map(|sample| sample.passing).max().unwrap();
    assert!(most(last) * 2 < most(middle) * 3, "what ends is not deleted as fast as it comes");
    everything_ends(soak, state).await;
    check_growth(soak, state, &samples);
    samples
}

/// The rounds in the middle, when as much ends as begins, and the last ones.
fn thirds(samples: &[Sample]) -> (&[Sample], &[Sample]) {
    let third = samples.len() / 3;
    (&samples[third..2 * third], &samples[2 * third..])
}

/// Waits until only permanent records are left after the last request.
async fn everything_ends(soak: &Soak, state: &Path) {
    let deadline = Instant::now() + Duration::from_secs(soak.life * 20);
    loop {
        let found = Found::read(state, false, &[]);
        let ending = found.passing();
        if ending.is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "never deleted: {ending:?}");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Checks the permanent records of an issuance, and that the databases grew by those only.
fn check_growth(soak: &Soak, state: &Path, samples: &[Sample]) {
    let found = Found::read(state, true, &[]);
    assert!(found.damaged.is_empty(), "{:?}", found.damaged);
    let issued = ROUNDS as u64 * soak.issuances;
    assert_eq!((found.count("cert"), found.count("serial")), (issued, issued));
    let each = |kind: &str| found.kinds[kind].1 / issued;
    let rounds = (samples.len() - samples.len() / 3) as u64;
    let grown = samples[samples.len() - 1].bytes - samples[samples.len() / 3 - 1].bytes;
    let grown = grown / (rounds * soak.issuances);
    println!(
        "{issued} issuances: {} bytes for each certificate and {} for its entry in the ledger stay; the databases grew by \
         {grown} bytes for each since the first third",
        each("cert"),
        each("serial"),
    );
    // Pages are not full, and the serial numbers are in an index too.
    assert!(grown < 2 * (each("cert") + each("serial")), "something else grows");
}
