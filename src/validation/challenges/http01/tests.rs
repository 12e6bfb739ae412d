use super::*;
use crate::validation::fake::{Fake, Host as FakeHost, Zone, http, redirect as redirecting, subject};
use crate::validation::guard::AddressPolicy;
use crate::validation::outbound::{FetchAnswer, OutboundFault};
use crate::validation::{Config, Method, Outcome, dns::RecordKind, validate};
use crate::values::Identifier;
use core::time::Duration;
use hickory_proto::op::ResponseCode;

/// Where redirects lead, and what is asked by whom.
mod hops;

const KEY_AUTHORIZATION: &str = "tok.thumb";
const URL: &str = "http://a.test/.well-known/acme-challenge/tok";
/// The log's line of a first request to 1.1.1.1.
const FIRST: &str = "1.1.1.1:80 GET /.well-known/acme-challenge/tok HTTP/1.1";

/// A network in which a.test is 1.1.1.1 and b.test is 1.1.1.2.
fn net() -> Fake {
    Fake::default().name("a.test", &["1.1.1.1"]).name("b.test", &["1.1.1.2"])
}

/// The same, 1.1.1.1 doing so.
fn answering(host: FakeHost) -> Fake {
    net().host("1.1.1.1:80", host)
}

fn proof() -> FakeHost {
    http("200 OK", "", KEY_AUTHORIZATION)
}

fn page(status: u16, location: Option<&str>, body: &str) -> FetchAnswer {
    FetchAnswer { status, location: location.map(str::to_owned), body: body.as_bytes().to_vec() }
}

async fn run_with(fake: &Fake, config: Config) -> Outcome {
    let name = Identifier::dns("a.test").unwrap();
    validate(fake, &config, Method::Http01, &subject(&name, "tok", KEY_AUTHORIZATION)).await
}

async fn run(fake: &Fake) -> Outcome {
    run_with(fake, Config::default()).await
}

async fn failure(fake: &Fake) -> Failure {
    match run(fake).await {
        Outcome::Failed(failure) => failure,
        outcome => panic!("{outcome:?}"),
    }
}

/// Asserts kind, prospects and that the detail has these words.
async fn fails(fake: Fake, kind: FailureKind, retry: bool, words: &str) {
    let failure = failure(&fake).await;
    assert_eq!((failure.kind, failure.retry), (kind, retry), "{failure:?}");
    assert!(failure.detail.contains(words), "{failure:?} should say {words:?}");
    assert!(fake.elapsed() <= Duration::from_secs(21), "took {:?}", fake.elapsed());
}

#[tokio::test]
async fn z10_the_file_proves_control_trailing_white_space_aside() {
    for body in ["tok.thumb", "tok.thumb\n", "tok.thumb\r\n", "tok.thumb \t\r\n\r\n"] {
        assert_eq!(run(&answering(http("200 OK", "", body))).await, Outcome::Valid, "{body:?}");
    }
    for body in ["", " tok.thumb", "\u{feff}tok.thumb", "tok.thumb\nx", "TOK.thumb", "tok.thum", "tok.thumb\0"] {
        fails(answering(http("200 OK", "", body)), FailureKind::Unauthorized, false, "key authorization").await;
    }
}

#[tokio::test]
async fn t25_wrong_file_is_shortened_and_escaped() {
    let body = format!("<script>\u{1b}[2J\r\n{}", "secret ".repeat(100));
    let failure = failure(&answering(http("200 OK", "", &body))).await;
    let quoted = quote_octets(body.as_bytes());
    let detail = format!("{URL} has to contain the key authorization \"tok.thumb\", but contains {quoted}");
    assert_eq!(failure, Failure { kind: FailureKind::Unauthorized, detail, retry: false });
    assert!(failure.detail.len() < 250 && failure.detail.matches("secret").count() < 12, "{}", failure.detail);
}

#[tokio::test]
async fn t25_another_status_is_named() {
    for (status, retry) in
        [("404 Not Found", true), ("503 Busy", true), ("403 Forbidden", false), ("206 Partial", false)]
    {
        let code = &status[..3];
        let words = format!("{URL} answered {code} instead of 200, with \"tok.thumb\"");
        fails(answering(http(status, "", KEY_AUTHORIZATION)), FailureKind::Unauthorized, retry, &words).await;
    }
}

#[tokio::test]
async fn z10_bodies_in_chunks_and_in_many_pieces_are_read() {
    let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ntok.\r\n5\r\nthumb\r\n0\r\n\r\n";
    let pieces = chunked.chunks(3).map(<[u8]>::to_vec).collect();
    assert_eq!(run(&answering(FakeHost::Sends(pieces))).await, Outcome::Valid);
    let until_close = FakeHost::Sends(vec![b"HTTP/1.0 200 OK\r\n\r\ntok".to_vec(), b".thumb\n".to_vec()]);
    assert_eq!(run(&answering(until_close)).await, Outcome::Valid);
}

