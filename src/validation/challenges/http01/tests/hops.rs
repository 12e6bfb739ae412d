use super::*;
use crate::validation::guard::AddressPolicy;
use crate::validation::testing::{Shape, TlsServer, tlv};
use crate::values::SigAlg;
use crate::values::native_crypto::NativeKey;
use rustls::SupportedProtocolVersion;
use rustls::version::{TLS12, TLS13};
use std::sync::LazyLock;

static KEY: LazyLock<NativeKey> = LazyLock::new(|| key(SigAlg::Es256));

#[allow(clippy::disallowed_methods, reason = "a test makes keys")]
fn key(alg: SigAlg) -> NativeKey {
    NativeKey::generate(alg, &mut |bytes| getrandom::fill(bytes).unwrap()).unwrap()
}

/// An expired certificate for another host.
fn worthless(key: &NativeKey) -> Vec<u8> {
    let dates = [tlv(0x17, &[b"200101000000Z"]), tlv(0x17, &[b"200102000000Z"])].concat();
    let name = Identifier::dns("else.test").unwrap();
    Shape { dates, proofs: Vec::new(), ..Shape::proper(&name, "") }.certificate(key)
}

fn https(protocols: &[&str], page: &str) -> TlsServer {
    TlsServer::new(worthless(&KEY), &KEY, rustls::ALL_VERSIONS, protocols).answering(page.as_bytes())
}

const PAGE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ntok.thumb";

