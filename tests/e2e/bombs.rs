//! End to end: answers that unpack to 200 MiB are refused without using memory.
//!
//! They come from hosts of http-01, redirects, the resolver, a webhook and the keys of an Access team, on workerd;
//! each is refused with words that help.

use super::doh;
use crate::common::companion::companion;
use crate::common::listening::Listening;
use crate::common::load::process::Process;
use crate::common::server::{Server, free_port};
use crate::common::turns;
use crate::common::wire::{Wire, body};
use selvedge::jose::testing::ClientKey;
use selvedge::validation::testing::TlsServer;
use selvedge::values::{Identifier, SigAlg};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// 200 MiB of zeros, as brotli has them.
const BROTLI: &[u8] = include_bytes!("../fixtures/bombs/200MiB.br");

/// 1 MiB of zeros: whole blocks of deflate, not the last ones of a stream.
const DEFLATE: &[u8] = include_bytes!("../fixtures/bombs/1MiB.deflate");

/// How many of those there are in a bomb.
const MEBIBYTES: usize = 200;

/// By how much workerd may grow.
const GROWTH: u64 = 100 << 20;

/// A bomb: what its name says, like `br-long`. `long` has a true Content-Length, `open` none; `lies` does not say how it is
/// packed, and `plain` is not.
fn bomb(name: &str, content_type: &str) -> Option<Vec<u8>> {
    let (coding, framing) = name.split('.').next()?.rsplit_once('-')?;
    let blocks = DEFLATE.repeat(MEBIBYTES);
    let body = match coding.trim_end_matches("-lies") {
        "br" => BROTLI.to_vec(),
        // RFC 1952 §2.3, RFC 1950 §2.2: a head, the blocks, a last block with nothing in it; the sum is never come to.
        "gzip" => [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3][..], &blocks, &[3, 0, 0, 0, 0, 0, 0, 0, 0, 0]].concat(),
        "deflate" => [&[0x78, 0x9c][..], &blocks, &[3, 0, 0, 0, 0, 1]].concat(),
        "plain" => vec![0; MEBIBYTES << 20],
        _ => return None,
    };
    let mut head = format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: {content_type}\r\n");
    if !matches!(coding, "plain") && !coding.ends_with("-lies") {
        head.push_str(&format!("Content-Encoding: {coding}\r\n"));
    }
    if framing == "long" {
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    Some([head.as_bytes(), b"\r\n", &body].concat())
}

/// All bombs.
const BOMBS: [&str; 8] =
    ["br-long", "br-open", "gzip-long", "gzip-open", "deflate-long", "deflate-open", "plain-long", "plain-open"];

/// Reads a request with its body, and gives its head, in lower case.
fn request(stream: &mut impl Read) -> Option<String> {
    let (mut all, mut chunk) = (Vec::new(), [0; 4096]);
    loop {
        let text = String::from_utf8_lossy(&all).to_ascii_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.split("content-length:").nth(1).and_then(|rest| rest.lines().next()?.trim().parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return Some(head.to_owned());
            }
        }
        match stream.read(&mut chunk).ok()? {
            0 => return None,
            read => all.extend_from_slice(&chunk[..read]),
        }
    }
}

/// The host that is asked for.
fn host(head: &str) -> String {
    let host = head.split("\r\nhost:").nth(1).and_then(|rest| rest.lines().next()).unwrap_or_default();
    host.trim().split(':').next().unwrap_or_default().to_owned()
}

/// Answers each request with its host's bomb.
///
/// `*.hop.test` redirects to `*.next.test`, `*.tls.test` to the same over https.
fn serve(port: u16, https: u16) -> Listening {
    Listening::start(port, move |mut stream| {
        thread::spawn(move || {
            let Some(head) = request(&mut stream) else { return };
            let host = host(&head);
            let redirect = |to: String| format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n");
            let answer = match host.strip_suffix(".hop.test") {
                Some(bomb) => redirect(format!("http://{bomb}.next.test:{port}/")).into_bytes(),
                None if host.ends_with(".tls.test") => redirect(format!("https://{host}:{https}/")).into_bytes(),
                None => bomb(&host, "text/plain").unwrap_or_default(),
            };
            // Who has read enough goes away.
            let _ = stream.write_all(&answer);
        });
    })
}

