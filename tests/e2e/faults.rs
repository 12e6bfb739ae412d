//! End to end: broken and endless networks on workerd.
//!
//! A challenge ends invalid with the right problem after a few attempts, and meanwhile another account gets its
//! certificate from the same server.

use crate::common::listening::Listening;
use crate::common::server::{Server, free_port};
use crate::common::wire::{Wire, body};
use selvedge::ca::testing::{CsrShape, new_key};
use selvedge::jose::key_authorization;
use selvedge::values::{SigAlg, b64};
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;
use x509_cert::ext::pkix::name::GeneralName;

/// What the host `good.test` serves, whatever it is asked for.
type Proof = Arc<Mutex<String>>;

fn client(server: &Server) -> Wire {
    let mut wire = Wire::new(server.fact("directory"), server.fact("root"));
    wire.register();
    wire
}

fn order(wire: &Wire, kind: &str, value: &str) -> Value {
    let wanted = json!({ "identifiers": [{ "type": kind, "value": value }] });
    let placed = wire.post(&wire.url("/acme/new-order"), Some(wanted));
    assert_eq!(placed.status(), 201, "{}", placed.body());
    body(&placed)
}

/// Orders a name and answers its http-01 challenge; gives its URL.
fn begin(wire: &Wire, name: &str) -> String {
    let placed = order(wire, "dns", name);
    let url = wire.challenge(placed["authorizations"][0].as_str().unwrap())["url"].as_str().unwrap().to_owned();
    wire.post(&url, Some(json!({})));
    url
}

/// Waits until a challenge is decided.
fn outcome(wire: &Wire, url: &str) -> Value {
    loop {
        let seen = body(&wire.post(url, None));
        if seen["status"] != "processing" {
            return seen;
        }
        thread::sleep(Duration::from_millis(250));
    }
}

/// The challenge is invalid for this reason.
fn is_invalid(wire: &Wire, url: &str, kind: &str, words: &str) {
    let seen = outcome(wire, url);
    assert_eq!(seen["status"], "invalid", "{seen}");
    assert_eq!(seen["error"]["type"], format!("urn:ietf:params:acme:error:{kind}"), "{seen}");
    assert!(seen["error"]["detail"].as_str().unwrap().contains(words), "{words:?} in {seen}");
}

/// A certificate for an order whose names are proven.
fn finalize(wire: &Wire, order: &Value, csr: &CsrShape) {
    let csr = b64::encode(&csr.build(&new_key(SigAlg::Es256)));
    let mut finalized = body(&wire.post(order["finalize"].as_str().unwrap(), Some(json!({ "csr": csr }))));
    assert_eq!(finalized["status"], "valid", "{finalized}");
    let chain = wire.post(finalized["certificate"].take().as_str().unwrap(), None);
    assert!(chain.body().starts_with("-----BEGIN CERTIFICATE-----\n"), "{}", chain.body());
}

/// Does with a connection what the host that it asks for does.
fn act(mut stream: TcpStream, port: u16, proof: &Proof) -> std::io::Result<()> {
    let mut request = Vec::new();
    let mut chunk = [0; 1024];
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read(&mut chunk)? {
            0 => return Ok(()),
            read => request.extend_from_slice(&chunk[..read]),
        }
    }
    let text = String::from_utf8_lossy(&request).to_ascii_lowercase();
    let asks_for = |host: &str| text.contains(&format!("\r\nhost: {host}:{port}\r\n"));
    if asks_for("hang.test") {
        // Until the peer goes away.
        return stream.read(&mut chunk).map(drop);
    }
    if asks_for("endless.test") {
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
        loop {
            stream.write_all(&[b'x'; 4096])?;
        }
    }
    if asks_for("headers.test") {
        stream.write_all(b"HTTP/1.1 200 OK\r\n")?;
        loop {
            stream.write_all(b"X-More: and more\r\n")?;
        }
    }
    if asks_for("circle.test") {
        let next = if text.starts_with("get /b ") { "a" } else { "b" };
        let head = format!("HTTP/1.1 302 Found\r\nLocation: http://circle.test:{port}/{next}\r\n");
        return write!(stream, "{head}Content-Length: 0\r\nConnection: close\r\n\r\n");
    }
    let proof = proof.lock().unwrap().clone();
    write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{proof}", proof.len())
}

