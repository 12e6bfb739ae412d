//! End to end: tables of `src/worker` on workerd: headers, envelopes, record tables, alarms.
use super::observed::{MESSAGES, Observed, Row, Stored};
use crate::common::server::Server;
use crate::common::wire::{Wire, body};
use selvedge::ca::partitions::key_owner::{ClaimKey, ReleaseKey};
use selvedge::ca::partitions::nonce::Redeem;
use selvedge::ca::partitions::operations::replacements::PutReplacement;
use selvedge::ca::runtime::ask::Ask;
use selvedge::ca::runtime::message::{PostReply, Reply};
use selvedge::jose::testing::ClientKey;
use selvedge::records::acme::account::KeyOwner;
use selvedge::records::acme::nonce::NonceNumber;
use selvedge::records::ledger::inventory::{ReplaceRecord, Selection};
use selvedge::records::operations::audit::Actor;
use selvedge::values::{Id, SigAlg, Time, b64};
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

const HOUR: u64 = 3_600_000;

/// The delay of a purge after an expiry, so that close expiries share one purge.
const SLACK: u64 = HOUR;

fn start() -> (tempfile::TempDir, Server) {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_with(folder.path(), 0, &["--plain-http"]);
    (folder, server)
}

fn now() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    u64::try_from(now.as_millis()).unwrap()
}

fn redemption(number: u64, expires: u64) -> Redeem {
    let mut random = [1; 16];
    NonceNumber { series: [2; 8], number }.write(&mut random);
    Redeem { name: b64::encode(&random), expires: Time::from_millis(expires) }
}

/// A record that expires then.
fn replacement(id: &str, expires: u64) -> PutReplacement {
    let made = Actor { by: "a".to_owned(), at: Time::from_millis(1) };
    PutReplacement(ReplaceRecord {
        id: id.to_owned(),
        selection: Selection::default(),
        made,
        reason: None,
        explanation: None,
        withdrawn: None,
        expires: Time::from_millis(expires),
    })
}

/// Sends a request with its headers as they are; gives the status.
fn request(worker: &Observed, start: &str, headers: &[(&str, &str)], body: &[u8]) -> u16 {
    let url = worker.url("");
    let host = url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(host).unwrap();
    write!(stream, "{start} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n").unwrap();
    headers.iter().for_each(|(name, value)| write!(stream, "{name}: {value}\r\n").unwrap());
    stream.write_all(b"\r\n").unwrap();
    // A server that refuses the rest of a body may close before all of it is sent.
    let _ = stream.write_all(body);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let line = String::from_utf8_lossy(&answer);
    line.split(' ').nth(1).unwrap_or_else(|| panic!("{start}: {line:?}")).parse().unwrap()
}

/// What a client may send along, none of which concerns the CA.
const OTHER_HEADERS: [(&str, &str); 6] = [
    ("User-Agent", "none/1"),
    ("Accept-Language", "xx"),
    ("Cookie", "a=b"),
    ("Replay-Nonce", "abc"),
    ("X-Forwarded-For", "192.0.2.1"),
    ("Link", "<https://other.test/>;rel=index"),
];

/// The headers that the Worker reads from each kind of request, and no others.
const READ: [(&str, &str, &[&str]); 5] = [
    ("GET", "/directory", &["content-type", "authorization", "accept", "if-none-match", "cf-connecting-ip", "cf-ray"]),
    (
        "GET",
        "/calendar/x.ics",
        &[
            "content-type",
            "authorization",
            "accept",
            "if-none-match",
            "cf-connecting-ip",
            "cf-ray",
            "selvedge-endpoint-until",
        ],
    ),
    ("POST", "/acme/new-order", &["content-type", "content-length", "cf-connecting-ip", "cf-ray"]),
    (
        "GET",
        "/admin/v1/accounts",
        &[
            "content-type",
            "authorization",
            "accept",
            "if-none-match",
            "cf-connecting-ip",
            "cf-ray",
            "cf-access-jwt-assertion",
            "origin",
            "sec-fetch-site",
        ],
    ),
    (
        "POST",
        "/admin/v1/policies",
        &[
            "content-type",
            "content-length",
            "authorization",
            "accept",
            "if-none-match",
            "cf-connecting-ip",
            "cf-ray",
            "cf-access-jwt-assertion",
            "origin",
            "sec-fetch-site",
        ],
    ),
];

