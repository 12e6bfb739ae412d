use super::*;
use crate::validation::fake::{Fake, Zone, subject};
use crate::validation::{Config, FailureKind, Method, Outcome, validate};
use crate::values::Identifier;
use hickory_proto::op::ResponseCode;

const KEY_AUTHORIZATION: &str = "tok.thumb";

#[test]
fn dns_account_label_matches_the_drafts_example() {
    assert_eq!(label("https://example.com/acme/acct/ExampleAccount"), "_ujmmovf2vn55tgye");
    let name = DnsName::parse("www.example.org").unwrap();
    assert_eq!(
        owner("https://example.com/acme/acct/ExampleAccount", &name),
        "_ujmmovf2vn55tgye._acme-challenge.www.example.org"
    );
    assert_ne!(label("https://example.com/acme/acct/exampleAccount"), "_ujmmovf2vn55tgye", "byte for byte");
}

async fn run(fake: &Fake, wildcard: bool) -> Outcome {
    let name = Identifier::dns("a.test").unwrap();
    let subject = Subject { wildcard, ..subject(&name, "tok", KEY_AUTHORIZATION) };
    validate(fake, &Config::default(), Method::DnsAccount01, &subject).await
}

fn own() -> String {
    format!("{}._acme-challenge.a.test", label("https://ca.test/acme/account/a"))
}

#[tokio::test]
async fn dns_account_the_value_of_dns01_at_the_accounts_own_name() {
    let expected = dns01::expected(KEY_AUTHORIZATION);
    for wildcard in [false, true] {
        let fake = Fake::default().txt(&own(), &[&["old"], &[&expected]]);
        assert_eq!(run(&fake, wildcard).await, Outcome::Valid);
        assert_eq!(*fake.log.borrow(), [format!("TXT {}", own())]);
    }
}

#[tokio::test]
async fn dns_account_record_of_another_account_or_dns01_is_refused() {
    let expected = dns01::expected(KEY_AUTHORIZATION);
    let other = format!("{}._acme-challenge.a.test", label("https://ca.test/acme/account/b"));
    let fake = Fake::default()
        .txt("_acme-challenge.a.test", &[&[&expected]])
        .txt(&other, &[&[&expected]])
        .txt(&own(), &[&["other"]]);
    let Outcome::Failed(failure) = run(&fake, false).await else { panic!("valid") };
    assert_eq!((failure.kind, failure.retry), (FailureKind::Unauthorized, true));
    let detail = format!("looked up TXT of {}: expected \"{expected}\", but found \"other\"", own());
    assert_eq!(failure.detail, detail, "T-25");
}

#[tokio::test]
async fn dns_account_failed_lookup_is_a_dns_failure() {
    for code in [ResponseCode::NXDomain, ResponseCode::ServFail] {
        let fake = Fake::default().zone(&own(), crate::validation::dns::RecordKind::Txt, Zone::Code(code));
        let Outcome::Failed(failure) = run(&fake, false).await else { panic!("valid") };
        assert_eq!((failure.kind, failure.retry), (FailureKind::Dns, true), "{code}");
    }
}
