use super::*;
use crate::validation::fake::{Fake, Host, subject};
use crate::validation::guard::AddressPolicy;
use crate::validation::testing::{Shape, TlsServer, tlv};
use crate::validation::{Config, Method, Outcome, validate};
use crate::values::SigAlg;
use crate::values::hex;
use crate::values::native_crypto::NativeKey;
use proptest::prelude::*;
use std::sync::LazyLock;

const KEY_AUTHORIZATION: &str = "tok.thumb";
const ASKED: &str = "asked 1.1.1.1 port 443 for the acme-tls/1 certificate of a.test: ";

static KEY: LazyLock<NativeKey> = LazyLock::new(|| key(SigAlg::Es256));

#[allow(clippy::disallowed_methods, reason = "a test makes keys")]
fn key(alg: SigAlg) -> NativeKey {
    NativeKey::generate(alg, &mut |bytes| getrandom::fill(bytes).unwrap()).unwrap()
}

fn a_test() -> Identifier {
    Identifier::dns("a.test").unwrap()
}

fn proper() -> Shape {
    Shape::proper(&a_test(), KEY_AUTHORIZATION)
}

/// A network in which a.test is 1.1.1.1, which does so at port 443.
fn answering(host: Host) -> Fake {
    Fake::default().name("a.test", &["1.1.1.1"]).host("1.1.1.1:443", host)
}

/// A host that shows this certificate, of [`KEY`].
fn showing(certificate: Vec<u8>) -> Host {
    Host::Tls(TlsServer::new(certificate, &KEY, rustls::ALL_VERSIONS, &[PROTOCOL]))
}

async fn run(fake: &Fake, identifier: &Identifier) -> Outcome {
    let subject = subject(identifier, "tok", KEY_AUTHORIZATION);
    validate(fake, &Config::default(), Method::TlsAlpn01, &subject).await
}

async fn failure(fake: &Fake) -> Failure {
    match run(fake, &a_test()).await {
        Outcome::Failed(failure) => failure,
        valid => panic!("{valid:?}"),
    }
}

/// Asserts kind, retry and the detail after [`ASKED`].
async fn fails(host: Host, kind: FailureKind, retry: bool, says: &str) {
    let fake = answering(host);
    let failure = failure(&fake).await;
    assert_eq!((failure.kind, failure.retry), (kind, retry), "{failure:?}");
    let said = failure.detail.strip_prefix(ASKED).unwrap_or_else(|| panic!("{failure:?}"));
    assert!(said.starts_with(says), "{said:?} should say {says:?}");
    assert!(fake.elapsed() <= Duration::from_secs(21), "took {:?}", fake.elapsed());
}

async fn unproven(shape: Shape, says: &str) {
    fails(showing(shape.certificate(&KEY)), FailureKind::Unauthorized, false, &format!("its certificate {says}")).await;
}

#[tokio::test]
async fn rfc8737_the_certificate_of_the_challenge_proves_control() {
    for alg in [SigAlg::Es256, SigAlg::Es384, SigAlg::Rs256, SigAlg::Ed25519] {
        let server = TlsServer::proper(&a_test(), KEY_AUTHORIZATION, &key(alg));
        let fake = answering(Host::Tls(server.clone()));
        assert_eq!(run(&fake, &a_test()).await, Outcome::Valid, "{alg:?}");
        assert_eq!(*fake.log.borrow(), ["AAAA a.test", "A a.test", "1.1.1.1:443 TLS"], "rfc8737: port 443");
        let hellos = server.hellos();
        assert_eq!(
            (hellos[0].name.as_deref(), hellos[0].protocols.as_slice()),
            (Some("a.test"), &[PROTOCOL.to_owned()][..])
        );
    }
    let shouted = Shape { names: vec![(2, b"A.TeSt".to_vec())], ..proper() };
    assert_eq!(run(&answering(showing(shouted.certificate(&KEY))), &a_test()).await, Outcome::Valid, "RFC 4343");
}

#[tokio::test]
async fn rfc8737_the_only_name_is_the_one_that_is_validated() {
    let names = |names: &[(u8, &[u8])]| Shape {
        names: names.iter().map(|(kind, value)| (*kind, value.to_vec())).collect(),
        ..proper()
    };
    for (shape, found) in [
        (names(&[]), "no subject alternative name"),
        (names(&[(2, b"b.test")]), "\"b.test\""),
        (names(&[(2, b"a.test"), (2, b"b.test")]), "\"a.test\", \"b.test\""),
        (names(&[(2, b"a.test"), (2, b"a.test")]), "\"a.test\", \"a.test\""),
        (names(&[(2, b"a.test"), (7, &[1, 1, 1, 1])]), "\"a.test\", 1.1.1.1"),
        (names(&[(2, b"*.a.test")]), "\"*.a.test\""),
        (names(&[(2, b"a.test.")]), "\"a.test.\""),
        (names(&[(7, &[1, 1, 1, 1])]), "1.1.1.1"),
        (names(&[(6, b"a.test")]), "a name that is neither dNSName nor iPAddress"),
    ] {
        let says = format!("is for {found}; it has to have one subject alternative name, a.test");
        unproven(shape, &says).await;
    }
}

