use super::*;
use crate::validation::fake::{Fake, Zone, subject};
use crate::validation::{Config, Method, Outcome, validate};
use crate::values::Identifier;
use hickory_proto::op::ResponseCode;
use proptest::prelude::*;

const ACCOUNT: &str = "https://ca.test/acme/account/a";
const PREFIX: &str = "https://ca.test/acme/account-hash/";
/// The thumbprint of RFC 7638 §3.1.
const THUMBPRINT: &str = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs";
/// The latest time of the fake's clock, in seconds.
const LATER: u64 = 1_000;

async fn run_for(fake: &Fake, name: &str, wildcard: bool) -> Outcome {
    let name = Identifier::dns(name).unwrap();
    let issuers = ["ca.example".to_owned(), "ca.test".to_owned()];
    let thumbprints = ["A".repeat(43), THUMBPRINT.to_owned()];
    let persist = ExpectedRecord { issuers: &issuers, hash_prefix: PREFIX, thumbprints: &thumbprints };
    let subject = Subject { wildcard, persist, ..subject(&name, "", "") };
    validate(fake, &Config::default(), Method::DnsPersist01, &subject).await
}

async fn judged(record: &str, wildcard: bool) -> Outcome {
    run_for(&Fake::default().txt("_validation-persist.a.test", &[&[record]]), "a.test", wildcard).await
}

async fn refused(record: &str) -> Failure {
    match judged(record, false).await {
        Outcome::Failed(failure) => failure,
        outcome => panic!("{record}: {outcome:?}"),
    }
}

#[test]
fn dns_persist_hashes_match_the_drafts_examples() {
    let hash = |domain: &str| {
        hashed_uri("https://ca.example/account-hash/", domain, THUMBPRINT, "https://ca.example/acct/123")
    };
    // Section 10.2
    let begin = "https://ca.example/account-hash/sha-256/";
    assert_eq!(hash("example.com"), format!("{begin}5SQm7n6tPh2-PlLbCKGnViTXX5z19SCN4cPGQHSk-kw"));
    assert_eq!(hash("*"), format!("{begin}NpDnSwUthQK8zCgFdefYxAdAVPnygMLbs9US6oO-5ug"));
}

#[tokio::test]
async fn dns_persist_account_url_or_hash_of_any_key_is_accepted() {
    let hash = |domain: &str, thumbprint: &str, account: &str| hashed_uri(PREFIX, domain, thumbprint, account);
    for (uri, valid) in [
        (ACCOUNT.to_owned(), true),
        (hash("a.test", &"A".repeat(43), ACCOUNT), true),
        (hash("a.test", THUMBPRINT, ACCOUNT), true),
        (hash("*", THUMBPRINT, ACCOUNT), true),
        (hash("b.test", THUMBPRINT, ACCOUNT), false),
        (hash("a.test", &"B".repeat(43), ACCOUNT), false),
        (hash("a.test", THUMBPRINT, "https://ca.test/acme/account/b"), false),
        (hash("a.test", THUMBPRINT, ACCOUNT).replace("account-hash", "Account-Hash"), false),
        (ACCOUNT.to_uppercase(), false),
        ("https://ca.test/acme/account/b".to_owned(), false),
        (String::new(), false),
    ] {
        let outcome = judged(&format!("ca.test; accounturi={uri}"), false).await;
        match outcome {
            Outcome::Failed(failure) if !valid => assert_eq!(failure.kind, FailureKind::Unauthorized, "{uri}"),
            outcome => assert_eq!((outcome, valid), (Outcome::Valid, true), "{uri}"),
        }
    }
}

#[tokio::test]
async fn dns_persist_invalid_hash_after_prefix_is_malformed() {
    let hash = hashed_uri(PREFIX, "a.test", THUMBPRINT, ACCOUNT);
    for uri in [
        hash.replace("sha-256/", "sha-512/"),
        hash.replace("sha-256/", "SHA-256/"),
        hash.replace("sha-256/", "sha-256"),
        format!("{hash}="),
        format!("{hash}AA"),
        PREFIX.to_owned(),
    ] {
        let failure = refused(&format!("ca.test; accounturi={uri}")).await;
        assert_eq!(failure.kind, FailureKind::Malformed, "{uri}");
    }
}