#[tokio::test]
async fn z10_a_redirect_to_https_is_followed_whatever_the_certificate() {
    let versions: [&[&'static SupportedProtocolVersion]; 2] = [&[&TLS12], &[&TLS13]];
    for alg in [SigAlg::Es256, SigAlg::Es384, SigAlg::Rs256, SigAlg::Ed25519] {
        let key = key(alg);
        for versions in versions {
            let server =
                TlsServer::new(worthless(&key), &key, versions, &["h2", "http/1.1"]).answering(PAGE.as_bytes());
            let fake = answering(redirecting("https://b.test/s")).host("1.1.1.2:443", FakeHost::Tls(server.clone()));
            assert_eq!(run(&fake).await, Outcome::Valid, "{alg:?} {versions:?}");
            let hellos = server.hellos();
            assert_eq!(
                (hellos[0].name.as_deref(), hellos[0].protocols.as_slice()),
                (Some("b.test"), &["http/1.1".to_owned()][..])
            );
            assert!(
                !fake.log.borrow().iter().any(|line| line.starts_with("fetch")),
                "to the address that was looked up"
            );
        }
    }
    // An address has no name; one without ALPN, a body until the end, and a redirect back to http will do.
    let address = https(&[], "HTTP/1.0 200 OK\r\n\r\ntok.thumb\n");
    let fake = answering(redirecting("https://1.1.1.2/s")).host("1.1.1.2:443", FakeHost::Tls(address.clone()));
    assert_eq!(run(&fake).await, Outcome::Valid);
    assert_eq!(address.hellos()[0].name, None, "RFC 6066 section 3");
    let back = https(&["http/1.1"], "HTTP/1.1 301 Moved\r\nLocation: http://b.test/t\r\n\r\n");
    let fake =
        answering(redirecting("https://b.test/s")).host("1.1.1.2:443", FakeHost::Tls(back)).host("1.1.1.2:80", proof());
    assert_eq!(run(&fake).await, Outcome::Valid);
}

#[tokio::test]
async fn z10_https_that_does_not_answer_in_http_says_what_it_did() {
    let demand = |version| TlsServer::demanding(worthless(&KEY), &KEY, &[version], &["http/1.1"]);
    let large = format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(http1::MAX_BODY + 1));
    for (server, kind, retry, words) in [
        (https(&["h2"], ""), FailureKind::Tls, true, "by HTTP/1.1 over TLS: it refused the protocol"),
        (demand(&TLS12), FailureKind::Tls, false, "it asked for a client certificate, which a validation has none of"),
        (demand(&TLS13), FailureKind::Tls, false, "it asked for a client certificate, which a validation has none of"),
        (
            https(&["http/1.1"], "HTTP/1.1 404 No\r\n\r\n"),
            FailureKind::Unauthorized,
            true,
            "answered 404 instead of 200",
        ),
        (https(&["http/1.1"], "SSH-2.0-x\r\n"), FailureKind::IncorrectResponse, false, "no HTTP/1.1 response"),
        (https(&["http/1.1"], &large), FailureKind::IncorrectResponse, false, "a body of more than 131072 bytes"),
    ] {
        let fake = answering(redirecting("https://b.test/s")).host("1.1.1.2:443", FakeHost::Tls(server));
        fails(fake, kind, retry, words).await;
    }
    let plain = answering(redirecting("https://b.test/s")).host("1.1.1.2:443", proof());
    fails(
        plain,
        FailureKind::Tls,
        false,
        "asked 1.1.1.2 for https://b.test/s by HTTP/1.1 over TLS: it sent something that is no TLS",
    )
    .await;
    let mute = answering(redirecting("https://b.test/s")).host("1.1.1.2:443", FakeHost::Silence);
    fails(mute, FailureKind::Connection, true, "asked for https://b.test/s by HTTP/1.1 at 1.1.1.2: no complete answer")
        .await;
}

#[tokio::test]
async fn t25_response_from_elsewhere_is_not_shown() {
    let secret = "s3cret";
    let to_b = || answering(redirecting("http://b.test/private"));
    for host in [
        http("200 OK", "", secret),
        http("403 Forbidden", "", secret),
        http("302 Found", "Location: http://b.test:22/s3cret\r\n", ""),
        http("302 Found", "Location: /s3cret\r\n", ""),
        http("200 OK", "Transfer-Encoding: s3cret\r\n", secret),
        FakeHost::Sends(vec![b"s3cret of a server that speaks no HTTP\r\n\r\n".to_vec()]),
        FakeHost::Sends(vec![b"HTTP/1.1 OK s3cret\r\n\r\n".to_vec()]),
        FakeHost::Sends(vec![b"HTTP/1.1 200 OK\r\nContent-Length: s3cret\r\n\r\n".to_vec()]),
    ] {
        let fake = to_b().host("1.1.1.2:80", host).host("1.1.1.2:80", http("404 Not Found", "", secret));
        let failure = failure(&fake).await;
        assert!(!failure.detail.contains(secret), "{failure:?}");
        assert!(failure.detail.contains("after ") && failure.detail.contains("http://b.test/"), "{failure:?}");
    }
    // Back at the first host, after a redirect by another.
    let fake =
        net().host("1.1.1.1:80", redirecting("http://b.test/")).host("1.1.1.2:80", redirecting("http://a.test/s3cret"));
    let failure = failure(&fake.host("1.1.1.1:80", http("403 Forbidden", "", secret))).await;
    assert!(failure.detail.ends_with("http://a.test/… answered 403 instead of 200"), "{failure:?}");
    // The first host may be quoted after its own redirects.
    for location in ["/elsewhere", "https://a.test/elsewhere"] {
        let page = format!("HTTP/1.1 403 Forbidden\r\n\r\n{secret}");
        let fake = answering(redirecting(location)).host("1.1.1.1:443", FakeHost::Tls(https(&["http/1.1"], &page)));
        fails(fake.host("1.1.1.1:80", http("403 Forbidden", "", secret)), FailureKind::Unauthorized, false, secret)
            .await;
    }
}

/// A name can resolve to another address at the next look-up.
///
/// Where that may be a private network, its pages are not shown.
#[tokio::test]
async fn t25_response_of_another_path_is_not_shown_with_private_addresses() {
    let open = || Config { policy: AddressPolicy { allow_private: true }, ..Config::default() };
    let first = Fake::default().name("a.test", &["10.0.0.1"]).host("10.0.0.1:80", redirecting("/admin/s3cret"));
    let fake = first.host("10.0.0.1:80", http("403 Forbidden", "", "s3cret"));
    let Outcome::Failed(failure) = run_with(&fake, open()).await else { panic!("it proves nothing") };
    assert!(failure.detail.ends_with("http://a.test/admin/s3cret answered 403 instead of 200"), "{failure:?}");
    // The page at the challenge's own path is shown.
    let same = Fake::default().name("a.test", &["10.0.0.1"]).host("10.0.0.1:80", http("403 Forbidden", "", "shown"));
    let Outcome::Failed(failure) = run_with(&same, open()).await else { panic!("it proves nothing") };
    assert!(failure.detail.contains("with \"shown\""), "{failure:?}");
}

#[tokio::test]
async fn t25_bytes_before_timeout_are_described() {
    let fake = answering(FakeHost::Drip(b'\r', Duration::from_secs(1)));
    let words = "by HTTP/1.1 at 1.1.1.1: no complete answer in time; 10 bytes came, which begin \"\\r\\r";
    fails(fake, FailureKind::Connection, true, words).await;
}

#[tokio::test]
async fn z10_an_address_inside_the_platform_is_fetched_by_its_client_and_no_other() {
    let inside = || Fake::default().name("a.test", &["104.16.0.1", "2606:4700::1"]);
    let fake = inside().page(URL, Ok(page(200, None, "tok.thumb\n")));
    assert_eq!(run(&fake).await, Outcome::Valid);
    let moved = inside().page(URL, Ok(page(308, Some("/x"), ""))).page("http://a.test/x", Ok(page(404, None, "no")));
    fails(moved, FailureKind::Unauthorized, true, "http://a.test/x answered 404 instead of 200, with \"no\"").await;
    let large = page(200, None, &"x".repeat(http1::MAX_BODY + 1));
    fails(inside().page(URL, Ok(large)), FailureKind::IncorrectResponse, false, "more than 131072 bytes").await;
    for (status, words) in [(525, "the TLS handshake with the server behind it failed"), (526, "the certificate of")] {
        fails(inside().page(URL, Ok(page(status, None, ""))), FailureKind::Tls, false, words).await;
    }
    fails(inside(), FailureKind::Connection, true, "could not connect").await;
    // A host that can be connected to is.
    let open = inside().host("104.16.0.1:80", proof()).page(URL, Ok(page(200, None, "no")));
    assert_eq!(run(&open).await, Outcome::Valid);
    // Not when the platform could pick an address outside, or one that the policy refuses, whatever did not connect.
    let outside = "2a00:1::1";
    for addresses in [&["1.1.1.1"][..], &[outside], &["104.16.0.1", outside], &["104.16.0.1", "1.1.1.1"]] {
        let fake = Fake::default().name("a.test", addresses).page(URL, Ok(page(200, None, KEY_AUTHORIZATION)));
        fails(fake, FailureKind::Connection, true, "could not connect").await;
    }
    let mixed = Fake::default().name("a.test", &["104.16.0.1", "10.0.0.1"]);
    let mixed = mixed.page(URL, Ok(page(200, None, KEY_AUTHORIZATION)));
    fails(mixed, FailureKind::Connection, false, "10.0.0.1 (a private address").await;
}
