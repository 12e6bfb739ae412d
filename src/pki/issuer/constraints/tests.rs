use super::*;
use crate::pki::testing::constrained_issuer;
use const_oid::db::rfc4519::COMMON_NAME;
use core::str::FromStr;
use der::asn1::{Ia5String, OctetString};
use x509_cert::ext::pkix::constraints::name::GeneralSubtree;
use x509_cert::name::Name;

fn dns(base: &str) -> SubtreeBase {
    SubtreeBase::Dns(base.to_owned())
}

fn allows(permitted: &[SubtreeBase], excluded: &[SubtreeBase], name: &str) -> bool {
    let name = Identifier::ip(name).unwrap_or_else(|_| Identifier::dns(name).unwrap());
    let subtrees = Subtrees { permitted: permitted.to_vec(), excluded: excluded.to_vec() };
    subtrees.check(&ConstrainedName::from(&name)).is_ok()
}

#[test]
fn name_in_permitted_subtree_is_permitted() {
    for (base, name, allowed) in [
        ("example.org", "example.org", true),
        ("example.org", "www.example.org", true),
        ("example.org", "*.example.org", true),
        ("example.org", "*.www.example.org", true),
        ("example.org", "wwwexample.org", false),
        ("example.org", "org", false),
        ("example.org", "example.com", false),
        ("www.example.org", "*.example.org", false),
        (".example.org", "www.example.org", true),
        (".example.org", "*.example.org", true),
        (".example.org", "example.org", false),
        ("", "anything.test", true),
    ] {
        assert_eq!(allows(&[dns(base)], &[], name), allowed, "{base} {name}");
    }
    assert!(allows(&[dns("a.test"), dns("b.test")], &[], "x.b.test"));
    assert!(allows(&[dns("a.test")], &[], "192.0.2.1"), "what is not constrained is allowed");
}

#[test]
fn name_in_excluded_subtree_is_refused() {
    let permitted = [dns("example.org")];
    for (name, allowed) in [
        ("www.example.org", true),
        ("secret.example.org", false),
        ("x.secret.example.org", false),
        // The wildcard covers secret.example.org.
        ("*.example.org", false),
        ("*.www.example.org", true),
    ] {
        assert_eq!(allows(&permitted, &[dns("secret.example.org")], name), allowed, "{name}");
    }
    assert!(!allows(&[], &[dns("")], "anything.test"));
}

#[test]
fn address_is_compared_by_mask() {
    let ten = SubtreeBase::Ip(vec![10, 0, 0, 0], vec![255, 0, 0, 0]);
    assert!(allows(std::slice::from_ref(&ten), &[], "10.1.2.3"));
    assert!(!allows(std::slice::from_ref(&ten), &[], "11.1.2.3"));
    assert!(!allows(&[ten], &[], "2001:db8::1"), "IPv6 addresses are addresses too");
    let everything = [SubtreeBase::Ip(vec![0; 4], vec![0; 4]), SubtreeBase::Ip(vec![0; 16], vec![0; 16])];
    assert!(!allows(&[], &everything, "10.1.2.3") && !allows(&[], &everything, "2001:db8::1"));
    assert_eq!(everything[0].to_string(), "0.0.0.0/0");
}

#[test]
fn issuer_permits_the_names_of_its_ceremony() {
    let name = |text: &str| Identifier::ip(text).unwrap_or_else(|_| Identifier::dns(text).unwrap());
    let (dns, ips) = (&["example.org"][..], &["10.0.0.0/9", "2001:db8::/33"][..]);
    for (permitted, within, outside) in [
        ((dns, &[][..]), &["example.org", "*.www.example.org"][..], &["10.0.0.1", "::1", "example.com"][..]),
        ((&[][..], &ips[..1]), &["10.127.255.255"], &["10.128.0.0", "2001:db8::1", "example.org", "*.example.org"]),
        ((dns, ips), &["www.example.org", "10.0.0.0", "2001:db8::"], &["*.org", "9.255.255.255", "2001:db8:8000::"]),
        ((&[], &[]), &["example.org", "10.0.0.1", "2001:db8::1"], &[]),
    ] {
        let issuer = constrained_issuer(permitted.0, permitted.1);
        for text in within {
            assert_eq!(issuer.permits(&name(text)), Ok(()), "{permitted:?}");
        }
        for text in outside {
            let fault = issuer.permits(&name(text)).unwrap_err().to_string();
            assert!(fault.contains(&format!("\"{text}\"")) && fault.contains("name constraints: "), "{fault}");
        }
    }
}

