use super::handshake::{Handshake, HandshakeResult, MAX_BYTES, TlsFault};
use super::session::{Peer, Session};
use super::signature::TlsKeyKind;
use crate::validation::outbound::Reaction;
use crate::validation::testing::{Shape, TlsServer};
use crate::values::native_crypto::{NativeCrypto, NativeKey};
use crate::values::{Identifier, SigAlg, Time, Verify, x509::Parts};
use proptest::prelude::*;
use rustls::crypto::ring::{cipher_suite as suite, default_provider, kx_group as group};
use rustls::crypto::{CryptoProvider, SupportedKxGroup};
use rustls::version::{TLS12, TLS13};
use rustls::{AlertDescription, SignatureScheme, SupportedCipherSuite, SupportedProtocolVersion};
use std::sync::LazyLock;

static RSA: LazyLock<NativeKey> = LazyLock::new(|| key(SigAlg::Rs256));
static P256: LazyLock<NativeKey> = LazyLock::new(|| key(SigAlg::Es256));

#[allow(clippy::disallowed_methods, reason = "a test makes keys")]
fn key(alg: SigAlg) -> NativeKey {
    NativeKey::generate(alg, &mut |bytes| getrandom::fill(bytes).unwrap()).unwrap()
}

fn start() -> (Handshake, Vec<u8>) {
    Handshake::start("a.test", "proto/1", Time::from_secs(1_800_000_000)).unwrap()
}

fn certificate(key: &NativeKey) -> Vec<u8> {
    Shape::proper(&Identifier::dns("a.test").unwrap(), "t.k").certificate(key)
}

fn shake_hands(server: &TlsServer) -> Result<HandshakeResult, TlsFault> {
    let (mut handshake, hello) = start();
    server.converse(&hello, &mut |bytes| handshake.receive(bytes)).unwrap();
    handshake.finish()
}

async fn holds(shown: &HandshakeResult) -> bool {
    let spki = Parts::read(&shown.certificate).unwrap().spki;
    let claim = shown.signature(spki).unwrap();
    NativeCrypto.verify(claim.algorithm, spki, &claim.message, &claim.signature).await.unwrap()
}

/// The fault and the alert after these bytes from a server.
fn fault(bytes: &[u8]) -> (TlsFault, Vec<u8>) {
    let (mut handshake, _) = start();
    match handshake.receive(bytes) {
        Reaction::Close(alert) => (handshake.finish().err().unwrap(), alert),
        Reaction::Send(_) => (handshake.finish().err().unwrap(), Vec::new()),
    }
}

