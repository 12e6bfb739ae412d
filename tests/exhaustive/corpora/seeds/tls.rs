//! What hosts answer that are asked for tls-alpn-01.

use selvedge::ca::testing::new_key;
use selvedge::validation::testing::{Shape, TlsServer, tlv};
use selvedge::validation::tls::handshake::Handshake;
use selvedge::validation::tls::session::{Peer, Session};
use selvedge::values::{Identifier, SigAlg, Time};

/// Certificates for tls-alpn-01.
pub fn certificates() -> Vec<(&'static str, Vec<u8>)> {
    let key = new_key(SigAlg::Es256);
    let name = Identifier::dns("a.test").unwrap();
    let good = || Shape::proper(&name, "t.k");
    let none = Shape { proofs: Vec::new(), ..good() };
    let loose = Shape { proofs: vec![(false, good().proofs[0].1.clone())], ..good() };
    let names = Shape { names: vec![(2, b"a.test".to_vec()), (6, b"b".to_vec()), (7, vec![1; 5])], ..good() };
    let address = Shape::proper(&Identifier::ip("192.0.2.1").unwrap(), "t.k");
    vec![
        ("good", good().certificate(&key)),
        ("rsa", good().certificate(&new_key(SigAlg::Rs256))),
        ("other", Shape::proper(&name, "t.x").certificate(&key)),
        ("no_extension", none.certificate(&key)),
        ("not_critical", loose.certificate(&key)),
        ("names", names.certificate(&key)),
        ("address", address.certificate(&key)),
        ("dates", Shape { dates: tlv(0x18, &[b"00010101000000Z"]).repeat(2), ..good() }.certificate(&key)),
        ("no_dates", Shape { dates: Vec::new(), ..good() }.certificate(&key)),
    ]
}

/// The first flight of a server that asks for a certificate of the client.
fn demanding() -> Vec<u8> {
    let (name, key) = (Identifier::dns("a.test").unwrap(), new_key(SigAlg::Es256));
    let certificate = Shape::proper(&name, "t.k").certificate(&key);
    let server = TlsServer::demanding(certificate, &key, &[&rustls::version::TLS12], &["http/1.1"]);
    let now = Time::from_secs(1_800_000_000);
    server.flight(&Session::start(&Peer::Name("a.test"), b"GET / HTTP/1.1\r\n\r\n".to_vec(), now).unwrap().1)
}

/// The first flights of TLS servers.
pub fn servers() -> Vec<(&'static str, Vec<u8>)> {
    let name = Identifier::dns("a.test").unwrap();
    let key = new_key(SigAlg::Es256);
    let flight = |versions: &[&'static rustls::SupportedProtocolVersion], protocol| {
        let certificate = Shape::proper(&name, "t.k").certificate(&key);
        let server = TlsServer::new(certificate, &key, versions, &[protocol]);
        let now = Time::from_secs(1_800_000_000);
        let (_, hello) = Handshake::start("a.test", "acme-tls/1", now).unwrap();
        server.flight(&hello)
    };
    vec![
        ("tls12", flight(&[&rustls::version::TLS12], "acme-tls/1")),
        ("tls13", flight(&[&rustls::version::TLS13], "acme-tls/1")),
        ("refused", flight(&[&rustls::version::TLS13], "h2")),
        ("wants_certificate", demanding()),
        ("alert", vec![21, 3, 3, 0, 2, 2, 40]),
        ("closed", vec![21, 3, 3, 0, 2, 1, 0]),
        ("http", b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()),
        ("tls11", [&[22, 3, 2, 0, 42, 2, 0, 0, 38, 3, 2][..], &[7; 32], &[0, 0, 0x2f, 0]].concat()),
    ]
}
