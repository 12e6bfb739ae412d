//! Inputs from the network during validation.

use super::shown;
use crate::validation::caa::{self, CaaQuery};
use crate::validation::challenges::tlsalpn01::certificate::ChallengeCertificate;
use crate::validation::dns::{self, Record};
use crate::validation::issue_value::issue_value;
use crate::validation::outbound::Reaction;
use crate::validation::tls::handshake::Handshake;
use crate::validation::tls::session::{Peer, Session};
use crate::validation::{Method, http1};
use crate::values::identifier::DnsName;
use crate::values::{Identifier, Time};
use sha2::{Digest, Sha256};

/// A DNS answer, to the question with the id in its first two bytes.
pub fn dns(data: &[u8]) {
    let id = data.first_chunk::<2>().map_or(0, |id| u16::from_be_bytes(*id));
    for kind in [dns::RecordKind::A, dns::RecordKind::Aaaa, dns::RecordKind::Txt, dns::RecordKind::Caa] {
        match dns::read(data, "a.test", kind, id) {
            Ok(answer) => drop(answer.explanation.inspect(|text| drop(shown(text)))),
            Err(fault) => drop(shown(&fault)),
        }
    }
}

/// An HTTP/1.1 response in two pieces: incremental and whole parsing agree.
pub fn http(data: &[u8]) {
    let read = |steps: &[usize]| {
        let mut reader = http1::Reader::default();
        for step in steps {
            if reader.advance(&data[..*step])? {
                break;
            }
        }
        reader.finish(data)
    };
    let (at_once, in_steps) = (read(&[]), read(&[data.len() / 3, data.len() / 2, data.len()]));
    match (at_once, in_steps) {
        (Ok(a), Ok(b)) => assert_eq!((a.status, a.location, a.body), (b.status, b.location, b.body)),
        (Err(fault), Err(_)) => drop(shown(&fault)),
        (a, b) => panic!("at once {:?}, in steps {:?}", a.err(), b.err()),
    }
}

/// The value of a CAA record, or a dns-persist-01 record. An issuer that it allows is named in it.
pub fn caa(data: &[u8]) {
    let name = DnsName::parse("a.example").expect("a name");
    let question = |wildcard| CaaQuery {
        name: &name,
        wildcard,
        account: "https://ca.test/acme/account/a",
        method: Some(Method::Http01),
    };
    let us = ["ca.test".to_owned()];
    for (tag, wildcard) in [("issue", false), ("issuewild", true), ("iodef", false)] {
        let record = Record::Caa { critical: true, tag: tag.to_owned(), value: data.to_vec() };
        match caa::judge("a.example", &[record], &us, &question(wildcard)) {
            Ok(()) if tag == "iodef" => {}
            Ok(()) => assert!(issue_value(data).is_some_and(|value| value.names_any(&us)), "{data:?}"),
            Err(failure) => drop(shown(&failure.detail)),
        }
    }
    if let Some(value) = issue_value(data) {
        let twice = value.parameters.iter().any(|(tag, _)| value.parameter(&tag.to_ascii_lowercase()).is_err());
        assert_eq!(value.repeats(), twice);
    }
}

/// The certificate in a tls-alpn-01 handshake; one with another digest is refused.
pub fn tls_certificate(data: &[u8]) {
    let proof = match ChallengeCertificate::read(data) {
        Ok(proof) => proof,
        Err(fault) => return drop(shown(&fault)),
    };
    for identifier in [Identifier::dns("a.test").expect("a name"), Identifier::ip("192.0.2.1").expect("an address")] {
        let [wanted, other] = ["t.k", "t.l"].map(|text| Sha256::digest(text).into());
        if let Err(fault) = proof.judge(&identifier, &wanted) {
            shown(&fault);
        }
        assert!(proof.judge(&identifier, &other).is_err(), "{identifier}");
    }
    if let Err(fault) = proof.self_signature() {
        shown(&fault);
    }
}

/// A TLS server's answer, whole and byte by byte. It never completes a handshake, as its signature has to cover this
/// ClientHello.
pub fn tls_server(data: &[u8]) {
    for size in [data.len().max(1), 1] {
        let started = Handshake::start("a.test", "acme-tls/1", Time::from_secs(1_800_000_000));
        let (mut handshake, _hello) = started.expect("a ClientHello");
        for piece in data.chunks(size) {
            if let Reaction::Close(_) = handshake.receive(piece) {
                break;
            }
        }
        shown(&handshake.finish().err().expect("no handshake"));
        let request = b"GET / HTTP/1.1\r\n\r\n".to_vec();
        let started = Session::start(&Peer::Name("a.test"), request, Time::from_secs(1_800_000_000));
        let (mut session, _hello) = started.expect("a ClientHello");
        for piece in data.chunks(size) {
            if let Reaction::Close(_) = session.receive(piece, &mut |_| panic!("an answer without a handshake")) {
                break;
            }
        }
        shown(&session.finish().expect_err("no handshake"));
    }
}
