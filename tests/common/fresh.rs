//! The configuration of another workerd beside that of `dev`, for the first requests of isolates.

use super::server::Server;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Command;

/// An address of this machine that is free now.
pub fn free_address() -> SocketAddr {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap()
}

/// Writes the configuration of `dev` with another address, module and folder of objects.
///
/// `flags` are V8's.
pub fn configure(server: &Server, folder: &Path, address: SocketAddr, module: &Path, flags: &[&str]) -> PathBuf {
    let objects = folder.join("objects");
    fs::create_dir_all(&objects).unwrap();
    let text = fs::read_to_string(server.state.join("ca/workerd.capnp")).unwrap();
    let replace = |text: String, from: &str, to: &str| {
        assert!(text.contains(from), "{from} is not in the configuration of dev");
        text.replace(from, to)
    };
    let base = server.fact("directory").trim_end_matches("/directory");
    let text = replace(text, &format!("\"{base}\""), &format!("\"http://{address}\""));
    let text = replace(text, server.state.join("ca/do").to_str().unwrap(), objects.to_str().unwrap());
    let text = replace(text, concat!(env!("CARGO_MANIFEST_DIR"), "/build/"), &format!("{}/", module.display()));
    let flags: Vec<String> = flags.iter().map(|flag| format!("\"{flag}\"")).collect();
    let begin = "const config :Workerd.Config = (";
    let text = replace(text, begin, &format!("{begin}\n  v8Flags = [{}],", flags.join(", ")));
    let config = folder.join("workerd.capnp");
    fs::write(&config, text).unwrap();
    config
}

/// A workerd with an open socket at `address`.
pub fn workerd(program: &Path, config: &Path, address: SocketAddr, socket: &str) -> Command {
    let listener = TcpListener::bind(address).unwrap();
    let mut command = Command::new(program);
    command.args(["serve", "--import-path", "/", "--socket-fd", &format!("{socket}=0")]).arg(config);
    command.stdin(OwnedFd::from(listener));
    command
}
