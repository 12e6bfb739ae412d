//! `pebble-challtestsrv`: each of its 24 operations, its servers and its defaults.

use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::program::{Answer, Program, agent, answered};

struct Server {
    program: Program,
    _folder: TempDir,
}

const ANYWHERE: [&str; 12] = [
    "-http01",
    "127.0.0.1:0",
    "-https01",
    "127.0.0.1:0",
    "-tlsalpn01",
    "127.0.0.1:0",
    "-dnsserver",
    "127.0.0.1:0",
    "-doh",
    "127.0.0.1:0",
    "-management",
    "127.0.0.1:0",
];

impl Server {
    fn start(more: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let arguments: Vec<&str> = ANYWHERE.iter().chain(more).copied().collect();
        Self { program: Program::start(folder.path(), "pebble-challtestsrv", &arguments, &[]), _folder: folder }
    }

    fn at(&self, scheme: &str, name: &str, path: &str) -> String {
        format!("{scheme}://127.0.0.1:{}{path}", self.program.port(name))
    }

    /// Does an operation; gives the answer's body.
    fn done(&self, operation: &str, body: Value) -> String {
        let answer = self.asked(operation, &body.to_string());
        assert_eq!(answer.status, 200, "{operation}: {}", answer.text());
        answer.text()
    }

    fn asked(&self, operation: &str, body: &str) -> Answer {
        answered(agent().post(self.at("http", "management", &format!("/{operation}"))).send(body))
    }

    fn history(&self, operation: &str, host: &str) -> Value {
        serde_json::from_str(&self.done(operation, json!({ "host": host }))).unwrap()
    }

    fn udp(&self, query: &[u8]) -> Vec<u8> {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        socket.send_to(query, ("127.0.0.1", self.program.port("dnsserver"))).unwrap();
        let mut buffer = [0; 65_535];
        let length = socket.recv(&mut buffer).unwrap();
        buffer[..length].to_vec()
    }

    fn tcp(&self, queries: &[Vec<u8>]) -> Vec<Vec<u8>> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.program.port("dnsserver"))).unwrap();
        let mut answers = Vec::new();
        for query in queries {
            stream.write_all(&(query.len() as u16).to_be_bytes()).unwrap();
            stream.write_all(query).unwrap();
            let mut length = [0; 2];
            stream.read_exact(&mut length).unwrap();
            let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
            stream.read_exact(&mut answer).unwrap();
            answers.push(answer);
        }
        answers
    }

    fn doh(&self, query: &[u8]) -> Answer {
        answered(agent().post(self.at("https", "doh", "/dns-query")).header("User-Agent", "a test").send(query))
    }

    /// The code and the records of a name.
    fn look_up(&self, name: &str, kind: RecordType) -> (ResponseCode, Vec<String>) {
        let message = Message::from_vec(&self.udp(&query(name, kind))).unwrap();
        let shown = |data: &RData| match data {
            RData::TXT(txt) => String::from_utf8(txt.txt_data.concat()).unwrap(),
            RData::CAA(caa) => format!("{} {}", caa.tag, String::from_utf8(caa.value.clone()).unwrap()),
            other => other.to_string(),
        };
        (message.metadata.response_code, message.answers.iter().map(|record| shown(&record.data)).collect())
    }

    fn records(&self, name: &str, kind: RecordType) -> Vec<String> {
        let (code, records) = self.look_up(name, kind);
        assert_eq!(code, ResponseCode::NoError);
        records
    }
}

fn query(name: &str, kind: RecordType) -> Vec<u8> {
    let mut message = Message::new(7, MessageType::Query, OpCode::Query);
    message.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
    message.to_vec().unwrap()
}

