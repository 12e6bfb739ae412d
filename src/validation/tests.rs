use super::challenges::{dns_account01, dns01};
use super::fake::{Fake, Host, Zone, http, subject};
use super::testing::TlsServer;
use super::*;
use crate::values::Identifier;
use crate::values::SigAlg;
use crate::values::native_crypto::NativeKey;
use dns::RecordKind;
use outbound::OutboundFault;

#[test]
fn z12_wildcard_fits_dns_methods_only() {
    let fitting = |name: &str| -> Vec<&str> {
        let identifier = Identifier::dns(name).unwrap();
        Method::ALL.into_iter().filter(|method| method.fits(&identifier)).map(Method::name).collect()
    };
    assert_eq!(fitting("a.test"), ["http-01", "dns-01", "tls-alpn-01", "dns-account-01", "dns-persist-01"]);
    assert_eq!(fitting("*.a.test"), ["dns-01", "dns-account-01", "dns-persist-01"]);
    let address = Identifier::ip("192.0.2.1").unwrap();
    let fitting: Vec<Method> = Method::ALL.into_iter().filter(|method| method.fits(&address)).collect();
    assert_eq!(fitting, [Method::Http01, Method::TlsAlpn01], "RFC 8738 section 7");
}

#[test]
fn t34_challenge_without_token_is_not_offered_by_default() {
    for method in Method::ALL {
        assert_eq!(method.offered_by_default(), method != Method::DnsPersist01, "{method}");
    }
}

#[test]
fn z03_challenge_types_have_registered_names() {
    for (name, method) in [
        ("http-01", Some(Method::Http01)),
        ("dns-01", Some(Method::Dns01)),
        ("dns-account-01", Some(Method::DnsAccount01)),
        ("dns-persist-01", Some(Method::DnsPersist01)),
        ("tls-alpn-01", Some(Method::TlsAlpn01)),
        ("HTTP-01", None),
        ("", None),
    ] {
        assert_eq!(Method::from_name(name), method, "{name}");
    }
}

#[tokio::test]
async fn z10_z11_each_method_queries_its_own_location() {
    let name = Identifier::dns("a.test").unwrap();
    let key = NativeKey::generate(SigAlg::Es256, &mut |bytes| bytes.fill(7)).unwrap();
    let account = format!("{}._acme-challenge.a.test", dns_account01::label("https://ca.test/acme/account/a"));
    let fake = Fake::default()
        .name("a.test", &["1.1.1.1"])
        .host("1.1.1.1:80", http("200 OK", "", "t.k"))
        .host("1.1.1.1:443", Host::Tls(TlsServer::proper(&name, "t.k", &key)))
        .txt("_acme-challenge.a.test", &[&[&dns01::expected("t.k")]])
        .txt(&account, &[&[&dns01::expected("t.k")]])
        .txt("_validation-persist.a.test", &[&["ca.test; accounturi=https://ca.test/acme/account/a"]]);
    let issuers = ["ca.test".to_owned()];
    for method in Method::ALL {
        let persist = ExpectedRecord { issuers: &issuers, ..ExpectedRecord::default() };
        let subject = Subject { persist, ..subject(&name, "t", "t.k") };
        assert_eq!(validate(&fake, &Config::default(), method, &subject).await, Outcome::Valid, "{method}");
    }
    let log = fake.log.borrow();
    assert_eq!(
        *log,
        [
            "AAAA a.test",
            "A a.test",
            "1.1.1.1:80 GET /.well-known/acme-challenge/t HTTP/1.1",
            "TXT _acme-challenge.a.test",
            "AAAA a.test",
            "A a.test",
            "1.1.1.1:443 TLS",
            &format!("TXT {account}"),
            "TXT _validation-persist.a.test"
        ]
    );
}

#[tokio::test]
async fn z06_resolver_failure_is_temporary_for_each_method() {
    let name = Identifier::dns("a.test").unwrap();
    let malformed = || Zone::Raw(b"<html>".to_vec());
    let unreachable = || Zone::Fault(OutboundFault::Resolver("HTTP status 502".into()));
    let servfail = || Zone::Code(hickory_proto::op::ResponseCode::ServFail);
    let refused = || Zone::Code(hickory_proto::op::ResponseCode::Refused);
    for (zone, words) in [
        (&malformed as &dyn Fn() -> Zone, "answer is malformed"),
        (&unreachable, "the DNS resolver did not answer (HTTP status 502)"),
        (&servfail, "SERVFAIL"),
        (&refused, "response code 5"),
        (&|| Zone::Silence, "no complete answer in time"),
    ] {
        let account = format!("{}._acme-challenge.a.test", dns_account01::label("https://ca.test/acme/account/a"));
        let owners = ["_acme-challenge.a.test", &account, "_validation-persist.a.test"];
        let fake = Fake::default().zone("a.test", RecordKind::A, zone()).zone("a.test", RecordKind::Aaaa, zone());
        let fake = owners.iter().fold(fake, |fake, owner| fake.zone(owner, RecordKind::Txt, zone()));
        for method in Method::ALL {
            let outcome = validate(&fake, &Config::default(), method, &subject(&name, "t", "t.k")).await;
            let Outcome::Failed(failure) = outcome else { panic!("{method} {words}") };
            assert_eq!((failure.kind, failure.retry), (FailureKind::Dns, true), "{failure:?}");
            assert!(failure.detail.contains(words), "{failure:?}");
        }
    }
}

#[tokio::test]
async fn t28_nonexistent_name_is_temporary() {
    let name = Identifier::dns("a.test").unwrap();
    let outcome = validate(&Fake::default(), &Config::default(), Method::Http01, &subject(&name, "t", "t.k")).await;
    let detail = "looked up A and AAAA of a.test: the name does not exist (NXDOMAIN)".to_owned();
    assert_eq!(outcome, Outcome::Failed(Failure { kind: FailureKind::Dns, detail, retry: true }));
}
