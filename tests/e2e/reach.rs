//! End to end: the hosts that validations reach on workerd.
//!
//! Addresses that refuse, hosts that come late, https behind a redirect.

mod intervals;

use crate::common::listening::Listening;
use crate::common::server::Server;
use crate::common::turns;
use crate::common::wire::{Wire, body};
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::{cipher_suite as suite, default_provider, kx_group};
use rustls::version::{TLS12, TLS13};
use rustls::{SupportedCipherSuite, SupportedProtocolVersion};
use selvedge::ca::testing::{CsrShape, new_key};
use selvedge::jose::key_authorization;
use selvedge::pki::pem;
use selvedge::validation::testing::{Shape, TlsServer, tlv};
use selvedge::values::native_crypto::NativeKey;
use selvedge::values::{Identifier, SigAlg, b64};
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

/// As in production: what is tried again is so after five seconds.
const PATIENT: &[&str] = &["--set", "VALIDATION_RETRY_SECONDS=5"];

fn start(arguments: &[&str]) -> (tempfile::TempDir, Server, Wire) {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_with(folder.path(), 0, arguments);
    let mut wire = Wire::new(server.fact("directory"), server.fact("root"));
    wire.register();
    (folder, server, wire)
}

fn manage(server: &Server, operation: &str, what: Value) {
    ureq::post(format!("{}/{operation}", server.fact("management"))).send(what.to_string()).unwrap();
}

/// Gives a name ::1, where nothing listens, and 127.0.0.1.
fn give_both(server: &Server, name: &str) {
    manage(server, "add-aaaa", json!({ "host": name, "addresses": ["::1"] }));
    manage(server, "add-a", json!({ "host": name, "addresses": ["127.0.0.1"] }));
}

/// Places an order for a name; gives it, and its challenge of this type.
fn order(wire: &Wire, name: &str, kind: &str) -> (Value, Value) {
    let wanted = json!({ "identifiers": [{ "type": "dns", "value": name }] });
    let placed = wire.post(&wire.url("/acme/new-order"), Some(wanted));
    assert_eq!(placed.status(), 201, "{}", placed.body());
    let order = body(&placed);
    let authorization = body(&wire.post(order["authorizations"][0].as_str().unwrap(), None));
    let challenges = authorization["challenges"].as_array().unwrap();
    let challenge = challenges.iter().find(|c| c["type"] == kind).unwrap().clone();
    (order, challenge)
}

fn proof(wire: &Wire, challenge: &Value) -> String {
    key_authorization(challenge["token"].as_str().unwrap(), &wire.key.thumbprint())
}

/// Answers a challenge; gives it as it is then.
fn begin(wire: &Wire, challenge: &Value) -> Value {
    body(&wire.post(challenge["url"].as_str().unwrap(), Some(json!({}))))
}

/// Waits until a challenge is decided. Nothing that is said of it on the way is the platform's.
fn outcome(wire: &Wire, challenge: &Value) -> Value {
    loop {
        let seen = body(&wire.post(challenge["url"].as_str().unwrap(), None));
        for words in ["internal error", "reference =", "proxy request", "specified address"] {
            assert!(!seen.to_string().contains(words), "{seen}");
        }
        if seen["status"] != "processing" {
            return seen;
        }
        thread::sleep(Duration::from_millis(100));
    }
}

fn run(wire: &Wire, challenge: &Value) -> Value {
    begin(wire, challenge);
    outcome(wire, challenge)
}

fn is_invalid(seen: &Value, kind: &str, words: &str) {
    assert_eq!(seen["status"], "invalid", "{seen}");
    assert_eq!(seen["error"]["type"], format!("urn:ietf:params:acme:error:{kind}"), "{seen}");
    assert!(seen["error"]["detail"].as_str().unwrap().contains(words), "{words:?} in {seen}");
}

/// Reads a request's head.
fn read_head(mut from: impl std::io::Read) -> String {
    let (mut head, mut chunk) = (Vec::new(), [0; 1024]);
    while !head.ends_with(b"\r\n\r\n") {
        match from.read(&mut chunk) {
            Ok(read) if read > 0 => head.extend_from_slice(&chunk[..read]),
            _ => break,
        }
    }
    String::from_utf8_lossy(&head).into_owned()
}

/// A host that answers every request so.
fn answering(port: u16, answer: String) -> Listening {
    Listening::start(port, move |mut stream: TcpStream| {
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        read_head(&mut stream);
        let _ = stream.write_all(answer.as_bytes());
    })
}