/// The same over TLS.
fn serve_tls(port: u16) -> Listening {
    let key = selvedge::ca::testing::new_key(SigAlg::Es256);
    let certificate = selvedge::validation::testing::Shape::proper(&Identifier::dns("x.tls.test").unwrap(), "x");
    let server = TlsServer::new(certificate.certificate(&key), &key, rustls::ALL_VERSIONS, &["http/1.1"]);
    Listening::start(port, move |mut stream: TcpStream| {
        let server = server.clone();
        thread::spawn(move || {
            let mut connection = server.connection();
            let mut tls = rustls::Stream::new(&mut connection, &mut stream);
            if let Some(head) = request(&mut tls) {
                let _ = tls.write_all(&bomb(&host(&head), "text/plain").unwrap_or_default());
            }
        });
    })
}

/// The most memory that a process was seen to hold; watched until it is dropped.
struct Watched {
    most: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
}

impl Watched {
    fn start(process: Process) -> Self {
        let watched = Self { most: Arc::default(), stop: Arc::default() };
        let (most, stop) = (Arc::clone(&watched.most), Arc::clone(&watched.stop));
        thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                most.fetch_max(process.resident_memory(), Ordering::Relaxed);
                thread::sleep(Duration::from_millis(20));
            }
        });
        watched
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// Orders for a name and answers its http-01 challenge; gives the first error.
fn validate(wire: &Wire, name: &str) -> Value {
    let wanted = json!({ "identifiers": [{ "type": "dns", "value": name }] });
    let placed = body(&wire.post(&wire.url("/acme/new-order"), Some(wanted)));
    let challenge = wire.challenge(placed["authorizations"][0].as_str().unwrap());
    let url = challenge["url"].as_str().unwrap();
    let mut seen = body(&wire.post(url, Some(json!({}))));
    while seen["error"].is_null() && seen["status"] != "valid" {
        thread::sleep(Duration::from_millis(100));
        seen = body(&wire.post(url, None));
    }
    seen
}

/// What is wrong with the error of a challenge.
fn judge(name: &str, seen: &Value, kind: &str, words: &str) -> Option<String> {
    println!("{name}: {}", seen["error"]);
    let right = seen["error"]["type"].as_str().is_some_and(|found| found.ends_with(kind))
        && seen["error"]["detail"].as_str().unwrap_or_default().contains(words);
    (!right).then(|| format!("{name}: not {kind} with {words:?}: {seen}"))
}

/// An assertion by an unknown key, so that the team's keys are fetched.
fn assertion() -> String {
    let header = json!({ "alg": "ES256", "kid": "one", "typ": "JWT" }).to_string();
    let key = ClientKey::generate(SigAlg::Es256);
    let signed: Value = serde_json::from_slice(&key.sign_raw(&header, b"{}")).unwrap();
    ["protected", "payload", "signature"].map(|part| signed[part].as_str().unwrap()).join(".")
}

/// Asks an operation with an assertion; the status.
fn ask_as_operator(server: &Server) -> u16 {
    let root = Certificate::from_pem(&std::fs::read(server.fact("root")).unwrap()).unwrap().to_owned();
    let tls = TlsConfig::builder().root_certs(RootCerts::new_with_certs(&[root])).build();
    let agent = ureq::Agent::config_builder().tls_config(tls).http_status_as_error(false).build().new_agent();
    let url = server.fact("directory").replace("/directory", "/admin/v1/status");
    let answer = agent.get(url).header("Cf-Access-Jwt-Assertion", assertion()).call().unwrap();
    answer.status().as_u16()
}

