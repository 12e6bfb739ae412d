//! End to end: tls-alpn-01 by the wasm on workerd, against rustls as the host.

use crate::common::listening::Listening;
use crate::common::server::Server;
use crate::common::wire::{Wire, body};
use rustls::SupportedProtocolVersion;
use rustls::version::{TLS12, TLS13};
use selvedge::ca::testing::{CsrShape, new_key};
use selvedge::jose::key_authorization;
use selvedge::pki::pem;
use selvedge::validation::testing::{Shape, TlsServer};
use selvedge::values::native_crypto::NativeKey;
use selvedge::values::{Identifier, SigAlg, b64};
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

/// What a host does with each connection.
enum Host {
    Tls(TlsServer),
    /// Sends this.
    Says(&'static [u8]),
}

/// A host for tls-alpn-01 until dropped; gives the data that clients sent after the handshake.
struct Serving {
    data: Receiver<Vec<u8>>,
    _host: Listening,
}

impl Serving {
    fn start(port: u16, host: Host) -> Self {
        let (sender, data) = channel();
        let serve = move |mut stream: TcpStream| {
            stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
            let mut data = Vec::new();
            match &host {
                Host::Says(bytes) => drop(stream.write_all(bytes)),
                Host::Tls(server) => {
                    let mut connection = server.connection();
                    while connection.is_handshaking()
                        && connection.complete_io(&mut stream).is_ok_and(|io| io != (0, 0))
                    {}
                    let _ = rustls::Stream::new(&mut connection, &mut stream).read_to_end(&mut data);
                }
            }
            // Not every test looks.
            let _ = sender.send(data);
        };
        Self { data, _host: Listening::start(port, serve) }
    }
}

fn order(wire: &Wire, identifier: &Identifier) -> Value {
    let wanted = json!({ "identifiers": [identifier] });
    let placed = wire.post(&wire.url("/acme/new-order"), Some(wanted));
    assert_eq!(placed.status(), 201, "{}", placed.body());
    body(&placed)
}

fn challenge(wire: &Wire, order: &Value) -> Value {
    let authorization = body(&wire.post(order["authorizations"][0].as_str().unwrap(), None));
    let challenges = authorization["challenges"].as_array().unwrap();
    challenges.iter().find(|c| c["type"] == "tls-alpn-01").expect("it is offered").clone()
}

/// Answers a challenge and waits for the outcome, or for the first error.
fn answer(wire: &Wire, challenge: &Value) -> Value {
    let url = challenge["url"].as_str().unwrap();
    let mut seen = body(&wire.post(url, Some(json!({}))));
    while seen["status"] == "processing" && seen.get("error").is_none() {
        thread::sleep(Duration::from_millis(100));
        seen = body(&wire.post(url, None));
    }
    seen
}

fn proof(wire: &Wire, challenge: &Value) -> String {
    key_authorization(challenge["token"].as_str().unwrap(), &wire.key.thumbprint())
}

fn finalize(wire: &Wire, order: &Value, csr: &CsrShape) {
    let csr = b64::encode(&csr.build(&new_key(SigAlg::Es256)));
    let finalized = body(&wire.post(order["finalize"].as_str().unwrap(), Some(json!({ "csr": csr }))));
    assert_eq!(finalized["status"], "valid", "{finalized}");
    let chain = wire.post(finalized["certificate"].as_str().unwrap(), None);
    assert_eq!(pem::read_certificates(chain.body()).unwrap().len(), 2);
}

fn start() -> (tempfile::TempDir, Server, Wire) {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), 0);
    let mut wire = Wire::new(server.fact("directory"), server.fact("root"));
    wire.register();
    (folder, server, wire)
}

