//! End to end: what a cold isolate compiles for its first request.
//!
//! V8 compiles a function when it is first called, on the thread of the request, and reports each under a flag.

use crate::common::fresh;
use crate::common::load::process::Process;
use crate::common::server::Server;
use crate::common::wire::Wire;
use std::io::{BufRead, BufReader, PipeReader, pipe};
use std::path::Path;
use std::process::Child;

/// The largest function, in bytes of wasm.
const LARGEST: u64 = 50_000;

/// The most that the request for the directory compiles, in bytes of wasm.
const DIRECTORY: u64 = 230_000;

/// The least that is compiled before: what reads the configuration.
const START: u64 = 150_000;

/// A workerd with what it prints. Killed when dropped.
struct Traced {
    child: Child,
    lines: std::io::Lines<BufReader<PipeReader>>,
}

impl Traced {
    /// The sizes of the functions compiled until a line contains `end`.
    fn compiled_until(&mut self, end: &str) -> Vec<u64> {
        let mut sizes = Vec::new();
        for line in self.lines.by_ref().map(Result::unwrap) {
            if line.contains(end) {
                break;
            }
            if let Some((_, rest)) = line.split_once("using Liftoff").and_then(|(_, rest)| rest.split_once("bodysize "))
            {
                sizes.push(rest.split(' ').next().unwrap().parse().unwrap());
            }
        }
        sizes
    }
}

impl Drop for Traced {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_first_request_of_an_isolate_compiles_little() {
    // A fast build has other functions.
    let fast = std::env::var("SELVEDGE_MODULE").is_ok_and(|value| value == "fast");
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_with(folder.path(), 0, &["--plain-http"]);
    let program = Process(server.facts["workerd_pid"].as_u64().unwrap()).program();
    let (beside, address) = (tempfile::tempdir().unwrap(), fresh::free_address());
    let module = Path::new(env!("CARGO_MANIFEST_DIR")).join("build");
    let config = fresh::configure(&server, beside.path(), address, &module, &["--trace-wasm-compilation-times"]);
    let (reader, writer) = pipe().unwrap();
    let mut command = fresh::workerd(&program, &config, address, "acme");
    command.args(["--control-fd", "2"]).stdout(writer.try_clone().unwrap()).stderr(writer);
    let mut traced = Traced { child: command.spawn().unwrap(), lines: BufReader::new(reader).lines() };
    drop(command);
    let at_start = traced.compiled_until("\"event\":\"listen\"");
    let answer = Wire::plain(&format!("http://{address}/directory")).get(&format!("http://{address}/directory"));
    assert_eq!(answer.status(), 200, "{}", answer.body());
    traced.child.kill().unwrap();
    let by_request = traced.compiled_until("the end of the pipe");
    assert!(!by_request.is_empty(), "V8 reported nothing");
    if fast {
        return;
    }
    let sum = |sizes: &[u64]| sizes.iter().sum::<u64>();
    let largest = at_start.iter().chain(&by_request).max().copied().unwrap_or_default();
    let found = (sum(&at_start), sum(&by_request), largest);
    assert!(largest <= LARGEST && found.1 <= DIRECTORY && found.0 >= START, "start, request, largest: {found:?}");
}