#[tokio::test]
async fn rfc8737_the_extension_is_there_once_critical_and_the_digest() {
    let good = proper().proofs[0].1.clone();
    let proofs = |proofs: &[(bool, &[u8])]| Shape {
        proofs: proofs.iter().map(|(critical, value)| (*critical, value.to_vec())).collect(),
        ..proper()
    };
    let digest = Sha256::digest(KEY_AUTHORIZATION);
    unproven(proofs(&[]), "has no acmeIdentifier extension (1.3.6.1.5.5.7.1.31)").await;
    unproven(proofs(&[(true, &good), (true, &good)]), "has 2 acmeIdentifier extensions instead of one").await;
    unproven(proofs(&[(false, &good)]), "has an acmeIdentifier extension that is not critical").await;
    for value in [tlv(4, &[&digest[1..]]), tlv(4, &[&digest, &[0]]), digest.to_vec(), tlv(3, &[&digest]), vec![]] {
        unproven(proofs(&[(true, &value)]), "has an acmeIdentifier extension whose value is no OCTET STRING of 32")
            .await;
    }
    unproven(proofs(&[(true, &[&good[..], &[0]].concat())]), "has an acmeIdentifier extension whose value is").await;
    let other = Shape::proper(&a_test(), "other.thumb");
    let hex = |text: &str| hex::encode(&Sha256::digest(text));
    let (found, wanted) = (hex("other.thumb"), hex(KEY_AUTHORIZATION));
    let says = format!("has the acmeIdentifier {found}; the SHA-256 digest of the key authorization is {wanted}");
    unproven(other, &says).await;
}

#[tokio::test]
async fn rfc8737_the_certificate_is_self_signed() {
    unproven(Shape { issuer: "somebody", ..proper() }, "is not self-signed: its issuer is not its subject").await;
    let forged = proper().signed_by(&KEY, &key(SigAlg::Es256));
    let says = "its certificate is not self-signed: its signature does not hold with its own key";
    fails(showing(forged), FailureKind::Unauthorized, false, says).await;
    let misfit = proper().signed_by(&KEY, &key(SigAlg::Ed25519));
    let says = "its certificate is signed with the algorithm 1.3.101.112; that has to be";
    fails(showing(misfit), FailureKind::Unauthorized, false, says).await;
}

#[tokio::test]
async fn rfc8737_server_without_the_certificates_key_is_refused() {
    let certificate = proper().certificate(&key(SigAlg::Es256));
    let says = "it did not prove to have the key of its certificate";
    fails(showing(certificate), FailureKind::Tls, false, says).await;
    let certificate = proper().certificate(&key(SigAlg::Rs256));
    let says = "it signed the handshake in a way that does not belong to the key of its certificate";
    fails(showing(certificate), FailureKind::Tls, false, says).await;
}

#[tokio::test]
async fn rfc8737_the_protocol_has_to_be_selected() {
    let speaking = |protocols: &[&str]| {
        Host::Tls(TlsServer::new(proper().certificate(&KEY), &KEY, rustls::ALL_VERSIONS, protocols))
    };
    let says = "it refused the protocol that was offered by ALPN";
    fails(speaking(&["http/1.1"]), FailureKind::Tls, true, says).await;
    let says = "it speaks TLS, but did not select the protocol acme-tls/1 by ALPN";
    fails(speaking(&[]), FailureKind::Unauthorized, true, says).await;
    fails(speaking(&["acme-tls/2"]), FailureKind::Tls, true, "it refused the protocol").await;
}

