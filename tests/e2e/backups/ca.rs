//! A CA on workerd with its backups, and the machine that it moves to.

use super::members::Member;
use super::snapshot;
use crate::common::companion::companion;
use crate::common::load::http::Endpoint;
use crate::common::load::responder::{Responder, Thumbprints};
use crate::common::server::Server;
use crate::common::wire::{Wire, body, header};
use selvedge::ca::testing::{CsrShape, Snapshot};
use selvedge::jose::testing::ClientKey;
use selvedge::pki::crl::read::ReceivedCrl;
use selvedge::pki::pem;
use selvedge::values::{SigAlg, b64};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The longest wait for a list.
const PATIENCE: Duration = Duration::from_secs(90);

/// The CA.
pub struct Ca {
    pub server: Server,
    folder: tempfile::TempDir,
    /// The ids of its issuers.
    issuers: Vec<String>,
}

/// Answers http-01 for all members. It ends when dropped.
pub struct Proofs {
    thumbprints: Thumbprints,
    _responder: Responder,
}

impl Proofs {
    /// Answers for these members from now on.
    pub fn knows(&self, members: &[Member]) {
        *self.thumbprints.write().unwrap() = members.iter().map(|member| member.client.thumbprint()).collect();
    }
}

/// What a command prints as JSON.
pub fn report(running: Child) -> Value {
    let output = running.wait_with_output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_str(&said).unwrap()
}

impl Ca {
    /// An empty CA.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("one");
        fs::create_dir(&state).unwrap();
        fs::write(folder.path().join("passphrase"), "correct horse battery staple\n").unwrap();
        let server = Server::start_with(&state, 0, &["--plain-http"]);
        let mut ca = Self { server, folder, issuers: Vec::new() };
        let issuers = ca.published()["issuers"].as_array().unwrap().clone();
        ca.issuers = issuers.iter().map(|issuer| issuer["id"].as_str().unwrap().to_owned()).collect();
        ca
    }

    /// A file of the operator.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn size(&self, name: &str) -> u64 {
        fs::metadata(self.path(name)).unwrap().len()
    }

    pub fn endpoint(&self) -> Endpoint {
        Endpoint { authority: format!("127.0.0.1:{}", self.server.port()), tls: None }
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.server.port())
    }

    /// Answers http-01 where the server looks.
    pub fn responder(&self, runtime: &tokio::runtime::Runtime) -> Proofs {
        let thumbprints = Thumbprints::default();
        let responder = runtime.block_on(Responder::start(self.server.http01, thumbprints.clone())).unwrap();
        Proofs { thumbprints, _responder: responder }
    }

    /// One of the companion's commands, in the operator's folder.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = companion();
        command.args(arguments).arg("--state").arg(self.server.state.join("ca")).stdin(Stdio::null());
        command.env_remove("SELVEDGE_URL").env_remove("SELVEDGE_TOKEN").current_dir(self.folder.path());
        command
    }

    /// Begins a command.
    pub fn begin(&self, arguments: &[&str]) -> Child {
        self.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Runs a command to its end. Returns what it printed.
    pub fn run(&self, arguments: &[&str], code: i32) -> String {
        let output = self.command(arguments).output().unwrap();
        let said = [output.stdout, output.stderr].map(|part| String::from_utf8(part).unwrap()).concat();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        said
    }

    /// A request to the operations API.
    pub fn operate(&self, path: &str, body: &Value) -> Value {
        let token = fs::read_to_string(self.server.fact("admin_token")).unwrap();
        let request = ureq::post(self.url(&format!("/admin/v1/{path}"))).content_type("application/json");
        let request = request.header("Authorization", format!("Bearer {}", token.trim()));
        let mut answer = request.send(body.to_string()).unwrap();
        serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap()
    }

    /// Puts a policy in force.
    pub fn put_in_force(&self) {
        self.operate("policy?note=moving", &json!({ "preauthorized": ["*.corp.test"], "deny": ["*.denied.test"] }));
    }

    /// Verifies the audit record, as the continuation of a known one. Returns what is to be known the next time.
    pub fn audit(&self, known: Option<&str>) -> String {
        let known = known.map_or_else(Vec::new, |known| vec!["--known", known]);
        let said = self.run(&[&["audit", "verify"], &known[..]].concat(), 0);
        assert!(said.contains("The record is complete"), "{said}");
        let known = said.lines().find_map(|line| line.trim().strip_prefix("selvedge audit verify --known "));
        known.unwrap().to_owned()
    }

    /// What it publishes of its issuers.
    fn published(&self) -> Value {
        let mut answer = ureq::get(self.url("/issuers")).call().unwrap();
        serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap()
    }

    /// Waits until the CRLs have these serial numbers. Returns their numbers by URL.
    pub fn lists_with(&self, revoked: &[Vec<u8>]) -> BTreeMap<String, Vec<u8>> {
        let deadline = Instant::now() + PATIENCE;
        let issuers = self.published();
        let urls = issuers["issuers"].as_array().unwrap().iter().flat_map(|one| one["crls"].as_array().unwrap());
        let urls: Vec<&str> = urls.map(|list| list["url"].as_str().unwrap()).collect();
        loop {
            let read = |url: &&str| {
                let der = ureq::get(*url).call().unwrap().body_mut().read_to_vec().unwrap();
                ReceivedCrl::read(&der).unwrap()
            };
            let lists: Vec<ReceivedCrl> = urls.iter().map(read).collect();
            if revoked.iter().all(|serial| lists.iter().any(|list| list.entry(serial).is_some())) {
                return urls.iter().map(|url| (*url).to_owned()).zip(lists.into_iter().map(|l| l.number)).collect();
            }
            assert!(Instant::now() < deadline, "a revocation is on no list");
            sleep(Duration::from_millis(200));
        }
    }

    /// Stops it, and starts an empty, closed one with its keys on another workerd.
    pub fn moved(self) -> (Self, Snapshot) {
        let (state, port) = (self.server.state.clone(), self.server.port());
        drop(self.server);
        elsewhere(state, port, self.folder, self.issuers)
    }

    /// Has it served by another way for a while, which ends with what that returns. Moves it then.
    pub fn moved_after<T>(self, act: impl FnOnce(Server, &Path) -> T) -> (Self, Snapshot, T) {
        let (state, port) = (self.server.state.clone(), self.server.port());
        let done = act(self.server, self.folder.path());
        let (moved, old) = elsewhere(state, port, self.folder, self.issuers);
        (moved, old, done)
    }

    /// Stops it, looks at what is stored, and starts it again, open.
    pub fn reopened(self) -> (Self, Snapshot) {
        let (state, port) = (self.server.state.clone(), self.server.port());
        drop(self.server);
        let stored = snapshot::read(&state.join("ca/do"), &self.issuers);
        (Self { server: Server::start_with(&state, port, &["--plain-http"]), ..self }, stored)
    }

    /// Kills workerd, and starts it again.
    pub fn crashed(self) -> Self {
        Self { server: self.server.crash(), ..self }
    }

    /// Stops it. Returns what is stored.
    pub fn stopped(self) -> Snapshot {
        let state = self.server.state.clone();
        drop(self.server);
        snapshot::read(&state.join("ca/do"), &self.issuers)
    }
}