fn redirecting(port: u16, location: &str) -> Listening {
    answering(port, format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"))
}

fn page(text: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}", text.len())
}

/// A host that shakes hands, and answers a request so.
fn serving(port: u16, tls: TlsServer, answer: String) -> Listening {
    Listening::start(port, move |mut stream: TcpStream| {
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut connection = tls.connection();
        while connection.is_handshaking() && connection.complete_io(&mut stream).is_ok_and(|io| io != (0, 0)) {}
        let mut stream = rustls::Stream::new(&mut connection, &mut stream);
        if read_head(&mut stream).is_empty() {
            return;
        }
        let _ = stream.write_all(answer.as_bytes());
        stream.conn.send_close_notify();
        let _ = stream.flush();
    })
}

/// A self-signed certificate of another name with these dates.
fn worthless(key: &NativeKey, dates: [&[u8]; 2]) -> Vec<u8> {
    let dates = dates.map(|date| tlv(0x17, &[date])).concat();
    Shape { dates, proofs: Vec::new(), ..Shape::proper(&Identifier::dns("else.test").unwrap(), "") }.certificate(key)
}

const NOW: [&[u8]; 2] = [b"250101000000Z", b"350101000000Z"];
const PAST: [&[u8]; 2] = [b"200101000000Z", b"200102000000Z"];

fn web(key: &NativeKey, certificate: Vec<u8>, versions: &[&'static SupportedProtocolVersion]) -> TlsServer {
    TlsServer::new(certificate, key, versions, &["h2", "http/1.1"])
}

/// A web server with this suite only.
fn of_suite(key: &NativeKey, version: &'static SupportedProtocolVersion, suite: SupportedCipherSuite) -> TlsServer {
    let provider = CryptoProvider { cipher_suites: vec![suite], ..default_provider() };
    TlsServer::hardened(worthless(key, NOW), key, &[version], &["h2", "http/1.1"], provider)
}

/// A web server with secp384r1 only.
fn of_p384(key: &NativeKey, version: &'static SupportedProtocolVersion) -> TlsServer {
    let provider = CryptoProvider { kx_groups: vec![kx_group::SECP384R1], ..default_provider() };
    TlsServer::hardened(worthless(key, NOW), key, &[version], &["h2", "http/1.1"], provider)
}

/// tls-alpn-01's answer to a challenge.
fn alpn(name: &str, proof: &str) -> TlsServer {
    TlsServer::proper(&Identifier::dns(name).unwrap(), proof, &new_key(SigAlg::Es256))
}

#[test]
fn ipv4_is_used_when_ipv6_refuses_for_every_method_and_hop() {
    turns::apart("reach");
    let (_folder, server, wire) = start(&[]);
    for name in ["http.test", "tls.test", "hop.test"] {
        give_both(&server, name);
    }
    let (_, challenge) = order(&wire, "http.test", "http-01");
    let host = answering(server.http01, page(&proof(&wire, &challenge)));
    let seen = run(&wire, &challenge);
    assert_eq!(seen["status"], "valid", "{seen}");
    drop(host);
    let (_, challenge) = order(&wire, "tls.test", "tls-alpn-01");
    let host = serving(server.tls_alpn, alpn("tls.test", &proof(&wire, &challenge)), String::new());
    let seen = run(&wire, &challenge);
    assert_eq!(seen["status"], "valid", "{seen}");
    drop(host);
    // From one name to another, by http and by https.
    let (http01, tls) = (server.http01, server.tls_alpn);
    for (name, location) in
        [("a.test", format!("http://hop.test:{http01}/there")), ("b.test", format!("https://hop.test:{tls}/there"))]
    {
        let (_, challenge) = order(&wire, name, "http-01");
        let answer = page(&proof(&wire, &challenge));
        let key = new_key(SigAlg::Es256);
        let _tls = serving(tls, web(&key, worthless(&key, NOW), &[&TLS13]), answer.clone());
        let _host = Listening::start(http01, move |mut stream: TcpStream| {
            let head = read_head(&mut stream);
            let moved = format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n");
            let _ =
                stream.write_all(if head.starts_with("GET /there ") { answer.as_bytes() } else { moved.as_bytes() });
        });
        let seen = run(&wire, &challenge);
        assert_eq!(seen["status"], "valid", "{name}: {seen}");
    }
}

#[test]
fn late_hosts_are_reached_by_retry_for_every_method_and_hop() {
    turns::apart("reach");
    let (_folder, server, wire) = start(PATIENT);
    let refused = |seen: &Value| {
        assert_eq!(seen["status"], "processing", "{seen}");
        assert_eq!(seen["error"]["type"], "urn:ietf:params:acme:error:connection", "{seen}");
        let detail = seen["error"]["detail"].as_str().unwrap();
        assert!(detail.contains("could not connect (the connection was refused, or nothing leads there)"), "{detail}");
    };
    let (_, http) = order(&wire, "http.test", "http-01");
    refused(&begin(&wire, &http));
    let host = answering(server.http01, page(&proof(&wire, &http)));
    assert_eq!(outcome(&wire, &http)["status"], "valid");
    drop(host);
    let (_, tls) = order(&wire, "tls.test", "tls-alpn-01");
    refused(&begin(&wire, &tls));
    let host = serving(server.tls_alpn, alpn("tls.test", &proof(&wire, &tls)), String::new());
    assert_eq!(outcome(&wire, &tls)["status"], "valid");
    drop(host);
    let (_, hop) = order(&wire, "hop.test", "http-01");
    let _redirect = redirecting(server.http01, &format!("https://other.test:{}/there", server.tls_alpn));
    refused(&begin(&wire, &hop));
    let key = new_key(SigAlg::Es256);
    let _host = serving(server.tls_alpn, web(&key, worthless(&key, PAST), &[&TLS12]), page(&proof(&wire, &hop)));
    assert_eq!(outcome(&wire, &hop)["status"], "valid");
}

#[test]
fn refusing_filtered_and_forbidden_addresses_are_distinguished() {
    turns::apart("reach");
    let (_folder, server, wire) = start(&["--set", "VALIDATION_TRIES=1", "--set", "VALIDATION_SECONDS=2"]);
    for (name, kind) in [("refused.test", "http-01"), ("refused2.test", "tls-alpn-01")] {
        let (_, challenge) = order(&wire, name, kind);
        is_invalid(&run(&wire, &challenge), "connection", "127.0.0.1: could not connect (the connection was refused");
    }
    manage(&server, "add-a", json!({ "host": "forbidden.test", "addresses": ["169.254.169.254"] }));
    let (_, challenge) = order(&wire, "forbidden.test", "http-01");
    is_invalid(&run(&wire, &challenge), "connection", "does not connect to: 169.254.169.254 (a link-local address)");
    // A queue that is full: from then on the system does not answer who connects.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _entered = runtime.enter();
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 1], server.http01).into()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
        waiting.push(stream);
    }
    let (_, challenge) = order(&wire, "filtered.test", "http-01");
    is_invalid(&run(&wire, &challenge), "connection", "127.0.0.1: no connection in time");
}

