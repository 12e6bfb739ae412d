//! Network faults end in the right kind of failure, within a validation's budget.
//!
//! The table lists the test of each fault. "Scripted" is a network in one process, "sockets" is TCP on the loopback
//! interface, "workerd" is the module as it is deployed:
//!
//! | what goes wrong | scripted | sockets and workerd |
//! |---|---|---|
//! | resolver down | `tests::z06_resolver_failure_…`, `caa::tests`, `tests/exhaustive/faults` | `e2e::faults::unreachable_resolvers_…` |
//! | resolver that never answers | the same | the same |
//! | answers another question, with another id, cut, empty, garbage, truncated, more than a message | `z11_lying_resolver_…` here; `dns::tests` for each part | |
//! | aliases in a circle | `z11_lying_resolver_…` here | |
//! | NXDOMAIN, SERVFAIL, REFUSED | `tests::t28_…`, `tests::z06_…`, `dns::tests::z11_response_codes_…` | `e2e::dns` |
//! | closed port, or a host that resets | `http01::tests::t26_…` | `validation_socket::z10_closed_port_…`, `…z10_hanging_…`, `e2e::issuance::z06_…` |
//! | host that hangs before the connection | `http01::tests::z10_validation_of_any_host_…` | `validation_socket::z10_unresponsive_host_…` |
//! | host that hangs after it | the same | `validation_socket::z10_hanging_…`, `e2e::faults::endless_or_looping_…` |
//! | a byte at a time for ever | `z10_a_byte_at_a_time_…` here | `validation_socket::z10_slow_drip_…` |
//! | endless body, endless headers, endless chunks | `http01::tests::z10_response_not_http_…` | `validation_socket::z10_hanging_…`, `e2e::faults::endless_or_looping_…` |
//! | redirects in a circle, too many | `http01::tests::z10_redirects_against_the_rules_…`, `…z10_ten_redirects_…` | `validation_socket::z10_redirect_loop_…`, `e2e::faults::endless_or_looping_…` |
//! | redirects to private addresses | `http01::tests::z10_a_redirect_to_a_forbidden_address_…` | |
//! | redirects to other schemes and ports | `http01::tests::z10_redirects_against_the_rules_…` | |
//! | DNS rebinding | `z10_rebound_name_…` here, `http01::tests::z10_the_address_that_was_looked_up_…` | `validation_socket::z10_connection_uses_…` |

use super::challenges::dns_account01;
use super::dns::{DOH_ID, MAX_ANSWER, RecordKind};
use super::fake::{Fake, Host, Zone, http, redirect, subject};
use super::outbound::OutboundFault;
use super::{Config, Failure, FailureKind, Method, Outcome, validate};
use crate::values::Identifier;
use core::time::Duration;
use hickory_proto::op::{Message, OpCode, Query};
use hickory_proto::rr::rdata::{A, AAAA, CNAME};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use std::cell::RefCell;

/// The budget of a validation, and the steps of the scripted clock beyond it.
const BOUND: Duration = Duration::from_secs(21);

async fn failure(fake: &Fake, method: Method) -> Failure {
    let name = Identifier::dns("a.test").unwrap();
    let outcome = validate(fake, &Config::default(), method, &subject(&name, "tok", "tok.thumb")).await;
    assert!(fake.elapsed() <= BOUND, "{method} took {:?}", fake.elapsed());
    match outcome {
        Outcome::Failed(failure) => failure,
        outcome => panic!("{method}: {outcome:?}"),
    }
}

fn name(text: &str) -> Name {
    Name::from_ascii(text).unwrap()
}

/// What this method asks the resolver: names and kinds.
fn questions(method: Method) -> Vec<(String, RecordKind)> {
    match method {
        Method::Http01 | Method::TlsAlpn01 => {
            vec![("a.test".into(), RecordKind::A), ("a.test".into(), RecordKind::Aaaa)]
        }
        Method::Dns01 => vec![("_acme-challenge.a.test".into(), RecordKind::Txt)],
        Method::DnsAccount01 => {
            let label = dns_account01::label("https://ca.test/acme/account/a");
            vec![(format!("{label}._acme-challenge.a.test"), RecordKind::Txt)]
        }
        Method::DnsPersist01 => vec![("_validation-persist.a.test".into(), RecordKind::Txt)],
    }
}

/// A response to the question for records of this type of `asked`.
fn response(id: u16, asked: &str, kind: RecordType) -> Message {
    let mut message = Message::response(id, OpCode::Query);
    message.add_query(Query::query(name(&format!("{asked}.")), kind));
    message
}

fn record_type(kind: RecordKind) -> RecordType {
    match kind {
        RecordKind::A => RecordType::A,
        RecordKind::Aaaa => RecordType::AAAA,
        RecordKind::Txt => RecordType::TXT,
        RecordKind::Caa => RecordType::CAA,
    }
}

