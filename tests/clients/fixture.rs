//! The fixture of all clients: a server, a web server for http-01, and checks.

use super::responder::serve_certificates;
use crate::common::companion::companion;
use crate::common::listening::Listening;
use crate::common::server::{Server, free_port};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

/// The key identifier of the external account key that every server knows.
pub const KID: &str = "team";
/// Its MAC key: base64url of the octets 0 to 31.
pub const MAC_KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
/// What its accounts get without any challenge: proof that the binding was understood.
const KEYS: &str = r#"EAB_KEYS={"team":{"key":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8","uses":"many","policy":{"preauthorized":["*.corp.test"]}}}"#;

/// The option of `dev` that offers all challenge types, including optional ones.
pub const CHALLENGES: [&str; 2] =
    ["--set", r#"POLICY={"challenges":["http-01","dns-01","tls-alpn-01","dns-account-01","dns-persist-01"]}"#];

/// How long a client may take for one command: far more than any does.
const PATIENCE: Duration = Duration::from_secs(120);

/// A server with what its clients need.
pub struct Fixture {
    /// The server.
    pub server: Server,
    /// Where clients keep their files, and what they print.
    pub folder: PathBuf,
    /// The folder that is served where http-01 is asked for.
    pub webroot: PathBuf,
    client: &'static str,
    done: Mutex<Vec<&'static str>>,
    version: Mutex<String>,
    began: Instant,
    web: Option<Listening>,
    _state: tempfile::TempDir,
}

impl Fixture {
    /// Starts a server for this client, with these further options of `dev`.
    pub fn start(client: &'static str, options: &[&str]) -> Self {
        let state = tempfile::tempdir().unwrap();
        let began = Instant::now();
        let server = Server::start_with(state.path(), 0, &[&["--set", KEYS], options].concat());
        let (folder, webroot) = (state.path().join("clients"), state.path().join("webroot"));
        fs::create_dir_all(&folder).unwrap();
        fs::create_dir_all(webroot.join(".well-known/acme-challenge")).unwrap();
        let (done, version) = (Mutex::default(), Mutex::default());
        Self { server, folder, webroot, client, done, version, began, web: None, _state: state }
    }

    /// Serves the files of the web root where http-01 is asked for, from now on.
    pub fn serve_webroot(&mut self) {
        self.web = Some(self.serve_webroot_at("127.0.0.1"));
    }

    /// Serves the files of the web root at this address too, until dropped.
    pub fn serve_webroot_at(&self, address: &str) -> Listening {
        let root = self.webroot.clone();
        // A connection that says nothing must not hold up the others.
        let serve = move |stream| {
            let root = root.clone();
            drop(thread::spawn(move || answer(stream, &root)));
        };
        Listening::at(SocketAddr::new(address.parse().unwrap(), self.server.http01), serve)
    }

    /// Serves tls-alpn-01 with the certificates of the returned folder, until dropped.
    pub fn serve_alpn(&self) -> (PathBuf, Listening) {
        let folder = self.path("alpn");
        fs::create_dir_all(&folder).unwrap();
        (folder.clone(), serve_certificates(self.server.tls_alpn, folder))
    }

    /// Restarts the server with its keys and an empty storage: all accounts are lost.
    pub fn restart_without_accounts(mut self) -> Self {
        let web = self.web.take().is_some();
        self.server = self.server.restart_after(|state| fs::remove_dir_all(state.join("ca/do")).unwrap());
        if web {
            self.serve_webroot();
        }
        self
    }

    /// Restores a backup of the server into an empty one with its keys.
    pub fn restored(self) -> Self {
        fs::write(self.path("passphrase"), "correct horse battery staple\n").unwrap();
        let file = self.path("ca.age").display().to_string();
        self.operate(&["backup", &file]);
        let mut closed = self;
        closed.server.add_arguments(&["--set", "CLOSED=true"]);
        let closed = closed.restart_without_accounts();
        closed.operate(&["restore", &file, "--yes"]);
        closed.restart_with(&["--set", "CLOSED=false"])
    }

    /// Runs a command of the companion for this server.
    fn operate(&self, arguments: &[&str]) {
        let mut command = companion();
        command.args(arguments).arg("--passphrase-file").arg(self.path("passphrase"));
        self.run(command.arg("--state").arg(self.server.state.join("ca")));
    }

    /// Stops the server as a user does and starts it again.
    pub fn restart(self) -> Self {
        self.restart_with(&[])
    }

    /// As [`Fixture::restart`], with these further options of `dev` from now on.
    pub fn restart_with(mut self, options: &[&str]) -> Self {
        let web = self.web.take().is_some();
        self.server.add_arguments(options);
        self.server = self.server.restart();
        if web {
            self.serve_webroot();
        }
        self
    }

    /// The line of the table gets this version.
    pub fn version(&self, version: impl Into<String>) {
        *self.version.lock().unwrap() = version.into();
    }

    /// The line of the table gets this feature.
    pub fn did(&self, what: &'static str) {
        let mut done = self.done.lock().unwrap();
        if !done.contains(&what) {
            done.push(what);
        }
    }

    /// Prints the line of the table.
    pub fn report(self, how: &str) {
        let (client, version, done) = (self.client, self.version.lock().unwrap(), self.done.lock().unwrap().join(", "));
        println!("| {client} {version} | {how} | {done} | {:.1} s |", self.began.elapsed().as_secs_f32());
    }

    /// The folder in which the challenges of http-01 are put.
    pub fn challenges(&self) -> PathBuf {
        self.webroot.join(".well-known/acme-challenge")
    }

    /// Runs a client to its end; it has to succeed. Gives what it printed.
    pub fn run(&self, command: &mut Command) -> String {
        self.run_until(command, 0)
    }

    /// Runs a client to its end, with which it has to give this exit status. Gives what it printed.
    pub fn run_until(&self, command: &mut Command, wanted: i32) -> String {
        let (status, printed) = self.try_run(command);
        assert_eq!(status, Some(wanted), "{}", self.failure_report(command, &printed));
        printed
    }

    fn failure_report(&self, command: &Command, printed: &str) -> String {
        let log = fs::read_to_string(self.server.fact("workerd_log")).unwrap_or_default();
        format!("{command:?}\n{printed}\n--- dev:\n{}\n--- workerd:\n{log}", self.server.log())
    }

    fn try_run(&self, command: &mut Command) -> (Option<i32>, String) {
        let path = self.folder.join(format!("printed-{}", free_port()));
        let file = File::create(&path).unwrap();
        command.stdin(Stdio::null()).stdout(file.try_clone().unwrap()).stderr(file);
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let began = Instant::now();
        let status = loop {
            match child.try_wait().unwrap() {
                Some(status) => break status,
                None if began.elapsed() < PATIENCE => thread::sleep(Duration::from_millis(20)),
                None => {
                    let _ = child.kill();
                    break child.wait().unwrap();
                }
            }
        };
        (status.code(), fs::read_to_string(path).unwrap_or_default())
    }

    /// Has OpenSSL judge a chain for each of these names and addresses.
    pub fn judge(&self, chain: &Path, names: &[&str]) {
        self.judge_by(Path::new(self.server.fact("root")), chain, names);
    }

    /// As [`Fixture::judge`], with another root.
    pub fn judge_by(&self, root: &Path, chain: &Path, names: &[&str]) {
        for name in names {
            let kind = if name.parse::<std::net::IpAddr>().is_ok() { "-verify_ip" } else { "-verify_hostname" };
            let mut command = Command::new("openssl");
            command.args(["verify", "-x509_strict", "-purpose", "sslserver", kind, name]);
            command.arg("-CAfile").arg(root).arg("-untrusted").args([chain, chain]);
            self.run(&mut command);
        }
    }

    /// Checks with OpenSSL whether a certificate expires within these days, as its profile says.
    pub fn ends_within(&self, chain: &Path, days: u32) {
        let mut command = Command::new("openssl");
        command.args(["x509", "-noout", "-checkend", &(days * 86_400).to_string(), "-in"]).arg(chain);
        self.run_until(&mut command, 1);
    }

    /// Sets a TXT record.
    pub fn set_txt(&self, host: &str, value: &str) {
        let url = format!("{}/set-txt", self.server.fact("management"));
        ureq::post(url).send(serde_json::json!({ "host": host, "value": value }).to_string()).unwrap();
    }

    /// A file that the client made.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// Failures are the asker's to notice.
fn answer(mut stream: TcpStream, root: &Path) {
    let mut request = [0; 4096];
    let read = stream.read(&mut request).unwrap_or(0);
    let request = String::from_utf8_lossy(&request[..read]);
    let path = request.split(' ').nth(1).unwrap_or_default();
    let found = fs::read_to_string(root.join(path.trim_start_matches('/'))).ok();
    let (status, body) = found.map_or(("404 Not Found", String::new()), |body| ("200 OK", body));
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    let _ = stream.write_all(format!("{head}{body}").as_bytes());
}