#[test]
fn endless_or_looping_hosts_fail_only_their_challenges() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), 0);
    let (proof, port) = (Proof::default(), server.http01);
    let shown = Arc::clone(&proof);
    let _hosts = Listening::start(port, move |stream| {
        let shown = Arc::clone(&shown);
        // Whose peer goes away has nothing more to say.
        thread::spawn(move || drop(act(stream, port, &shown)));
    });
    let (unlucky, lucky) = (client(&server), client(&server));
    let hanging = begin(&unlucky, "hang.test");
    let others = ["endless.test", "headers.test", "circle.test"].map(|name| begin(&unlucky, name));
    for round in 0..3 {
        let name = format!("good{round}.test");
        let placed = order(&lucky, "dns", &name);
        let challenge = lucky.challenge(placed["authorizations"][0].as_str().unwrap());
        *proof.lock().unwrap() = key_authorization(challenge["token"].as_str().unwrap(), &lucky.key.thumbprint());
        let url = challenge["url"].as_str().unwrap();
        lucky.post(url, Some(json!({})));
        assert_eq!(outcome(&lucky, url)["status"], "valid");
        finalize(&lucky, &placed, &CsrShape::dns(&[&name]));
    }
    assert_eq!(body(&unlucky.post(&hanging, None))["status"], "processing", "all that while it hangs");
    is_invalid(&unlucky, &others[0], "incorrectResponse", "a body of more than 131072 bytes");
    is_invalid(&unlucky, &others[1], "incorrectResponse", "headers of more than 16384 bytes");
    is_invalid(&unlucky, &others[2], "incorrectResponse", "redirects in a circle");
    is_invalid(&unlucky, &hanging, "connection", "no complete answer in time");
}

/// A name fails with this resolver, while an address, which needs no lookup, is issued.
fn fails_through(resolver: u16, words: &str) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("http://127.0.0.1:{resolver}/dns-query");
    let server = Server::start_with(folder.path(), 0, &["--resolver", &url]);
    let (unlucky, lucky) = (client(&server), client(&server));
    let lost = begin(&unlucky, "a.test");
    let placed = order(&lucky, "ip", "127.0.0.1");
    let challenge = lucky.challenge(placed["authorizations"][0].as_str().unwrap());
    let _host = lucky.serve(server.http01, &challenge);
    lucky.post(challenge["url"].as_str().unwrap(), Some(json!({})));
    assert_eq!(outcome(&lucky, challenge["url"].as_str().unwrap())["status"], "valid");
    let address = GeneralName::IpAddress(der::asn1::OctetString::new([127, 0, 0, 1]).unwrap());
    finalize(&lucky, &placed, &CsrShape { names: vec![address], ..CsrShape::default() });
    assert_eq!(body(&unlucky.post(&lost, None))["status"], "processing", "it is tried again");
    is_invalid(&unlucky, &lost, "dns", words);
}

#[test]
fn unreachable_resolvers_fail_only_dependent_challenges() {
    let port = free_port();
    let _silent = Listening::start(port, |mut stream| {
        thread::spawn(move || {
            let mut chunk = [0; 4096];
            while stream.read(&mut chunk).is_ok_and(|read| read > 0) {}
        });
    });
    thread::scope(|scope| {
        scope.spawn(|| fails_through(free_port(), "the DNS resolver did not answer"));
        fails_through(port, "no complete answer in time");
    });
}

/// A validation that crashes its machine is retried after each restart and abandoned after six.
#[test]
fn validation_that_kills_its_machine_is_abandoned() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(folder.path(), 0);
    let wire = client(&server);
    let placed = order(&wire, "dns", "a.test");
    let challenge = wire.challenge(placed["authorizations"][0].as_str().unwrap());
    let url = challenge["url"].as_str().unwrap().to_owned();
    let mut begun = 0;
    loop {
        let (arrived, arrives) = std::sync::mpsc::channel();
        let _host = Listening::start(server.http01, move |stream| {
            // One that is kept open says nothing.
            let _ = arrived.send(stream);
        });
        let answer = if begun == 0 { Some(json!({})) } else { None };
        wire.forget_nonce();
        let mut seen = body(&wire.post(&url, answer));
        let mut connection = arrives.try_recv().ok();
        for _ in 0..100 {
            if connection.is_some() || seen["status"] != "processing" {
                break;
            }
            connection = arrives.recv_timeout(Duration::from_millis(200)).ok();
            seen = body(&wire.post(&url, None));
        }
        if seen["status"] != "processing" {
            assert_eq!(seen["status"], "invalid", "{seen}");
            assert_eq!(seen["error"]["type"], "urn:ietf:params:acme:error:serverInternal", "{seen}");
            break;
        }
        assert!(connection.is_some(), "nothing is tried after restart {begun}: {seen}");
        begun += 1;
        assert!(begun <= 6, "it comes back for ever");
        server = server.crash();
    }
    assert_eq!(begun, 6, "three tries, and as many again for those that came to no end");
}
