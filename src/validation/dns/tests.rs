use super::*;
use core::net::{Ipv4Addr, Ipv6Addr};
use hickory_proto::op::Edns;
use hickory_proto::rr::rdata::opt::EdnsOption;
use hickory_proto::rr::rdata::{A, AAAA, CAA, CNAME, NULL, TXT};
use hickory_proto::rr::{DNSClass, RData, Record as RawRecord};
use proptest::prelude::*;

fn name(text: &str) -> Name {
    Name::from_ascii(text).unwrap()
}

/// A response to `asked` of `kind` with these answers.
fn response(asked: &str, kind: RecordKind, answers: Vec<(&str, RData)>) -> Message {
    let mut message = Message::response(DOH_ID, OpCode::Query);
    message.add_query(Query::query(name(asked), record_type(kind)));
    message.add_answers(answers.into_iter().map(|(owner, data)| RawRecord::from_rdata(name(owner), 60, data)));
    message
}

fn read_message(message: &Message, asked: &str, kind: RecordKind) -> Result<Answer, DnsFault> {
    read(&message.to_vec().unwrap(), asked, kind, DOH_ID)
}

fn txt(strings: &[&str]) -> RData {
    RData::TXT(TXT::new(strings.iter().map(|s| (*s).to_owned()).collect()))
}

fn a(last: u8) -> RData {
    RData::A(A::new(192, 0, 2, last))
}

#[test]
fn z11_a_query_has_the_bytes_of_rfc_1035() {
    let bytes = query("_acme-challenge.a.test", RecordKind::Txt, DOH_ID, false).unwrap();
    let mut expected = vec![0, 0, 0x01, 0x20, 0, 1, 0, 0, 0, 0, 0, 1]; // id 0, RD, AD; one question, one OPT
    expected.extend(b"\x0f_acme-challenge\x01a\x04test\x00\x00\x10\x00\x01"); // TXT IN
    expected.extend([0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, 0]); // OPT, 1232 bytes, no flags
    assert_eq!(bytes, expected);
    let with_do = query("a.test", RecordKind::Caa, 0x1234, true).unwrap();
    assert_eq!(&with_do[..2], [0x12, 0x34]);
    assert_eq!(&with_do[with_do.len() - 4..], [0x80, 0, 0, 0]);
}

#[test]
fn z11_a_name_too_long_for_dns_is_refused() {
    let long = format!("_acme-challenge.{}test", "abcdefg.".repeat(30));
    assert!(matches!(query(&long, RecordKind::Txt, DOH_ID, false), Err(DnsFault::Name(_))));
    assert!(matches!(query("a..b", RecordKind::A, DOH_ID, false), Err(DnsFault::Name(_))));
}

#[test]
fn z11_records_are_read_and_txt_strings_joined() {
    let message =
        response("a.test.", RecordKind::Txt, vec![("A.TEST.", txt(&["abc", "", "def"])), ("a.test.", txt(&["x"]))]);
    let answer = read_message(&message, "a.test", RecordKind::Txt).unwrap();
    assert_eq!(answer.content, Content::Records(vec![Record::Txt(b"abcdef".into()), Record::Txt(b"x".into())]));
    assert_eq!((answer.alias, answer.authenticated), (None, false));

    let v6: Ipv6Addr = "2001:db8::1".parse().unwrap();
    let message = response("a.test.", RecordKind::Aaaa, vec![("a.test.", RData::AAAA(AAAA(v6)))]);
    assert_eq!(
        read_message(&message, "a.test", RecordKind::Aaaa).unwrap().content,
        Content::Records(vec![Record::Aaaa(v6)])
    );

    let caa = CAA::new_issue(true, Some(name("ca.test")), vec![]);
    let message = response("a.test.", RecordKind::Caa, vec![("a.test.", RData::CAA(caa))]);
    let expected = Record::Caa { critical: true, tag: "issue".into(), value: b"ca.test".into() };
    assert_eq!(read_message(&message, "a.test", RecordKind::Caa).unwrap().content, Content::Records(vec![expected]));
}

