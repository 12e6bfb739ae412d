use super::*;
use crate::pki::ceremony::{IssuerPlan, Root, create_server_leaf};
use crate::pki::pem;
use crate::pki::testing::{NOW, verify_server};
use crate::values::SigAlg;

fn constraints(dns: &[&str], ips: &[&str]) -> Constraints {
    let dns: Vec<_> = dns.iter().map(|name| DnsName::parse(name).unwrap()).collect();
    let ips: Vec<_> = ips.iter().map(|range| range.parse().unwrap()).collect();
    Constraints::new(&dns, &ips).unwrap()
}

fn written(constraints: &Constraints) -> NameConstraints {
    let extension = constraints.extension().unwrap().unwrap();
    assert!(extension.critical);
    der::Decode::from_der(extension.extn_value.as_bytes()).unwrap()
}

#[test]
fn name_kind_without_permitted_names_is_excluded_entirely() {
    for (dns, ips, says) in [
        (&["example.org"][..], &[][..], "permitted DNS example.org, excluded IP 0.0.0.0/0, IP ::/0"),
        (&[], &["10.0.0.0/8"], "permitted IP 10.0.0.0/8, excluded every DNS name, IP ::/0"),
        (&[], &["10.0.0.0/8", "fd00::/8"], "permitted IP 10.0.0.0/8, IP fd00::/8, excluded every DNS name"),
        (&["b.test", "a.test"], &["fd00::/8"], "permitted DNS a.test, DNS b.test, IP fd00::/8, excluded IP 0.0.0.0/0"),
    ] {
        let constraints = constraints(dns, ips);
        assert_eq!(describe(&written(&constraints)), says);
        let read = Constraints::in_extensions(&[constraints.extension().unwrap().unwrap()]);
        assert_eq!(read.unwrap(), constraints);
    }
    assert_eq!(constraints(&[], &[]).extension().unwrap(), None);
    assert_eq!(Constraints::in_extensions(&[]).unwrap(), constraints(&[], &[]));
}

#[test]
fn ip_range_is_parsed_strictly_and_written_as_address_and_mask() {
    for (text, octets) in [
        ("10.0.0.0/8", vec![10, 0, 0, 0, 255, 0, 0, 0]),
        ("0.0.0.0/0", vec![0; 8]),
        ("192.0.2.1", vec![192, 0, 2, 1, 255, 255, 255, 255]),
        ("192.0.2.128/25", vec![192, 0, 2, 128, 255, 255, 255, 128]),
        ("::/0", vec![0; 32]),
    ] {
        let range: IpRange = text.parse().unwrap();
        assert_eq!(range.octets(), octets, "{text}");
        assert_eq!(IpRange::from_octets(&octets), Some(range), "{text}");
    }
    assert_eq!("fd00::/8".parse::<IpRange>().unwrap().to_string(), "fd00::/8");
    for (text, says) in [
        ("10.0.0.1/8", "write 10.0.0.0/8"),
        ("10.0.0.0/33", "not a range"),
        ("::/129", "not a range"),
        ("10.0.0.0/", "not a range"),
        ("10.0.0.0/+8", "not a range"),
        ("example.org", "not a range"),
        ("::ffff:10.0.0.0/104", "within IPv6"),
    ] {
        let said = text.parse::<IpRange>().unwrap_err();
        assert!(said.contains(says), "{text}: {said}");
    }
    assert_eq!(IpRange::from_octets(&[10, 0, 0, 0, 255, 0, 255, 0]), None, "a mask that is not contiguous");
    assert_eq!(IpRange::from_octets(&[10, 0, 0, 1, 255, 0, 0, 0]), None, "an address behind its prefix");
    assert_eq!(IpRange::from_octets(&[10, 0, 0]), None);
}

