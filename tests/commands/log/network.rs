//! `log` over HTTP, against a double of the CA.

use super::{Ended, Place};
use crate::server::{Asked, Reply, Server};
use crate::transparency::{Book, Ca, ORIGIN, Signer};
use selvedge::pki::pem;
use selvedge::tlog::entry::Kind;
use serde_json::json;
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// A CA that serves one log at `/log/1/0a1b2c3d`.
struct Double {
    server: Server,
    files: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
}

impl Double {
    fn new(book: &Book) -> Self {
        let files = Arc::new(Mutex::new(book.files(&[&Signer::log()])));
        let serving = Arc::clone(&files);
        let server = Server::start(move |asked| answer(&serving.lock().unwrap(), asked));
        Self { server, files }
    }

    fn url(&self) -> String {
        format!("http://{}/log/1/0a1b2c3d", self.server.address)
    }

    fn put(&self, book: &Book) {
        *self.files.lock().unwrap() = book.files(&[&Signer::log()]);
    }
}

fn answer(files: &BTreeMap<String, Vec<u8>>, asked: &Asked) -> Reply {
    let path = asked.line.split(' ').nth(1).unwrap();
    if path == "/log/1" {
        let host = asked.header("host").unwrap();
        let keys = [Signer::log().public.to_string()];
        let url = format!("http://{host}/log/1/0a1b2c3d");
        let log = json!({ "id": "0a1b2c3d", "origin": ORIGIN, "url": url, "keys": keys, "least": 0 });
        return (200, json!({ "logs": [log] }).to_string().into_bytes()).into();
    }
    let file = path
        .strip_prefix("/log/1/0a1b2c3d/")
        .or_else(|| path.strip_prefix("/log/1/").filter(|file| file.starts_with("proof/")))
        .unwrap_or_default();
    if file.starts_with("tile/entries/") && asked.header("authorization") != Some(&format!("Bearer {TOKEN}")) {
        return (401, Vec::new()).into();
    }
    match files.get(file) {
        Some(octets) => (200, octets.clone()).into(),
        None => (404, b"{}".to_vec()).into(),
    }
}

fn token(place: &Place) {
    place.write("token", TOKEN);
    std::fs::set_permissions(place.path("token"), std::fs::Permissions::from_mode(0o600)).unwrap();
}

fn fine(ended: &Ended) {
    assert_eq!(ended.code, 0, "{}{}", ended.out, ended.err);
}

#[test]
fn a_downloaded_log_is_checked_without_the_network() {
    let (place, double) = (Place::new(), Double::new(&Book::numbers(600)));
    token(&place);
    // Without a token the entries are refused, and the download continues where it ended.
    let refused = place.run(&["download", &double.url(), "log"]);
    assert_eq!(refused.code, 2, "{}", refused.out);
    assert!(refused.err.contains("give a token with --token-file"), "{}", refused.err);
    assert!(!place.path("log/checkpoint").exists(), "a folder with a checkpoint is complete");
    let download = ["download", &double.url(), "log", "--token-file", "token", "--json"];
    let done = place.run(&download);
    fine(&done);
    assert_eq!(done.json()["files fetched"], 3, "only the entries were missing");
    assert_eq!(place.run(&download).json()["files fetched"], 0);
    // More entries: what was full is there already.
    double.put(&Book::numbers(700));
    assert_eq!(place.run(&download).json()["files fetched"], 2);
    drop(double);
    fine(&place.check("verify", &[]));
    // Its keys are those that the log told of itself.
    let own = place.run(&["verify", "log"]);
    fine(&own);
    assert!(own.out.contains("note: the key is what the log says of itself"), "{}", own.out);
}

/// A refusal that says when to come back.
fn wait(status: u16, after: &str) -> Reply {
    Reply { status, headers: vec![("Retry-After", after.to_owned())], body: Vec::new() }
}

