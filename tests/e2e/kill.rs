//! End to end: workerd is killed at random moments under load and loses nothing.
//!
//! 200 kills: `cargo test --test e2e kill -- --ignored --nocapture`.

use super::retrying_client::{Finished, RetryingClient};
use super::rows::Found;
use crate::common::load::at_once;
use crate::common::load::http::Endpoint;
use crate::common::load::responder::Responder;
use crate::common::server::{Server, signal};
use crate::common::turns;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, RwLock};
use std::time::Duration;

/// How many clients there are.
const CLIENTS: usize = 8;

/// How long a life of workerd lasts at most before it is killed, in milliseconds.
const LONGEST_LIFE: u64 = 1500;

/// After how many kills all certificates are fetched again.
const REVIEW: u32 = 10;

#[test]
fn workerd_killed_five_times_under_load_loses_nothing() {
    run(5);
}

#[test]
#[ignore = "200 kills take some minutes"]
fn workerd_killed_200_times_under_load_loses_nothing() {
    run(200);
}

fn run(kills: u32) {
    turns::apart("kill");
    let seed = std::env::var("SELVEDGE_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| u64::from(std::process::id()));
    println!("SELVEDGE_SEED={seed}");
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let finished = runtime.block_on(endure(folder.path(), kills, seed));
    check_state(folder.path(), &finished);
}

/// The next of a row of random numbers (splitmix64).
fn next(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*seed ^ (*seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Runs the clients through so many kills; gives all obtained certificates.
async fn endure(state: &Path, kills: u32, mut seed: u64) -> Vec<Finished> {
    // As in production: what is tried again is so after five seconds.
    let mut server = Server::start_with(state, 0, &["--plain-http", "--set", "VALIDATION_RETRY_SECONDS=5"]);
    let endpoint = Endpoint { authority: format!("127.0.0.1:{}", server.port()), tls: None };
    let mut clients: Vec<RetryingClient> = (0..CLIENTS).map(|number| RetryingClient::new(number, &endpoint)).collect();
    let thumbprints = Arc::new(RwLock::new(clients.iter().map(|client| client.client.thumbprint()).collect()));
    let mut responder = Responder::start(server.http01, Arc::clone(&thumbprints)).await.unwrap();
    for client in &mut clients {
        client.client.register().await.unwrap();
    }
    for kill in 1..=kills {
        let life = Duration::from_millis(next(&mut seed) % LONGEST_LIFE);
        let workerd = server.facts["workerd_pid"].as_u64().unwrap();
        let killer = tokio::spawn(async move {
            tokio::time::sleep(life).await;
            signal("KILL", workerd);
        });
        clients = at_once(clients, |mut client| async move {
            client.work().await;
            client
        })
        .await;
        killer.await.unwrap();
        drop(responder);
        server = server.restart();
        responder = Responder::start(server.http01, Arc::clone(&thumbprints)).await.unwrap();
        clients = at_once(clients, |mut client| async move {
            client.replay().await;
            if kill % REVIEW == 0 {
                client.review().await;
            }
            client
        })
        .await;
    }
    clients = at_once(clients, |mut client| async move {
        client.settle().await;
        client.review().await;
        client
    })
    .await;
    let sum = |count: fn(&RetryingClient) -> usize| clients.iter().map(count).sum::<usize>();
    println!(
        "{kills} kills: {} certificates finished, 0 lost; {} orders interrupted, {} of them invalid in the end, the rest \
         valid; {} used nonces replayed, {} requests without an answer replayed, {} of them accepted, once",
        sum(|client| client.finished.len()),
        sum(|client| client.interrupted),
        sum(|client| client.invalid),
        sum(|client| client.replayed),
        sum(|client| client.doubtful),
        sum(|client| client.accepted),
    );
    assert!(sum(|client| client.interrupted) > 0, "no kill met anybody at work");
    assert_eq!(sum(|client| client.invalid), 0, "orders failed for no fault of their client");
    let log = server.log().to_lowercase();
    for word in ["sqlite_corrupt", "malformed", "not a database"] {
        assert!(!log.contains(word), "{word}: {log}");
    }
    clients.into_iter().flat_map(|client| client.finished).collect()
}

/// What the databases hold once everything has stopped.
fn check_state(state: &Path, finished: &[Finished]) {
    let found = Found::read(state, true, &["cert", "serial", "order", "job"]);
    assert!(found.damaged.is_empty(), "{:?}", found.damaged);
    let ids = |kind| found.records(kind).map(|(id, record)| (id.to_owned(), record)).collect::<BTreeMap<_, _>>();
    let (certificates, ledger, orders) = (ids("cert"), ids("serial"), ids("order"));
    assert!(certificates.keys().eq(ledger.keys()), "certificates and ledger differ");
    let mut of_orders = BTreeSet::new();
    for (serial, certificate) in &certificates {
        let order = certificate["order"].as_str().unwrap();
        assert!(of_orders.insert(order), "two certificates of order {order}");
        assert_eq!(ledger[serial]["order"], order);
        assert_eq!(orders[order]["issuance"]["serial"].as_str(), Some(serial.as_str()), "{order}");
    }
    for (id, order) in &orders {
        let issued = of_orders.contains(id.as_str());
        assert!(order["issuance"].is_null() || issued || order["error"].is_object(), "order {id} is stuck: {order}");
    }
    let jobs: Vec<(&str, Value)> = found.records("job").collect();
    assert!(jobs.is_empty(), "{jobs:?}");
    for one in finished {
        let pem = std::str::from_utf8(&one.pem).unwrap();
        let serial = one.url.rsplit('/').next().unwrap();
        let stored = certificates.get(serial).map(|record| record["pem"].as_str().unwrap());
        assert!(stored == Some(pem), "lost: {}: {pem}, stored is {stored:?}", one.url);
    }
    assert_eq!(certificates.len(), finished.len(), "every certificate reached its client");
    println!(
        "{} databases whole; {} certificates, {} entries in the ledger, {} orders, none stuck",
        found.files,
        certificates.len(),
        ledger.len(),
        orders.len()
    );
}