#[test]
fn foreign_constraints_match_only_when_equal() {
    let tree =
        |name: &str| if name.contains(['/', ':']) { ip_tree(name.parse().unwrap()) } else { dns_tree(name) }.unwrap();
    let some = |names: &[&str]| (!names.is_empty()).then(|| names.iter().map(|name| tree(name)).collect::<Vec<_>>());
    let read = |permitted: &[&str], excluded: &[&str]| {
        Constraints::read(&NameConstraints { permitted_subtrees: some(permitted), excluded_subtrees: some(excluded) })
    };
    let org = Some(constraints(&["example.org"], &[]));
    assert_eq!(read(&["example.org"], &["::/0", "0.0.0.0/0"]), org);
    assert_eq!(read(&["EXAMPLE.ORG"], &["0.0.0.0/0", "::/0"]), org);
    assert_eq!(read(&["example.org"], &["0.0.0.0/0"]), None, "IPv6 is left open");
    let open = constraints(&["example.org"], &[]).with_any_ip();
    assert_ne!(Some(&open), org.as_ref(), "addresses are left open");
    assert_eq!(read(&["example.org"], &[]), Some(open.clone()));
    assert_eq!(open.to_string(), "only example.org, and any IP address");
    let written = open.extension().unwrap().unwrap();
    assert_eq!(Constraints::in_extensions(&[written]).unwrap(), open);
    assert!(constraints(&[], &["10.0.0.0/8"]).with_any_ip().is_none());
    assert_eq!(read(&["10.0.0.0/8"], &[]), None, "names are left open");
    assert_eq!(read(&["10.0.0.0/8"], &[""]), Some(constraints(&[], &["10.0.0.0/8"])), "in no permitted range: IPv6");
    assert_eq!(read(&["example.org"], &["0.0.0.0/0", "::/0", "secret.example.org"]), None, "more is excluded");
    assert_eq!(read(&["10.0.0.0/8", "a.test"], &["10.1.0.0/16", "::/0"]), None, "more is excluded");
    assert_eq!(read(&[], &["example.org"]), None);
    assert_eq!(read(&[".example.org"], &["0.0.0.0/0", "::/0"]), None, "another form");
    let mut lax = constraints(&["example.org"], &[]).extension().unwrap().unwrap();
    lax.critical = false;
    let said = Constraints::in_extensions(std::slice::from_ref(&lax)).unwrap_err().to_string();
    assert!(said.contains("not critical"), "{said}");
    lax.critical = true;
    assert!(Constraints::in_extensions(&[lax.clone(), lax]).is_err(), "twice");
}

#[test]
fn wildcard_suffix_is_refused() {
    let name = DnsName::parse("*.example.org").unwrap();
    let said = Constraints::new(&[name], &[]).unwrap_err().to_string();
    assert!(said.contains("\"example.org\""), "{said}");
}

#[test]
fn name_outside_constraints_is_refused_by_verifier() {
    let root = Root::create(SigAlg::Es384, "Test Root", NOW, 10).unwrap();
    let verify = |constraints: &Constraints, name: &str| {
        let plan = IssuerPlan { common_name: "Test Issuer", algorithm: SigAlg::Es256, constraints, years: 5 };
        let issuer = root.create_issuer(plan, NOW).unwrap();
        let der = pem::read_certificates(&issuer.certificate).unwrap();
        assert_eq!(Constraints::of(&Parts::read(&der[0]).unwrap()).unwrap(), *constraints);
        let ips: Vec<IpAddr> = name.parse().into_iter().collect();
        let names: Vec<&str> = if ips.is_empty() { vec![name] } else { vec![] };
        let leaf = create_server_leaf(&issuer, &names, &ips, NOW, 30).unwrap();
        verify_server(&leaf.certificate, root.certificate(), name, NOW)
    };
    let (dns, ips) = (constraints(&["example.org"], &[]), constraints(&[], &["10.0.0.0/8"]));
    for (constraints, name, good) in [
        (&dns, "example.org", true),
        (&dns, "www.example.org", true),
        (&dns, "notexample.org", false),
        (&dns, "10.0.0.1", false),
        (&dns, "fd00::1", false),
        (&ips, "10.0.0.1", true),
        (&ips, "11.0.0.1", false),
        (&ips, "fd00::1", false),
        (&ips, "www.example.org", false),
        (&Constraints::default(), "www.example.net", true),
    ] {
        let verified = verify(constraints, name);
        let right = if good { verified.is_ok() } else { verified == Err(webpki::Error::NameConstraintViolation) };
        assert!(right, "{constraints}: {name}: {verified:?}");
    }
}