/// A log of 65 tiles, and a server that refuses each thirteenth request.
#[test]
fn a_download_waits_where_the_server_asks_for_it() {
    let (place, book) = (Place::new(), Book::numbers(64 * 256 + 1));
    let files = Mutex::new(book.files(&[&Signer::log()]));
    let (taken, refused) = (Arc::new(Mutex::new(0)), Arc::new(Mutex::new(0)));
    let (counted, refusals) = (taken, Arc::clone(&refused));
    let server = Server::start(move |asked| {
        let mut taken = counted.lock().unwrap();
        *taken += 1;
        if *taken % 13 == 0 {
            *refusals.lock().unwrap() += 1;
            let status = if *taken % 2 == 0 { 429 } else { 503 };
            return wait(status, "0");
        }
        answer(&files.lock().unwrap(), asked)
    });
    let url = format!("http://{}/log/1/0a1b2c3d", server.address);
    let done = place.run(&["download", &url, "log", "--hashes-only", "--json"]);
    fine(&done);
    assert!(*refused.lock().unwrap() >= 5, "65 tiles of leaves, one above, one checkpoint");
    assert!(done.err.contains("asks to wait: going on in 0 s"), "{}", done.err);
    fine(&place.check("verify", &[]));
}

#[test]
fn a_server_that_always_asks_to_wait_or_for_too_long_is_no_alarm() {
    let place = Place::new();
    for (after, requests) in [(Some("0"), 6), (Some("121"), 1), (Some("soon"), 1), (None, 1)] {
        let server =
            Server::start(move |_| after.map_or_else(|| Reply::from((429, Vec::new())), |after| wait(429, after)));
        let url = format!("http://{}/log/1/0a1b2c3d", server.address);
        let key = Signer::log().public.to_string();
        let ended = place.run(&["verify", &url, "--key", &key]);
        assert_eq!(ended.code, 2, "{}{}", ended.out, ended.err);
        assert!(ended.err.contains("answers with status 429"), "{}", ended.err);
        assert_eq!(server.asked().len(), requests, "{after:?}");
    }
}

#[test]
fn a_download_of_changed_entries_is_an_alarm() {
    let (place, double) = (Place::new(), Double::new(&Book::numbers(9)));
    token(&place);
    let path = "tile/entries/000.p/9".to_owned();
    double.files.lock().unwrap().get_mut(&path).unwrap()[5] ^= 1;
    let found = place.run(&["download", &double.url(), "log", "--token-file", "token", "--json"]);
    assert_eq!((found.code, found.alarms()), (1, vec!["entry".to_owned()]));
    fine(&place.run(&["download", &double.url(), "log", "--hashes-only"]));
}

#[test]
fn full_tiles_serve_where_partial_ones_are_gone() {
    let (place, double) = (Place::new(), Double::new(&Book::numbers(300)));
    {
        // The tile of a checkpoint that is not the newest: only the full one is there.
        let mut files = double.files.lock().unwrap();
        let larger = Book::numbers(512).files(&[&Signer::log()]);
        files.remove("tile/0/001.p/44").unwrap();
        files.insert("tile/0/001".to_owned(), larger["tile/0/001"].clone());
    }
    fine(&place.run(&["verify", &double.url()]));
}

#[test]
fn a_proof_is_fetched_by_the_serial_number() {
    let (place, ca) = (Place::new(), Ca::new());
    let leaf = ca.leaf(1, "one.example.org");
    let mut book = Book::default();
    book.add(Kind::Issuer, &ca.der());
    book.add(Kind::Certificate, &leaf.tbs);
    place.write("1.pem", pem::write_certificate(&leaf.der).unwrap());
    let double = Double::new(&book);
    let none = place.run(&["proof", "1.pem", "--log", &double.url(), "--json"]);
    assert_eq!((none.code, none.alarms()), (1, vec!["proof".to_owned()]), "{}", none.err);
    let proof = book.proof(1, &[&Signer::log()]).to_string();
    double.files.lock().unwrap().insert(format!("proof/{}", leaf.serial.hex()), proof.clone().into_bytes());
    let key = Signer::log().public.to_string();
    fine(&place.run(&["proof", "1.pem", "--log", &double.url(), "--key", &key, "--save", "1.tlog-proof"]));
    assert_eq!(std::fs::read_to_string(place.path("1.tlog-proof")).unwrap(), proof);
    fine(&place.run(&["proof", "1.pem", "--proof", "1.tlog-proof", "--key", &key]));
}