#[test]
fn n07_h10_worker_reads_named_headers_only() {
    let (_folder, server) = start();
    let mut wire = Wire::plain(server.fact("directory"));
    wire.register();
    let worker = Observed::start(server);
    wire.forget_nonce();
    for (method, path, read) in READ {
        let body: &[u8] = if method == "POST" { b"{}" } else { b"" };
        let length = body.len().to_string();
        let mut headers = OTHER_HEADERS.to_vec();
        headers.push(("Content-Length", &length));
        let status = request(&worker, &format!("{method} {path}"), &headers, body);
        assert!((200..500).contains(&status), "{method} {path}: {status}");
        let seen = worker.seen();
        assert_eq!(seen.read, read.iter().map(|name| (*name).to_owned()).collect(), "{method} {path}");
    }
    // And none goes on to a partition, whose request has the length of its body at most.
    let account = wire.kid.clone().unwrap();
    assert_eq!(wire.post(&account, None).status(), 200);
    let seen = worker.seen();
    let path = account.split_once("/acme").unwrap().1;
    assert!(seen.crossed.iter().any(|crossed| crossed.url.ends_with(&format!(".post/acme{path}"))), "{seen:?}");
    for crossed in &seen.crossed {
        assert!(
            crossed.headers.iter().all(|name| ["content-length", "content-type"].contains(&name.as_str())),
            "{crossed:?}"
        );
    }
}

/// Whether a reply says that the CA failed, and why it does so.
fn failed(status: u64, body: &str) -> bool {
    assert_eq!(status, 400, "an envelope: {body}");
    let envelope: super::observed::Envelope<Reply> = serde_json::from_str(body).unwrap();
    // 503 where it may be what another release understands.
    matches!(envelope.reply, Reply::Refused(problem) if matches!(problem.status, 500 | 503))
}

#[test]
fn envelopes_carry_replies_and_refusals() {
    let (_folder, server) = start();
    let worker = Observed::start(server);
    let good = serde_json::to_string(&redemption(1, now() + HOUR).message().unwrap()).unwrap();
    let (long, deep) = ("x".repeat(1 << 20), "[".repeat(100_000));
    for text in [
        "",
        "{",
        "null",
        "{\"ask\":\"Nonsense\",\"body\":null}",
        "{\"ask\":\"Redeem\",\"body\":{}}",
        "{\"ask\":\"Redeem\",\"body\":7}",
        "{\"ask\":\"FindOwner\",\"body\":null}",
        &long,
        &deep,
    ] {
        let (status, body) = worker.send(Some("nonce/0"), MESSAGES, text);
        let start: String = text.chars().take(20).collect();
        assert!(failed(status, &body), "{start:?}: {body:.200}");
    }
    for name in ["", "nonce", "nonce/", "nonce/x", "nonce/256", "account/!", "compromised/other", "elsewhere/1"] {
        let (status, body) = worker.send(Some(name), MESSAGES, &good);
        assert!(failed(status, &body), "{name}: {body}");
        assert_eq!(worker.stored(name), empty(), "{name}");
    }
    let (status, body) = worker.send(None, MESSAGES, &good);
    assert!(failed(status, &body), "a partition without a name: {body}");
    assert_eq!(worker.stored("nonce/0"), empty(), "refused messages make no database");
    // A client's POST that is refused crosses in an envelope too.
    let account = format!("account/{}", Id::from_random([1; 16]));
    for jws in ["", "{}", "[]", &deep] {
        let (status, body) = worker.send(Some(&account), "https://1f-1.post/acme/new-order", jws);
        assert_eq!(status, 400, "{body}");
        let envelope: super::observed::Envelope<PostReply> = serde_json::from_str(&body).unwrap();
        let (PostReply::Unsigned(problem) | PostReply::Refused(problem)) = envelope.reply else { panic!("{body}") };
        assert_eq!(problem.status, 400, "{body}");
    }
    assert_eq!(worker.stored(&account), empty());
    // Two replies, with what they cost.
    let first = worker.message("nonce/0", &redemption(1, now() + HOUR));
    assert!(first.reply && first.spent["rows"] > 0, "{first:?}");
    let second = worker.message("nonce/0", &redemption(1, now() + HOUR));
    assert!(!second.reply, "{second:?}");
    assert_eq!((second.spent["rows"], second.spent["calls"]), (0, 0));
}