#[tokio::test]
async fn dns_persist_unknown_parameters_are_ignored_and_tags_have_no_case() {
    for record in [
        format!("ca.test; accounturi={ACCOUNT}; future=1"),
        format!("ca.test;accounturi={ACCOUNT};policy=something-else"),
        format!("CA.Test; AccountURI={ACCOUNT}; policy="),
        format!("ca.example ; future=x ; accounturi = {ACCOUNT} "),
    ] {
        assert_eq!(judged(&record, false).await, Outcome::Valid, "{record}");
    }
}

#[tokio::test]
async fn dns_persist_wildcards_need_the_policy() {
    for (policy, valid) in [
        ("; policy=wildcard", true),
        ("; Policy=WILDCARD", true),
        ("", false),
        ("; policy=wild", false),
        ("; policy=wildcard2", false),
        ("; wildcard=policy", false),
    ] {
        let record = format!("ca.test; accounturi={ACCOUNT}{policy}");
        assert_eq!(judged(&record, false).await, Outcome::Valid, "{record}");
        match judged(&record, true).await {
            Outcome::Failed(failure) if !valid => assert_eq!(failure.kind, FailureKind::Unauthorized, "{record}"),
            outcome => assert_eq!((outcome, valid), (Outcome::Valid, true), "{record}"),
        }
    }
}

#[tokio::test]
async fn dns_persist_nothing_is_proven_after_persist_until() {
    for (until, end) in [
        (LATER.to_string(), LATER),
        (format!("000{LATER}"), LATER),
        ("253402300800".to_owned(), 253_402_300_800),
        ("9".repeat(40), u64::MAX),
    ] {
        let outcome = judged(&format!("ca.test; accounturi={ACCOUNT}; persistUntil={until}"), false).await;
        assert_eq!(outcome, Outcome::ValidUntil(Time::from_secs(end)), "{until}");
    }
    for (until, kind) in [
        ("0", FailureKind::Unauthorized),
        ("-5", FailureKind::Unauthorized),
        ("", FailureKind::Malformed),
        ("-", FailureKind::Malformed),
        ("+5000", FailureKind::Malformed),
        ("1e9", FailureKind::Malformed),
        ("5000.0", FailureKind::Malformed),
        ("0x5000", FailureKind::Malformed),
        ("2030-01-01T00:00:00Z", FailureKind::Malformed),
        ("never", FailureKind::Malformed),
    ] {
        let failure = refused(&format!("ca.test; accounturi={ACCOUNT}; persistUntil={until}")).await;
        assert_eq!((failure.kind, failure.retry), (kind, true), "{until}");
    }
}

#[tokio::test]
async fn dns_persist_records_that_break_the_rules() {
    for (record, kind) in [
        ("ca.test".to_owned(), FailureKind::Malformed),
        ("ca.test; policy=wildcard".to_owned(), FailureKind::Malformed),
        (format!("ca.test; accounturi={ACCOUNT}; accounturi={ACCOUNT}"), FailureKind::Malformed),
        (format!("ca.test; accounturi={ACCOUNT}; x=1; X=1"), FailureKind::Malformed),
        (format!("ca.test; accounturi={ACCOUNT};"), FailureKind::Malformed),
        (format!("ca.test accounturi={ACCOUNT}"), FailureKind::Unauthorized),
        (format!("ca.test, accounturi={ACCOUNT}"), FailureKind::Unauthorized),
        (format!("wrong.test; accounturi={ACCOUNT}"), FailureKind::Unauthorized),
        (format!("sub.ca.test; accounturi={ACCOUNT}"), FailureKind::Unauthorized),
        (format!("; accounturi={ACCOUNT}"), FailureKind::Unauthorized),
        (ACCOUNT.to_owned(), FailureKind::Unauthorized),
        (String::new(), FailureKind::Unauthorized),
    ] {
        assert_eq!(refused(&record).await.kind, kind, "{record}");
    }
}