#[test]
fn records_of_names_are_set_and_cleared() {
    let server = Server::start(&[]);
    let (a, aaaa, txt, caa) = (RecordType::A, RecordType::AAAA, RecordType::TXT, RecordType::CAA);
    assert_eq!(server.records("any.example.org.", a), ["127.0.0.1"]);
    assert_eq!(server.records("any.example.org.", aaaa), ["::1"]);
    for (set, name, body, kind, records) in [
        ("set-txt", "clear-txt", json!({ "host": "_acme-challenge.a.test.", "value": "one" }), txt, vec!["one"]),
        ("set-txt", "clear-txt", json!({ "HOST": "_acme-challenge.a.test", "Value": "two" }), txt, vec!["one", "two"]),
        (
            "add-a",
            "clear-a",
            json!({ "host": "a.test", "addresses": ["192.0.2.1", "192.0.2.2"] }),
            a,
            vec!["192.0.2.1", "192.0.2.2"],
        ),
        (
            "add-aaaa",
            "clear-aaaa",
            json!({ "host": "a.test", "addresses": ["2001:db8::1"] }),
            aaaa,
            vec!["2001:db8::1"],
        ),
        (
            "add-caa",
            "clear-caa",
            json!({ "host": "a.test", "policies": [{ "Tag": "issue", "value": "ca.test" }] }),
            caa,
            vec!["issue ca.test"],
        ),
        (
            "set-cname",
            "clear-cname",
            json!({ "host": "b.test", "target": "a.test" }),
            a,
            vec!["a.test.", "192.0.2.1", "192.0.2.2"],
        ),
    ] {
        assert_eq!(server.done(set, body.clone()), "");
        let host = body["host"].as_str().or(body["HOST"].as_str()).unwrap();
        let host = format!("{}.", host.trim_end_matches('.'));
        assert_eq!(server.records(&host, kind), records, "{set} ({name})");
    }
    assert_eq!(server.done("set-servfail", json!({ "host": "c.test" })), "");
    assert_eq!(server.look_up("c.test.", a).0, ResponseCode::ServFail);
    for clear in ["clear-servfail", "clear-cname", "clear-a", "clear-aaaa", "clear-caa", "clear-txt"] {
        for host in ["a.test", "b.test", "c.test", "_acme-challenge.a.test"] {
            assert_eq!(server.done(clear, json!({ "host": host })), "");
        }
    }
    for (name, kind, records) in [
        ("a.test.", a, &["127.0.0.1"][..]),
        ("a.test.", aaaa, &["::1"]),
        ("b.test.", a, &["127.0.0.1"]),
        ("c.test.", a, &["127.0.0.1"]),
        ("a.test.", caa, &[]),
        ("_acme-challenge.a.test.", txt, &[]),
    ] {
        assert_eq!(server.records(name, kind), records, "{name}");
    }
    assert_eq!(server.look_up("a.test.", RecordType::MX).0, ResponseCode::NotImp);
}

