use super::*;
use crate::validation::fake::{Fake, Zone, subject};
use crate::validation::{Config, FailureKind, Method, Outcome, validate};
use crate::values::Identifier;
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::rdata::{CNAME, TXT};
use hickory_proto::rr::{Name, RData};

const OWNER: &str = "_acme-challenge.a.test";
const KEY_AUTHORIZATION: &str = "tok.thumb";

async fn run(fake: &Fake) -> Outcome {
    let name = Identifier::dns("a.test").unwrap();
    validate(fake, &Config::default(), Method::Dns01, &subject(&name, "tok", KEY_AUTHORIZATION)).await
}

async fn failure(fake: &Fake) -> Failure {
    match run(fake).await {
        Outcome::Failed(failure) => failure,
        outcome => panic!("{outcome:?}"),
    }
}

/// Computed with `printf %s tok.thumb | openssl dgst -sha256 -binary | basenc --base64url`.
const EXPECTED: &str = "sYAwVrqDtVOuJZvAHurSAYPoEt5fFV_C4bdSOOW-o5Y";

#[test]
fn z11_dns01_record_is_digest_of_key_authorization() {
    assert_eq!(expected(KEY_AUTHORIZATION), EXPECTED);
    assert_eq!(EXPECTED.len(), 43);
}

#[tokio::test]
async fn z11_t14_one_matching_record_among_several_is_enough() {
    for records in [
        &[&[EXPECTED][..]][..],
        &[&["other"], &[EXPECTED]],
        &[&[EXPECTED], &["other"]],
        &[&["v=spf1 -all"], &["x", "y"], &[EXPECTED], &["z"]],
    ] {
        assert_eq!(run(&Fake::default().txt(OWNER, records)).await, Outcome::Valid, "{records:?}");
    }
}

#[tokio::test]
async fn z11_strings_of_a_record_are_joined() {
    let (left, right) = EXPECTED.split_at(20);
    assert_eq!(run(&Fake::default().txt(OWNER, &[&[left, right]])).await, Outcome::Valid);
    // Two records are two texts.
    let failure = failure(&Fake::default().txt(OWNER, &[&[left], &[right]])).await;
    assert_eq!(failure.kind, FailureKind::Unauthorized);
}

#[tokio::test]
async fn z11_alias_is_followed_and_named() {
    let target = Name::from_ascii("proofs.example.").unwrap();
    let alias = |text: &str| {
        let records = vec![RData::CNAME(CNAME(target.clone())), RData::TXT(TXT::new(vec![text.to_owned()]))];
        Fake::default().zone(OWNER, RecordKind::Txt, Zone::Records(records))
    };
    assert_eq!(run(&alias(EXPECTED)).await, Outcome::Valid);
    let failure = failure(&alias("old")).await;
    let detail = format!(
        "looked up TXT of _acme-challenge.a.test (an alias of proofs.example): expected \"{EXPECTED}\", but found \"old\""
    );
    assert_eq!(failure, Failure { kind: FailureKind::Unauthorized, detail, retry: true });
}

#[tokio::test]
async fn z11_nearly_matching_record_is_refused() {
    let quoted = format!("\"{EXPECTED}\"");
    let spaced = format!("{EXPECTED} ");
    let lower = EXPECTED.to_ascii_lowercase();
    let padded = format!("{EXPECTED}=");
    for text in [&quoted, &spaced, &lower, &padded, KEY_AUTHORIZATION, "", &EXPECTED[..42]] {
        let failure = failure(&Fake::default().txt(OWNER, &[&[text]])).await;
        assert_eq!(failure.kind, FailureKind::Unauthorized, "{text}");
    }
}

#[tokio::test]
async fn t25_wrong_record_is_shown_with_the_expected() {
    let long = "x".repeat(250);
    let records: [&[&str]; 5] = [&["old\u{1b}[31m"], &[&long], &["c"], &["d"], &["e"]];
    let failure = failure(&Fake::default().txt(OWNER, &records)).await;
    let shown = "x".repeat(100);
    let detail = format!(
        "looked up TXT of _acme-challenge.a.test: expected \"{EXPECTED}\", \
         but found \"old\\x1b[31m\", \"{shown}…\", \"c\" and 2 more"
    );
    assert_eq!(failure, Failure { kind: FailureKind::Unauthorized, detail, retry: true });
}

#[tokio::test]
async fn t28_missing_record_is_temporary() {
    let none = failure(&Fake::default().txt(OWNER, &[])).await;
    let detail = format!("looked up TXT of {OWNER}: expected \"{EXPECTED}\", but there is no TXT record");
    assert_eq!(none, Failure { kind: FailureKind::Unauthorized, detail, retry: true });

    let nonexistent = failure(&Fake::default().zone(OWNER, RecordKind::Txt, Zone::Code(ResponseCode::NXDomain))).await;
    let detail = format!("looked up TXT of {OWNER}: expected \"{EXPECTED}\", but the name does not exist (NXDOMAIN)");
    assert_eq!(nonexistent, Failure { kind: FailureKind::Dns, detail, retry: true });
}

#[tokio::test]
async fn z11_name_without_room_for_label_fails_permanently() {
    let name = Identifier::dns(&format!("{}test", "abcdefg.".repeat(30))).unwrap();
    let subject = subject(&name, "tok", KEY_AUTHORIZATION);
    let outcome = validate(&Fake::default(), &Config::default(), Method::Dns01, &subject).await;
    let Outcome::Failed(failure) = outcome else { panic!("valid") };
    assert_eq!((failure.kind, failure.retry), (FailureKind::Dns, false));
    assert!(failure.detail.contains("cannot be looked up"), "{}", failure.detail);
}
