//! End to end: limits of time on real workerd. Hosts that are silent, drip, half close or are late, asked by http-01,
//! tls-alpn-01, behind redirects, as the resolver and as the receiver of notices; each verdict comes when the constants say
//! so, and no connection that was made outlives its limit.

use super::doh;
use super::hosts::{Behavior, Host, address, http, response, tls};
use crate::common::companion::companion;
use crate::common::server::{Server, free_port};
use crate::common::turns;
use crate::common::wire::{Wire, body, header};
use selvedge::ca::testing::new_key;
use selvedge::jose::key_authorization;
use selvedge::validation::testing::TlsServer;
use selvedge::values::{Identifier, SigAlg};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// The time limits of attempts, lookups and webhooks in seconds.
///
/// For an attempt at one address, one over IPv6 with IPv4 as the fallback, a whole attempt, a lookup, and a webhook.
const TRY: u64 = 10;
const IPV6_TRY: u64 = 5;
const WHOLE: u64 = 20;
const LOOKUP: u64 = 5;
const DELIVERY: u64 = 10;

/// The tolerance for the time of a result and of a connection's end.
const BOUND: Duration = Duration::from_secs(2);

/// What the CA is started with: its constants, also where `dev` has others.
const SETTINGS: [&str; 3] = ["VALIDATION_SECONDS=10", "VALIDATION_TRIES=2", "VALIDATION_RETRY_SECONDS=5"];

/// The due time of the result of two attempts, with five seconds between them.
const fn tries(each: u64) -> u64 {
    2 * each + 5
}

/// What a host does, given the key authorization.
type Make = Box<dyn Fn(&str) -> Behavior + Send>;

/// A name, and what becomes of it.
struct Row {
    name: &'static str,
    kind: &'static str,
    /// Where hosts are, and what they do.
    hosts: Vec<(SocketAddr, Make)>,
    /// After so many seconds.
    due: u64,
    /// The problem's type, or "valid".
    verdict: &'static str,
    /// The longest that a connection is open.
    span: u64,
}

fn fixed(manner: Behavior) -> Make {
    Box::new(move |_| manner.clone())
}

fn late(seconds: u64) -> Make {
    Box::new(move |proof| {
        let length = proof.len().to_string();
        Behavior::Late(
            Duration::from_secs(seconds),
            response("200 OK", &[("Content-Length", &length)], proof.as_bytes()),
        )
    })
}

/// The beginning of a response, of which more is to come.
fn begun() -> Vec<u8> {
    response("200 OK", &[("Content-Length", "80")], b"x")
}

fn redirect(to: &str, port: u16) -> Vec<u8> {
    response("302 Found", &[("Location", &format!("http://{to}:{port}/")), ("Content-Length", "0")], b"")
}

/// The table: hosts of http-01.
fn http_rows(port: u16) -> Vec<Row> {
    let row = |name, number: u8, manner, due, verdict, span| Row {
        name,
        kind: "http-01",
        hosts: vec![(address(number, port), manner)],
        due,
        verdict,
        span,
    };
    let silent = || fixed(Behavior::Silent);
    let mut rows = vec![
        row("silent.http.test", 1, silent(), tries(TRY), "connection", TRY),
        row("drips-body.http.test", 2, fixed(Behavior::Drips(begun())), tries(TRY), "connection", TRY),
        row(
            "drips-head.http.test",
            3,
            fixed(Behavior::Drips(b"HTTP/1.1 200 OK\r\nX: ".into())),
            tries(TRY),
            "connection",
            TRY,
        ),
        row("half-closed.http.test", 4, fixed(Behavior::HalfCloses(begun())), tries(0), "incorrectResponse", 0),
        row("late.http.test", 5, late(8), 8, "valid", 8),
        row("too-late.http.test", 6, late(12), tries(TRY), "connection", TRY),
    ];
    rows.push(row("filtered.http.test", 8, fixed(Behavior::Filtered), tries(TRY), "connection", TRY));
    let v6 = SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), port);
    rows.push(Row {
        hosts: vec![(v6, silent()), (address(7, port), late(0))],
        ..row("silent-ipv6.http.test", 7, silent(), IPV6_TRY, "valid", IPV6_TRY)
    });
    rows
}

