//! Doubles of wrangler and of the network.
//!
//! What is deployed runs on workerd here, and a proxy leads its hosts there.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::cloudflare;
use crate::machine::{Machine, checkout};
use crate::server::Server;

/// The hosts that were deployed. They end with the value.
pub struct Edge {
    folder: PathBuf,
    proxy: String,
    api: Server,
}

impl Edge {
    /// Puts the double of wrangler beside the packages of a machine, and starts the proxy.
    pub fn on(machine: &Machine) -> Self {
        let modules = machine.path("app/node_modules");
        fs::create_dir_all(modules.join("wrangler/bin")).unwrap();
        let double = checkout().join("tests/commands/quick_starts/wrangler.js");
        fs::copy(double, modules.join("wrangler/bin/wrangler.js")).unwrap();
        let pinned = read(&checkout().join("tools/deploy/package.json")).unwrap();
        let manifest = serde_json::json!({ "name": "wrangler", "version": pinned["devDependencies"]["wrangler"] });
        fs::write(modules.join("wrangler/package.json"), manifest.to_string()).unwrap();
        // The system's may be older than wrangler wants.
        let node = modules.join(format!("node-{}/bin", crate::machine::platform()));
        fs::create_dir_all(&node).unwrap();
        symlink(fs::read_link(machine.path("path/node")).unwrap(), node.join("node")).unwrap();
        let folder = machine.path("edge");
        fs::create_dir(&folder).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = format!("http://{}", listener.local_addr().unwrap());
        let (api, root) = cloudflare::start();
        fs::write(folder.join("roots.pem"), root).unwrap();
        let (hosts, api_address) = (folder.clone(), api.address.clone());
        // It ends with the process.
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (hosts, api) = (hosts.clone(), api_address.clone());
                thread::spawn(move || tunnel(&hosts, &api, stream.unwrap()));
            }
        });
        Self { folder, proxy, api }
    }

    /// What Cloudflare's API was asked for.
    pub fn asked(&self) -> Vec<String> {
        self.api.asked().into_iter().map(|asked| asked.line).collect()
    }

    /// What commands have in their environment.
    pub fn variables(&self) -> [(&'static str, String); 4] {
        let path = |path: PathBuf| path.to_str().unwrap().to_owned();
        [
            ("EDGE", path(self.folder.clone())),
            ("LOGIN_TOKEN", cloudflare::TOKEN.to_owned()),
            ("ALL_PROXY", self.proxy.clone()),
            ("SSL_CERT_FILE", path(self.folder.join("roots.pem"))),
        ]
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            end(&entry.path().join("dev.json"));
        }
    }
}

/// Ends the `dev` of this file, if it runs.
pub fn end(file: &Path) {
    let Some(running) = read(file) else { return };
    for name in ["pid", "workerd_pid"] {
        let process = running[name].as_i64().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        let _ = process.map(|process| kill_process(process, Signal::KILL));
    }
}

fn read(file: &Path) -> Option<Value> {
    serde_json::from_slice(&fs::read(file).ok()?).ok()
}

/// Answers one CONNECT (RFC 9110 section 9.3.6), to a deployed host or the API.
fn tunnel(hosts: &Path, api: &str, client: TcpStream) {
    let mut reader = BufReader::new(client.try_clone().unwrap());
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        match reader.read_line(&mut line) {
            Ok(n) if n > 2 => lines.push(line),
            _ => break,
        }
    }
    let target = lines.first().and_then(|line| line.strip_prefix("CONNECT ")?.split(' ').next());
    let mut client = client;
    let Some(server) = target.and_then(|target| connected(hosts, api, target)) else {
        let _ = client.write_all(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n");
        return;
    };
    let _ = client.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
    let (back, answers) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    let answering = thread::spawn(move || pass_on(answers, &back));
    pass_on(reader, &server);
    answering.join().unwrap();
}

/// Copies until the end, which it passes on.
fn pass_on(mut from: impl Read, to: &TcpStream) {
    let mut into = to;
    let _ = io::copy(&mut from, &mut into);
    let _ = to.shutdown(std::net::Shutdown::Write);
}

fn connected(hosts: &Path, api: &str, target: &str) -> Option<TcpStream> {
    let (host, port) = target.rsplit_once(':')?;
    if host == cloudflare::HOST {
        return TcpStream::connect(api).ok();
    }
    let running = read(&hosts.join(host).join("dev.json"))?;
    let address = running["address"].as_str()?.to_owned();
    let address = match port {
        "443" => address,
        // The second listener, at the port of its URL.
        "80" => format!("127.0.0.1:{}", running["status"].as_str()?.rsplit(':').next()?),
        _ => return None,
    };
    TcpStream::connect(address).ok()
}