#[test]
fn redirects_to_https_are_followed_with_any_certificate() {
    turns::apart("reach");
    let (_folder, server, wire) = start(&[]);
    let (http01, tls) = (server.http01, server.tls_alpn);
    let [p256, p384, rsa, ed25519] = [SigAlg::Es256, SigAlg::Es384, SigAlg::Rs256, SigAlg::Ed25519].map(new_key);
    let host = |name: &str| format!("https://{name}:{tls}/there");
    let mut cases = vec![
        ("self13.test", host("self13.test"), web(&p256, worthless(&p256, NOW), &[&TLS13])),
        ("self12.test", host("self12.test"), web(&p256, worthless(&p256, NOW), &[&TLS12])),
        ("expired13.test", host("expired13.test"), web(&p384, worthless(&p384, PAST), &[&TLS13])),
        ("expired12.test", host("elsewhere.test"), web(&rsa, worthless(&rsa, PAST), &[&TLS12])),
        ("rsa13.test", host("rsa13.test"), web(&rsa, worthless(&rsa, NOW), &[&TLS13])),
        ("ed25519.test", host("ed25519.test"), web(&ed25519, worthless(&ed25519, NOW), &[&TLS13])),
        ("address.test", host("127.0.0.1"), web(&p256, worthless(&p256, NOW), &[&TLS13])),
        ("aes13.test", host("aes13.test"), of_suite(&p256, &TLS13, suite::TLS13_AES_256_GCM_SHA384)),
        ("ecdsa.test", host("ecdsa.test"), of_suite(&p256, &TLS12, suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384)),
        ("rsa.test", host("rsa.test"), of_suite(&rsa, &TLS12, suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384)),
        ("group13.test", host("group13.test"), of_p384(&p256, &TLS13)),
        ("group12.test", host("group12.test"), of_p384(&rsa, &TLS12)),
    ];
    // What this very CA issued for the name, as at a renewal.
    let (_, ready) = wire.ready_order("renewed.test", http01);
    let csr = CsrShape::dns(&["renewed.test"]).build(&p256);
    let finalized = body(&wire.post(ready["finalize"].as_str().unwrap(), Some(json!({ "csr": b64::encode(&csr) }))));
    let chain = wire.post(finalized["certificate"].as_str().unwrap(), None);
    let own = pem::read_certificates(chain.body()).unwrap().remove(0);
    cases.push(("www.renewed.test", host("renewed.test"), web(&p256, own, &[&TLS12, &TLS13])));
    for (name, location, server) in cases {
        let (_, challenge) = order(&wire, name, "http-01");
        let _redirect = redirecting(http01, &location);
        let _host = serving(tls, server.clone(), page(&proof(&wire, &challenge)));
        let seen = run(&wire, &challenge);
        assert_eq!(seen["status"], "valid", "{name}: {seen}");
        let sent = server.hellos()[0].name.clone();
        let named = location.trim_start_matches("https://").split(':').next().filter(|name| *name != "127.0.0.1");
        assert_eq!(sent.as_deref(), named, "RFC 6066 section 3");
    }
}