/// The table: hosts behind redirects.
fn redirect_rows(port: u16) -> Vec<Row> {
    let row = |name: &'static str, next: &str, number: u8, manner, due, verdict, span| Row {
        name,
        kind: "http-01",
        hosts: vec![
            (address(number, port), fixed(Behavior::Late(Duration::ZERO, redirect(next, port)))),
            (address(number + 1, port), manner),
        ],
        due,
        verdict,
        span,
    };
    let slow = |next: &str| fixed(Behavior::Late(Duration::from_secs(8), redirect(next, port)));
    vec![
        row("silent.hop.test", "1.hop.test", 20, fixed(Behavior::Silent), tries(TRY), "connection", TRY),
        row("drips.hop.test", "2.hop.test", 22, fixed(Behavior::Drips(begun())), tries(TRY), "connection", TRY),
        row("half.hop.test", "3.hop.test", 24, fixed(Behavior::HalfCloses(begun())), tries(0), "incorrectResponse", 0),
        row("late.hop.test", "4.hop.test", 26, late(8), 8, "valid", 8),
        Row {
            hosts: vec![
                (address(28, port), slow("5.hop.test")),
                (address(29, port), slow("6.hop.test")),
                (address(30, port), fixed(Behavior::Silent)),
            ],
            ..row("slow.hop.test", "", 28, fixed(Behavior::Silent), tries(WHOLE), "connection", 8)
        },
    ]
}

/// The table: hosts of tls-alpn-01.
fn tls_rows(port: u16) -> Vec<Row> {
    let row = |name, number: u8, manner, due, verdict, span| Row {
        name,
        kind: "tls-alpn-01",
        hosts: vec![(address(number, port), manner)],
        due,
        verdict,
        span,
    };
    let shakes_late = |name: &'static str, seconds| -> Make {
        Box::new(move |proof| {
            let identifier = Identifier::dns(name).unwrap();
            let server = TlsServer::proper(&identifier, proof, &new_key(SigAlg::Es256));
            Behavior::LateTls(Duration::from_secs(seconds), server)
        })
    };
    // The head of a record of the handshake, of which more is to come.
    let record = || vec![22, 3, 3, 0x3f, 0xff, 2];
    vec![
        row("silent.tls.test", 40, fixed(Behavior::Silent), tries(TRY), "connection", TRY),
        row("drips.tls.test", 41, fixed(Behavior::Drips(record())), tries(TRY), "connection", TRY),
        row("half.tls.test", 42, fixed(Behavior::HalfCloses(record())), tries(0), "tls", 0),
        row("late.tls.test", 43, shakes_late("late.tls.test", 8), 8, "valid", 8),
        row("too-late.tls.test", 44, shakes_late("too-late.tls.test", 12), tries(TRY), "connection", TRY),
    ]
}

/// The table: names that the resolver is slow about, by what it does with `*.dns.test`.
fn resolver_rows(port: u16) -> Vec<Row> {
    let row = |name, number: u8, due, verdict| Row {
        name,
        kind: "http-01",
        hosts: vec![(address(number, port), late(0))],
        due,
        verdict,
        span: 0,
    };
    vec![
        row("silent.dns.test", 60, tries(LOOKUP), "dns"),
        row("drips.dns.test", 61, tries(LOOKUP), "dns"),
        row("half.dns.test", 62, tries(0), "dns"),
        row("late.dns.test", 63, 3, "valid"),
        row("too-late.dns.test", 64, tries(LOOKUP), "dns"),
    ]
}

/// What the resolver knows: addresses, and when they were asked for first.
#[derive(Default)]
struct Known {
    addresses: Vec<IpAddr>,
    asked: Option<Instant>,
}

/// By name.
type Names = Arc<Mutex<BTreeMap<String, Known>>>;

