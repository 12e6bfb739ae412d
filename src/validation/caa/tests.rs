use super::super::Config as Network;
use super::super::fake::{Fake, Zone};
use super::super::outbound::OutboundFault;
use super::*;
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::rdata::{CAA, CNAME};
use hickory_proto::rr::{Name, RData};
use proptest::prelude::*;

const ACCOUNT: &str = "https://ca.example/acme/account/a";

fn identities() -> Vec<String> {
    vec!["ca.example".to_owned(), "other-name.example".to_owned()]
}

fn name(text: &str) -> DnsName {
    DnsName::parse(text).unwrap()
}

fn question(name: &DnsName) -> CaaQuery<'_> {
    CaaQuery { name, wildcard: false, account: ACCOUNT, method: Some(Method::Http01) }
}

fn property(tag: &str, value: &str) -> Record {
    Record::Caa { critical: false, tag: tag.to_owned(), value: value.as_bytes().to_vec() }
}

fn allowed(records: &[(&str, &str)], question: &CaaQuery<'_>) -> bool {
    let records: Vec<Record> = records.iter().map(|(tag, value)| property(tag, value)).collect();
    judge("a.example", &records, &identities(), question).is_ok()
}

#[test]
fn caa_one_issue_property_that_names_this_ca_is_enough() {
    let name = name("a.example");
    for (records, expected) in [
        (&[("issue", "ca.example")][..], true),
        (&[("issue", "CA.Example")], true),
        (&[("ISSUE", "ca.example")], true),
        (&[("issue", "other-name.example; a=1")], true),
        (&[("issue", "wrong.example"), ("issue", "ca.example")], true),
        (&[("issue", ";"), ("issue", "ca.example")], true),
        (&[("issue", "wrong.example")], false),
        (&[("issue", "sub.ca.example")], false),
        (&[("issue", "ca.example.")], false),
        (&[("issue", "ca.example; a")], false),
        (&[("issue", "")], false),
        (&[("issue", ";")], false),
        (&[("issue", "; a=1")], false),
        (&[("iodef", "mailto:a@a.example")], true),
        (&[("iodef", "mailto:a@a.example"), ("issue", ";")], false),
        (&[("issuemail", ";")], true),
        (&[("unheard-of", "x")], true),
        (&[("unheard-of", "x"), ("issue", "wrong.example")], false),
        (&[], true),
    ] {
        assert_eq!(allowed(records, &question(&name)), expected, "{records:?}");
    }
}

#[test]
fn caa_issuewild_replaces_issue_for_wildcards_only() {
    let name = name("a.example");
    for (records, plain, wildcard) in [
        (&[("issue", "ca.example")][..], true, true),
        (&[("issue", "wrong.example")], false, false),
        (&[("issuewild", "ca.example")], true, true),
        (&[("issuewild", ";")], true, false),
        (&[("issuewild", "wrong.example")], true, false),
        (&[("issue", "ca.example"), ("issuewild", ";")], true, false),
        (&[("issue", ";"), ("issuewild", "ca.example")], false, true),
        (&[("issue", "ca.example"), ("IssueWild", "ca.example")], true, true),
        (&[("issuewild", ";"), ("issuewild", "ca.example")], true, true),
        (&[("issuewild", "a b")], true, false),
    ] {
        assert_eq!(allowed(records, &question(&name)), plain, "{records:?}");
        assert_eq!(allowed(records, &CaaQuery { wildcard: true, ..question(&name) }), wildcard, "*. {records:?}");
    }
}

#[test]
fn caa_unknown_critical_property_forbids() {
    let name = name("a.example");
    let judged = |tag: &str| {
        let critical = Record::Caa { critical: true, tag: tag.to_owned(), value: b"ca.example".to_vec() };
        judge("a.example", &[property("issue", "ca.example"), critical], &identities(), &question(&name))
    };
    for known in ["issue", "issuewild", "iodef", "IODEF", "issuemail"] {
        assert_eq!(judged(known), Ok(()), "{known}");
    }
    let refused = judged("tbs").unwrap_err();
    assert_eq!((refused.kind, refused.retry), (FailureKind::Caa, false));
    assert!(refused.detail.ends_with("the property \"tbs\" is critical and not known here"), "{}", refused.detail);
    judged("issuer").unwrap_err();
}

#[test]
fn caa_accounturi_binds_to_one_account() {
    let name = name("a.example");
    for (parameters, expected) in [
        (format!("accounturi={ACCOUNT}"), true),
        (format!("AccountURI={ACCOUNT}"), true),
        (format!("accounturi={ACCOUNT}; other=1"), true),
        (format!("accounturi={ACCOUNT}/"), false),
        ("accounturi=https://CA.example/acme/account/a".to_owned(), false),
        ("accounturi=https://ca.example/acme/account/b".to_owned(), false),
        ("accounturi=".to_owned(), false),
        ("accounturi=nonsense".to_owned(), false),
        (format!("accounturi={ACCOUNT}; accounturi={ACCOUNT}"), false),
        (format!("accounturi={ACCOUNT}; accounturi=https://ca.example/acme/account/b"), false),
        ("account-uri=other".to_owned(), true),
    ] {
        let value = format!("ca.example; {parameters}");
        assert_eq!(allowed(&[("issue", &value)], &question(&name)), expected, "{value}");
        // Another record that permits issuance is sufficient.
        assert!(allowed(&[("issue", &value), ("issue", "ca.example")], &question(&name)), "{value}");
        let foreign = value.replace("ca.example;", "wrong.example;");
        assert!(!allowed(&[("issue", &foreign)], &question(&name)), "{foreign}");
    }
}

