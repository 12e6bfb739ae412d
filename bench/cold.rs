//! Each request as the first one of an isolate.
//!
//! A small CA meets a cold isolate at nearly every request. So each request goes to a workerd that was just started on
//! the state that the previous ones left.

use crate::common::fresh;
use crate::common::load::process::Process;
use crate::common::server::Server;
use crate::common::wire::{Answer, Wire, body};
use crate::floor::Outside;
use crate::options::Options;
use crate::units::percentile;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Lines};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Stdio};
use std::thread::sleep;
use std::time::Duration;

/// The steps, in the order of an issuance.
pub const STEPS: [&str; 8] = [
    "directory",
    "newNonce",
    "newAccount",
    "newOrder",
    "authorization",
    "challenge, http-01",
    "finalize",
    "certificate",
];

/// Nothing runs in a workerd whose main thread takes no CPU for so long.
const QUIET: Duration = Duration::from_millis(60);

/// A module with what its first requests cost.
pub struct Cold {
    /// The folder of the module; `None` for the floor.
    pub module: Option<PathBuf>,
    /// CPU of the main thread until workerd is ready, sorted.
    pub start: Vec<Duration>,
    /// CPU of the main thread for each of [`STEPS`]; one entry for the floor. Sorted.
    pub steps: Vec<Step>,
}

/// The cost of one step in all runs, sorted.
#[derive(Clone, Default)]
pub struct Step {
    /// CPU of the main thread, on which requests run.
    pub main: Vec<Duration>,
    /// CPU of the other threads, on which V8 optimizes.
    pub others: Vec<Duration>,
}

/// Measures the module, and that of `--beside` in turns with it; then the floor.
pub fn all(options: &Options) -> Vec<Cold> {
    let folder = tempfile::tempdir().unwrap();
    // Writes the configuration, and provides the resolver.
    let server = Server::start_with(folder.path(), 0, &["--plain-http"]);
    let program = Process(server.facts["workerd_pid"].as_u64().unwrap()).program();
    println!("the first request of an isolate");
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("build");
    let modules: Vec<PathBuf> = std::iter::once(own).chain(options.beside.clone()).collect();
    let mut hosts: Vec<Host> =
        modules.iter().enumerate().map(|(n, module)| Host::new(&server, &program, module, n)).collect();
    for run in 0..=options.number(15, 3) {
        for host in &mut hosts {
            host.issuance(&server, run);
        }
    }
    let mut measured: Vec<Cold> = hosts.into_iter().map(|host| host.cold).collect();
    measured.push(floor(&program, options.number(15, 3)));
    for cold in &mut measured {
        cold.start.sort();
        for step in &mut cold.steps {
            step.main.sort();
            step.others.sort();
        }
    }
    measured
}

impl Cold {
    /// The median CPU of the main thread in a step.
    pub fn median(&self, step: usize) -> Duration {
        self.steps.get(step).map(|step| percentile(&step.main, 0.5)).unwrap_or_default()
    }
}

/// A module with its configuration and state, served by one workerd after the other.
struct Host {
    program: PathBuf,
    config: PathBuf,
    address: SocketAddr,
    cold: Cold,
}

/// A fresh workerd. Killed when dropped.
struct Fresh {
    child: Child,
    /// Open, since it may print more.
    _printed: Lines<BufReader<ChildStdout>>,
    /// CPU of its main thread, and of all threads.
    ready: (Duration, Duration),
}

impl Host {
    /// Prepares a module: the configuration of `dev` with another address, module and folder of objects.
    fn new(server: &Server, program: &Path, module: &Path, number: usize) -> Self {
        let folder = server.state.join(format!("cold{number}"));
        let address = fresh::free_address();
        let config = fresh::configure(server, &folder, address, module, &[]);
        let steps = vec![Step::default(); STEPS.len()];
        let cold = Cold { module: Some(module.to_owned()), start: Vec::new(), steps };
        Self { program: program.to_owned(), config, address, cold }
    }