fn resolve(asked: doh::Asked, names: &Names) {
    let addresses = {
        let mut names = names.lock().unwrap();
        let known = names.entry(asked.name.clone()).or_default();
        known.asked.get_or_insert_with(Instant::now);
        known.addresses.clone()
    };
    let mut stream = asked.stream.try_clone().unwrap();
    let head = b"HTTP/1.1 200 OK\r\nContent-Type: application/dns-message\r\nContent-Length: 100\r\n\r\n";
    match asked.name.as_str() {
        "silent.dns.test" => thread::sleep(Duration::from_secs(2 * LOOKUP)),
        "drips.dns.test" => {
            let mut sent = stream.write_all(head);
            for _ in 0..40 {
                sent = sent.and_then(|()| stream.write_all(b"x"));
                thread::sleep(Duration::from_millis(250));
            }
        }
        "half.dns.test" => {
            let _ = stream.write_all(head);
            let _ = stream.shutdown(std::net::Shutdown::Write);
        }
        "late.dns.test" => {
            thread::sleep(Duration::from_secs(3));
            asked.tell(&addresses);
        }
        "too-late.dns.test" => {
            thread::sleep(Duration::from_secs(LOOKUP + 2));
            asked.tell(&addresses);
        }
        _ => asked.tell(&addresses),
    }
}

/// What became of a row, where that is not what should have.
fn run(row: &Row, directory: &str, root: &str, names: &Names) -> Result<(), String> {
    let mut wire = Wire::new(directory, root);
    wire.register();
    let wanted = json!({ "identifiers": [{ "type": "dns", "value": row.name }] });
    let placed = body(&wire.post(&wire.url("/acme/new-order"), Some(wanted)));
    let authorization = body(&wire.post(placed["authorizations"][0].as_str().unwrap(), None));
    let challenges = authorization["challenges"].as_array().unwrap();
    let challenge = challenges.iter().find(|challenge| challenge["type"] == row.kind).unwrap();
    let proof = key_authorization(challenge["token"].as_str().unwrap(), &wire.key.thumbprint());
    let asked = if row.kind == "tls-alpn-01" { tls } else { http };
    let hosts: Vec<Host> = row.hosts.iter().map(|(at, manner)| Host::start(*at, manner(&proof), asked)).collect();
    tell_names(row, names);
    let (url, posted) = (challenge["url"].as_str().unwrap(), Instant::now());
    let mut seen = body(&wire.post(url, Some(json!({}))));
    while seen["status"] == "processing" && posted.elapsed() < Duration::from_secs(120) {
        thread::sleep(Duration::from_millis(300));
        seen = body(&wire.post(url, None));
    }
    // Before a busy machine comes to it, no limit runs.
    let took = names.lock().unwrap()[row.name].asked.unwrap().elapsed();
    println!("{}: {} after {took:.1?}, {}", row.name, seen["status"], seen["error"]["detail"]);
    let verdict = seen["error"]["type"].as_str().and_then(|kind| kind.rsplit(':').next()).unwrap_or("valid");
    let said = format!("{}: {verdict} after {took:?}: {seen}", row.name);
    if verdict != row.verdict || took.abs_diff(Duration::from_secs(row.due)) > BOUND {
        return Err(said);
    }
    // What the server ended has ended here a moment later.
    thread::sleep(Duration::from_secs(1));
    let spans: Vec<Duration> = hosts.iter().flat_map(|host| host.spans.lock().unwrap().clone()).collect();
    let most = Duration::from_secs(row.span) + BOUND;
    let ended = spans.iter().all(|span| *span < most);
    // Where a name leads to several hosts, or is looked up in vain, not each of them is asked.
    let few = usize::from(!row.name.ends_with("dns.test") && !row.name.starts_with("filtered"));
    if ended && spans.len() >= few { Ok(()) } else { Err(format!("{said}; its connections: {spans:?}")) }
}

/// Sets the row's names in the resolver: its own, and `{n}.hop.test` for other hosts.
fn tell_names(row: &Row, names: &Names) {
    let mut names = names.lock().unwrap();
    let ip = |at: usize| row.hosts[at].0.ip();
    let mut tell = |name: &str, addresses| names.insert(name.to_owned(), Known { addresses, asked: None });
    let next = match row.name {
        "silent.hop.test" => &["1.hop.test"][..],
        "drips.hop.test" => &["2.hop.test"],
        "half.hop.test" => &["3.hop.test"],
        "late.hop.test" => &["4.hop.test"],
        "slow.hop.test" => &["5.hop.test", "6.hop.test"],
        _ => &[],
    };
    let both = row.name == "silent-ipv6.http.test";
    tell(row.name, if both { vec![ip(0), ip(1)] } else { vec![ip(0)] });
    for (at, next) in next.iter().enumerate() {
        tell(next, vec![ip(at + 1)]);
    }
}

