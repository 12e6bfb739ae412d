//! Questions and answers, in the wire form.

use std::net::IpAddr;
use std::pin::Pin;

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{DNSClass, Name, RData, RecordType};

use crate::challtestsrv::dns::{Resolver, Transport};
use crate::challtestsrv::zone::{Change, Host, Policy};

/// A system resolver that resolves one name in both families and fails for another.
fn system(host: String) -> Pin<Box<dyn Future<Output = Result<Vec<IpAddr>, ResponseCode>> + Send>> {
    Box::pin(async move {
        match host.as_str() {
            "www.example.org" => Ok(vec!["192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap()]),
            "broken.example.org" => Err(ResponseCode::ServFail),
            _ => Err(ResponseCode::NXDomain),
        }
    })
}

fn host(name: &str) -> Host {
    Host::try_from(name.to_owned()).unwrap()
}

fn query(name: &str, kind: RecordType) -> Message {
    let mut message = Message::new(7, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
    message
}

fn send(resolver: &Resolver, query: &Message, via: Transport) -> Message {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let answer = runtime.block_on(resolver.answer(&query.to_vec().unwrap(), via));
    Message::from_vec(&answer.unwrap()).unwrap()
}

fn ask(resolver: &Resolver, name: &str, kind: RecordType) -> (ResponseCode, Vec<String>) {
    let answer = send(resolver, &query(name, kind), Transport::Stream);
    let records = answer.answers.iter().map(|record| format!("{} {}", record.name, shown(&record.data)));
    (answer.metadata.response_code, records.collect())
}

fn shown(data: &RData) -> String {
    match data {
        RData::TXT(txt) => String::from_utf8(txt.txt_data.concat()).unwrap(),
        RData::CAA(caa) => {
            format!("{} {} {}", caa.issuer_critical, caa.tag, String::from_utf8(caa.value.clone()).unwrap())
        }
        other => other.to_string(),
    }
}

const NONE: (ResponseCode, Vec<String>) = (ResponseCode::NoError, Vec::new());

#[test]
fn our_names_are_this_machine() {
    let resolver = Resolver::new(system);
    for name in ["www.test.", "test.", "a.b.localhost.", "x.internal.", "WWW.Test."] {
        assert_eq!(
            ask(&resolver, name, RecordType::A),
            (ResponseCode::NoError, vec![format!("{name} 127.0.0.1")]),
            "{name}"
        );
        assert_eq!(ask(&resolver, name, RecordType::AAAA), NONE, "{name}");
        assert_eq!(ask(&resolver, name, RecordType::CAA), NONE, "{name}");
    }
}

#[test]
fn z05_several_txt_values_stand_side_by_side_and_go_one_by_one() {
    let resolver = Resolver::new(system);
    let name = host("_Acme-Challenge.www.TEST.");
    let txt = || ask(&resolver, "_acme-challenge.www.test.", RecordType::TXT).1;
    for value in ["one", "two", "one"] {
        resolver.apply(&name, Change::AddTxt(value.into()));
    }
    assert_eq!(txt(), ["_acme-challenge.www.test. one", "_acme-challenge.www.test. two"]);
    resolver.apply(&name, Change::RemoveTxt("one".into()));
    assert_eq!(txt(), ["_acme-challenge.www.test. two"]);
    resolver.apply(&name, Change::ClearTxt);
    assert_eq!(txt(), [""; 0]);
}

#[test]
fn long_txt_value_is_split_and_joined() {
    let resolver = Resolver::new(system);
    let long = "x".repeat(600);
    resolver.apply(&host("a.test"), Change::AddTxt(long.clone()));
    resolver.apply(&host("b.test"), Change::AddTxt(String::new()));
    assert_eq!(ask(&resolver, "a.test.", RecordType::TXT).1, [format!("a.test. {long}")]);
    assert_eq!(ask(&resolver, "b.test.", RecordType::TXT).1, ["b.test. "]);
}

#[test]
fn addresses_and_caa_records_that_are_set_are_answered() {
    let resolver = Resolver::new(system);
    let name = host("www.test");
    resolver.apply(&name, Change::AddA(vec!["192.0.2.7".parse().unwrap()]));
    resolver.apply(&name, Change::AddAaaa(vec!["::1".parse().unwrap()]));
    let policy = |tag: &str, critical| Policy { tag: tag.into(), value: "ca.example".into(), critical };
    resolver.apply(&name, Change::AddCaa(vec![policy("issue", false), policy("tbs", true)]));
    assert_eq!(ask(&resolver, "www.test.", RecordType::A).1, ["www.test. 192.0.2.7"]);
    assert_eq!(ask(&resolver, "www.test.", RecordType::AAAA).1, ["www.test. ::1"]);
    assert_eq!(
        ask(&resolver, "www.test.", RecordType::CAA).1,
        ["www.test. false issue ca.example", "www.test. true tbs ca.example"]
    );
    for change in [Change::ClearA, Change::ClearAaaa, Change::ClearCaa] {
        resolver.apply(&name, change);
    }
    assert_eq!(ask(&resolver, "www.test.", RecordType::A).1, ["www.test. 127.0.0.1"]);
    assert_eq!(resolver.records().unwrap(), "{}");
}

#[test]
fn aliases_are_followed_to_their_records() {
    let resolver = Resolver::new(system);
    resolver.apply(&host("_acme-challenge.a.test"), Change::SetCname(host("b.test")));
    resolver.apply(&host("b.test"), Change::AddTxt("value".into()));
    resolver.apply(&host("c.test"), Change::SetCname(host("www.example.org")));
    assert_eq!(
        ask(&resolver, "_acme-challenge.a.test.", RecordType::TXT).1,
        ["_acme-challenge.a.test. b.test.", "b.test. value"]
    );
    assert_eq!(ask(&resolver, "c.test.", RecordType::A).1, ["c.test. www.example.org.", "www.example.org. 192.0.2.1"]);
    assert_eq!(ask(&resolver, "c.test.", RecordType::CNAME).1, ["c.test. www.example.org."]);
    resolver.apply(&host("b.test"), Change::SetCname(host("_acme-challenge.a.test")));
    assert_eq!(ask(&resolver, "b.test.", RecordType::A).0, ResponseCode::ServFail);
}

#[test]
fn failures_can_be_asked_for() {
    let resolver = Resolver::new(system);
    resolver.apply(&host("www.test"), Change::Servfail(true));
    assert_eq!(ask(&resolver, "www.test.", RecordType::CAA).0, ResponseCode::ServFail);
    assert_eq!(ask(&resolver, "test.", RecordType::CAA), NONE);
    resolver.apply(&host("www.test"), Change::Servfail(false));
    assert_eq!(ask(&resolver, "www.test.", RecordType::CAA), NONE);
}

#[test]
fn other_names_are_asked_of_the_system() {
    let resolver = Resolver::new(system);
    assert_eq!(ask(&resolver, "www.example.org.", RecordType::A).1, ["www.example.org. 192.0.2.1"]);
    assert_eq!(ask(&resolver, "www.example.org.", RecordType::AAAA).1, ["www.example.org. 2001:db8::1"]);
    assert_eq!(ask(&resolver, "none.example.org.", RecordType::A).0, ResponseCode::NXDomain);
    assert_eq!(ask(&resolver, "broken.example.org.", RecordType::A).0, ResponseCode::ServFail);
    // The system resolves no records of these types; those that are set are answered.
    assert_eq!(ask(&resolver, "www.example.org.", RecordType::CAA), NONE);
    resolver.apply(&host("www.example.org"), Change::AddTxt("set".into()));
    assert_eq!(ask(&resolver, "www.example.org.", RecordType::TXT).1, ["www.example.org. set"]);
    assert_eq!(ask(&resolver, "www.example.org.", RecordType::A).1, ["www.example.org. 192.0.2.1"]);
}

#[test]
fn clients_find_where_our_zones_begin() {
    let resolver = Resolver::new(system);
    assert_eq!(ask(&resolver, "_acme-challenge.www.test.", RecordType::SOA), NONE);
    let soa = ask(&resolver, "test.", RecordType::SOA).1;
    assert!(soa.len() == 1 && soa[0].starts_with("test. ns.test."), "{soa:?}");
}

#[test]
fn the_answer_mirrors_the_query() {
    let resolver = Resolver::new(system);
    let mut asked = query("wWw.tEsT.", RecordType::A);
    asked.edns = Some(Edns::new());
    let answer = send(&resolver, &asked, Transport::Stream);
    assert_eq!((answer.metadata.id, answer.metadata.message_type), (7, MessageType::Response));
    assert!(answer.metadata.recursion_desired && answer.metadata.recursion_available && answer.edns.is_some());
    assert!(!answer.metadata.authentic_data, "nothing here is validated by DNSSEC");
    assert_eq!(answer.queries[0].name().to_ascii(), "wWw.tEsT.");
    assert_eq!(answer.answers[0].ttl, 0);
    assert!(send(&resolver, &query("www.test.", RecordType::A), Transport::Stream).edns.is_none());
}

#[test]
fn long_answer_is_truncated_for_datagrams() {
    let resolver = Resolver::new(system);
    resolver.apply(&host("a.test"), Change::AddTxt("x".repeat(600)));
    let mut asked = query("a.test.", RecordType::TXT);
    let cut = send(&resolver, &asked, Transport::Datagram);
    assert!(cut.metadata.truncation && cut.answers.is_empty());
    asked.edns = Some(Edns::new()).map(|mut edns| edns.set_max_payload(1232).clone());
    let whole = send(&resolver, &asked, Transport::Datagram);
    assert!(!whole.metadata.truncation && whole.answers.len() == 1);
}

#[test]
fn malformed_query_is_refused() {
    let resolver = Resolver::new(system);
    let code = |message: &Message| send(&resolver, message, Transport::Stream).metadata.response_code;
    let mut two = query("a.test.", RecordType::A);
    two.add_query(Query::query(Name::from_ascii("b.test.").unwrap(), RecordType::A));
    assert_eq!(code(&two), ResponseCode::FormErr);
    let mut chaos = query("a.test.", RecordType::A);
    chaos.queries[0].set_query_class(DNSClass::CH);
    assert_eq!(code(&chaos), ResponseCode::Refused);
    let mut update = query("a.test.", RecordType::A);
    update.metadata.op_code = OpCode::Notify;
    assert_eq!(code(&update), ResponseCode::NotImp);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let mut response = query("a.test.", RecordType::A);
    response.metadata.message_type = MessageType::Response;
    for bytes in [vec![], vec![0; 11], vec![0xff; 64], response.to_vec().unwrap()] {
        assert_eq!(runtime.block_on(resolver.answer(&bytes, Transport::Stream)), None, "{bytes:?}");
    }
}