#[test]
fn caa_validationmethods_limits_the_methods() {
    let name = name("a.example");
    for (list, http, dns, none) in [
        ("http-01", true, false, false),
        ("http-01,dns-01", true, true, false),
        ("ca-own,dns-01", false, true, false),
        ("tls-alpn-01", false, false, false),
        ("", false, false, false),
        ("HTTP-01", false, false, false),
        ("http-01,", false, false, false),
        ("http-01,,dns-01", false, false, false),
        ("http_01,http-01", false, false, false),
        ("http-01; validationmethods=dns-01", false, false, false),
        ("http-01; accounturi=https://ca.example/acme/account/b", false, false, false),
    ] {
        let value = format!("ca.example; validationmethods={list}");
        for (method, expected) in [(Some(Method::Http01), http), (Some(Method::Dns01), dns), (None, none)] {
            let question = CaaQuery { method, ..question(&name) };
            assert_eq!(allowed(&[("issue", &value)], &question), expected, "{value} {method:?}");
        }
    }
    assert!(allowed(&[("issue", "ca.example")], &CaaQuery { method: None, ..question(&name) }));
}

#[test]
fn t25_a_refusal_names_what_was_found_and_where() {
    let name = name("www.a.example");
    let records = [property("issue", "wrong.example\u{1b}"), property("issue", "ca.example; accounturi=x")];
    let question = CaaQuery { wildcard: true, ..question(&name) };
    let refused = judge("a.example", &records, &identities(), &question).unwrap_err();
    assert_eq!(
        refused.detail,
        "the CAA records of a.example do not let this CA (ca.example, other-name.example) issue for *.www.a.example: \
         issue \"wrong.example\\x1b\" cannot be read, issue \"ca.example; accounturi=x\" is for another account"
    );
}

fn caa(tag: &str, value: &str) -> RData {
    let mut record = CAA::new_issue(false, None, Vec::new());
    (record.tag, record.value) = (tag.to_owned(), value.as_bytes().to_vec());
    RData::CAA(record)
}

fn set(value: &str) -> Zone {
    Zone::Records(vec![caa("issue", value)])
}

async fn look(fake: &Fake, text: &str) -> Result<(), Failure> {
    let (name, network) = (name(text), Network::default());
    check(&Probe::start(fake, &network), &identities(), &[question(&name)]).await.remove(0)
}

#[tokio::test]
async fn caa_nearest_records_decide_and_the_root_is_not_queried() {
    let zone = |at: &str, value: &str| Fake::default().zone(at, RecordKind::Caa, set(value));
    for (fake, expected, asked) in [
        (zone("w.a.example", "ca.example").zone("a.example", RecordKind::Caa, set(";")), true, 1),
        (zone("w.a.example", ";").zone("a.example", RecordKind::Caa, set("ca.example")), false, 1),
        (zone("a.example", ";"), false, 2),
        (zone("example", ";"), false, 3),
        (zone("example", "ca.example"), true, 3),
        (zone("x.w.a.example", ";"), true, 3),
        (Fake::default(), true, 3),
    ] {
        assert_eq!(look(&fake, "w.a.example").await.is_ok(), expected);
        let asked: Vec<&str> = ["CAA w.a.example", "CAA a.example", "CAA example"].into_iter().take(asked).collect();
        assert_eq!(*fake.log.borrow(), asked);
    }
    // Records that restrict nothing end the way up all the same: the set is not empty.
    let report = || Zone::Records(vec![caa("iodef", "mailto:a@a.example")]);
    let fake = Fake::default().zone("a.example", RecordKind::Caa, report()).zone("example", RecordKind::Caa, set(";"));
    assert_eq!(look(&fake, "a.example").await, Ok(()));
}

#[tokio::test]
async fn caa_aliases_are_followed_without_climbing_their_target() {
    let target = || Name::from_ascii("host.cdn.test.").unwrap();
    let alias = |with: &[RData]| Zone::Records([&[RData::CNAME(CNAME(target()))], with].concat());
    let fake = Fake::default().zone("a.example", RecordKind::Caa, alias(&[caa("issue", ";")]));
    look(&fake, "a.example").await.unwrap_err();
    let fake = Fake::default()
        .zone("a.example", RecordKind::Caa, alias(&[]))
        .zone("cdn.test", RecordKind::Caa, set(";"))
        .zone("example", RecordKind::Caa, set("ca.example"));
    assert_eq!(look(&fake, "a.example").await, Ok(()));
    assert_eq!(*fake.log.borrow(), ["CAA a.example", "CAA example"]);
}