#[test]
fn validation_results_keep_the_configured_times() {
    turns::apart("time");
    let folder = tempfile::tempdir().unwrap();
    let (resolver, names) = (free_port(), Names::default());
    let known = Arc::clone(&names);
    let _resolver = doh::start(resolver, move |asked| resolve(asked, &known));
    let url = format!("http://127.0.0.1:{resolver}/dns-query");
    let set = SETTINGS.iter().flat_map(|setting| ["--set", setting]);
    let arguments: Vec<&str> = ["--resolver", &url].into_iter().chain(set).collect();
    let server = Server::start_with(folder.path(), 0, &arguments);
    let (directory, root) = (server.fact("directory"), server.fact("root"));
    let mut rows = http_rows(server.http01);
    rows.extend(redirect_rows(server.http01));
    rows.extend(tls_rows(server.tls_alpn));
    rows.extend(resolver_rows(server.http01));
    assert_eq!(timers(directory, root), 0, "before anything is asked");
    let wrong: Vec<String> = thread::scope(|scope| {
        let names = &names;
        let start = |row| {
            thread::sleep(Duration::from_millis(400));
            scope.spawn(move || run(&row, directory, root, names))
        };
        let running: Vec<_> = rows.into_iter().map(start).collect();
        assert!(timers(directory, root) > 0, "those of what is under way");
        running.into_iter().filter_map(|row| row.join().unwrap().err()).collect()
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(timers(directory, root), 0, "an object that has a timer does not sleep");
}

/// How many timers run, by the server's own count.
fn timers(directory: &str, root: &str) -> u32 {
    header(&Wire::new(directory, root).get(directory), "selvedge-timers").parse().unwrap()
}

#[test]
fn webhook_times_out_after_ten_seconds() {
    turns::apart("time");
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let at = SocketAddr::from(([127, 0, 0, 1], port));
    let hook = format!("WEBHOOK_URL=http://127.0.0.1:{port}/hook");
    let secret = "WEBHOOK_SECRET=whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
    let _server = Server::start_with(folder.path(), 0, &["--set", &hook, "--set", secret]);
    let asked: fn(&[u8]) -> bool = |bytes| bytes.ends_with(b"}");
    let rows = [
        ("silent", Behavior::Silent, DELIVERY, false),
        ("drips", Behavior::Drips(b"HTTP/1.1 200 OK\r\nX: ".into()), DELIVERY, false),
        ("half", Behavior::HalfCloses(b"HTTP/1.1 200 OK\r\nX: ".into()), 0, false),
        ("late", Behavior::Late(Duration::from_secs(7), response("204 No Content", &[], b"")), 7, true),
        ("never ends", Behavior::Drips(b"HTTP/1.1 200 OK\r\n\r\n".into()), 0, true),
    ];
    for (name, manner, due, arrives) in rows {
        let host = Host::start(at, manner, asked);
        let mut command = companion();
        command.args(["notices", "test", "--json", "--state"]).arg(folder.path().join("ca"));
        let begun = Instant::now();
        let output = command.env_remove("SELVEDGE_URL").env_remove("SELVEDGE_TOKEN").output().unwrap();
        let took = begun.elapsed();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let told: Value = serde_json::from_str(&said).unwrap_or_else(|_| panic!("{name}: {output:?}"));
        println!("{name}: {} after {took:.1?}", told["delivery"]);
        assert_eq!(told["delivery"]["state"] == "delivered", arrives, "{name}: {told}");
        assert!(took.abs_diff(Duration::from_secs(due)) < BOUND, "{name}: after {took:?}: {told}");
        thread::sleep(Duration::from_secs(1));
        let spans = host.spans.lock().unwrap().clone();
        let most = Duration::from_secs(due) + BOUND;
        assert!(!spans.is_empty() && spans.iter().all(|span| *span < most), "{name}: {spans:?}");
    }
}