#[test]
fn z11_aliases_are_followed_within_the_answer_in_any_order() {
    let cname = |to: &str| RData::CNAME(CNAME(name(to)));
    let message = response(
        "a.test.",
        RecordKind::A,
        vec![("c.test.", a(1)), ("b.test.", cname("c.test.")), ("a.test.", cname("B.test.")), ("x.test.", a(9))],
    );
    let answer = read_message(&message, "a.test", RecordKind::A).unwrap();
    assert_eq!(answer.content, Content::Records(vec![Record::A(Ipv4Addr::new(192, 0, 2, 1))]));
    assert_eq!(answer.alias.as_deref(), Some("c.test"));

    let dangling = response("a.test.", RecordKind::A, vec![("a.test.", cname("b.test."))]);
    let answer = read_message(&dangling, "a.test", RecordKind::A).unwrap();
    assert_eq!((answer.content, answer.alias.as_deref()), (Content::NoData, Some("b.test")));

    let circle = response("a.test.", RecordKind::A, vec![("a.test.", cname("b.test.")), ("b.test.", cname("a.test."))]);
    assert_eq!(read_message(&circle, "a.test", RecordKind::A), Err(DnsFault::Aliases));
}

#[test]
fn z11_records_not_asked_for_are_skipped() {
    let unknown = RData::Unknown { code: RecordType::Unknown(65_400), rdata: NULL::with(vec![1, 2, 3]) };
    let message = response(
        "a.test.",
        RecordKind::A,
        vec![("a.test.", unknown), ("other.test.", a(7)), ("a.test.", txt(&["no"])), ("a.test.", a(1))],
    );
    let content = read_message(&message, "a.test", RecordKind::A).unwrap().content;
    assert_eq!(content, Content::Records(vec![Record::A(Ipv4Addr::new(192, 0, 2, 1))]));
}

#[test]
fn z11_records_of_another_class_are_skipped() {
    let mut message = response("a.test.", RecordKind::Txt, vec![("a.test.", txt(&["chaos"]))]);
    message.answers[0].dns_class = DNSClass::CH;
    assert_eq!(read_message(&message, "a.test", RecordKind::Txt).unwrap().content, Content::NoData);
}

#[test]
fn z11_junk_after_the_answers_is_ignored() {
    let mut bytes = response("a.test.", RecordKind::A, vec![("a.test.", a(1))]).to_vec().unwrap();
    bytes[11] = 3; // three additional records that are not there
    bytes.extend([0xff; 7]);
    assert!(matches!(read(&bytes, "a.test", RecordKind::A, DOH_ID).unwrap().content, Content::Records(_)));
}

#[test]
fn z11_response_codes_are_distinguished() {
    for (code, content) in [
        (ResponseCode::NoError, Content::NoData),
        (ResponseCode::NXDomain, Content::NxDomain),
        (ResponseCode::ServFail, Content::ServFail),
        (ResponseCode::Refused, Content::Other(5)),
    ] {
        let mut message = response("a.test.", RecordKind::Txt, vec![]);
        message.metadata.response_code = code;
        message.metadata.authentic_data = true;
        let answer = read_message(&message, "a.test", RecordKind::Txt).unwrap();
        assert_eq!((answer.content, answer.authenticated), (content, true));
    }
}

#[test]
fn t25_the_resolvers_explanation_is_kept() {
    let mut message = response("a.test.", RecordKind::Txt, vec![]);
    message.metadata.response_code = ResponseCode::ServFail;
    let mut edns = Edns::new();
    edns.options_mut().insert(EdnsOption::Unknown(EDE, b"\x00\x06signature expired".to_vec()));
    message.set_edns(edns);
    let answer = read_message(&message, "a.test", RecordKind::Txt).unwrap();
    assert_eq!(answer.explanation.as_deref(), Some("\"signature expired\""));
}

#[test]
fn z11_answer_to_another_question_is_refused() {
    let good = response("a.test.", RecordKind::Txt, vec![("a.test.", txt(&["x"]))]);
    assert!(read_message(&good, "a.test", RecordKind::Txt).is_ok());
    assert_eq!(read_message(&good, "b.test", RecordKind::Txt), Err(DnsFault::OtherQuestion));
    assert_eq!(read_message(&good, "a.test", RecordKind::A), Err(DnsFault::OtherQuestion));
    assert_eq!(read(&good.to_vec().unwrap(), "a.test", RecordKind::Txt, 7), Err(DnsFault::OtherQuestion));

    let mut echoed = good.clone();
    echoed.metadata.message_type = MessageType::Query;
    assert_eq!(read_message(&echoed, "a.test", RecordKind::Txt), Err(DnsFault::OtherQuestion));
    let mut without_question = good.clone();
    without_question.queries.clear();
    assert_eq!(read_message(&without_question, "a.test", RecordKind::Txt), Err(DnsFault::OtherQuestion));
    without_question.metadata.response_code = ResponseCode::FormErr;
    assert_eq!(read_message(&without_question, "a.test", RecordKind::Txt).unwrap().content, Content::Other(1));
    let mut truncated = good;
    truncated.metadata.truncation = true;
    assert_eq!(read_message(&truncated, "a.test", RecordKind::Txt), Err(DnsFault::Truncated));
}