#[tokio::test]
async fn rfc8737_non_tls_server_is_distinguished_from_no_connection() {
    let sends = |bytes: &[u8]| Host::Sends(vec![bytes.to_vec()]);
    fails(sends(b"HTTP/1.1 400 Bad\r\n\r\n"), FailureKind::Tls, false, "it sent something that is no TLS").await;
    fails(sends(&[21, 3, 3, 0, 2, 2, 112]), FailureKind::Tls, true, "it ended the handshake with the TLS alert").await;
    let says = "it closed the connection before the TLS handshake was complete";
    fails(Host::Sends(vec![]), FailureKind::Tls, true, says).await;
    fails(sends(&[22, 3, 3, 0, 100, 2]), FailureKind::Tls, true, says).await;
    // A record that never ends, but for the limit.
    let fake = answering(Host::Endless(
        vec![22, 3, 3, 0x40, 0, 2, 0, 0xff, 0xff],
        [&[22, 3, 3, 1, 0][..], &[0; 256]].concat(),
    ));
    let failure = failure(&fake).await;
    assert!(!failure.retry, "{failure:?}");
    for (host, words) in [
        (Host::Silence, "at 1.1.1.1: no complete answer in time"),
        (
            Host::Fault(OutboundFault::Filtered),
            "at 1.1.1.1: no connection in time: nothing answers there, or a filter drops what is sent",
        ),
        (
            Host::Fault(OutboundFault::unreachable()),
            "at 1.1.1.1: could not connect (the connection was refused, or nothing leads there)",
        ),
    ] {
        let fake = answering(host);
        let failure = self::failure(&fake).await;
        assert_eq!((failure.kind, failure.retry), (FailureKind::Connection, true), "{failure:?}");
        assert_eq!(failure.detail, format!("asked for the acme-tls/1 certificate of a.test {words}"));
        assert!(fake.elapsed() <= Duration::from_secs(21));
    }
    // An address of Cloudflare's: the detail names it. Retried, since the host itself may not answer.
    let inside = Fake::default().name("a.test", &["104.16.0.1"]);
    let failure = self::failure(&inside).await;
    assert_eq!((failure.kind, failure.retry), (FailureKind::Connection, true), "{failure:?}");
    assert!(failure.detail.contains("an address of Cloudflare's") && failure.detail.contains("dns-01"), "{failure:?}");
}

#[tokio::test]
async fn rfc8737_dates_of_the_certificate_are_ignored() {
    for dates in [
        // Go's zero time, which challenge servers write, and others before 1970.
        tlv(0x18, &[b"00010101000000Z"]).repeat(2),
        [tlv(0x17, &[b"500101000000Z"]), tlv(0x18, &[b"19500101000000Z"])].concat(),
        [tlv(0x17, &[b"200101000000Z"]), tlv(0x17, &[b"200102000000Z"])].concat(),
        [tlv(0x18, &[b"99991231235959Z"]), tlv(0x17, &[b"250101000000Z"])].concat(),
        [tlv(0x17, &[b"no date"]), tlv(12, &[b"at all"])].concat(),
        Vec::new(),
    ] {
        let host = showing(Shape { dates: dates.clone(), ..proper() }.certificate(&KEY));
        assert_eq!(run(&answering(host), &a_test()).await, Outcome::Valid, "{dates:02x?}");
    }
}

#[tokio::test]
async fn rfc8737_server_requiring_client_certificate_is_reported() {
    let demanding = |version| {
        let certificate = proper().certificate(&KEY);
        Host::Tls(TlsServer::demanding(certificate, &KEY, &[version], &[PROTOCOL]))
    };
    let says = "it asked for a client certificate, which a validation has none of, and ended the connection";
    fails(demanding(&rustls::version::TLS12), FailureKind::Tls, false, says).await;
    // In TLS 1.3 all has been shown by then.
    assert_eq!(run(&answering(demanding(&rustls::version::TLS13)), &a_test()).await, Outcome::Valid);
}

#[tokio::test]
async fn rfc8737_certificates_that_cannot_be_read() {
    for certificate in [vec![], b"certificate".to_vec(), [proper().certificate(&KEY), vec![0]].concat()] {
        let host = showing(certificate);
        fails(host, FailureKind::IncorrectResponse, false, "its certificate is no DER X.509 certificate").await;
    }
}

#[tokio::test]
async fn t26_tls_tries_ipv6_first_then_ipv4_once() {
    let server = || Host::Tls(TlsServer::proper(&a_test(), KEY_AUTHORIZATION, &KEY));
    let both = || Fake::default().name("a.test", &["1.1.1.1", "2606:4700::1"]);
    let fake = both().host("1.1.1.1:443", server());
    assert_eq!(run(&fake, &a_test()).await, Outcome::Valid);
    assert_eq!(fake.requests.borrow().len(), 2, "IPv6 refused the connection");
    let fake = both().host("[2606:4700::1]:443", Host::Silence).host("1.1.1.1:443", server());
    assert_eq!(run(&fake, &a_test()).await, Outcome::Valid);
    let wrong = both().host("[2606:4700::1]:443", showing(Shape::proper(&a_test(), "x").certificate(&KEY)));
    let wrong = wrong.host("1.1.1.1:443", server());
    assert_eq!(failure(&wrong).await.kind, FailureKind::Unauthorized, "an answer is an answer");
}