#[test]
fn hosts_with_wrong_protocol_get_specific_errors() {
    turns::apart("reach");
    let (_folder, server, wire) = start(&["--set", "VALIDATION_TRIES=1"]);
    let (http01, tls) = (server.http01, server.tls_alpn);
    let key = new_key(SigAlg::Es256);
    let certificate = || worthless(&key, NOW);
    for (n, (server, words)) in [
        (TlsServer::new(certificate(), &key, &[&TLS13], &["h2"]), "it refused the protocol that was offered by ALPN"),
        (TlsServer::demanding(certificate(), &key, &[&TLS12], &["http/1.1"]), "it asked for a client certificate"),
        (TlsServer::demanding(certificate(), &key, &[&TLS13], &["http/1.1"]), "it asked for a client certificate"),
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("n{n}.test");
        let (_, challenge) = order(&wire, &name, "http-01");
        let _redirect = redirecting(http01, &format!("https://{name}:{tls}/there"));
        let _host = serving(tls, server, String::new());
        is_invalid(&run(&wire, &challenge), "tls", words);
    }
    let (_, challenge) = order(&wire, "wants.test", "tls-alpn-01");
    let demanding = TlsServer::demanding(certificate(), &key, &[&TLS12], &["acme-tls/1"]);
    let host = serving(tls, demanding, String::new());
    is_invalid(&run(&wire, &challenge), "tls", "it asked for a client certificate");
    drop(host);
    // A server of HTTP/2 only sends its settings and waits for a preface that does not come.
    let (_, challenge) = order(&wire, "h2.test", "http-01");
    let host = Listening::start(http01, |mut stream: TcpStream| {
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let _ = stream.write_all(&[0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 128]);
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let asked = Instant::now();
    is_invalid(&run(&wire, &challenge), "incorrectResponse", "answered in HTTP/2, but HTTP/1.1 is asked for");
    assert!(asked.elapsed() < Duration::from_secs(4), "not when the time is over: {:?}", asked.elapsed());
    drop(host);
    // What another host says is not shown.
    let (_, challenge) = order(&wire, "leaks.test", "http-01");
    let _host = Listening::start(http01, move |mut stream: TcpStream| {
        let moved =
            format!("HTTP/1.1 302 Found\r\nLocation: http://inside.test:{http01}/private\r\nContent-Length: 0\r\n\r\n");
        let answer = if read_head(&mut stream).contains("inside.test") { page("s3cret") } else { moved };
        let _ = stream.write_all(answer.as_bytes());
    });
    let seen = run(&wire, &challenge);
    is_invalid(&seen, "unauthorized", "but contains something else");
    assert!(!seen.to_string().contains("s3cret"), "{seen}");
}

#[test]
fn resolver_is_reached_when_private_addresses_are_forbidden() {
    turns::apart("reach");
    let (_folder, server, wire) = start(&["--set", "ALLOW_PRIVATE=false"]);
    let (_, challenge) = order(&wire, "dns.test", "dns-01");
    let digest = selvedge::validation::challenges::dns01::expected(&proof(&wire, &challenge));
    manage(&server, "set-txt", json!({ "host": "_acme-challenge.dns.test", "value": digest }));
    let seen = run(&wire, &challenge);
    assert_eq!(seen["status"], "valid", "{seen}");
    let (_, challenge) = order(&wire, "http.test", "http-01");
    let _host = answering(server.http01, page(&proof(&wire, &challenge)));
    is_invalid(&run(&wire, &challenge), "connection", "does not connect to: 127.0.0.1 (a loopback address)");
}