/// Checks and proofs at the URL of an issuer, or of nothing, raise no alarm.
#[test]
fn the_url_of_no_log_is_no_alarm() {
    let (place, ca) = (Place::new(), Ca::new());
    place.write("1.pem", pem::write_certificate(&ca.leaf(1, "one.example.org").der).unwrap());
    let double = Double::new(&Book::numbers(9));
    let (log, host) = (double.url(), format!("http://{}", double.server.address));
    let key = Signer::log().public.to_string();
    for path in ["/log/1", "/log/1/", "/log/2/0a1b2c3d", "/log/1/ffffffff"] {
        let url = format!("{host}{path}");
        for command in [&["proof", "1.pem", "--log", &url, "--key", &key][..], &["verify", &url, "--key", &key]] {
            let ended = place.run(command);
            assert_eq!(ended.code, 2, "{command:?}: {}{}", ended.out, ended.err);
            let says = if path.trim_end_matches('/') == "/log/1" { &log } else { "give the URL of a log" };
            assert!(ended.err.contains(says), "{command:?}: {}", ended.err);
        }
    }
}

#[test]
fn a_download_leaves_the_folder_of_another_log() {
    let (place, double) = (Place::new(), Double::new(&Book::numbers(9)));
    let download = ["download", &double.url(), "log", "--hashes-only"];
    fine(&place.run(&download));
    let about = std::fs::read_to_string(place.path("log/log.json")).unwrap();
    place.write("log/log.json", about.replace(ORIGIN, "ca.example.org/log/2/ffffffff"));
    let other = place.run(&download);
    assert_eq!(other.code, 2, "{}{}", other.out, other.err);
    assert!(other.err.contains("has the log ca.example.org/log/2/ffffffff, and not"), "{}", other.err);
    place.write("log/log.json", about);
    fine(&place.run(&download));
}

#[test]
fn a_monitor_reports_a_fork_and_keeps_quiet_otherwise() {
    let (place, double) = (Place::new(), Double::new(&Book::numbers(9)));
    let hook = Server::start(|_| (204, Vec::new()));
    let webhook = format!("http://{}/hook", hook.address);
    let watch = ["watch", &double.url(), "--once", "--webhook", &webhook, "--json"];
    fine(&place.run(&watch));
    double.put(&Book::numbers(20));
    fine(&place.run(&watch));
    assert_eq!(hook.asked().len(), 0);
    let mut forked = Book::numbers(30);
    forked.entries[0] = b"another history".to_vec();
    double.put(&forked);
    let found = place.run(&watch);
    assert_eq!((found.code, found.alarms()), (1, vec!["fork".to_owned()]));
    let asked = hook.asked();
    assert_eq!(asked.len(), 1);
    let sent: serde_json::Value = serde_json::from_str(&asked[0].body).unwrap();
    assert_eq!((&sent["type"], &sent["report"]["alarms"][0]["kind"]), (&"log-alarm".into(), &"fork".into()));
}

#[test]
fn an_unreachable_log_is_no_alarm() {
    let place = Place::new();
    let address = crate::server::unused_address();
    for command in ["verify", "watch"] {
        let more: &[&str] = if command == "watch" { &["--once"] } else { &[] };
        let ended = place.run(&[&[command, &format!("http://{address}/log/1/0a1b2c3d")], more].concat());
        assert_eq!(ended.code, 2, "{}{}", ended.out, ended.err);
        assert!(ended.err.contains("does not answer"), "{}", ended.err);
    }
    let neither = place.run(&["verify", "nothing-here"]);
    assert!(neither.code == 2 && neither.err.contains("neither the URL of a log"), "{}", neither.err);
}