#[tokio::test]
async fn rfc8737_addresses_are_guarded_and_the_port_is_the_configured_one() {
    let server = || Host::Tls(TlsServer::proper(&a_test(), KEY_AUTHORIZATION, &KEY));
    let fake = Fake::default().name("a.test", &["127.0.0.1"]).host("127.0.0.1:5001", server());
    let failure = failure(&fake).await;
    assert_eq!((failure.kind, failure.retry), (FailureKind::Connection, false), "{failure:?}");
    assert!(fake.requests.borrow().is_empty());
    let config = Config { tls_alpn_port: 5001, policy: AddressPolicy { allow_private: true }, ..Config::default() };
    let outcome = validate(&fake, &config, Method::TlsAlpn01, &subject(&a_test(), "tok", KEY_AUTHORIZATION)).await;
    assert_eq!(outcome, Outcome::Valid);
}

#[tokio::test]
async fn rfc8738_an_address_is_validated_by_its_reverse_name() {
    for (address, at, reverse) in [
        ("1.1.1.2", "1.1.1.2:443", "2.1.1.1.in-addr.arpa"),
        (
            "2606:4700::1",
            "[2606:4700::1]:443",
            "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.7.4.6.0.6.2.ip6.arpa",
        ),
    ] {
        let identifier = Identifier::ip(address).unwrap();
        let server = TlsServer::proper(&identifier, KEY_AUTHORIZATION, &KEY);
        let fake = Fake::default().host(at, Host::Tls(server.clone()));
        assert_eq!(run(&fake, &identifier).await, Outcome::Valid, "{address}");
        assert_eq!(*fake.log.borrow(), [format!("{at} TLS")], "no look-up");
        assert_eq!(server.hellos()[0].name.as_deref(), Some(reverse));
        // The reverse name in the certificate is not the address, and neither is the address as a name.
        for name in [reverse, address] {
            let shape = Shape { names: vec![(2, name.into())], ..Shape::proper(&identifier, KEY_AUTHORIZATION) };
            let fake = Fake::default().host(at, showing(shape.certificate(&KEY)));
            let Outcome::Failed(failure) = run(&fake, &identifier).await else { panic!("{name}") };
            assert_eq!(failure.kind, FailureKind::Unauthorized);
            assert!(failure.detail.contains(&format!("is for \"{name}\"; it has to have one")), "{failure:?}");
        }
    }
    let loopback = Identifier::ip("127.0.0.1").unwrap();
    let Outcome::Failed(failure) = run(&Fake::default(), &loopback).await else { panic!("valid") };
    assert_eq!((failure.kind, failure.retry), (FailureKind::Connection, false));
}

#[tokio::test]
async fn t25_foreign_names_are_shortened_and_escaped() {
    let names: Vec<_> = (0..200).map(|n| (2, format!("\u{1b}[2J{n}\r\n{}", "x".repeat(200)).into_bytes())).collect();
    let failure = failure(&answering(showing(Shape { names, ..proper() }.certificate(&KEY)))).await;
    assert!(failure.detail.len() < 700, "{}", failure.detail);
    assert!(failure.detail.chars().all(|c| c == '…' || c.is_ascii_graphic() || c == ' '), "{}", failure.detail);
}

/// Judges as a validation does, without the network.
fn judged(der: &[u8]) -> Result<(), CertificateFault> {
    let digest = Sha256::digest(KEY_AUTHORIZATION).into();
    let proof = ChallengeCertificate::read(der)?;
    proof.judge(&a_test(), &digest)?;
    proof.self_signature().map(|_| ())
}

proptest! {
    #[test]
    fn rfc8737_no_bytes_of_a_certificate_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(judged(&bytes).is_err());
    }

    #[test]
    fn rfc8737_no_change_to_a_certificate_panics(at: prop::sample::Index, with: u8, cut: prop::sample::Index) {
        static GOOD: LazyLock<Vec<u8>> = LazyLock::new(|| proper().certificate(&KEY));
        let mut bytes = GOOD.clone();
        prop_assert_eq!(judged(&bytes), Ok(()));
        let at = at.index(bytes.len());
        bytes[at] ^= with;
        if let Err(fault) = judged(&bytes) {
            prop_assert!(fault.to_string().chars().count() < 700);
        }
        bytes.truncate(cut.index(bytes.len()));
        prop_assert!(judged(&bytes).is_err());
    }
}