/// Starts an empty, closed CA with the keys of one that was stopped. Returns what that had stored.
fn elsewhere(state: PathBuf, port: u16, folder: tempfile::TempDir, issuers: Vec<String>) -> (Ca, Snapshot) {
    let (objects, next) = (folder.path().join("objects"), folder.path().join("two"));
    fs::rename(state.join("ca/do"), &objects).unwrap();
    fs::create_dir(&next).unwrap();
    assert!(Command::new("cp").arg("-Rp").args([state.join("ca"), next.join("ca")]).status().unwrap().success());
    let server = Server::start_with(&next, port, &["--plain-http", "--set", "CLOSED=true"]);
    let old = snapshot::read(&objects, &issuers);
    (Ca { server, folder, issuers }, old)
}

/// A client with an external account key, and what it keeps from before.
pub struct Newcomer {
    wire: Wire,
    key: Value,
    /// The key of a certificate that was revoked as compromised.
    stolen: ClientKey,
    /// A request that was signed with a good nonce and not sent.
    unsent: Option<(String, Vec<u8>)>,
}

impl Newcomer {
    /// Binds an account with a new key, and has a certificate revoked for keyCompromise.
    pub fn bound(ca: &Ca) -> Self {
        let key = ca.operate(
            "external-accounts",
            &json!({ "kid": "team", "uses": "many", "policy": { "preauthorized": ["*.team.test"] } }),
        );
        let stolen = ClientKey::generate(SigAlg::Es256);
        let newcomer = Self { wire: bind(ca, &key), key, stolen, unsent: None };
        let order = newcomer.finalize("a.team.test");
        assert_eq!(order["status"], "valid", "{order}");
        let chain = newcomer.wire.post(order["certificate"].as_str().unwrap(), None).body().clone();
        let der = pem::read_certificates(&chain).unwrap().remove(0);
        let revocation = json!({ "certificate": b64::encode(&der), "reason": 1 });
        let answer = newcomer.wire.post(&newcomer.wire.url("/acme/revoke-cert"), Some(revocation));
        assert_eq!(answer.status(), 200, "{}", answer.body());
        newcomer
    }

    /// Orders a certificate for the stolen key.
    fn finalize(&self, name: &str) -> Value {
        let wanted = json!({ "identifiers": [{ "type": "dns", "value": name }] });
        let order = body(&self.wire.post(&self.wire.url("/acme/new-order"), Some(wanted)));
        assert_eq!(order["status"], "ready", "pre-authorized: {order}");
        let csr = json!({ "csr": b64::encode(&CsrShape::dns(&[name]).build(self.stolen.native())) });
        body(&self.wire.post(order["finalize"].as_str().unwrap(), Some(csr)))
    }

    /// Signs a request for later.
    pub fn prepare(&mut self) {
        let url = self.wire.kid.clone().unwrap();
        self.unsent = Some((url.clone(), self.wire.sign(&url, Some(json!({})))));
    }

    /// Goes on at the restored CA.
    pub fn go_on(&mut self, ca: &Ca) {
        self.wire.reconnect();
        let (url, unsent) = self.unsent.take().unwrap();
        let refused = self.wire.send(&url, "application/jose+json", &unsent);
        assert_eq!(body(&refused)["type"], "urn:ietf:params:acme:error:badNonce", "{}", refused.body());
        let refused = self.finalize("b.team.test");
        assert_eq!(refused["type"], "urn:ietf:params:acme:error:badCSR", "the key is still blocked: {refused}");
        // The operator's key binds further accounts.
        self.wire = bind(ca, &self.key);
    }
}

/// A client whose account is bound with an external account key.
fn bind(ca: &Ca, key: &Value) -> Wire {
    let mut wire = Wire::plain(ca.server.fact("directory"));
    let (url, mac) = (wire.url("/acme/new-account"), b64::decode(key["key"].as_str().unwrap()).unwrap());
    let binding = wire.key.external_account("HS256", &mac, key["kid"].as_str().unwrap(), &url);
    let wanted = json!({ "termsOfServiceAgreed": true, "externalAccountBinding": binding });
    let answer = wire.post(&url, Some(wanted));
    assert_eq!(answer.status(), 201, "{}", answer.body());
    wire.kid = Some(header(&answer, "location"));
    wire
}
