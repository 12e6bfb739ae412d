//! End to end: this release beside each other one, and over its state.
//!
//! `tests/compat` has the module and a state folder of each release.

use super::release_fixture::{Known, Release, releases};
use crate::common::fresh;
use crate::common::load::Load;
use crate::common::load::http::Endpoint;
use crate::common::load::process::Process;
use crate::common::server::Server;
use crate::common::turns;
use crate::common::wire::{Wire, body};
use serde_json::json;
use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::Duration;

/// The number of clients beside the known one, and of their certificates.
const CLIENTS: (usize, u64) = (3, 9);

/// A workerd. Killed when dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A CA's configuration beside that of `dev`, with the Workers of two releases.
struct Beside<'a> {
    server: &'a Server,
    folder: &'a Path,
    address: SocketAddr,
    /// The configuration with one Worker, whose module is in `head`.
    text: String,
    head: PathBuf,
}

impl<'a> Beside<'a> {
    fn new(server: &'a Server, folder: &'a Path) -> Self {
        let (address, head) = (fresh::free_address(), Path::new(env!("CARGO_MANIFEST_DIR")).join("build"));
        let config = fresh::configure(server, folder, address, &head, &[]);
        Self { server, folder, address, text: fs::read_to_string(config).unwrap(), head }
    }

    /// The Worker under another name, with another module, asking the partitions of the Worker `asks`.
    fn worker(&self, name: &str, module: &Path, asks: Option<&str>, stores: bool) -> String {
        let begin = self.text.find("    (name = \"worker\", worker = (").unwrap();
        let (block, _) = self.text[begin..].split_once("\n    )),\n").unwrap();
        let (own, other) = (format!("{}/", self.head.display()), format!("{}/", module.display()));
        let mut block = replaced(block, "name = \"worker\"", &format!("name = \"{name}\"")).replace(&own, &other);
        if let Some(asks) = asks {
            let designator = format!("durableObjectNamespace = (className = \"Partition\", serviceName = \"{asks}\")");
            block = replaced(&block, "durableObjectNamespace = \"Partition\"", &designator);
        }
        if stores {
            block = replaced(
                &block,
                "uniqueKey = \"",
                &format!("uniqueKey = \"{}", if asks.is_some() { name } else { "" }),
            );
        } else {
            let (before, rest) = block.split_once("      durableObjectNamespaces = [").unwrap();
            let (_, after) = rest.split_once("      ],\n").unwrap();
            block =
                replaced(&format!("{before}{after}"), "      durableObjectStorage = (localDisk = \"objects\"),", "");
        }
        format!("{block}\n    )),\n")
    }

    /// Starts workerd with these Workers, of which the first answers clients.
    fn start(&self, name: &str, workers: &[String]) -> Running {
        let begin = self.text.find("    (name = \"worker\", worker = (").unwrap();
        let end = begin + self.text[begin..].find("\n    )),\n").unwrap() + "\n    )),\n".len();
        let text = format!("{}{}{}", &self.text[..begin], workers.concat(), &self.text[end..]);
        let text = replaced(&text, "service = \"worker\"", "service = \"front\"");
        let config = self.folder.join(format!("{name}.capnp"));
        fs::write(&config, text).unwrap();
        let program = Process(self.server.facts["workerd_pid"].as_u64().unwrap()).program();
        let log = fs::File::create(self.folder.join(format!("{name}.log"))).unwrap();
        let mut command = fresh::workerd(&program, &config, self.address, "acme");
        command.stdout(log.try_clone().unwrap()).stderr(log);
        let running = Running(command.spawn().unwrap());
        drop(command);
        for _ in 0..600 {
            if TcpStream::connect(self.address).is_ok() && self.answers() {
                return running;
            }
            sleep(Duration::from_millis(100));
        }
        panic!("{name}: {}", fs::read_to_string(self.folder.join(format!("{name}.log"))).unwrap());
    }

    fn answers(&self) -> bool {
        let url = self.directory();
        Wire::plain(&url).get(&url).status() == 200
    }

    fn directory(&self) -> String {
        format!("http://{}/directory", self.address)
    }

    /// Has clients with new accounts obtain certificates at once.
    fn issue(&self, name: &str) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut load = Load::new(self.server.http01).await;
            let endpoint = Endpoint { authority: self.address.to_string(), tls: None };
            load.register(&endpoint, CLIENTS.0).await;
            let outcome = load.run(CLIENTS.1, |_| ()).await;
            assert!(outcome.failures.is_empty(), "{name}: {:?}", outcome.failures);
        });
    }
}

