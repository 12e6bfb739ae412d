use super::*;
use proptest::prelude::*;
use url::{Host, Url};

#[test]
fn o05_names_in_certificate_form_are_read() {
    for (text, value) in [
        ("example.org", "example.org"),
        ("WWW.Example.ORG", "www.example.org"),
        ("*.example.org", "*.example.org"),
        ("localhost", "localhost"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("a-b.3com.test", "a-b.3com.test"),
        ("0x7f.test", "0x7f.test"),
        ("1.2.3.4.test", "1.2.3.4.test"),
        ("foo.0xg", "foo.0xg"),
        ("foo.1a", "foo.1a"),
    ] {
        assert_eq!(DnsName::parse(text).map(|n| n.to_string()), Ok(value.to_owned()));
    }
}

#[test]
fn o05_other_forms_are_refused_each_for_its_reason() {
    let long_label = format!("{}.test", "a".repeat(64));
    let long_name = format!("{}test", "abcdefg.".repeat(32));
    for (text, fault) in [
        ("", NameFault::Empty),
        ("example.org.", NameFault::TrailingDot),
        (".example.org", NameFault::EmptyLabel),
        ("a..b", NameFault::EmptyLabel),
        ("bücher.example", NameFault::NotAscii),
        ("a_b.example", NameFault::Character),
        ("example.org:80", NameFault::Character),
        ("-a.example", NameFault::Hyphen),
        ("a-.example", NameFault::Hyphen),
        ("ab--cd.example", NameFault::ReservedLabel),
        ("xn--a.example", NameFault::ReservedLabel),
        ("0.xn--0eb", NameFault::Bidi),
        ("*.1a.xn--0eb", NameFault::Bidi),
        ("*", NameFault::Wildcard),
        ("*.*.example", NameFault::Wildcard),
        ("w*.example", NameFault::Wildcard),
        ("www.*.example", NameFault::Wildcard),
        ("127.0.0.1", NameFault::IpAddress),
        ("*.1", NameFault::IpAddress),
        ("127.0.0.0x2", NameFault::IpAddress),
        ("0x7f000002", NameFault::IpAddress),
        ("0X7F000002", NameFault::IpAddress),
        ("0x", NameFault::IpAddress),
        ("1.2.3", NameFault::IpAddress),
        ("017700000001", NameFault::IpAddress),
        ("08", NameFault::IpAddress),
        ("foo.0x7f", NameFault::IpAddress),
        ("foo.0x", NameFault::IpAddress),
        ("*.0xffffffffffffffffff", NameFault::IpAddress),
        (long_label.as_str(), NameFault::LabelTooLong),
        (long_name.as_str(), NameFault::TooLong),
    ] {
        assert_eq!(DnsName::parse(text), Err(fault), "{text:?}");
    }
}

#[test]
fn rfc8738_addresses_are_read_in_their_canonical_form_only() {
    for good in ["192.0.2.1", "2001:db8::1", "::1", "fe80::1:2"] {
        let identifier = Identifier::ip(good).unwrap();
        assert_eq!((identifier.kind(), identifier.value().as_ref()), ("ip", good));
        let json = format!(r#"{{"type":"ip","value":"{good}"}}"#);
        assert_eq!(serde_json::to_string(&identifier).unwrap(), json);
        assert_eq!(serde_json::from_str::<Identifier>(&json).unwrap(), identifier);
    }
    for bad in ["2001:DB8::1", "2001:db8:0:0::1", "0:0:0:0:0:0:0:1", "2001:0db8::1"] {
        assert!(matches!(Identifier::ip(bad), Err(IpFault::Spelling(_))), "{bad}");
    }
    assert!(matches!(Identifier::ip("::ffff:192.0.2.1"), Err(IpFault::Mapped(v4)) if v4.to_string() == "192.0.2.1"));
    for bad in ["", "192.0.2", "192.0.2.01", "192.0.2.0/24", "fe80::1%eth0", "[::1]", "192.0.2.1:80", "a.test"] {
        assert_eq!(Identifier::ip(bad), Err(IpFault::NotAnAddress), "{bad}");
    }
}

#[test]
fn o02_the_wildcard_stays_in_the_name_and_leaves_its_base() {
    let name = DnsName::parse("*.example.org").unwrap();
    assert!(name.is_wildcard());
    assert_eq!(name.base().as_str(), "example.org");
    let json = serde_json::to_string(&Identifier::Dns(name)).unwrap();
    assert_eq!(json, r#"{"type":"dns","value":"*.example.org"}"#);
}

/// Labels that form numbers of every kind, and labels that are not numbers.
fn label() -> impl Strategy<Value = String> {
    prop_oneof![
        "[0-9]{1,12}",
        "0[xX][0-9a-fA-F]{0,10}",
        "0[xX][0-9a-z]{0,4}",
        "[0-9a-fxX]{1,6}",
        "[a-zA-Z0-9]([a-zA-Z0-9-]{0,6}[a-zA-Z0-9])?",
        "xn--[a-z0-9-]{1,8}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn o05_a_dns_name_is_a_domain_to_url_parsers_and_the_same(labels in proptest::collection::vec(label(), 1..6)) {
        let text = labels.join(".");
        let host = Url::parse(&format!("http://{text}/")).ok().and_then(|url| url.host().map(|host| host.to_owned()));
        match DnsName::parse(&text) {
            Ok(name) => prop_assert_eq!(host, Some(Host::Domain(name.to_string())), "{}", text),
            Err(NameFault::IpAddress) => {
                prop_assert!(!matches!(host, Some(Host::Domain(_))), "{} is a domain: {:?}", text, host);
            }
            Err(_) => {}
        }
    }
}