/// Words of the failure's detail, and the resolver's wrong answer to a query.
type Lie = (&'static str, fn(&str, RecordKind) -> Zone);

const LIES: [Lie; 8] = [
    ("the resolver answered another question", |_, kind| {
        Zone::Raw(response(DOH_ID, "b.test", record_type(kind)).to_vec().unwrap())
    }),
    ("the resolver answered another question", |asked, _| {
        Zone::Raw(response(DOH_ID, asked, RecordType::MX).to_vec().unwrap())
    }),
    ("the resolver answered another question", |asked, kind| {
        Zone::Raw(response(7, asked, record_type(kind)).to_vec().unwrap())
    }),
    ("the resolver's answer is truncated", |asked, kind| {
        let mut message = response(DOH_ID, asked, record_type(kind));
        message.metadata.truncation = true;
        Zone::Raw(message.to_vec().unwrap())
    }),
    ("the resolver's answer is malformed", |_, _| Zone::Raw(b"<html>".to_vec())),
    ("the resolver's answer is malformed", |_, _| Zone::Raw(Vec::new())),
    ("the answer is larger than is read", |_, _| Zone::Fault(OutboundFault::TooLarge)),
    ("its aliases (CNAME) are more than 16 or go in a circle", |asked, kind| {
        let mut message = response(DOH_ID, asked, record_type(kind));
        for (from, to) in [(asked, "b.test"), ("b.test", asked)] {
            let data = RData::CNAME(CNAME(name(&format!("{to}."))));
            message.add_answer(Record::from_rdata(name(&format!("{from}.")), 60, data));
        }
        Zone::Raw(message.to_vec().unwrap())
    }),
];

#[tokio::test]
async fn z11_lying_resolver_is_refused_and_retried() {
    for method in Method::ALL {
        for (words, lie) in LIES {
            let fake = questions(method)
                .into_iter()
                .fold(Fake::default(), |fake, (asked, kind)| fake.zone(&asked, kind, lie(&asked, kind)));
            let failure = failure(&fake, method).await;
            assert_eq!((failure.kind, failure.retry), (FailureKind::Dns, true), "{method}: {failure:?}");
            assert!(failure.detail.contains(words), "{method}: {failure:?} should say {words:?}");
        }
    }
    assert_eq!(MAX_ANSWER, 65_535, "what a port reads at most before it says that it is larger");
}

#[tokio::test]
async fn z10_a_byte_at_a_time_for_ever_is_left_when_the_time_has_ended() {
    for every in [Duration::from_millis(1), Duration::from_secs(1), Duration::from_secs(9)] {
        let fake = Fake::default().name("a.test", &["1.1.1.1"]);
        let failed = failure(&fake.host("1.1.1.1:80", Host::Drip(b'x', every)), Method::Http01).await;
        assert!(matches!(failed.kind, FailureKind::Connection | FailureKind::IncorrectResponse), "{failed:?}");
        let fake = Fake::default().name("a.test", &["1.1.1.1"]);
        let failed = failure(&fake.host("1.1.1.1:443", Host::Drip(22, every)), Method::TlsAlpn01).await;
        assert!(matches!(failed.kind, FailureKind::Connection | FailureKind::Tls), "{failed:?}");
    }
}

/// A network that rebinds `a.test` from a public address to `private` after one look-up.
fn turning(private: &str) -> Fake {
    let v4 = |text: &str| vec![RData::A(A(text.parse().unwrap()))];
    let turns = Zone::Turns(RefCell::new([v4("1.1.1.1"), v4(private)].into()));
    Fake::default().zone("a.test", RecordKind::Aaaa, Zone::Records(Vec::new())).zone("a.test", RecordKind::A, turns)
}

#[tokio::test]
async fn z10_rebound_name_is_connected_at_the_checked_address() {
    let asked_of = |fake: &Fake| {
        let log = fake.log.borrow();
        log.iter().filter(|line| line.contains(":80 ") || line.contains(":443 ")).cloned().collect::<Vec<_>>()
    };
    for private in ["127.0.0.1", "10.0.0.1", "169.254.169.254"] {
        // Looked up once; connected to that address.
        let fake = turning(private).host("1.1.1.1:80", http("200 OK", "", "tok.thumb"));
        let identifier = Identifier::dns("a.test").unwrap();
        let subject = subject(&identifier, "tok", "tok.thumb");
        assert_eq!(validate(&fake, &Config::default(), Method::Http01, &subject).await, Outcome::Valid);
        assert!(asked_of(&fake).iter().all(|line| line.starts_with("1.1.1.1:")), "{:?}", asked_of(&fake));
        // A redirect to the same host looks it up again, and is checked again; so is one to https.
        for location in ["/elsewhere", "http://a.test/elsewhere", "https://a.test/elsewhere"] {
            let fake = turning(private).host("1.1.1.1:80", redirect(location));
            let failed = failure(&fake, Method::Http01).await;
            assert_eq!((failed.kind, failed.retry), (FailureKind::Connection, false), "{location}: {failed:?}");
            assert!(failed.detail.contains(&format!("does not connect to: {private} (")), "{location}: {failed:?}");
            assert_eq!(asked_of(&fake).len(), 1, "{location}: {:?}", asked_of(&fake));
            assert!(!fake.log.borrow().iter().any(|line| line.starts_with("fetch")), "{location}");
        }
        // tls-alpn-01 follows no redirects.
        let fake = turning(private).host("1.1.1.1:443", Host::Silence);
        failure(&fake, Method::TlsAlpn01).await;
        assert!(asked_of(&fake).iter().all(|line| line.starts_with("1.1.1.1:443")), "{:?}", asked_of(&fake));
    }
}

#[tokio::test]
async fn z10_name_with_public_and_private_addresses_uses_the_public_one() {
    let v6 = Zone::Records(vec![RData::AAAA(AAAA("::1".parse().unwrap()))]);
    let fake = Fake::default().name("a.test", &["1.1.1.1"]).zone("a.test", RecordKind::Aaaa, v6);
    let fake = fake.host("1.1.1.1:80", http("200 OK", "", "tok.thumb"));
    let name = Identifier::dns("a.test").unwrap();
    let outcome = validate(&fake, &Config::default(), Method::Http01, &subject(&name, "tok", "tok.thumb")).await;
    assert_eq!(outcome, Outcome::Valid);
    assert!(fake.log.borrow().iter().all(|line| !line.contains("[::1]")), "{:?}", fake.log.borrow());
}