fn tree(base: GeneralName) -> GeneralSubtree {
    GeneralSubtree { base, minimum: 0, maximum: None }
}

fn ip(octets: &[u8]) -> GeneralName {
    GeneralName::IpAddress(OctetString::new(octets).unwrap())
}

fn ia5(text: &str) -> Ia5String {
    Ia5String::new(text).unwrap()
}

fn fault(permitted: Option<Vec<GeneralSubtree>>, excluded: Option<Vec<GeneralSubtree>>) -> String {
    Subtrees::read(&NameConstraints { permitted_subtrees: permitted, excluded_subtrees: excluded }).unwrap_err()
}

#[test]
fn constraints_unknown_to_rfc_5280_are_refused_with_reason() {
    let one = |base| fault(Some(vec![tree(base)]), None);
    for octets in [&[][..], &[10, 0, 0, 0], &[0; 7], &[0; 16], &[0; 33]] {
        assert!(one(ip(octets)).contains(&format!("{} octets", octets.len())), "{}", one(ip(octets)));
    }
    assert!(one(ip(&[10, 0, 0, 0, 255, 0, 255, 0])).contains("255.0.255.0"));
    for text in ["*.example.org", "example..org", "https://example.org", "a b", ".", "example.org."] {
        assert!(one(GeneralName::DnsName(ia5(text))).contains("not a domain"), "{text}");
    }
    for text in ["", "example.org", ".example.org", "a_b.example.org", "EXAMPLE"] {
        let trees = Some(vec![tree(GeneralName::DnsName(ia5(text)))]);
        let found = NameConstraints { permitted_subtrees: trees, excluded_subtrees: None };
        assert!(Subtrees::read(&found).is_ok(), "{text}");
    }
    assert!(one(GeneralName::UniformResourceIdentifier(ia5("http://example.org/"))).contains("http://example.org/"));
    assert!(one(GeneralName::Rfc822Name(ia5("a@b@c"))).contains("a@b@c"));
    assert!(fault(None, None).contains("neither"));
    assert!(fault(Some(vec![]), None).contains("empty"));
    assert!(fault(None, Some(vec![])).contains("empty"));
    let distant = GeneralSubtree { minimum: 1, ..tree(GeneralName::DnsName(ia5("example.org"))) };
    assert!(fault(None, Some(vec![distant])).contains("minimum"));
}

#[test]
fn ca_names_are_compared_with_subtrees_of_their_kind() {
    let directory = |text: &str| GeneralName::DirectoryName(Name::from_str(text).unwrap());
    let email = |text: &str| GeneralName::Rfc822Name(ia5(text));
    let uri = |text: &str| GeneralName::UniformResourceIdentifier(ia5(text));
    let registered = GeneralName::RegisteredId(COMMON_NAME);
    for (base, name, within) in [
        // RFC 4514 writes the last RDN first.
        (directory("O=Example,C=XX"), directory("CN=Issuer,O=Example,C=XX"), true),
        (directory("O=EXAMPLE,C=XX"), directory("CN=Issuer,O=Example,C=XX"), true),
        (directory("O=Example,C=XX"), directory("O=Other,C=XX"), false),
        (directory("O=Example,C=XX"), directory("C=XX"), false),
        (email("example.org"), email("a@example.org"), true),
        (email("example.org"), email("a@mail.example.org"), false),
        (email(".example.org"), email("a@mail.example.org"), true),
        (email("a@example.org"), email("a@Example.org"), true),
        (email("a@example.org"), email("b@example.org"), false),
        (uri("example.org"), uri("https://example.org:8443/x"), true),
        (uri("example.org"), uri("https://www.example.org/"), false),
        (uri(".example.org"), uri("https://www.example.org"), true),
        (registered.clone(), registered, false),
    ] {
        let read = |permitted: bool| {
            let trees = Some(vec![tree(base.clone())]);
            let (permitted_subtrees, excluded_subtrees) = if permitted { (trees, None) } else { (None, trees) };
            Subtrees::read(&NameConstraints { permitted_subtrees, excluded_subtrees }).unwrap()
        };
        let tested = ConstrainedName::from(&name);
        assert_eq!(read(true).check(&tested).is_ok(), within, "{base:?} {name:?}");
        // What cannot be compared is refused either way.
        let other = matches!(name, GeneralName::RegisteredId(_));
        assert_eq!(read(false).check(&tested).is_err(), within || other, "{base:?} {name:?}");
    }
}
