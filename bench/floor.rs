//! The floor: bare requests on the same workerd, disk and clients.
//!
//! The floor of an issuance is requests with one durable write each; the other kinds measure the platform's other costs.

use crate::common::load::http::{Connection, Endpoint};
use crate::common::load::process::Process;
use crate::common::server::free_port;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A kind of bare request; `floor.js` implements each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bare {
    /// Nothing: the Worker answers.
    Answer,
    /// A signature is checked.
    Verify,
    /// A signature is made.
    Sign,
    /// A DNS query is answered.
    Query,
    /// A host is connected to, asked, and answers.
    Connection,
    /// A Durable Object answers.
    Hop,
    /// A Durable Object writes a row, and answers when it is on the disk.
    Write,
}

impl Bare {
    fn path(self, client: usize) -> String {
        let part = match self {
            Self::Answer => "bare",
            Self::Verify => "verify",
            Self::Sign => "sign",
            Self::Query => "query",
            Self::Connection => "connection",
            Self::Hop => "hop",
            Self::Write => "write",
        };
        format!("/{part}/{client}")
    }
}

/// The hosts that bare requests reach.
#[derive(Default)]
pub struct Outside {
    /// The URL of a DNS-over-HTTPS resolver.
    pub resolver: String,
    /// `host:port` of a host that answers http-01.
    pub host: String,
}

/// About the length of a signed request.
const BODY: usize = 640;

/// A workerd that serves `floor.js`. Killed when dropped.
pub struct Floor {
    child: Child,
    endpoint: Endpoint,
    _folder: tempfile::TempDir,
}

/// The result of bare requests.
pub struct FloorOutcome {
    /// Requests per second.
    pub per_second: f64,
    /// CPU time of workerd per request.
    pub cpu: Duration,
}

impl Floor {
    /// Starts workerd with `floor.js`.
    pub async fn start(workerd: &Path, outside: &Outside) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let file = configure(folder.path(), outside, address);
        let mut command = Command::new(workerd);
        command.args(["serve", "--import-path", "/"]).arg(&file).stdin(Stdio::null());
        let child = command.spawn().unwrap();
        let floor = Self { child, endpoint: Endpoint { authority: address.to_string(), tls: None }, _folder: folder };
        while Connection::to(&floor.endpoint).send("POST", &Bare::Write.path(0), b"{}").await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        floor
    }

    /// Sends `total` requests of a kind from `clients` clients, each to its own object.
    pub async fn run(&self, kind: Bare, clients: usize, total: u64) -> FloorOutcome {
        let process = Process(self.child.id().into());
        let (start, cpu, left) = (Instant::now(), process.cpu(), Arc::new(AtomicU64::new(total)));
        let tasks: Vec<_> =
            (0..clients).map(|n| tokio::spawn(work(self.endpoint.clone(), kind.path(n), left.clone()))).collect();
        for task in tasks {
            task.await.unwrap();
        }
        let requests = u32::try_from(total).unwrap();
        FloorOutcome { per_second: total as f64 / start.elapsed().as_secs_f64(), cpu: (process.cpu() - cpu) / requests }
    }
}

/// Writes the configuration of a workerd that serves `floor.js`.
pub fn configure(folder: &Path, outside: &Outside, address: SocketAddr) -> PathBuf {
    std::fs::create_dir(folder.join("objects")).unwrap();
    let module = concat!(env!("CARGO_MANIFEST_DIR"), "/bench/floor.js");
    let Outside { resolver, host } = outside;
    let config = format!(
        r#"using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "worker", worker = (
      modules = [(name = "floor.js", esModule = embed "{module}")],
      compatibilityDate = "2026-11-01",
      bindings = [
        (name = "FLOOR", durableObjectNamespace = "Floor"),
        (name = "RESOLVER", text = "{resolver}"),
        (name = "HOST", text = "{host}"),
      ],
      durableObjectNamespaces = [(className = "Floor", uniqueKey = "floor", enableSql = true)],
      durableObjectStorage = (localDisk = "objects"),
    )),
    (name = "internet", network = (allow = ["private"])),
    (name = "objects", disk = (path = "{}/objects", writable = true)),
  ],
  sockets = [(name = "http", address = "{address}", http = (), service = "worker")]
);"#,
        folder.display()
    );
    let file = folder.join("floor.capnp");
    std::fs::write(&file, config).unwrap();
    file
}

async fn work(endpoint: Endpoint, path: String, left: Arc<AtomicU64>) {
    let (mut connection, body) = (Connection::to(&endpoint), vec![b'x'; BODY]);
    while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
        let answer = connection.send("POST", &path, &body).await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
