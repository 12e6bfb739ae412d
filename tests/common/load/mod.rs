//! A load on a real server: concurrent clients that obtain certificates in sequence by http-01.
#![allow(clippy::disallowed_methods, reason = "it measures time, natively")]

pub mod client;
pub mod http;
pub mod process;
pub mod responder;

use client::{Client, Cost, Failure, Issued, OWN_PATHS, Paths};
use http::Endpoint;
use responder::{Responder, Thumbprints};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

/// What a load came to.
pub struct Outcome {
    /// How long each step of each issuance took.
    pub steps: Vec<[Duration; 5]>,
    /// Those that failed.
    pub failures: Vec<Failure>,
    /// From the first request to the last answer.
    pub took: Duration,
    /// By the server's own count.
    pub cost: Cost,
}

impl Outcome {
    /// Issuances in a second.
    pub fn per_second(&self) -> f64 {
        self.steps.len() as f64 / self.took.as_secs_f64()
    }
}

/// Clients with accounts, and the host that proves their names.
pub struct Load {
    clients: Vec<Client>,
    thumbprints: Thumbprints,
    _responder: Responder,
    paths: Paths,
    /// The next name's number; names are unique, because a valid authorization would save work.
    next: Arc<AtomicU64>,
}

impl Load {
    /// Gets the host ready.
    pub async fn new(http01: u16) -> Self {
        let thumbprints: Thumbprints = Arc::new(RwLock::new(Vec::new()));
        let responder = Responder::start(http01, Arc::clone(&thumbprints)).await.unwrap();
        let next = Arc::new(AtomicU64::new(0));
        Self { clients: Vec::new(), thumbprints, _responder: responder, paths: OWN_PATHS, next }
    }

    /// Has clients begin at other paths.
    pub fn at_paths(mut self, paths: Paths) -> Self {
        self.paths = paths;
        self
    }

    /// Has `count` clients with accounts of their own, more or less.
    pub async fn register(&mut self, endpoint: &Endpoint, count: usize) {
        self.clients.truncate(count);
        while self.clients.len() < count {
            let mut client = Client::new(self.clients.len(), endpoint).at_paths(self.paths);
            client.register().await.unwrap();
            let mut thumbprints = self.thumbprints.write().unwrap();
            thumbprints.truncate(self.clients.len());
            thumbprints.push(client.thumbprint());
            self.clients.push(client);
        }
    }

    /// The first client, for what is to be asked one by one.
    pub fn first(&mut self) -> &mut Client {
        &mut self.clients[0]
    }

    /// Has all clients obtain certificates at once, `total` together. Each goes to `keep`.
    pub async fn run(&mut self, total: u64, keep: impl Fn(Issued) + Clone + Send + 'static) -> Outcome {
        let (start, left) = (Instant::now(), Arc::new(AtomicU64::new(total)));
        let clients = self.clients.drain(..);
        let tasks: Vec<_> = clients
            .map(|client| tokio::spawn(work(client, Arc::clone(&left), Arc::clone(&self.next), keep.clone())))
            .collect();
        let mut outcome = Outcome { steps: vec![], failures: vec![], took: Duration::ZERO, cost: Cost::default() };
        for task in tasks {
            let (client, steps, failures, cost) = task.await.unwrap();
            self.clients.push(client);
            outcome.steps.extend(steps);
            outcome.failures.extend(failures);
            outcome.cost.posts += cost.posts;
            outcome.cost.calls += cost.calls;
            outcome.cost.rows += cost.rows;
        }
        outcome.took = start.elapsed();
        outcome
    }
}

/// Has all clients do something at once. Returns them in their order.
pub async fn at_once<C, F>(clients: Vec<C>, act: impl Fn(C) -> F) -> Vec<C>
where
    C: Send + 'static,
    F: Future<Output = C> + Send + 'static,
{
    let tasks: Vec<_> = clients.into_iter().map(|client| tokio::spawn(act(client))).collect();
    let mut back = Vec::new();
    for task in tasks {
        back.push(task.await.unwrap());
    }
    back
}

/// One client's share.
async fn work(
    mut client: Client,
    left: Arc<AtomicU64>,
    next: Arc<AtomicU64>,
    keep: impl Fn(Issued),
) -> (Client, Vec<[Duration; 5]>, Vec<Failure>, Cost) {
    let (mut steps, mut failures) = (Vec::new(), Vec::new());
    client.refresh();
    while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
        let name = client.name(next.fetch_add(1, Ordering::Relaxed));
        match client.issue(&name).await {
            Ok(issued) => {
                steps.push(issued.steps);
                keep(issued);
            }
            Err(failure) => failures.push(failure),
        }
    }
    let cost = client.cost;
    (client, steps, failures, cost)
}