    /// Obtains a certificate for a new account, each request from a fresh workerd. The first run does not count.
    fn issuance(&mut self, server: &Server, run: u32) {
        let mut wire = Wire::plain(&format!("http://{}/directory", self.address));
        let name = format!("n{run}.test");
        let _directory = self.step(0, run, &mut wire, |wire| wire.get(&wire.url("/directory")));
        let _nonce = self.step(1, run, &mut wire, |wire| wire.get(&wire.url("/acme/new-nonce")));
        let account = self.step(2, run, &mut wire, |wire| {
            wire.post(&wire.url("/acme/new-account"), Some(json!({ "termsOfServiceAgreed": true })))
        });
        wire.kid = Some(crate::common::wire::header(&account, "location"));
        let wanted = json!({ "identifiers": [{ "type": "dns", "value": name }] });
        let order = self.step(3, run, &mut wire, |wire| wire.post(&wire.url("/acme/new-order"), Some(wanted)));
        let order = body(&order);
        let url = order["authorizations"][0].as_str().unwrap();
        let authorization = body(&self.step(4, run, &mut wire, |wire| wire.post(url, None)));
        let mut challenges = authorization["challenges"].as_array().unwrap().iter();
        let challenge: Value = challenges.find(|challenge| challenge["type"] == "http-01").unwrap().clone();
        let _host = wire.serve(server.http01, &challenge);
        let url = challenge["url"].as_str().unwrap();
        let proven = self.step(5, run, &mut wire, |wire| wire.post(url, Some(json!({}))));
        assert_eq!(body(&proven)["status"], "valid", "{}", proven.body());
        let (url, csr) = (order["finalize"].as_str().unwrap(), wire.csr(&name));
        let finalized = body(&self.step(6, run, &mut wire, |wire| wire.post(url, Some(csr))));
        let url = finalized["certificate"].as_str().unwrap();
        let _certificate = self.step(7, run, &mut wire, |wire| wire.post(url, None));
    }

    /// Sends one request to a fresh workerd and notes its cost.
    fn step(&mut self, step: usize, run: u32, wire: &mut Wire, send: impl FnOnce(&Wire) -> Answer) -> Answer {
        wire.reconnect();
        let fresh = Fresh::start(&self.program, &self.config, self.address, "acme");
        let answer = send(wire);
        let (main, others) = fresh.spent();
        assert!(answer.status().is_success(), "{}: {}", STEPS[step], answer.body());
        if run > 0 {
            self.cold.start.push(fresh.ready.0);
            self.cold.steps[step].main.push(main);
            self.cold.steps[step].others.push(others);
        }
        answer
    }
}

impl Fresh {
    /// Starts workerd with an open socket and waits until it listens and has gone quiet.
    fn start(program: &Path, config: &Path, address: SocketAddr, socket: &str) -> Self {
        let mut command = fresh::workerd(program, config, address, socket);
        command.args(["--control-fd", "1"]).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        // Closes our socket.
        drop(command);
        let mut printed = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(printed.by_ref().any(|line| line.unwrap().contains("\"event\":\"listen\"")), "workerd does not listen");
        let mut fresh = Self { child, _printed: printed, ready: (Duration::ZERO, Duration::ZERO) };
        loop {
            let before = fresh.cpu();
            sleep(QUIET);
            fresh.ready = fresh.cpu();
            if fresh.ready == before {
                return fresh;
            }
        }
    }

    fn cpu(&self) -> (Duration, Duration) {
        let process = Process(self.child.id().into());
        (process.main_cpu(), process.cpu())
    }

    /// CPU since it was ready, of the main thread and of the others.
    fn spent(&self) -> (Duration, Duration) {
        let (main, all) = self.cpu();
        let main = main.saturating_sub(self.ready.0);
        (main, all.saturating_sub(self.ready.1).saturating_sub(main))
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The platform's share: a bare Worker whose Durable Object writes one row.
fn floor(program: &Path, runs: u32) -> Cold {
    let folder = tempfile::tempdir().unwrap();
    let address = fresh::free_address();
    let config = crate::floor::configure(folder.path(), &Outside::default(), address);
    let mut cold = Cold { module: None, start: Vec::new(), steps: vec![Step::default()] };
    for run in 0..=runs {
        let fresh = Fresh::start(program, &config, address, "http");
        let wire = Wire::plain(&format!("http://{address}/directory"));
        let answer = wire.send(&wire.url("/write/1"), "application/json", b"{}");
        let (main, others) = fresh.spent();
        assert!(answer.status().is_success(), "{}", answer.body());
        if run > 0 {
            cold.start.push(fresh.ready.0);
            cold.steps[0].main.push(main);
            cold.steps[0].others.push(others);
        }
    }
    cold
}