#[tokio::test]
async fn rfc8737_every_kind_of_key_in_either_version_of_tls() {
    let versions: [&[&'static SupportedProtocolVersion]; 2] = [&[&TLS12], &[&TLS13]];
    for key in [&*P256, &key(SigAlg::Es384), &*RSA, &key(SigAlg::Ed25519)] {
        for versions in versions {
            let server = TlsServer::new(certificate(key), key, versions, &["proto/1"]);
            let shown = shake_hands(&server).unwrap_or_else(|fault| panic!("{key:?} {versions:?}: it {fault}"));
            assert_eq!(shown.protocol.as_deref(), Some(&b"proto/1"[..]));
            assert_eq!(shown.certificate, certificate_of(&shown));
            assert!(holds(&shown).await, "{key:?} {versions:?}");
            let hellos = server.hellos();
            assert_eq!(hellos.len(), 1);
            assert_eq!(hellos[0].name.as_deref(), Some("a.test"));
            assert_eq!(hellos[0].protocols, ["proto/1"], "rfc8737: the only protocol");
        }
    }
}

fn suites(suites: &[SupportedCipherSuite]) -> CryptoProvider {
    CryptoProvider { cipher_suites: suites.to_vec(), ..default_provider() }
}

fn groups(groups: &[&'static dyn SupportedKxGroup]) -> CryptoProvider {
    CryptoProvider { kx_groups: groups.to_vec(), ..default_provider() }
}

/// What a server answers a request, over as many records as it takes.
fn request(server: &TlsServer) -> Result<Vec<u8>, TlsFault> {
    let now = Time::from_secs(1_800_000_000);
    let (mut session, hello) = Session::start(&Peer::Name("a.test"), b"GET / HTTP/1.1\r\n\r\n".to_vec(), now).unwrap();
    server.converse(&hello, &mut |bytes| session.receive(bytes, &mut |_| false)).unwrap();
    session.finish()
}

#[tokio::test]
async fn rfc8446_server_with_one_suite_or_group_is_supported() {
    let page: Vec<u8> = (0_u32..50_000).map(|n| (n % 251) as u8).collect();
    let hardened = CryptoProvider { kx_groups: vec![group::SECP384R1], ..suites(&[suite::TLS13_AES_256_GCM_SHA384]) };
    for (what, version, key, provider) in [
        ("AES-128 in 1.3", &TLS13, &*P256, suites(&[suite::TLS13_AES_128_GCM_SHA256])),
        ("AES-256 in 1.3", &TLS13, &*P256, suites(&[suite::TLS13_AES_256_GCM_SHA384])),
        ("AES-128 in 1.2, ECDSA", &TLS12, &*P256, suites(&[suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256])),
        ("AES-256 in 1.2, ECDSA", &TLS12, &*P256, suites(&[suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384])),
        ("AES-128 in 1.2, RSA", &TLS12, &*RSA, suites(&[suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256])),
        ("AES-256 in 1.2, RSA", &TLS12, &*RSA, suites(&[suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384])),
        ("P-256 in 1.3", &TLS13, &*P256, groups(&[group::SECP256R1])),
        ("P-256 in 1.2", &TLS12, &*P256, groups(&[group::SECP256R1])),
        ("P-384 in 1.3, by a HelloRetryRequest", &TLS13, &*P256, groups(&[group::SECP384R1])),
        ("P-384 in 1.2", &TLS12, &*RSA, groups(&[group::SECP384R1])),
        ("AES-256 and P-384", &TLS13, &key(SigAlg::Es384), hardened),
    ] {
        let server = TlsServer::hardened(certificate(key), key, &[version], &["proto/1", "http/1.1"], provider);
        let shown = shake_hands(&server).unwrap_or_else(|fault| panic!("{what}: it {fault}"));
        assert!(holds(&shown).await, "{what}");
        let answer = request(&server.answering(&page)).unwrap_or_else(|fault| panic!("{what}: it {fault}"));
        assert!(answer == page, "{what}: {} bytes", answer.len());
    }
}

#[test]
fn rfc8446_the_fault_of_a_server_with_nothing_in_common_names_what_is_offered() {
    let offer = "this client, which offers TLS 1.3 and 1.2, AES-128-GCM with SHA-256 and AES-256-GCM with SHA-384, ECDHE on \
                 P-256 and P-384, and takes certificates with P-256, P-384, RSA and Ed25519 keys";
    for provider in [suites(&[suite::TLS13_CHACHA20_POLY1305_SHA256]), groups(&[group::X25519])] {
        let server = TlsServer::hardened(certificate(&P256), &P256, &[&TLS13], &["proto/1"], provider);
        let fault = shake_hands(&server).err().unwrap();
        assert_eq!(fault, TlsFault::Alert(AlertDescription::HandshakeFailure));
        let alert = "ended the handshake with the TLS alert HandshakeFailure (40)";
        assert_eq!(fault.to_string(), format!("{alert}: it may have nothing in common with {offer}"));
    }
    for alert in [AlertDescription::ProtocolVersion, AlertDescription::InsufficientSecurity] {
        assert!(TlsFault::Alert(alert).to_string().ends_with(offer));
    }
    assert_eq!(TlsFault::Incompatible.to_string(), format!("has nothing in common with {offer}"));
}

/// As it is read: whole, with nothing behind it.
fn certificate_of(shown: &HandshakeResult) -> Vec<u8> {
    Parts::read(&shown.certificate).unwrap();
    shown.certificate.clone()
}

#[tokio::test]
async fn rfc8737_certificate_of_another_key_is_refused() {
    let versions: [&[&'static SupportedProtocolVersion]; 2] = [&[&TLS12], &[&TLS13]];
    for (owner, thief) in [(&*P256, &key(SigAlg::Es256)), (&*RSA, &key(SigAlg::Rs256))] {
        for versions in versions {
            let server = TlsServer::new(certificate(owner), thief, versions, &["proto/1"]);
            let shown = shake_hands(&server).unwrap();
            assert!(!holds(&shown).await, "{owner:?} {versions:?}");
        }
    }
    // A signature that no such key makes is not even checked.
    let server = TlsServer::new(certificate(&RSA), &P256, &[&TLS13], &["proto/1"]);
    let shown = shake_hands(&server).unwrap();
    let spki = RSA.spki_der().unwrap();
    assert_eq!(shown.signature(&spki), Err(TlsFault::Scheme));
    assert_eq!(shown.signature(b"no key"), Err(TlsFault::Scheme));
}

#[test]
fn rfc8446_a_scheme_fits_its_keys_and_no_others() {
    use SignatureScheme as S;
    for (kind, scheme, in12, in13) in [
        (TlsKeyKind::P256, S::ECDSA_NISTP256_SHA256, Some(SigAlg::Es256), Some(SigAlg::Es256)),
        (TlsKeyKind::P256, S::ECDSA_NISTP384_SHA384, Some(SigAlg::EcP256Sha384), None),
        (TlsKeyKind::P384, S::ECDSA_NISTP384_SHA384, Some(SigAlg::Es384), Some(SigAlg::Es384)),
        (TlsKeyKind::P384, S::ECDSA_NISTP256_SHA256, Some(SigAlg::EcP384Sha256), None),
        (TlsKeyKind::Rsa, S::RSA_PKCS1_SHA256, Some(SigAlg::Rs256), None),
        (TlsKeyKind::Rsa, S::RSA_PKCS1_SHA512, Some(SigAlg::Rs512), None),
        (TlsKeyKind::Rsa, S::RSA_PSS_SHA256, Some(SigAlg::Ps256), Some(SigAlg::Ps256)),
        (TlsKeyKind::Rsa, S::RSA_PSS_SHA384, Some(SigAlg::Ps384), Some(SigAlg::Ps384)),
        (TlsKeyKind::Ed25519, S::ED25519, Some(SigAlg::Ed25519), Some(SigAlg::Ed25519)),
        (TlsKeyKind::Rsa, S::RSA_PKCS1_SHA1, None, None),
        (TlsKeyKind::Rsa, S::ECDSA_NISTP256_SHA256, None, None),
        (TlsKeyKind::Ed25519, S::RSA_PSS_SHA256, None, None),
        (TlsKeyKind::P256, S::ECDSA_SHA1_Legacy, None, None),
    ] {
        assert_eq!(kind.handshake_algorithm(scheme, false), in12, "{kind:?} {scheme:?}");
        assert_eq!(kind.handshake_algorithm(scheme, true), in13, "{kind:?} {scheme:?}");
    }
}

#[test]
fn rfc8737_a_server_without_the_protocol_refuses_or_shows_none() {
    let other = TlsServer::new(certificate(&P256), &P256, rustls::ALL_VERSIONS, &["h2", "http/1.1"]);
    assert_eq!(shake_hands(&other).err(), Some(TlsFault::ProtocolRefused));
    let none = TlsServer::new(certificate(&P256), &P256, rustls::ALL_VERSIONS, &[]);
    assert_eq!(shake_hands(&none).unwrap().protocol, None);
}

#[test]
fn rfc8737_no_version_below_tls_1_2() {
    // A ServerHello of TLS 1.1 (RFC 4346 §7.4.1.3), with the cipher suite that every such server has.
    let hello = [&[2, 0, 0, 38, 3, 2][..], &[7; 32], &[0, 0, 0x2f, 0]].concat();
    let record = [&[22, 3, 2, 0, 42][..], &hello].concat();
    let (fault, alert) = fault(&record);
    assert_eq!(fault, TlsFault::Incompatible);
    assert_eq!(alert, [21, 3, 3, 0, 2, 2, 70], "a fatal protocol_version alert");
    // The ClientHello offers 1.3 and 1.2: supported_versions (RFC 8446 §4.2.1).
    let (_, hello) = start();
    assert!(hello.windows(9).any(|w| w == [0, 43, 0, 5, 4, 3, 4, 3, 3]), "{hello:02x?}");
}

#[test]
fn rfc8737_bytes_not_tls_end_the_handshake() {
    for (bytes, expected) in [
        (&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], TlsFault::NoTls),
        (b"SSH-2.0-OpenSSH_9.2\r\n", TlsFault::NoTls),
        (&[0; 64], TlsFault::NoTls),
        (&[22, 3, 3, 0, 4, 2, 0, 0, 0], TlsFault::NoTls),
        (&[21, 3, 3, 0, 2, 2, 40], TlsFault::Alert(AlertDescription::HandshakeFailure)),
        (&[21, 3, 3, 0, 2, 2, 112], TlsFault::Alert(AlertDescription::UnrecognisedName)),
        (&[21, 3, 3, 0, 2, 2, 120], TlsFault::ProtocolRefused),
        (&[21, 3, 3, 0, 2, 1, 0], TlsFault::Closed),
        (&[22, 3, 3], TlsFault::Closed),
        (b"", TlsFault::Closed),
    ] {
        assert_eq!(fault(bytes).0, expected, "{bytes:02x?}");
    }
    assert!(TlsFault::ProtocolRefused.is_passing() && TlsFault::Closed.is_passing() && !TlsFault::NoTls.is_passing());
    let alert = TlsFault::Alert(AlertDescription::UnrecognisedName).to_string();
    assert_eq!(alert, "ended the handshake with the TLS alert UnrecognisedName (112)");
}

#[test]
fn rfc8737_nothing_is_sent_after_the_handshake() {
    let server = TlsServer::new(certificate(&P256), &P256, &[&TLS13], &["proto/1"]);
    let (mut handshake, hello) = start();
    let mut reactions = Vec::new();
    let mut react = |bytes: &[u8]| {
        let reaction = handshake.receive(bytes);
        reactions.push(reaction.clone());
        reaction
    };
    server.converse(&hello, &mut react).unwrap();
    assert!(matches!(reactions.last(), Some(Reaction::Close(last)) if !last.is_empty()), "Finished, and the alert");
    assert!(handshake.finish().is_ok());
}

/// A complete server flight for a client with other randomness.
///
/// A client may read up to the first mismatch.
fn flight() -> Vec<u8> {
    let server = TlsServer::new(certificate(&P256), &P256, &[&TLS12], &["proto/1"]);
    let (_, hello) = start();
    server.flight(&hello)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn rfc8737_no_bytes_of_a_server_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        fault(&bytes);
        let framed = [&[22, 3, 3, (bytes.len() >> 8) as u8, bytes.len() as u8][..], &bytes].concat();
        fault(&framed);
    }

    #[test]
    fn rfc8737_no_change_to_a_servers_flight_panics_or_succeeds(at: prop::sample::Index, with: u8, cut in 1_usize..400) {
        let mut bytes = flight();
        let at = at.index(bytes.len());
        bytes[at] ^= with;
        let (mut handshake, _) = start();
        let mut sent = 0;
        for piece in bytes.chunks(cut) {
            sent += piece.len();
            if let Reaction::Close(_) = handshake.receive(piece) {
                break;
            }
        }
        prop_assert!(sent < MAX_BYTES && handshake.finish().is_err());
    }
}