fn test_notice(state: &Path) -> Value {
    let mut command = companion();
    command.args(["notices", "test", "--json", "--state"]).arg(state.join("ca"));
    let output = command.env_remove("SELVEDGE_URL").env_remove("SELVEDGE_TOKEN").output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

/// A resolver that answers `*.dns.test` with the name's bomb, and knows all other names.
fn resolver(port: u16) -> Listening {
    doh::start(port, |mut asked| match asked.name.strip_suffix(".dns.test").map(str::to_owned) {
        Some(name) => drop(asked.stream.write_all(&bomb(&name, "application/dns-message").unwrap())),
        None => asked.tell(&[]),
    })
}

#[test]
fn decompression_bombs_are_refused_within_memory_bounds() {
    turns::apart("memory");
    let folder = tempfile::tempdir().unwrap();
    let (doh, team, hook) = (free_port(), free_port(), free_port());
    let _resolver = resolver(doh);
    let bomb_at = |port, name: &'static str| {
        Listening::start(port, move |mut stream| {
            if request(&mut stream).is_some() {
                let _ = stream.write_all(&bomb(name, "application/json").unwrap());
            }
        })
    };
    let (_team, _hook) = (bomb_at(team, "br-long"), bomb_at(hook, "gzip-open"));
    let set = [
        format!("ACCESS_TEAM=http://127.0.0.1:{team}"),
        format!("ACCESS_AUDIENCE={}", "0".repeat(64)),
        format!("WEBHOOK_URL=http://127.0.0.1:{hook}/hook"),
        "WEBHOOK_SECRET=whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=".to_owned(),
    ];
    let url = format!("http://127.0.0.1:{doh}/dns-query");
    let set = set.iter().flat_map(|one| ["--set", one]);
    let arguments: Vec<&str> = ["--resolver", &url].into_iter().chain(set).collect();
    let server = Server::start_with(folder.path(), 0, &arguments);
    let mut wire = Wire::new(server.fact("directory"), server.fact("root"));
    wire.register();
    // Once everything is in memory that is used anyway.
    wire.ready_order("first.test", server.http01);
    // A redirect may lead to the port of tls-alpn-01, which stands for 443.
    let _hosts = (serve(server.http01, server.tls_alpn), serve_tls(server.tls_alpn));
    let workerd = Process(server.facts["workerd_pid"].as_u64().unwrap());
    let (base, watched) = (workerd.resident_memory(), Watched::start(workerd));

    let mut wrong = Vec::new();
    for bomb in BOMBS {
        let plain = bomb.starts_with("plain");
        let words = if plain { "a body of more than 131072 bytes" } else { "Accept-Encoding asks for identity" };
        for name in [format!("{bomb}.test"), format!("{bomb}.hop.test"), format!("{bomb}.tls.test")] {
            wrong.extend(judge(&name, &validate(&wire, &name), ":incorrectResponse", words));
        }
        let name = format!("{bomb}.dns.test");
        let words = if plain { "larger than is read" } else { "Accept-Encoding: identity" };
        wrong.extend(judge(&name, &validate(&wire, &name), ":dns", words));
    }
    // Packed, and it does not say so: as long as it is, and no answer.
    let unsaid = validate(&wire, "br-lies-long.test");
    wrong.extend(judge("unsaid", &unsaid, ":unauthorized", "but contains"));
    assert_eq!(ask_as_operator(&server), 503, "the team's keys cannot be had");
    let log = std::fs::read_to_string(server.fact("workerd_log")).unwrap();
    assert!(log.contains("keys cannot be fetched") && log.contains("Accept-Encoding: identity"), "{log}");
    assert_eq!(test_notice(folder.path())["delivery"]["state"], "delivered", "what a receiver says is not read");
    let most = watched.most.load(Ordering::Relaxed);
    println!("{} MiB at first, {} MiB at most", base >> 20, most >> 20);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(most < base + GROWTH, "{} MiB at first, {} MiB at most", base >> 20, most >> 20);
}