fn empty() -> Stored {
    Stored { tables: [].into(), purge: Vec::new(), alarm: None }
}

#[test]
fn h12_oversized_bodies_reach_no_partition() {
    let (_folder, server) = start();
    let worker = Observed::start(server);
    let types = ("Content-Type", "application/jose+json");
    let long = vec![b'x'; 70_000];
    let length = long.len().to_string();
    let post = "POST /acme/new-order";
    assert_eq!(request(&worker, post, &[types, ("Content-Length", &length)], &long), 413);
    let mut chunked = Vec::new();
    for chunk in long.chunks(7_000) {
        write!(chunked, "{:x}\r\n", chunk.len()).unwrap();
        chunked.extend([chunk, b"\r\n"].concat());
    }
    chunked.extend(b"0\r\n\r\n");
    assert_eq!(request(&worker, post, &[types, ("Transfer-Encoding", "chunked")], &chunked), 413);
    assert!(worker.seen().crossed.is_empty());
    let short = [b"2\r\n{}\r\n0\r\n\r\n".as_slice()].concat();
    assert_eq!(
        request(&worker, post, &[types, ("Transfer-Encoding", "chunked")], &short),
        400,
        "a chunked body is read"
    );
}

/// The table of each kind of record; all others are in `kv`.
const TABLES: [(&str, &str); 5] =
    [("cert", "kept"), ("serial", "sorted"), ("latest", "sorted"), ("member", "sorted"), ("audit", "sorted")];

#[test]
fn records_use_the_table_of_their_kind() {
    let (_folder, server) = start();
    let mut wire = Wire::plain(server.fact("directory"));
    wire.register();
    let (_, order) = wire.ready_order("tables.test", server.http01);
    let finalized = wire.post(order["finalize"].as_str().unwrap(), Some(wire.csr("tables.test")));
    assert_eq!(body(&finalized)["status"], "valid", "{}", finalized.body());
    let account = wire.kid.clone().unwrap().rsplit('/').next().unwrap().to_owned();
    let issuers = body(&wire.get(&wire.url("/issuers")));
    let token = std::fs::read_to_string(server.fact("admin_token")).unwrap();
    let ended = ureq::post(wire.url(&format!("/admin/v1/accounts/{account}/deactivate")))
        .header("Authorization", format!("Bearer {}", token.trim()))
        .content_type("application/json")
        .send("{}");
    assert_eq!(ended.unwrap().status(), 200);
    let worker = Observed::start(server);
    let mut found = BTreeSet::new();
    let ledger = format!("ledger/{}", issuers["issuers"][0]["id"].as_str().unwrap());
    let partitions = [format!("account/{account}"), ledger, "operations/ca".to_owned()];
    let rosters = (0..4).map(|n| format!("roster/{n}"));
    for name in partitions.into_iter().chain(rosters) {
        for (table, rows) in worker.stored(&name).tables {
            for Row { key, expires } in rows {
                let kind = key.split('/').next().unwrap().to_owned();
                let wanted = TABLES.iter().find(|(of, _)| *of == kind).map_or("kv", |(_, table)| table);
                assert_eq!(table, wanted, "{name}: {key}");
                assert!(table == "kv" || expires.is_none(), "{name}: {key} expires, and is never looked for");
                found.insert(kind);
            }
        }
    }
    for kind in TABLES.iter().map(|(kind, _)| *kind).chain(["account", "order", "pool"]) {
        assert!(found.contains(kind), "no {kind} was stored: {found:?}");
    }
}

