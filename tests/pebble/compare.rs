//! The same requests to Debian's Pebble and to ours: each difference is in docs/TESTING-WITH-SELVEDGE.md.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use super::acme::Acme;
use super::certificates::{extensions, pages};
use super::common::packages::debian;
use super::common::server::free_port;
use super::program::{Answer, agent, answered};
use super::server::Pebble;

/// The release that is compared.
const VERSION: &str = "2.10";
const DOCUMENT: &str = "docs/TESTING-WITH-SELVEDGE.md";
const BEGIN: &str = "<!-- differences: begin -->\n";
const END: &str = "<!-- differences: end -->";
const NAME: &str = "a.example.org";

/// Debian's Pebble; ended with the value.
struct Theirs {
    child: Child,
    acme: u16,
    management: u16,
}

impl Theirs {
    /// Starts it with the pair that our server's anchor signs, and with our responders.
    fn start(folder: &Path, ours: &Pebble) -> Self {
        let package = debian::release("pebble", VERSION);
        let (acme, management) = (free_port(), free_port());
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate =
            rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
        fs::write(folder.join("theirs.pem"), certificate.pem()).unwrap();
        fs::write(folder.join("theirs.key"), key.serialize_pem()).unwrap();
        let mut config: Value =
            serde_json::from_slice(&fs::read(ours.folder.path().join("config.json")).unwrap()).unwrap();
        let members = config["pebble"].as_object_mut().unwrap();
        members.insert("listenAddress".into(), format!("127.0.0.1:{acme}").into());
        members.insert("managementListenAddress".into(), format!("127.0.0.1:{management}").into());
        members.insert("certificate".into(), "theirs.pem".into());
        members.insert("privateKey".into(), "theirs.key".into());
        fs::write(folder.join("theirs.json"), config.to_string()).unwrap();
        let log = fs::File::create(folder.join("theirs.log")).unwrap();
        let child = Command::new(package.root.join("usr/bin/pebble"))
            .args(["-config", "theirs.json", "-strict", "-dnsserver"])
            .arg(format!("127.0.0.1:{}", ours.responders.port("dnsserver")))
            .envs(ENVIRONMENT)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let theirs = Self { child, acme, management };
        for _ in 0..500 {
            if std::net::TcpStream::connect(("127.0.0.1", acme)).is_ok() {
                return theirs;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("{}", fs::read_to_string(folder.join("theirs.log")).unwrap());
    }
}

impl Drop for Theirs {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const ENVIRONMENT: [(&str, &str); 5] = [
    ("PEBBLE_WFE_ORDERS_PER_PAGE", "2"),
    ("PEBBLE_VA_NOSLEEP", "1"),
    ("PEBBLE_WFE_NONCEREJECT", "0"),
    ("PEBBLE_AUTHZREUSE", "100"),
    ("PEBBLE_ALTERNATE_ROOTS", "1"),
];

/// The properties of an answer, a line each.
///
/// Values that differ from run to run are left out.
fn described(answer: &Answer) -> BTreeSet<String> {
    let mut lines = BTreeSet::from([format!("status {}", answer.status)]);
    for name in ["content-type", "cache-control", "access-control-allow-origin"] {
        lines.extend(answer.header(name).map(|value| format!("{name}: {value}")));
    }
    for name in ["location", "replay-nonce", "retry-after", "strict-transport-security", "etag"] {
        lines.extend(answer.header(name).map(|_| format!("has {name}")));
    }
    for link in answer.headers.get_all("link") {
        let relation = link.to_str().unwrap().split(';').nth(1).unwrap_or_default().trim().to_owned();
        lines.insert(format!("link {relation}"));
    }
    match serde_json::from_slice::<Value>(&answer.body) {
        Ok(json) => members("", &json, &mut lines),
        Err(_) if answer.body.is_empty() => {}
        Err(_) => {
            lines.insert(format!("a body of {}", answer.text().lines().next().unwrap_or_default()));
        }
    }
    lines
}

/// The paths of all members, and the values of those that tell a state.
fn members(path: &str, json: &Value, lines: &mut BTreeSet<String>) {
    match json {
        Value::Object(object) => {
            object.iter().for_each(|(name, value)| members(&format!("{path}.{name}"), value, lines))
        }
        Value::Array(list) => list.iter().for_each(|value| members(&format!("{path}[]"), value, lines)),
        value => {
            let name = path.rsplit('.').next().unwrap_or_default();
            let told =
                ["status", "Status", "type", "wildcard", "Reason"].contains(&name) && !path.contains("challenges");
            lines.insert(match value.as_str() {
                Some(text) if told => format!("{path} = {text}"),
                _ if told => format!("{path} = {value}"),
                _ => path.to_owned(),
            });
        }
    }
}

/// Requests whose answer tells a state that Pebble decides at some later moment.
const DECIDED_LATER: [&str; 2] = ["challenge answered", "finalize"];
/// The properties that depend on that state.
const STATE: [&str; 4] = [".status", ".error", ".validated", ".certificate"];

/// A request and its answer.
type Asked = (&'static str, Answer);

/// The whole list of requests to one server.
fn asked(directory: &str, management: u16, ours: &Pebble) -> Vec<Asked> {
    let mut acme = Acme::new(directory);
    let mut all = vec![("GET /dir", acme.get(directory))];
    let nonce = acme.url("newNonce").to_owned();
    all.push(("HEAD newNonce", acme.head(&nonce)));
    all.push(("GET newNonce", acme.get(&nonce)));
    all.push(("GET of an unknown path", acme.get(&directory.replace("/dir", "/nothing"))));
    all.push(("GET newOrder", acme.get(acme.url("newOrder"))));
    all.push(("request without User-Agent", answered(agent().get(directory).header("User-Agent", "").call())));
    let new_account = acme.url("newAccount").to_owned();
    all.push(("newAccount without agreement", acme.post(&new_account, Some(json!({})))));
    all.push(("newAccount, onlyReturnExisting", acme.post(&new_account, Some(json!({ "onlyReturnExisting": true })))));
    all.push(("newAccount", acme.register()));
    let account = acme.account.take();
    all.push(("newAccount again", acme.post(&new_account, Some(json!({ "termsOfServiceAgreed": true })))));
    acme.account = account;
    let url = acme.account.clone().unwrap();
    all.push(("account", acme.post(&url, None)));
    all.push(("account, contact changed", acme.post(&url, Some(json!({ "contact": ["mailto:a@example.org"] })))));
    orders(&acme, ours, management, &mut all);
    let stranger =
        acme.key.sign_jws(json!({ "nonce": "AAAA", "url": acme.url("newOrder"), "kid": url }), Some(json!({})));
    all.push(("a wrong nonce", acme.send(acme.url("newOrder"), &stranger)));
    all.push(("a malformed body", acme.send(acme.url("newOrder"), b"{}")));
    all.push(("account, deactivated", acme.post(&url, Some(json!({ "status": "deactivated" })))));
    all.push(("newOrder of a deactivated account", acme.order(&[NAME])));
    all
}

fn orders(acme: &Acme, ours: &Pebble, management: u16, all: &mut Vec<Asked>) {
    all.push(("newOrder without identifiers", acme.order(&[])));
    all.push(("newOrder of a blocked name", acme.order(&["blocked-domain.example"])));
    let profile = json!({ "identifiers": [{ "type": "dns", "value": NAME }], "profile": "nothing" });
    all.push(("newOrder with an unknown profile", acme.post(acme.url("newOrder"), Some(profile))));
    let wild = acme.order(&["*.example.org"]);
    let authorization = wild.json()["authorizations"][0].as_str().unwrap().to_owned();
    all.push(("newOrder of a wildcard", wild));
    all.push(("authorization of a wildcard", acme.post(&authorization, None)));
    all.push(("authorization, deactivated", acme.post(&authorization, Some(json!({ "status": "deactivated" })))));
    let failing = acme.order(&["b.example.org"]).json();
    let authorization = failing["authorizations"][0].as_str().unwrap().to_owned();
    let challenge = acme.challenge(&authorization, "http-01");
    all.push(("challenge answered", acme.post(challenge["url"].as_str().unwrap(), Some(json!({})))));
    all.push(("authorization that failed", acme.settled(&authorization, &["pending"])));
    let ordered = acme.order(&[NAME]);
    let (url, order) = (ordered.header("location").unwrap().to_owned(), ordered.json());
    all.push(("newOrder", ordered));
    all.push(("authorization", acme.post(order["authorizations"][0].as_str().unwrap(), None)));
    let csr = json!({ "csr": "AAAA" });
    all.push(("finalize of a pending order", acme.post(order["finalize"].as_str().unwrap(), Some(csr.clone()))));
    acme.prove(&order, |token, content| ours.serve(token, content));
    all.push(("authorization that is valid", acme.post(order["authorizations"][0].as_str().unwrap(), None)));
    all.push(("order that is ready", acme.post(&url, None)));
    all.push(("finalize with a malformed CSR", acme.post(order["finalize"].as_str().unwrap(), Some(csr))));
    let (finalized, valid, certificate) = acme.finalize(&url, &order, &[NAME]);
    let chain = selvedge::pki::pem::read_certificates(&certificate.text()).unwrap();
    let at = valid.json()["certificate"].as_str().unwrap().to_owned();
    all.extend([("finalize", finalized), ("order that is valid", valid), ("certificate", certificate)]);
    all.push(("alternate chain", acme.post(&format!("{at}/alternate/1"), None)));
    all.push(("alternate chain that does not exist", acme.post(&format!("{at}/alternate/9"), None)));
    all.push(("order that does not exist", acme.post(&format!("{}x", url), None)));
    all.push(("newOrder of a proven name", acme.order(&[NAME])));
    let serial = at.split("/certZ/").nth(1).unwrap();
    let manage = |path: &str| answered(agent().get(format!("https://127.0.0.1:{management}{path}")).call());
    for (name, path) in [
        ("GET /roots/0", "/roots/0"),
        ("GET /roots/9", "/roots/9"),
        ("GET /intermediates/1", "/intermediates/1"),
        ("GET /root-keys/0", "/root-keys/0"),
        ("GET /intermediate-keys/0", "/intermediate-keys/0"),
        ("GET /cert-status-by-serial/ of nonsense", "/cert-status-by-serial/xyz"),
        ("GET /cert-status-by-serial/ of another", "/cert-status-by-serial/0123"),
    ] {
        all.push((name, manage(path)));
    }
    let status = format!("/cert-status-by-serial/{serial}");
    all.push(("GET /cert-status-by-serial/", manage(&status)));
    let revoke =
        |reason: u8| Some(json!({ "certificate": selvedge::values::b64::encode(&chain[0]), "reason": reason }));
    all.push(("revokeCert with an unknown reason", acme.post(acme.url("revokeCert"), revoke(200))));
    all.push(("revokeCert", acme.post(acme.url("revokeCert"), revoke(1))));
    all.push(("revokeCert again", acme.post(acme.url("revokeCert"), revoke(1))));
    all.push(("GET /cert-status-by-serial/ of a revoked one", manage(&status)));
}

/// The rows of the table: what only one of the two answers has.
fn differences(theirs: &[Asked], ours: &[Asked]) -> String {
    let mut rows = String::from("| request | Pebble only | Selvedge only |\n|---|---|---|\n");
    for ((name, theirs), (_, ours)) in theirs.iter().zip(ours) {
        let (mut theirs, mut ours) = (described(theirs), described(ours));
        if DECIDED_LATER.contains(name) {
            for lines in [&mut theirs, &mut ours] {
                lines.retain(|line| !STATE.iter().any(|state| line.starts_with(state)));
            }
        }
        let only = |one: &BTreeSet<String>, other: &BTreeSet<String>| {
            one.difference(other).map(|line| format!("`{}`", line.replace('|', "\\|"))).collect::<Vec<_>>().join(", ")
        };
        if theirs != ours {
            rows.push_str(&format!("| {name} | {} | {} |\n", only(&theirs, &ours), only(&ours, &theirs)));
        }
    }
    rows
}

#[test]
fn differences_from_debians_pebble_are_documented() {
    let members = json!({
        "domainBlocklist": ["blocked-domain.example"],
        "keyAlgorithm": "rsa",
        "ocspResponderURL": "http://127.0.0.1:4002/ocsp",
        "retryAfter": { "authz": 1, "order": 1 },
    });
    let ours = Pebble::start(members, &[], &ENVIRONMENT);
    let theirs = Theirs::start(ours.folder.path(), &ours);
    let directory = format!("https://127.0.0.1:{}/dir", theirs.acme);
    let serve = |token: &str, content: &str| ours.serve(token, content);
    assert_eq!(extensions(&directory, serve), extensions(&ours.directory(), serve));
    assert_eq!(pages(&directory, 5), [2, 2, 1]);
    assert_eq!(pages(&ours.directory(), 5), [2, 2, 1]);
    let of_theirs = asked(&directory, theirs.management, &ours);
    let of_ours = asked(&ours.directory(), ours.server.port("management"), &ours);
    assert!(of_theirs.len() > 45 && of_theirs.iter().map(|one| one.0).eq(of_ours.iter().map(|one| one.0)));
    let found = differences(&of_theirs, &of_ours);
    let document = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(DOCUMENT)).unwrap();
    let listed = document.split_once(BEGIN).and_then(|(_, rest)| rest.split_once(END)).map(|(listed, _)| listed);
    assert_eq!(listed.unwrap_or_default().trim(), found.trim(), "write this into {DOCUMENT}:\n{found}");
}