#[tokio::test]
async fn z10_response_not_http_or_too_large_fails() {
    let endless = |first: &str, more: &str| FakeHost::Endless(first.into(), more.repeat(1000).into());
    for (host, retry, words) in [
        (FakeHost::Sends(vec![b"SSH-2.0-x\r\n\r\n".to_vec()]), false, "1.1.1.1 for http://a.test"),
        (
            FakeHost::Sends(vec![b"\0\0\0\x04\0\0\0\0\0".to_vec()]),
            false,
            "answered in HTTP/2, but HTTP/1.1 is asked for",
        ),
        (FakeHost::Sends(vec![]), true, "closed the connection before"),
        (
            FakeHost::Sends(vec![b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ntok".to_vec()]),
            true,
            "before its response",
        ),
        (endless("HTTP/1.1 200 OK\r\n\r\n", "x"), false, "a body of more than 131072 bytes"),
        (endless("HTTP/1.1 200 OK\r\n", "a: b\r\n"), false, "headers of more than 16384 bytes"),
        (endless("", "x"), false, "no HTTP/1.1 response (it begins \"xxxxxxx\")"),
        (endless("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n"), false, "larger than is read"),
    ] {
        fails(answering(host), FailureKind::IncorrectResponse, retry, words).await;
    }
}

#[tokio::test]
async fn z10_a_redirect_is_followed_to_its_freshly_looked_up_address() {
    let fake = answering(redirecting("http://b.test/there?x=1#y")).host("1.1.1.2:80", proof());
    assert_eq!(run(&fake).await, Outcome::Valid);
    let log = fake.log.borrow();
    assert_eq!(
        *log,
        ["AAAA a.test", "A a.test", FIRST, "AAAA b.test", "A b.test", "1.1.1.2:80 GET /there?x=1 HTTP/1.1"]
    );
    assert!(fake.requests.borrow()[1].contains("\r\nHost: b.test\r\n"));
}

#[tokio::test]
async fn z10_a_redirect_to_a_forbidden_address_is_not_followed() {
    let private = || net().name("c.test", &["10.0.0.1", "fd00::1"]);
    for (location, words) in [
        (
            "http://c.test/",
            "c.test leads to addresses that this CA does not connect to: fd00::1 (a unique-local (private) address), 10.0.0.1",
        ),
        ("https://c.test/", "10.0.0.1 (a private address"),
        ("http://127.0.0.1/", "127.0.0.1 (a loopback address"),
        ("http://2130706433/", "127.0.0.1 (a loopback address"),
        ("http://0/", "0.0.0.0 (an address of no particular host"),
        ("http://[::ffff:127.0.0.1]/", "::ffff:127.0.0.1 (a loopback address)"),
        ("https://169.254.169.254/latest/meta-data", "169.254.169.254 (a link-local address"),
    ] {
        let fake = private().host("1.1.1.1:80", redirecting(location));
        let failure = failure(&fake).await;
        assert_eq!((failure.kind, failure.retry), (FailureKind::Connection, false), "{location}: {failure:?}");
        assert!(failure.detail.starts_with(&format!("after 1 redirect from {URL}: ")), "{}", failure.detail);
        assert!(failure.detail.contains(words), "{failure:?} should say {words:?}");
        assert_eq!(fake.requests.borrow().len(), 1, "{location}");
        assert!(!fake.log.borrow().iter().any(|line| line.starts_with("fetch")), "{location}");
    }
}

#[tokio::test]
async fn z10_redirects_against_the_rules_are_not_followed() {
    for (location, words) in [
        ("ftp://b.test/", "redirects to \"ftp://b.test/\", whose scheme is neither http nor https"),
        ("http://b.test:8080/", "whose port 8080 is none of 80, 443"),
        ("http://u:p@b.test/", "which has a user name or password"),
        (URL, "redirects in a circle"),
    ] {
        let fake = answering(redirecting(location));
        fails(fake, FailureKind::IncorrectResponse, false, words).await;
    }
    let circle = answering(redirecting("http://b.test/x")).host("1.1.1.2:80", redirecting("/x#again"));
    fails(circle, FailureKind::IncorrectResponse, false, "in a circle").await;
    let wide = answering(redirecting("http://b.test/x")).host("1.1.1.2:80", redirecting(URL));
    let words = format!("after 1 redirect from {URL}: http://b.test/x redirects in a circle, to http://a.test/…");
    fails(wide, FailureKind::IncorrectResponse, false, &words).await;
    let lost = answering(http("302 Found", "", ""));
    fails(lost, FailureKind::IncorrectResponse, false, "answered 302 without a usable Location").await;
    let see_other = answering(http("303 See Other", "Location: /x\r\n", ""));
    fails(see_other, FailureKind::Unauthorized, false, "answered 303 instead of 200").await;
}

#[tokio::test]
async fn z10_ten_redirects_are_followed_and_no_more() {
    let chain = |redirects: usize| {
        (1..=redirects).fold(net(), |fake, n| fake.host("1.1.1.1:80", redirecting(&format!("/{n}"))))
    };
    let ten = chain(10).host("1.1.1.1:80", proof());
    assert_eq!(run(&ten).await, Outcome::Valid);
    assert_eq!(ten.requests.borrow().len(), 11);
    let eleven = chain(11).host("1.1.1.1:80", proof());
    fails(
        eleven,
        FailureKind::IncorrectResponse,
        false,
        &format!("after 10 redirects from {URL}: http://a.test/10 redirects once more"),
    )
    .await;
}

#[tokio::test]
async fn z10_the_address_that_was_looked_up_is_the_one_connected_to() {
    let fake = Fake::default().name("a.test", &["10.0.0.1", "1.1.1.9", "1.1.1.10"]).host("1.1.1.9:80", proof());
    assert_eq!(run(&fake).await, Outcome::Valid);
    let log = fake.log.borrow();
    assert_eq!(log.iter().filter(|line| *line == "A a.test").count(), 1, "one look-up, so nothing to rebind");
    assert!(log[2].starts_with("1.1.1.9:80 "), "{log:?}");
}

#[tokio::test]
async fn z10_private_addresses_only_where_the_operator_allows_them() {
    let fake = || Fake::default().name("a.test", &["127.0.0.1"]).host("127.0.0.1:5002", proof());
    let words = "a.test leads to addresses that this CA does not connect to: 127.0.0.1 (a loopback address)";
    fails(fake(), FailureKind::Connection, false, words).await;
    let config = Config { http01_port: 5002, policy: AddressPolicy { allow_private: true }, ..Config::default() };
    let open = fake();
    assert_eq!(run_with(&open, config).await, Outcome::Valid);
    assert!(open.requests.borrow()[0].contains("\r\nHost: a.test:5002\r\n"));
}

#[tokio::test]
async fn t26_ipv6_is_tried_first_and_ipv4_once_when_it_does_not_connect() {
    let both = || Fake::default().name("a.test", &["1.1.1.1", "1.1.1.2", "2606:4700::1", "2606:4700::2"]);
    let good = both().host("[2606:4700::1]:80", proof());
    assert_eq!(run(&good).await, Outcome::Valid);
    assert_eq!(good.requests.borrow().len(), 1);
    for fault in [
        OutboundFault::unreachable(),
        OutboundFault::Filtered,
        OutboundFault::Timeout,
        OutboundFault::Closed("reset by peer".into()),
    ] {
        let fake = both().host("[2606:4700::1]:80", FakeHost::Fault(fault.clone())).host("1.1.1.1:80", proof());
        assert_eq!(run(&fake).await, Outcome::Valid, "{fault}");
    }
    let slow = both().host("[2606:4700::1]:80", FakeHost::Silence).host("1.1.1.1:80", proof());
    assert_eq!(run(&slow).await, Outcome::Valid);
    let neither = both();
    let words = "could not connect (the connection was refused, or nothing leads there); it is an address of Cloudflare's, \
                 to which a Worker opens no sockets: use dns-01 there; then at 1.1.1.1: could not connect";
    fails(neither, FailureKind::Connection, true, words).await;
    let wrong = both().host("[2606:4700::1]:80", http("200 OK", "", "x")).host("1.1.1.1:80", proof());
    fails(wrong, FailureKind::Unauthorized, false, "contains \"x\"").await;
}

#[tokio::test]
async fn t26_one_of_the_two_look_ups_may_fail() {
    let fake = answering(proof()).zone("a.test", RecordKind::Aaaa, Zone::Code(ResponseCode::ServFail));
    assert_eq!(run(&fake).await, Outcome::Valid);
    let none = Fake::default().name("a.test", &[]).zone("a.test", RecordKind::Aaaa, Zone::Code(ResponseCode::ServFail));
    fails(none, FailureKind::Dns, true, "looked up AAAA of a.test: SERVFAIL").await;
    let bare = Fake::default().name("a.test", &[]);
    fails(bare, FailureKind::Dns, true, "looked up A and AAAA of a.test: the name exists, but has neither").await;
}

#[tokio::test]
async fn z10_validation_of_any_host_ends_in_time() {
    fails(answering(FakeHost::Silence), FailureKind::Connection, true, "at 1.1.1.1: no complete answer in time").await;
    // Names whose AAAA takes 5 s each; the fourth host, reached after 15 s, gets what is left of the 20.
    let slow = |hosts: u8| {
        (1..hosts).fold(Fake::default(), |fake, n| {
            let name = if n == 1 { "a.test".to_owned() } else { format!("n{n}.test") };
            let address = format!("1.1.1.{n}");
            fake.name(&name, &[&address])
                .zone(&name, RecordKind::Aaaa, Zone::Silence)
                .host(&format!("{address}:80"), redirecting(&format!("http://n{}.test/", n + 1)))
        })
    };
    fails(slow(10), FailureKind::Connection, true, "was not done after 20 seconds").await;
    let last = slow(4).name("n4.test", &["1.1.1.4"]).host("1.1.1.4:80", FakeHost::Silence);
    assert!(matches!(run(&last).await, Outcome::Failed(Failure { kind: FailureKind::Connection, retry: true, .. })));
    let spent = last.elapsed();
    assert!((Duration::from_secs(20)..Duration::from_millis(20_010)).contains(&spent), "took {spent:?}");
}