#[test]
fn alarms_are_set_moved_earlier_and_kept() {
    let (_folder, server) = start();
    let mut worker = Observed::start(server);
    let home = "operations/ca";
    let begun = now();
    let put = |worker: &Observed, name: &str, expires: u64| {
        worker.message(home, &replacement(name, expires));
        worker.stored(home)
    };
    assert_eq!(worker.stored(home), empty());
    // Name, expiry, the alarm after it, and the calls that set it.
    for (name, expires, alarm, called) in [
        ("first", begun + 2 * HOUR, begun + 2 * HOUR, 1),
        ("later", begun + 3 * HOUR, begun + 2 * HOUR, 0),
        ("earlier", begun + HOUR, begun + HOUR, 1),
        ("between", begun + HOUR + 1, begun + HOUR, 0),
    ] {
        worker.seen();
        let stored = put(&worker, name, expires);
        assert_eq!(worker.seen().called, vec!["setAlarm"; called], "{name}");
        assert_eq!(stored.alarm, Some(alarm + SLACK), "{name}");
        assert_eq!(stored.purge, [stored.alarm], "{name}");
    }
    let before = worker.stored(home);
    worker.restart();
    assert_eq!(worker.stored(home), before, "after a restart");
    assert_eq!(
        put(&worker, "much later", begun + 4 * HOUR).alarm,
        before.alarm,
        "an alarm from before a restart stays"
    );
    assert_eq!(put(&worker, "soon", begun + HOUR / 2).alarm, Some(begun + HOUR / 2 + SLACK));
    // One that is due goes off: what expired is deleted, and the next alarm is for what is left.
    put(&worker, "over", now() - SLACK);
    let left = wait(&worker, home, |stored| stored.alarm.is_some_and(|at| at > now() + HOUR / 4));
    let keys: Vec<&str> = left.tables["kv"].iter().map(|row| row.key.as_str()).collect();
    assert_eq!(
        keys,
        ["between", "earlier", "first", "later", "much later", "soon"].map(|name| format!("replace/{name}"))
    );
    assert_eq!(left.alarm, Some(begun + HOUR / 2 + SLACK));
    assert_eq!(left.purge, [left.alarm]);
}

/// Waits until a partition has this stored.
fn wait(worker: &Observed, name: &str, done: impl Fn(&Stored) -> bool) -> Stored {
    let begun = Instant::now();
    loop {
        let stored = worker.stored(name);
        if done(&stored) {
            return stored;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "{stored:?}");
        sleep(Duration::from_millis(100));
    }
}

#[test]
fn alarms_are_cancelled_with_the_last_row() {
    let (_folder, server) = start();
    let mut worker = Observed::start(server);
    // All rows expired.
    worker.message("operations/ca", &replacement("over", now() - SLACK));
    wait(&worker, "operations/ca", |stored| *stored == empty());
    // The last row is deleted by a message.
    let thumbprint = ClientKey::generate(SigAlg::Es256).thumbprint();
    let key = format!("key/{thumbprint}");
    let owner = KeyOwner { account: Id::from_random([7; 16]), change: 0 };
    let alarm = now() + 2 * HOUR;
    worker.set_alarm(&key, alarm);
    worker.restart();
    worker.message(&key, &ClaimKey(owner.clone()));
    let stored = worker.stored(&key);
    assert_eq!((stored.tables["kv"].len(), stored.alarm), (1, Some(alarm)), "an alarm that was found stays");
    worker.message(&key, &ReleaseKey(KeyOwner { change: 1, ..owner }));
    wait(&worker, &key, |stored| *stored == empty());
    // deleteAll alone would delete the alarm too, but not what the Worker remembers of it.
    assert_eq!(worker.seen().called, ["deleteAlarm", "deleteAll"]);
    // And what comes after that sets its own.
    let expires = now() + HOUR;
    worker.message("operations/ca", &replacement("next", expires));
    assert_eq!(worker.stored("operations/ca").alarm, Some(expires + SLACK));
}
