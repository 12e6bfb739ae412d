//! What a transparency log adds to an issuance.
//!
//! A CA with a log and one without are measured in turns, in one run.

use super::load::Load;
use super::load::client::Cost;
use super::load::http::Endpoint;
use super::load::process::Process;
use super::server::Server;
use super::stored;
use std::collections::BTreeMap;
use std::time::Duration;

/// How much is measured.
#[derive(Clone, Copy)]
pub struct Amount {
    /// Issuances of each CA before anything counts.
    pub warm: u64,
    /// Issuances of a turn.
    pub turn: u64,
    /// Turns of each CA.
    pub turns: u64,
}

/// The costs of one of the CAs.
#[derive(Default)]
pub struct Side {
    /// Cost of each issuance, by the server's own count.
    pub issuances: Vec<Cost>,
    /// CPU time of workerd.
    pub cpu: Duration,
    /// Growth of the databases in bytes.
    pub bytes: u64,
}

impl Side {
    /// The averages of an issuance, in the order of [`FIGURES`].
    pub fn each(&self) -> [f64; 5] {
        let sum = |of: fn(&Cost) -> u64| self.issuances.iter().map(of).sum::<u64>() as f64;
        let (rows, calls, posts) = (sum(|cost| cost.rows), sum(|cost| cost.calls), sum(|cost| cost.posts));
        [self.cpu.as_secs_f64() * 1000.0, rows, calls, posts, self.bytes as f64]
            .map(|sum| sum / self.issuances.len() as f64)
    }

    /// The most frequent count.
    ///
    /// Nearly half of the issuances write more, the first certificate of a CRL's shard among them: a median would be of
    /// either sort by chance.
    pub fn usual(&self, of: fn(&Cost) -> u64) -> u64 {
        let mut times: BTreeMap<u64, usize> = BTreeMap::new();
        self.issuances.iter().for_each(|cost| *times.entry(of(cost)).or_default() += 1);
        times.into_iter().max_by_key(|(_, times)| *times).unwrap().0
    }
}

/// The names of the figures of [`Side::each`].
pub const FIGURES: [&str; 5] = ["CPU ms of workerd", "rows written", "Durable Object calls", "POSTs", "bytes stored"];

/// A running CA with one client.
struct Ca {
    side: Side,
    load: Load,
    next: u64,
    workerd: Process,
    server: Server,
    _folder: tempfile::TempDir,
}

impl Ca {
    async fn start(arguments: &[&str], warm: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start_with(folder.path(), 0, arguments);
        let mut load = Load::new(server.http01).await;
        let endpoint = Endpoint { authority: format!("127.0.0.1:{}", server.port()), tls: None };
        load.register(&endpoint, 1).await;
        let workerd = Process(server.facts["workerd_pid"].as_u64().unwrap());
        let mut ca = Self { side: Side::default(), load, next: 0, workerd, server, _folder: folder };
        ca.turn(warm).await;
        ca.side = Side { bytes: ca.stored(), ..Side::default() };
        ca
    }

    fn stored(&self) -> u64 {
        stored::bytes(&self.server.state.join("ca/do"))
    }

    async fn turn(&mut self, count: u64) {
        let cpu = self.workerd.cpu();
        for _ in 0..count {
            let client = self.load.first();
            client.cost = Cost::default();
            let name = client.name(self.next);
            self.next += 1;
            client.issue(&name).await.unwrap_or_else(|failure| panic!("{failure:?}"));
            self.side.issuances.push(client.cost);
        }
        self.side.cpu += self.workerd.cpu() - cpu;
    }

    fn end(mut self) -> Side {
        self.side.bytes = self.stored().saturating_sub(self.side.bytes);
        self.side
    }
}

/// Measures issuances with and without a log. The noise of the machine affects both.
pub async fn measure(amount: Amount) -> [Side; 2] {
    let mut with = Ca::start(&["--plain-http", "--log"], amount.warm).await;
    let mut without = Ca::start(&["--plain-http"], amount.warm).await;
    for turn in 0..amount.turns {
        // Each begins as often as the other.
        let pair = if turn % 2 == 0 { [&mut with, &mut without] } else { [&mut without, &mut with] };
        for ca in pair {
            ca.turn(amount.turn).await;
        }
    }
    [with.end(), without.end()]
}

/// The figures with a log, without, and their ratios: a row each.
pub fn rows([with, without]: &[Side; 2]) -> Vec<[String; 4]> {
    let pairs = with.each().into_iter().zip(without.each());
    let row = |(name, (with, without)): (&str, (f64, f64))| {
        [name.to_owned(), format!("{with:.2}"), format!("{without:.2}"), format!("{:.3}", with / without)]
    };
    FIGURES.into_iter().zip(pairs).map(row).collect()
}