fn replaced(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from} is not in {text}");
    text.replace(from, to)
}

/// Renames the column with the schema number in all databases.
fn renumber(objects: &Path, from: u32, to: u32) {
    let script = "import pathlib, sqlite3, sys\n\
                  for path in pathlib.Path(sys.argv[1]).rglob('*.sqlite'):\n\
                  \x20   database = sqlite3.connect(path)\n\
                  \x20   if database.execute(\"SELECT 1 FROM sqlite_master WHERE name = 'purge'\").fetchone():\n\
                  \x20       database.execute(f'ALTER TABLE purge RENAME COLUMN schema_{sys.argv[2]} TO schema_{sys.argv[3]}')\n\
                  \x20   database.commit()\n\
                  \x20   database.close()\n";
    let arguments = [objects.to_str().unwrap().to_owned(), from.to_string(), to.to_string()];
    let status = Command::new("python3").arg("-c").arg(script).args(arguments).status().unwrap();
    assert!(status.success(), "python3 with SQLite has to be installed");
}

#[test]
fn releases_serve_beside_each_other_and_over_each_others_state() {
    turns::beside_others();
    let releases = releases();
    assert!(!releases.is_empty(), "tests/compat has no release");
    for release in &releases {
        try_release(release);
    }
}

fn try_release(release: &Release) {
    let folder = tempfile::tempdir().unwrap();
    let (module, known) = release.unpack(folder.path());
    let beside = folder.path().join("beside");
    fs::create_dir_all(&beside).unwrap();
    let copied = Command::new("cp").arg("-a").arg(folder.path().join("ca/do")).arg(beside.join("objects")).status();
    assert!(copied.unwrap().success());
    // This release over the state of that one.
    let server = Server::start_with(folder.path(), 0, &["--plain-http"]);
    known.clone().go_on(&Wire::plain(server.fact("directory")), server.http01);
    let ca = Beside::new(&server, &beside);
    let head = ca.head.clone();
    // One after the other over the same state: each reads what all before it wrote.
    let mut known = known;
    for (name, front, partitions) in [
        ("old front", &module, &head),
        ("old partitions", &head, &module),
        ("old", &module, &module),
        ("new", &head, &head),
    ] {
        let workers = [ca.worker("front", front, Some("parts"), false), ca.worker("parts", partitions, None, true)];
        let running = ca.start(name, &workers);
        known = known.go_on(&Wire::plain(&ca.directory()), server.http01);
        ca.issue(name);
        drop(running);
    }
    refused_when_newer(&ca, &known);
    // Accounts of one release, and ledgers of the other. The state is a new one.
    for (name, accounts, ledgers) in [("old accounts", &module, &head), ("old ledgers", &head, &module)] {
        let workers = [
            ca.worker("front", &head, Some("accounts"), false),
            ca.worker("accounts", accounts, Some("ledgers"), true),
            ca.worker("ledgers", ledgers, None, true),
        ];
        let _running = ca.start(name, &workers);
        ca.issue(name);
    }
}

/// Checks that a later schema number is refused, and that nothing is lost.
fn refused_when_newer(ca: &Beside<'_>, known: &Known) {
    let objects = ca.folder.join("objects");
    let workers = [ca.worker("front", &ca.head, Some("parts"), false), ca.worker("parts", &ca.head, None, true)];
    for (from, to) in [(1, 9), (9, 1)] {
        renumber(&objects, from, to);
        let running = ca.start(&format!("schema {to}"), &workers);
        let wire = known.client(Wire::plain(&ca.directory()));
        let answer = wire.post(wire.kid.as_ref().unwrap(), Some(json!({})));
        match to {
            1 => assert_eq!(answer.status(), 200, "{}", answer.body()),
            _ => {
                assert_eq!(answer.status(), 503, "{}", answer.body());
                assert_eq!(answer.headers()["retry-after"], "300");
                assert!(body(&answer)["detail"].as_str().unwrap().starts_with("A newer release"), "{}", answer.body());
                let log = fs::read_to_string(ca.folder.join("schema 9.log")).unwrap();
                assert!(log.contains("its schema is 9, and this release reads up to 1"), "{log}");
            }
        }
        drop(running);
    }
}
