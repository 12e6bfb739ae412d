//! The module and a state folder of a release, in `tests/compat/{release}`.
//!
//! They are made after `cargo run -- build`: `cargo test --test e2e make_release_fixture -- --ignored`.

use crate::common::server::Server;
use crate::common::wire::{Wire, body, header};
use selvedge::jose::testing::ClientKey;
use selvedge::pki::pem;
use selvedge::values::b64;
use selvedge::values::native_crypto::NativeKey;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A release that was kept.
pub struct Release(PathBuf);

/// The most that each of its files may take.
const LARGEST: u64 = 2_000_000;

fn compat() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compat")
}

/// All releases that were kept.
pub fn releases() -> Vec<Release> {
    let folders = fs::read_dir(compat()).into_iter().flatten().flatten().map(|entry| entry.path());
    folders.filter(|folder| folder.join("module.tar.gz").exists()).map(Release).collect()
}

impl Release {
    /// Unpacks its state folder into `folder`, and its module below. Returns the module's folder, and the client.
    pub fn unpack(&self, folder: &Path) -> (PathBuf, Known) {
        let module = folder.join("module");
        fs::create_dir_all(&module).unwrap();
        tar(&["-xzf", self.0.join("module.tar.gz").to_str().unwrap(), "-C", module.to_str().unwrap()]);
        tar(&["-xzf", self.0.join("state.tar.gz").to_str().unwrap(), "-C", folder.to_str().unwrap()]);
        let known = fs::read_to_string(folder.join("client.json")).unwrap();
        (module, serde_json::from_str(&known).unwrap())
    }
}

fn tar(arguments: &[&str]) {
    let status = Command::new("tar").args(arguments).status().expect("tar has to be installed");
    assert!(status.success(), "tar {arguments:?}");
}

/// A client of the release with an account, and what it holds. URLs are paths: the address changes.
#[derive(Clone, Serialize, Deserialize)]
pub struct Known {
    /// The account key, PKCS#8 PEM.
    key: String,
    account: String,
    /// A proven order that is not finalized.
    ready: Option<(String, String)>,
    /// Certificates with their chains: those that are not revoked.
    held: Vec<(String, String)>,
}

impl Known {
    /// Makes `wire` this client.
    pub fn client(&self, mut wire: Wire) -> Wire {
        wire.key = ClientKey::from_native(NativeKey::from_pkcs8_pem(&self.key).unwrap());
        wire.kid = Some(wire.url(&self.account));
        wire
    }

    /// Goes on after an update: all that it holds is there. Returns what it holds then.
    pub fn go_on(mut self, wire: &Wire, http01: u16) -> Self {
        let wire = &self.client(Wire::plain(&wire.url("/directory")));
        assert_eq!(wire.post(wire.kid.as_ref().unwrap(), Some(json!({}))).status(), 200);
        for (path, chain) in &self.held {
            assert_eq!(wire.post(&wire.url(path), None).body(), chain, "{path}");
        }
        if let Some((name, order)) = self.ready.take() {
            let order = body(&wire.post(&wire.url(&order), None));
            assert_eq!(order["status"], "ready", "{order}");
            self.held.push(finalize(wire, &name, &order));
        }
        let (first, chain) = self.held.remove(0);
        let leaf = pem::read_certificates(&chain).unwrap().remove(0);
        let renewed = issue(wire, "renewed.test", http01);
        let revoke = || {
            let payload = json!({ "certificate": b64::encode(&leaf), "reason": 4 });
            wire.post(&wire.url("/acme/revoke-cert"), Some(payload))
        };
        assert_eq!(revoke().status(), 200, "{first}");
        let again = revoke();
        assert!(again.body().contains("alreadyRevoked"), "{first}: {}", again.body());
        self.held.push(renewed);
        self.ready = Some(ready(wire, "later.test", http01));
        self
    }
}

fn path(wire: &Wire, url: &str) -> String {
    url.strip_prefix(&wire.url("")).unwrap().to_owned()
}

fn ready(wire: &Wire, name: &str, http01: u16) -> (String, String) {
    let (order, _) = wire.ready_order(name, http01);
    (name.to_owned(), path(wire, &order))
}

fn finalize(wire: &Wire, name: &str, order: &Value) -> (String, String) {
    let order = body(&wire.post(order["finalize"].as_str().unwrap(), Some(wire.csr(name))));
    assert_eq!(order["status"], "valid", "{order}");
    let url = order["certificate"].as_str().unwrap();
    (path(wire, url), wire.post(url, None).body().clone())
}

/// Issues by a new proof.
fn issue(wire: &Wire, name: &str, http01: u16) -> (String, String) {
    let wanted = json!({ "identifiers": [{ "type": "dns", "value": name }] });
    let answer = wire.post(&wire.url("/acme/new-order"), Some(wanted));
    assert_eq!(answer.status(), 201, "{}", answer.body());
    // A proof of before still counts, else there is a new one.
    let order = match body(&answer)["status"] == "ready" {
        true => header(&answer, "location"),
        false => wire.ready_order(name, http01).0,
    };
    finalize(wire, name, &body(&wire.post(&order, None)))
}

#[test]
#[ignore = "run it for a new release, after the build of its module"]
fn make_release_fixture() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_with(folder.path(), 0, &["--plain-http"]);
    let mut wire = Wire::plain(server.fact("directory"));
    wire.register();
    let names = ["one.test", "two.test", "three.test", "four.test", "five.test", "six.test"];
    let held = names.map(|name| issue(&wire, name, server.http01)).to_vec();
    let known = Known {
        key: wire.key.native().to_pkcs8_pem().unwrap(),
        account: path(&wire, wire.kid.as_ref().unwrap()),
        ready: Some(ready(&wire, "ready.test", server.http01)),
        held,
    };
    let known = known.go_on(&wire, server.http01);
    fs::write(folder.path().join("client.json"), serde_json::to_string_pretty(&known).unwrap()).unwrap();
    drop(server);
    let release = compat().join(env!("CARGO_PKG_VERSION"));
    fs::create_dir_all(&release).unwrap();
    let (state, module) = (release.join("state.tar.gz"), release.join("module.tar.gz"));
    let build = Path::new(env!("CARGO_MANIFEST_DIR")).join("build");
    let pack = |to: &Path, from: &Path, names: &[&str]| {
        let fixed = ["--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--use-compress-program=gzip -9n"];
        let left_out = ["--exclude=dev.json", "--exclude=*.capnp", "--exclude=*.log", "--exclude=*-shm"];
        let places = ["-cf", to.to_str().unwrap(), "-C", from.to_str().unwrap()];
        tar(&[&fixed[..], &left_out, &places, names].concat());
        let size = fs::metadata(to).unwrap().len();
        println!("{}: {size} octets", to.display());
        assert!(size < LARGEST, "{} has {size} octets", to.display());
    };
    pack(&module, &build, &["index.js", "index_bg.wasm"]);
    pack(&state, folder.path(), &["ca", "client.json"]);
}