#[test]
fn rfc8737_rfc8738_every_key_type_and_tls_version_on_workerd() {
    let (_folder, server, wire) = start();
    let versions: [(&str, &[&'static SupportedProtocolVersion]); 2] = [("12", &[&TLS12]), ("13", &[&TLS13])];
    for alg in [SigAlg::Es256, SigAlg::Es384, SigAlg::Rs256, SigAlg::Ed25519] {
        let key = new_key(alg);
        for (version, versions) in versions {
            let name = format!("v{version}.{}.test", format!("{alg:?}").to_lowercase());
            let identifier = Identifier::dns(&name).unwrap();
            let placed = order(&wire, &identifier);
            let challenge = challenge(&wire, &placed);
            let certificate = Shape::proper(&identifier, &proof(&wire, &challenge)).certificate(&key);
            let tls = TlsServer::new(certificate, &key, versions, &["acme-tls/1"]);
            let host = Serving::start(server.tls_alpn, Host::Tls(tls.clone()));
            let seen = answer(&wire, &challenge);
            assert_eq!(seen["status"], "valid", "{name}: {seen}");
            assert_eq!(tls.hellos()[0].name.as_deref(), Some(name.as_str()));
            assert_eq!(tls.hellos()[0].protocols, ["acme-tls/1"]);
            assert_eq!(host.data.recv_timeout(Duration::from_secs(10)).unwrap(), b"", "no data after the handshake");
            finalize(&wire, &placed, &CsrShape::dns(&[&name]));
        }
    }
}

#[test]
fn rfc8738_address_validates_on_workerd() {
    let (_folder, server, wire) = start();
    let identifier = Identifier::ip("127.0.0.1").unwrap();
    let placed = order(&wire, &identifier);
    let challenge = challenge(&wire, &placed);
    let tls = TlsServer::proper(&identifier, &proof(&wire, &challenge), &new_key(SigAlg::Es256));
    let _host = Serving::start(server.tls_alpn, Host::Tls(tls.clone()));
    let seen = answer(&wire, &challenge);
    assert_eq!(seen["status"], "valid", "{seen}");
    assert_eq!(tls.hellos()[0].name.as_deref(), Some("1.0.0.127.in-addr.arpa"));
}

#[test]
fn rfc8737_invalid_responses_fail_on_workerd() {
    let (_folder, server, wire) = start();
    let key = new_key(SigAlg::Es256);
    let tls = |certificate: Vec<u8>, key: &NativeKey, protocol: &str| {
        Host::Tls(TlsServer::new(certificate, key, &[&TLS12, &TLS13], &[protocol]))
    };
    type Make<'a> = &'a dyn Fn(&Identifier, &str) -> Host;
    let cases: [(&str, Make<'_>, &str, &str); 7] = [
        (
            "digest",
            &|name, _| tls(Shape::proper(name, "other").certificate(&key), &key, "acme-tls/1"),
            "unauthorized",
            "has the acmeIdentifier",
        ),
        (
            "loose",
            &|name, proof| {
                let mut shape = Shape::proper(name, proof);
                shape.proofs[0].0 = false;
                tls(shape.certificate(&key), &key, "acme-tls/1")
            },
            "unauthorized",
            "is not critical",
        ),
        (
            "stolen",
            &|name, proof| tls(Shape::proper(name, proof).certificate(&key), &new_key(SigAlg::Es256), "acme-tls/1"),
            "tls",
            "did not prove to have the key",
        ),
        (
            "forged",
            &|name, proof| {
                let certificate = Shape::proper(name, proof).signed_by(&key, &new_key(SigAlg::Es256));
                tls(certificate, &key, "acme-tls/1")
            },
            "unauthorized",
            "is not self-signed",
        ),
        (
            "alpn",
            &|name, proof| tls(Shape::proper(name, proof).certificate(&key), &key, "http/1.1"),
            "tls",
            "refused the protocol",
        ),
        ("ssh", &|_, _| Host::Says(b"SSH-2.0-x\r\n"), "tls", "no TLS handshake"),
        ("closes", &|_, _| Host::Says(b""), "", "127.0.0.1"),
    ];
    for (case, make, kind, words) in cases {
        let identifier = Identifier::dns(&format!("{case}.test")).unwrap();
        let placed = order(&wire, &identifier);
        let challenge = challenge(&wire, &placed);
        let _host = Serving::start(server.tls_alpn, make(&identifier, &proof(&wire, &challenge)));
        let seen = answer(&wire, &challenge);
        let error = &seen["error"];
        assert!(error["type"].as_str().unwrap().ends_with(&format!(":{kind}")) || kind.is_empty(), "{case}: {seen}");
        assert!(error["detail"].as_str().unwrap().contains(words), "{case}: {seen}");
    }
    let nobody = order(&wire, &Identifier::dns("nobody.test").unwrap());
    let seen = answer(&wire, &challenge(&wire, &nobody));
    assert_eq!(seen["error"]["type"], "urn:ietf:params:acme:error:connection", "{seen}");
}