#[tokio::test]
async fn dns_persist_records_are_judged_separately() {
    let good = format!("ca.test; accounturi={ACCOUNT}");
    let (left, right) = good.split_at(20);
    let at = "_validation-persist.a.test";
    for (records, valid) in [
        (&[&["other.example; accounturi=x"][..], &[&good]][..], true),
        (&[&["ca.test; accounturi=x"], &["no grammar;"], &[&good]], true),
        (&[&[left, right]], true),
        (&[&[left], &[right]], false),
        // Nothing is put together from two records.
        (&[&["ca.test; policy=wildcard"], &["other.example; accounturi=https://ca.test/acme/account/a"]], false),
    ] {
        let outcome = run_for(&Fake::default().txt(at, records), "a.test", false).await;
        assert_eq!(outcome == Outcome::Valid, valid, "{records:?}");
    }
}

#[tokio::test]
async fn dns_persist_a_record_at_a_parent_covers_with_the_policy_only() {
    let wide = format!("ca.test; accounturi={ACCOUNT}; policy=wildcard");
    let hashed =
        format!("ca.test; accounturi={}; policy=wildcard", hashed_uri(PREFIX, "corp.example", THUMBPRINT, ACCOUNT));
    let narrow = format!("ca.test; accounturi={ACCOUNT}");
    for (at, record, name, valid) in [
        ("corp.example", &wide, "www.corp.example", true),
        ("corp.example", &wide, "a.b.c.corp.example", true),
        ("corp.example", &hashed, "www.corp.example", true),
        ("corp.example", &narrow, "www.corp.example", false),
        ("corp.example", &wide, "othercorp.example", false),
        ("www.corp.example", &wide, "corp.example", false),
        ("corp.example", &wide, "a.b.c.d.e.f.g.corp.example", false),
        // A record at a top-level domain does not count.
        ("example", &wide, "corp.example", false),
    ] {
        for wildcard in [false, true] {
            let fake = Fake::default().txt(&format!("_validation-persist.{at}"), &[&[record]]);
            let outcome = run_for(&fake, name, wildcard).await;
            assert_eq!(outcome == Outcome::Valid, valid, "{record} at {at} for {name}: {outcome:?}");
            assert!(fake.log.borrow().len() <= 1 + PARENTS);
        }
    }
    // A resolver that cannot tell ends the search: no answer is worth no proof.
    let fake = Fake::default()
        .zone("_validation-persist.b.corp.example", RecordKind::Txt, Zone::Code(ResponseCode::ServFail))
        .txt("_validation-persist.corp.example", &[&[&wide]]);
    assert!(matches!(run_for(&fake, "a.b.corp.example", false).await, Outcome::Failed(_)));
    assert_eq!(fake.log.borrow().len(), 2);
}

#[tokio::test]
async fn t25_failure_shows_expected_and_found_record() {
    let failure = refused("ca.test; accounturi=https://ca.test/acme/account/b").await;
    assert_eq!(
        failure.detail,
        "looked up TXT of _validation-persist.a.test: expected a record like \"ca.example; \
         accounturi=https://ca.test/acme/account/a\", but \"ca.test; accounturi=https://ca.test/acme/account/b\" is for \
         another account"
    );
    let none = run_for(&Fake::default(), "a.test", true).await;
    let Outcome::Failed(failure) = none else { panic!("{none:?}") };
    assert_eq!((failure.kind, failure.retry), (FailureKind::Dns, true));
    assert!(failure.detail.ends_with("policy=wildcard\", but the name does not exist (NXDOMAIN)"), "{failure:?}");
}

proptest! {
    #[test]
    fn dns_persist_any_text_is_judged_without_a_panic(text: Vec<u8>, tail in "[ -~]{0,60}") {
        let name = Identifier::dns("a.test").unwrap();
        let issuers = ["ca.test".to_owned()];
        let persist = ExpectedRecord { issuers: &issuers, hash_prefix: PREFIX, thumbprints: &[] };
        let subject = Subject { persist, ..subject(&name, "", "") };
        let record = RecordLocation { name: "a.test", wide: false };
        for text in [text, format!("ca.test; accounturi={ACCOUNT}; {tail}").into_bytes()] {
            let _ = record.judge_one(&text, &subject, &record.accepted(&subject), Time::from_secs(1));
        }
    }
}