#[test]
fn z11_a_message_cut_anywhere_is_malformed() {
    let bytes = response("a.test.", RecordKind::A, vec![("a.test.", a(1)), ("a.test.", a(2))]).to_vec().unwrap();
    for length in 0..bytes.len() {
        let fault = read(&bytes[..length], "a.test", RecordKind::A, DOH_ID).unwrap_err();
        assert!(matches!(fault, DnsFault::Malformed(_)), "{length}: {fault:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn z11_no_bytes_cause_a_panic(bytes: Vec<u8>) {
        let _ = read(&bytes, "a.test", RecordKind::Txt, DOH_ID);
    }

    /// Starts from a whole message so that the damage reaches the records.
    #[test]
    fn z11_no_damage_causes_a_panic(damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
        let message = response("a.test.", RecordKind::Caa, vec![
            ("a.test.", RData::CNAME(CNAME(name("b.test.")))),
            ("b.test.", RData::CAA(CAA::new_issue(false, Some(name("ca.test")), vec![]))),
            ("b.test.", txt(&["abc", "def"])),
        ]);
        let mut bytes = message.to_vec().unwrap();
        for (place, value) in damage {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        let _ = read(&bytes, "a.test", RecordKind::Caa, DOH_ID);
    }

    #[test]
    fn z11_what_txt_holds_comes_back(strings in proptest::collection::vec("[ -~]{0,200}", 1..5)) {
        let parts: Vec<&str> = strings.iter().map(String::as_str).collect();
        let message = response("a.test.", RecordKind::Txt, vec![("a.test.", txt(&parts))]);
        let content = read_message(&message, "a.test", RecordKind::Txt).unwrap().content;
        prop_assert_eq!(content, Content::Records(vec![Record::Txt(strings.concat().into_bytes())]));
    }
}

#[test]
fn z11_caa_a_record_of_another_form_is_malformed() {
    let with = |kind: RecordKind, data: &[u8]| {
        let mut message = query("a.test", kind, DOH_ID, false).unwrap();
        message[2] |= 0x80; // a response
        message[7] = 1; // with an answer
        message.truncate(message.len() - 11);
        message[11] = 0; // and no OPT
        message.extend([0xc0, 12]);
        message.extend(kind_number(kind).to_be_bytes());
        message.extend([0, 1, 0, 0, 0, 60, 0, u8::try_from(data.len()).unwrap()]);
        message.extend(data);
        read(&message, "a.test", kind, DOH_ID)
    };
    for (kind, data) in [
        (RecordKind::A, &[192, 0, 2, 1, 1][..]),
        (RecordKind::A, &[]),
        (RecordKind::Aaaa, &[192, 0, 2, 1]),
        (RecordKind::Txt, b"\x03ab"),
        (RecordKind::Txt, b"\x01a\xff"),
        (RecordKind::Caa, b"\x80"),
        (RecordKind::Caa, b"\x80\x00ca.test"),
        (RecordKind::Caa, b"\x80\x09issue"),
        (RecordKind::Caa, b"\x00\x05is ueca.test"),
    ] {
        assert!(matches!(with(kind, data), Err(DnsFault::Malformed(_))), "{kind} {data:?}");
    }
    let records = |answer: Result<Answer, DnsFault>| match answer.unwrap().content {
        Content::Records(records) => records,
        other => panic!("{other:?}"),
    };
    assert_eq!(records(with(RecordKind::Txt, b"\x01a\x00\x02bc")), [Record::Txt(b"abc".to_vec())]);
    let property =
        |critical, tag: &str, value: &[u8]| Record::Caa { critical, tag: tag.to_owned(), value: value.to_vec() };
    assert_eq!(records(with(RecordKind::Caa, b"\x80\x05Issueca.test")), [property(true, "Issue", b"ca.test")]);
    assert_eq!(records(with(RecordKind::Caa, b"\x7f\x05iodef")), [property(false, "iodef", b"")]);
}

fn kind_number(kind: RecordKind) -> u16 {
    u16::from(record_type(kind))
}