#[test]
fn default_addresses_are_changed_and_ended() {
    let server = Server::start(&["-defaultIPv6", "", "-defaultIPv4=192.0.2.9"]);
    let addresses = || (server.records("a.test.", RecordType::A), server.records("a.test.", RecordType::AAAA));
    let of = |v4: &[&str], v6: &[&str]| {
        let owned = |list: &[&str]| list.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
        (owned(v4), owned(v6))
    };
    assert_eq!(addresses(), of(&["192.0.2.9"], &[]));
    server.done("set-default-ipv4", json!({ "ip": "" }));
    server.done("set-default-ipv6", json!({ "ip": "2001:db8::9" }));
    assert_eq!(addresses(), of(&[], &["2001:db8::9"]));
    assert_eq!(server.asked("set-default-ipv4", r#"{"ip":"::1"}"#).status, 400);
}

#[test]
fn dns_is_answered_by_every_transport_and_noted() {
    let server = Server::start(&[]);
    let long = "x".repeat(700);
    server.done("set-txt", json!({ "host": "_acme-challenge.a.test", "value": long }));
    let asked = query("_acme-challenge.a.test.", RecordType::TXT);
    let value = |answer: &[u8]| match &Message::from_vec(answer).unwrap().answers[0].data {
        RData::TXT(txt) => String::from_utf8(txt.txt_data.concat()).unwrap(),
        other => panic!("{other:?}"),
    };
    assert!(Message::from_vec(&server.udp(&asked)).unwrap().metadata.truncation, "512 bytes by UDP");
    assert_eq!(
        server.tcp(&[asked.clone(), asked.clone()]).iter().map(|one| value(one)).collect::<Vec<_>>(),
        [long.clone(), long.clone()]
    );
    let doh = server.doh(&asked);
    assert_eq!((doh.status, doh.header("content-type")), (200, Some("application/dns-message")));
    assert_eq!(value(&doh.body), long);
    assert_eq!(server.doh(b"nothing").status, 400);
    assert_eq!(answered(agent().get(server.at("https", "doh", "/dns-query")).call()).status, 405);
    let seen = server.history("dns-request-history", "_acme-challenge.a.test");
    let question = json!({ "Name": "_acme-challenge.a.test.", "Qtype": 16, "Qclass": 1 });
    let event = |agent: &str| json!({ "Question": question, "UserAgent": agent });
    assert_eq!(seen, json!([event(""), event(""), event(""), event("a test")]));
    server.done("clear-request-history", json!({ "host": "_acme-challenge.a.test", "type": "dns" }));
    assert_eq!(server.history("dns-request-history", "_acme-challenge.a.test"), json!([]));
}

#[test]
fn http_challenges_and_redirects_are_answered_and_noted() {
    let server = Server::start(&[]);
    let path = "/.well-known/acme-challenge/tok";
    let get = |scheme: &str, name: &str, path: &str| {
        let request = agent().get(server.at(scheme, name, path)).header("Host", "a.test:5002");
        answered(request.header("User-Agent", "a test").call())
    };
    server.done("add-http01", json!({ "token": "tok", "content": "tok.thumb" }));
    assert_eq!((get("http", "http01", path).status, get("http", "http01", path).text()), (200, "tok.thumb".into()));
    assert_eq!(get("https", "https01", path).text(), "tok.thumb");
    server.done("add-redirect", json!({ "path": path, "targetURL": "https://a.test:5003/there" }));
    let moved = get("http", "http01", path);
    assert_eq!((moved.status, moved.header("location")), (302, Some("https://a.test:5003/there")));
    assert_eq!(get("https", "https01", path).text(), "tok.thumb", "no redirect by https");
    server.done("del-redirect", json!({ "path": path }));
    server.done("del-http01", json!({ "token": "tok" }));
    let nothing = get("http", "http01", &format!("{path}?q"));
    assert_eq!((nothing.status, nothing.text()), (200, String::new()));
    let seen = server.history("http-request-history", "a.test");
    let seen = seen.as_array().unwrap();
    let event = |url: &str, https: bool| json!({ "URL": url, "Host": "a.test:5002", "HTTPS": https, "ServerName": "", "UserAgent": "a test" });
    assert_eq!((seen.len(), &seen[0], &seen[2]), (6, &event(path, false), &event(path, true)));
    assert_eq!(seen[5], event(&format!("{path}?q"), false));
    server.done("clear-request-history", json!({ "host": "a.test", "type": "http" }));
    assert_eq!(server.history("http-request-history", "a.test"), json!([]));
}

/// Takes any certificate.
#[derive(Debug)]
struct Anything;

impl ServerCertVerifier for Anything {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}

/// The certificate that is presented for a name and protocol; `None` when the handshake fails.
fn handshake(port: u16, name: &str, protocol: &str) -> Option<Vec<u8>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = config.dangerous().with_custom_certificate_verifier(Arc::new(Anything)).with_no_client_auth();
    config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    while connection.is_handshaking() {
        connection.complete_io(&mut stream).ok()?;
    }
    assert_eq!(connection.alpn_protocol(), Some(protocol.as_bytes()));
    Some(connection.peer_certificates()?.first()?.to_vec())
}

#[test]
fn tls_alpn_challenges_are_answered_and_noted() {
    use sha2::{Digest, Sha256};
    let server = Server::start(&[]);
    let port = server.program.port("tlsalpn01");
    assert_eq!(handshake(port, "a.test", "acme-tls/1"), None);
    server.done("add-tlsalpn01", json!({ "host": "a.test", "content": "tok.thumb" }));
    assert_eq!(handshake(port, "a.test", "h2"), None);
    let certificate = handshake(port, "a.test", "acme-tls/1").unwrap();
    let digest = Sha256::digest("tok.thumb");
    assert!(certificate.windows(32).any(|window| window == &digest[..]));
    server.done("del-tlsalpn01", json!({ "host": "a.test" }));
    assert_eq!(handshake(port, "a.test", "acme-tls/1"), None);
    let event = |protocol: &str| json!({ "ServerName": "a.test", "SupportedProtos": [protocol] });
    let (acme, other) = (event("acme-tls/1"), event("h2"));
    assert_eq!(server.history("tlsalpn01-request-history", "a.test"), json!([acme, other, acme, acme]));
    server.done("clear-request-history", json!({ "host": "a.test", "type": "tlsalpn" }));
    assert_eq!(server.history("tlsalpn01-request-history", "a.test"), json!([]));
}

#[test]
fn malformed_requests_are_refused() {
    let server = Server::start(&[]);
    for (operation, body) in [
        ("set-txt", "{}"),
        ("set-txt", ""),
        ("add-a", r#"{"host":"a.test","addresses":[]}"#),
        ("add-caa", r#"{"host":"a.test","policies":[]}"#),
        ("set-cname", r#"{"host":"a.test"}"#),
        ("add-http01", r#"{"token":"a"}"#),
        ("add-http01", r#"{"token":"","content":"b"}"#),
        ("add-redirect", r#"{"path":"/a"}"#),
        ("add-tlsalpn01", r#"{"host":"a.test"}"#),
        ("del-tlsalpn01", r#"{"host":""}"#),
        ("clear-request-history", r#"{"host":"a.test","type":"smtp"}"#),
        ("http-request-history", "{}"),
        ("set-default-ipv4", "{}"),
    ] {
        let answer = server.asked(operation, body);
        assert_eq!(answer.status, 400, "{operation} {body}: {}", answer.text());
        assert!(answer.text().starts_with(&format!("/{operation} ")), "{}", answer.text());
    }
    let unknown = server.asked("set-everything", "{}");
    assert!(unknown.status == 404 && unknown.text().contains("add-tlsalpn01"), "{}", unknown.text());
    assert_eq!(answered(agent().get(server.at("http", "management", "/health")).call()).status, 200);
}
