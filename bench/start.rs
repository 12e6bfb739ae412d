//! The time from the start of workerd to its first answer, with existing state.

use crate::common::server::Server;
use crate::common::wire::Wire;
use crate::options::Options;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The socket's name in the configuration that `dev` writes.
const SOCKET: &str = "acme";

/// All start times, sorted; the first start, with a cold disk cache, does not count.
pub fn measure(options: &Options) -> Vec<Duration> {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_with(folder.path(), 0, &["--plain-http"]);
    Wire::plain(server.fact("directory")).register();
    let workerd = server.facts["workerd_pid"].as_u64().unwrap();
    let program = std::fs::read_link(format!("/proc/{workerd}/exe")).unwrap();
    drop(server);
    let config = folder.path().join("ca/workerd.capnp");
    let starts = (0..=options.number(5, 3)).map(|_| start(&program, &config)).skip(1);
    let mut starts: Vec<Duration> = starts.collect();
    starts.sort();
    starts
}

/// Starts workerd as `dev` does, with an open socket on which a request waits.
fn start(program: &PathBuf, config: &Path) -> Duration {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let mut command = Command::new(program);
    command.args(["serve", "--import-path", "/", "--socket-fd", &format!("{SOCKET}=0")]).arg(config);
    command.stdin(OwnedFd::from(listener)).stdout(Stdio::null()).stderr(Stdio::null());
    let begun = Instant::now();
    let mut child = command.spawn().unwrap();
    // Closes our socket: if workerd exits, the connection breaks.
    drop(command);
    let mut stream = TcpStream::connect(address).unwrap();
    let host = format!("Host: {address}\r\nConnection: close\r\n");
    stream.write_all(format!("GET /directory HTTP/1.1\r\n{host}\r\n").as_bytes()).unwrap();
    let mut status = [0; 12];
    stream.read_exact(&mut status).unwrap();
    let took = begun.elapsed();
    assert_eq!(String::from_utf8_lossy(&status), "HTTP/1.1 200");
    child.kill().unwrap();
    child.wait().unwrap();
    took
}
