//! End to end: test CAs on workerd, of which nothing remains, and their clocks.

use super::databases::databases;
use crate::common::server::Server;
use crate::common::wire::{Wire, body};
use selvedge::pki::pem;
use selvedge::values::x509::Parts;
use selvedge::values::{Time, b64};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// The number of test CAs of the long test.
const THOUSAND: usize = 1_000;

/// Clients of the long test that work at the same time.
const CLIENTS: usize = 8;

/// A test CA and its token.
struct TestCa {
    wire: Wire,
    url: String,
    token: String,
}

/// Makes a test CA by a plain POST.
fn make(server: &Wire, wanted: &str) -> TestCa {
    let answer = server.send(&server.url("/ca"), "application/json", wanted.as_bytes());
    assert_eq!(answer.status(), 201, "{}", answer.body());
    let made = body(&answer);
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    assert!(text("root").starts_with("-----BEGIN CERTIFICATE-----"));
    TestCa { wire: Wire::plain(&text("directory")), url: text("url"), token: text("token") }
}

impl TestCa {
    fn operate(&self, resource: &str, wanted: &Value) -> Value {
        let request = ureq::post(format!("{}/admin/v1/{resource}", self.url))
            .header("Authorization", format!("Bearer {}", self.token))
            .header("Content-Type", "application/json");
        let mut answer = request.send(wanted.to_string()).unwrap();
        serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap()
    }

    /// Issues a certificate without a proof; gives its DER.
    fn issue(&self, name: &str, members: Value) -> Vec<u8> {
        let mut wanted = members;
        wanted["identifiers"] = json!([{ "type": "dns", "value": name }]);
        let placed = self.wire.post(&self.wire.url("/acme/new-order"), Some(wanted));
        assert_eq!(placed.status(), 201, "{}", placed.body());
        let order = body(&placed);
        if order["status"] == "pending" {
            let challenge = self.wire.challenge(order["authorizations"][0].as_str().unwrap());
            let answered = self.wire.post(challenge["url"].as_str().unwrap(), Some(json!({})));
            assert_eq!(body(&answered)["status"], "valid", "{}", answered.body());
        }
        let finalized = self.wire.post(order["finalize"].as_str().unwrap(), Some(self.wire.csr(name)));
        assert_eq!(body(&finalized)["status"], "valid", "{}", finalized.body());
        let chain = self.wire.post(body(&finalized)["certificate"].as_str().unwrap(), None);
        pem::read_certificates(chain.body()).unwrap().remove(0)
    }
}

/// The keys of all rows, by database; those of a server that is down.
fn rows(state: &Path) -> BTreeMap<String, Vec<String>> {
    databases(state).into_iter().filter(|(_, found)| found.made).map(|(name, found)| (name, found.keys)).collect()
}

/// The time of this machine.
fn now() -> Time {
    Time::from_secs(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs())
}

const OPTIONS: &[&str] = &["--plain-http", "--set", "TEST_CAS=on"];

/// A server with one account, and its rows.
fn started(folder: &Path) -> (Server, Wire, BTreeMap<String, Vec<String>>) {
    let server = Server::start_with(folder, 0, OPTIONS);
    let mut wire = Wire::plain(server.fact("directory"));
    wire.register();
    let port = server.port();
    drop(server);
    let before = rows(folder);
    (Server::start_with(folder, port, OPTIONS), wire, before)
}

#[test]
fn test_ca_renews_by_its_clock_ends_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (server, mut wire, before) = started(folder.path());
    wire.reconnect();
    let begun = Instant::now();
    let mut made = make(&wire, r#"{"ttl":"1h","always_valid":true}"#);
    println!("a test CA after {:?}", begun.elapsed());
    made.wire.register();
    let mut certificate = made.issue("a.test", json!({}));
    for n in 1..=3 {
        let parts = Parts::read(&certificate).unwrap();
        let key_id: x509_cert::ext::pkix::AuthorityKeyIdentifier = parts.extension().unwrap().unwrap();
        let id = format!("{}.{}", b64::encode(key_id.key_identifier.unwrap().as_bytes()), b64::encode(parts.serial));
        let info = body(&made.wire.get(&made.wire.url(&format!("/acme/renewal-info/{id}"))));
        let start = Time::parse_rfc3339(info["suggestedWindow"]["start"].as_str().unwrap()).unwrap();
        let wanted = json!({ "set": start.plus(Duration::from_secs(3600)).rfc3339(), "frozen": n == 2 });
        let clock = made.operate("clock", &wanted);
        assert_eq!(clock["frozen"], n == 2, "{clock}");
        // Nonces of before have expired.
        made.wire.forget_nonce();
        certificate = made.issue("a.test", json!({ "replaces": id }));
    }
    let begins = Parts::read(&certificate).unwrap().not_before;
    assert!(begins > now().plus(Duration::from_secs(3 * 50 * 86_400)), "{}", begins.rfc3339());
    // A fault of its own.
    made.operate("faults", &json!({ "fault": "503", "endpoints": ["directory"], "count": 1 }));
    assert_eq!(made.wire.get(&format!("{}/directory", made.url)).status(), 503);
    assert_eq!(wire.get(&wire.url("/directory")).status(), 200);
    assert_eq!(made.operate("end", &json!({}))["ended"], true);
    assert_eq!(made.wire.get(&format!("{}/directory", made.url)).status(), 410);
    assert_eq!(wire.get(&wire.url("/ca/AAAAAAAAAAAAAAAAAAAAAA/directory")).status(), 404);
    drop(server);
    assert_eq!(rows(folder.path()), before);
    for (name, database) in databases(folder.path()).iter().filter(|(_, database)| !database.made) {
        assert_eq!((database.keys.len(), database.alarm), (0, None), "{name}");
    }
}

#[test]
#[ignore = "minutes: a thousand test CAs"]
fn thousand_test_cas_leave_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (server, _, before) = started(folder.path());
    let directory = server.fact("directory").to_owned();
    let (begun, next) = (Instant::now(), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                let wire = Wire::plain(&directory);
                while next.fetch_add(1, Ordering::Relaxed) < THOUSAND {
                    let mut made = make(&wire, r#"{"always_valid":true}"#);
                    made.wire.register();
                    made.issue("a.test", json!({}));
                    assert_eq!(made.operate("end", &json!({}))["ended"], true);
                }
            });
        }
    });
    println!("{THOUSAND} test CAs made, used once and ended in {:?}", begun.elapsed());
    drop(server);
    assert_eq!(rows(folder.path()), before);
}