#[tokio::test]
async fn caa_failed_lookup_never_counts_as_no_record() {
    let zones: [&dyn Fn() -> Zone; 5] = [
        &|| Zone::Code(ResponseCode::ServFail),
        &|| Zone::Code(ResponseCode::Refused),
        &|| Zone::Raw(b"<html>".to_vec()),
        &|| Zone::Fault(OutboundFault::Resolver("HTTP status 502".to_owned())),
        &|| Zone::Silence,
    ];
    for zone in zones {
        for at in ["w.a.example", "a.example", "example"] {
            let fake = Fake::default().zone(at, RecordKind::Caa, zone());
            let failure = look(&fake, "w.a.example").await.unwrap_err();
            assert_eq!((failure.kind, failure.retry), (FailureKind::Dns, true), "no record was seen: {failure:?}");
            assert!(failure.detail.starts_with(&format!("whether {at} lets this CA issue")), "{failure:?}");
        }
        // Names above the deciding records are not looked up.
        let fake = Fake::default().zone("w.a.example", RecordKind::Caa, set("ca.example")).zone(
            "example",
            RecordKind::Caa,
            zone(),
        );
        assert_eq!(look(&fake, "w.a.example").await, Ok(()));
    }
}

#[tokio::test]
async fn caa_many_names_are_looked_up_together_and_once() {
    let fake = Fake::default().zone("bad.a.example", RecordKind::Caa, set(";"));
    let names = ["w.a.example", "a.example", "bad.a.example", "x.bad.a.example", "w.a.example"].map(name);
    let network = Network::default();
    let questions: Vec<CaaQuery<'_>> = names.iter().map(question).collect();
    let answers = check(&Probe::start(&fake, &network), &identities(), &questions).await;
    let allowed: Vec<bool> = answers.iter().map(Result::is_ok).collect();
    assert_eq!(allowed, [true, true, false, false, true]);
    let mut asked = fake.log.borrow().clone();
    asked.sort();
    assert_eq!(asked, ["CAA a.example", "CAA bad.a.example", "CAA example", "CAA w.a.example", "CAA x.bad.a.example"]);
}

#[tokio::test]
async fn caa_queries_are_completed_in_groups() {
    let names: Vec<DnsName> = (0..20).map(|n| name(&format!("w.n{n}.example"))).collect();
    let questions: Vec<CaaQuery<'_>> = names.iter().map(question).collect();
    // As where a Worker has made all the subrequests that it may.
    for bound in [0, 1, 13, 25, 50] {
        let mut fake = Fake::default();
        fake.bound = Some(bound);
        let answers = check(&Probe::start(&fake, &Network::default()), &identities(), &questions).await;
        let answered = answers.iter().filter(|answer| answer.is_ok()).count();
        assert!(answered + PARALLEL > bound.saturating_sub(1) / 2, "{answered} of {bound} look-ups");
    }
}

#[test]
fn caa_names_with_too_many_labels_are_too_deep() {
    let on = Config { checked: true, identities: identities(), internal: vec!["test".to_owned()] };
    for (labels, star, too_deep) in
        [(10, "", false), (10, "*.", false), (11, "", true), (11, "*.", true), (120, "", true)]
    {
        let deep = Identifier::dns(&format!("{star}{}example", "a.".repeat(labels - 1))).unwrap();
        assert_eq!(on.is_too_deep(&deep), too_deep, "{deep}");
        assert!(!Config { checked: false, ..on.clone() }.is_too_deep(&deep));
        let internal = Identifier::dns(&format!("{star}{}test", "a.".repeat(labels - 1))).unwrap();
        assert!(!on.is_too_deep(&internal), "{internal} has no records");
    }
}

#[test]
fn caa_does_not_apply_to_internal_suffixes_and_addresses() {
    let internal = INTERNAL.map(str::to_owned).to_vec();
    let on = Config { checked: true, identities: identities(), internal };
    for (name, applies) in [
        ("a.example", true),
        ("test.example", true),
        ("mytest", true),
        ("a.nottest", true),
        ("printer", true),
        ("arpa", true),
        ("test", false),
        ("a.b.test", false),
        ("*.corp", false),
        ("*.a.corp", false),
        ("nas.home.arpa", false),
    ] {
        let identifier = Identifier::dns(name).unwrap();
        assert_eq!(on.applies_to(&identifier), applies, "{name}");
        assert!(!Config { checked: false, ..on.clone() }.applies_to(&identifier), "{name}");
    }
    assert!(!on.applies_to(&Identifier::ip("192.0.2.1").unwrap()));
}

proptest! {
    #[test]
    fn caa_any_records_are_judged_without_a_panic(
        records in proptest::collection::vec((any::<bool>(), "[a-zA-Z]{0,10}|issue|issuewild", any::<Vec<u8>>()), 0..5),
        wildcard: bool,
    ) {
        let records: Vec<Record> =
            records.into_iter().map(|(critical, tag, value)| Record::Caa { critical, tag, value }).collect();
        let name = name("a.example");
        let question = CaaQuery { wildcard, ..question(&name) };
        if let Err(failure) = judge("a.example", &records, &identities(), &question) {
            prop_assert!(failure.detail.len() < 2_500, "{}", failure.detail);
        }
    }
}
