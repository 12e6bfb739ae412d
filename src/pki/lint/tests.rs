use super::*;
use crate::pki::leaf::build_tbs;
use crate::pki::testing::{NOW, Order, constrained_issuer, issuer, order};
use crate::pki::{Period, Serial, sigalg, tbs};
use crate::values::SigAlg;
use const_oid::db::rfc5280::{ID_KP_CLIENT_AUTH, ID_KP_CODE_SIGNING, ID_KP_SERVER_AUTH};
use core::time::Duration;
use der::asn1::OctetString;
use x509_cert::ext::Extensions;
use x509_cert::name::Name;

fn good() -> Order {
    order(SigAlg::Es256, &["a.test", "b.test"])
}

/// The parts in which what `made` builds differs from what [`good`] asks for.
fn parts(made: &Order) -> Vec<&'static str> {
    let faults = check(&build_tbs(&made.request()).unwrap(), &good().request()).unwrap_err();
    faults.iter().map(|fault| fault.part).collect()
}

#[test]
fn lint_of_any_changed_bit_fails() {
    for (alg, common_name) in [(SigAlg::Es256, None), (SigAlg::Rs256, Some("*.b.test"))] {
        let mut order = order(alg, &["a.test", "*.b.test"]);
        order.common_name = common_name.map(|name| Identifier::dns(name).unwrap());
        order.ca_issuers = Some("http://ca.test/issuer.cer");
        order.profile.subject_key_id = true;
        (order.ocsp, order.must_staple) = (Some("http://ca.test/ocsp"), common_name.is_some());
        let mut tbs = build_tbs(&order.request()).unwrap();
        assert_eq!(check(&tbs, &order.request()).unwrap().as_bytes(), tbs);
        for at in 0..tbs.len() {
            for bit in 0..8 {
                tbs[at] ^= 1 << bit;
                assert!(check(&tbs, &order.request()).is_err(), "bit {bit} of byte {at}");
                tbs[at] ^= 1 << bit;
            }
        }
        assert!(check(&[&tbs[..], &[0]].concat(), &order.request()).is_err());
        assert!(check(&tbs[..tbs.len() - 1], &order.request()).is_err());
    }
}

#[test]
fn lint_difference_is_found_and_named() {
    let serial = Serial::from_random([1; 18]);
    assert_eq!(parts(&Order { serial, ..good() }), ["serial number"]);
    assert_eq!(parts(&order(SigAlg::Es256, &["a.test"])), ["subjectAltName"]);
    assert_eq!(parts(&order(SigAlg::Es256, &["a.test", "b.test", "c.test"])), ["subjectAltName"]);
    let rsa = order(SigAlg::Rs256, &["a.test", "b.test"]);
    assert_eq!(parts(&rsa), ["public key", "public key algorithm", "keyUsage"]);
    assert_eq!(parts(&Order { now: NOW.plus(Duration::from_secs(7200)), ..good() }), ["notBefore", "notAfter"]);
    let mut longer = good();
    longer.profile.validity += Duration::from_secs(1);
    assert_eq!(parts(&longer), ["notAfter", "length of validity in seconds"]);
    let mut signing = good();
    signing.profile.purposes = &[ID_KP_SERVER_AUTH];
    assert_eq!(check(&build_tbs(&signing.request()).unwrap(), &good().request()).map(|_| ()), Ok(()));
    let url = Order { ca_issuers: Some("http://ca.test/i.cer"), ..good() };
    assert_eq!(parts(&url), ["extensions"]);
    let ocsp = Order { ocsp: Some("http://ca.test/ocsp"), ..good() };
    assert_eq!(parts(&ocsp), ["extensions"]);
    assert_eq!(parts(&Order { must_staple: true, ..good() }), ["extensions"]);
    let mut turned = good();
    turned.names.reverse();
    assert_eq!(parts(&turned), ["subjectAltName"]);
}

#[test]
fn lint_of_another_issuer_fails() {
    let root = crate::pki::ceremony::create_root("Other Root", NOW, 3).unwrap();
    let other = crate::pki::ceremony::create_intermediate(&root, "Other", NOW, 2).unwrap();
    let issuer = crate::pki::Issuer::from_pem_chain(&other.certificate).unwrap();
    assert_eq!(parts(&Order { issuer, ..good() }), ["issuer", "authorityKeyIdentifier"]);
}

/// The faults of a certificate like [`good`]'s with other extensions, signature algorithm or subject.
fn faults(change: impl FnOnce(&mut Extensions), alg: SigAlg, subject: &str) -> Vec<String> {
    let order = good();
    let request = order.request();
    let tbs = build_tbs(&request).unwrap();
    let mut extensions = TbsCertificate::from_der(&tbs).unwrap().extensions().unwrap().clone();
    change(&mut extensions);
    let subject = if subject.is_empty() { Name::default() } else { subject.parse().unwrap() };
    let Period { not_before, not_after } = request.period;
    let fields = tbs::Fields {
        serial: request.serial,
        algorithm: sigalg::identifier(alg).unwrap(),
        issuer: request.issuer.subject(),
        not_before,
        not_after,
        subject: &subject.to_der().unwrap(),
        spki: request.public_key.spki_der(),
        extensions,
    };
    match check(&fields.encode().unwrap(), &request) {
        Ok(_) => vec![],
        Err(faults) => faults.iter().map(ToString::to_string).collect(),
    }
}

fn with(change: impl FnOnce(&mut Extensions)) -> Vec<String> {
    faults(change, SigAlg::Es256, "")
}

#[test]
fn lint_requires_exact_extensions_once() {
    assert_eq!(with(|_| ()), [""; 0]);
    let twice = with(|extensions| extensions.push(extensions[1].clone()));
    assert_eq!(twice, ["keyUsage: expected it once, found it 2 times"]);
    let missing = with(|extensions| drop(extensions.remove(2)));
    assert_eq!(missing, ["basicConstraints: expected it once, found it 0 times"]);
    for (at, part) in [(1, "keyUsage"), (2, "basicConstraints"), (4, "subjectAltName")] {
        let lax = with(|extensions| extensions[at].critical = false);
        assert_eq!(lax, [format!("{part}: expected critical, found not critical")]);
    }
    for (at, part) in [(0, "authorityKeyIdentifier"), (3, "extKeyUsage")] {
        let strict = with(|extensions| extensions[at].critical = true);
        assert_eq!(strict, [format!("{part}: expected not critical, found critical")]);
    }
    let ca = with(|extensions| extensions[2] = tbs::ca_constraints(None).unwrap());
    assert_eq!(ca, ["basicConstraints: expected 3000, found 30030101ff"]);
    let purposes = [ID_KP_SERVER_AUTH, ID_KP_CODE_SIGNING, ID_KP_CLIENT_AUTH];
    let signing = with(|extensions| extensions[3] = tbs::extended_key_usage(&purposes).unwrap());
    assert_eq!(signing.len(), 1);
    assert!(signing[0].ends_with("1.3.6.1.5.5.7.3.1, 1.3.6.1.5.5.7.3.3, 1.3.6.1.5.5.7.3.2"), "{signing:?}");
    let other = with(|extensions| extensions.push(tbs::crl_pointer("http://ca.test/crl").unwrap()));
    assert_eq!(other, ["extensions: expected no other, found 2.5.29.31"]);
    let garbage = with(|extensions| extensions[4].extn_value = OctetString::new(&b"x"[..]).unwrap());
    assert!(garbage[0].starts_with("subjectAltName: expected dns a.test, dns b.test, found "), "{garbage:?}");
}

#[test]
fn lint_requires_exact_algorithm_and_subject() {
    let rsa = faults(|_| (), SigAlg::Rs256, "");
    assert_eq!(rsa, ["signature algorithm: expected 300a06082a8648ce3d040302, found 300d06092a864886f70d01010b0500"]);
    let named = faults(|_| (), SigAlg::Es256, "CN=a.test");
    assert_eq!(named, ["subject: expected 3000, found 3011310f300d06035504030c06612e74657374"]);
}

#[test]
fn fb03_lint_requires_the_requested_common_name_among_the_names() {
    let named = |name: &str| Order { common_name: Some(Identifier::dns(name).unwrap()), ..good() };
    let found = |built: &Order, meant: &Order| -> Vec<&'static str> {
        let found = check(&build_tbs(&built.request()).unwrap(), &meant.request());
        found.map_or_else(|faults| faults.iter().map(|fault| fault.part).collect(), |_| vec![])
    };
    assert_eq!(found(&named("a.test"), &named("a.test")), [""; 0]);
    assert_eq!(found(&named("a.test"), &named("b.test")), ["subject"]);
    assert_eq!(found(&named("a.test"), &good()), ["subject", "subjectAltName"]);
    assert_eq!(found(&good(), &named("a.test")), ["subject", "subjectAltName"]);
    // The builder refuses this request, so it gets other names than the lint.
    let stray = Order { names: order(SigAlg::Es256, &["a.test", "b.test", "c.test"]).names, ..named("c.test") };
    assert_eq!(found(&stray, &named("c.test")), ["subject", "subjectAltName"]);
    let long = format!("{}.test", "a".repeat(60));
    let mut too_long = order(SigAlg::Es256, &[&long]);
    let tbs = build_tbs(&too_long.request()).unwrap();
    too_long.common_name = Some(Identifier::dns(&long).unwrap());
    assert!(check(&tbs, &too_long.request()).is_err());
}

#[test]
fn lint_outside_issuer_validity_fails() {
    // The builder would refuse it, so the lint is asked with an issuer that is younger than the certificate.
    let tbs = build_tbs(&good().request()).unwrap();
    let later = NOW.plus(Duration::from_secs(1800));
    let root = crate::pki::ceremony::create_root("Test Root", later, 3).unwrap();
    let younger = crate::pki::ceremony::create_intermediate(&root, "Test Intermediate", later, 2).unwrap();
    let younger = crate::pki::Issuer::from_pem_chain(&younger.certificate).unwrap();
    assert_eq!(younger.subject(), issuer().subject());
    let order = Order { issuer: younger, ..good() };
    let faults = check(&tbs, &order.request()).unwrap_err();
    assert!(faults.iter().any(|fault| fault.part == "validity" && fault.expected == "within the issuer's"));
}

#[test]
fn lint_of_names_outside_constraints_fails() {
    // The builder does not check constraints: they are checked at the order, and last here.
    let lint = |dns: &[&str], ips: &[&str], names: &[&str]| {
        let mut order = Order { issuer: constrained_issuer(dns, ips), ..good() };
        order.names =
            names.iter().map(|name| Identifier::ip(name).unwrap_or_else(|_| Identifier::dns(name).unwrap())).collect();
        let found = check(&build_tbs(&order.request()).unwrap(), &order.request());
        found.map_or_else(|faults| faults.iter().map(ToString::to_string).collect(), |_| vec![])
    };
    let found = |name| format!("subjectAltName: expected within the issuer's name constraints, found {name}");
    let both = (&["in.test"], &["10.0.0.0/9"]);
    assert_eq!(lint(both.0, both.1, &["in.test", "*.in.test", "www.in.test", "10.1.2.3"]), [""; 0]);
    assert_eq!(lint(both.0, both.1, &["in.test", "*.test"]), [found("*.test")]);
    let outside = lint(both.0, both.1, &["a.test", "in.test", "10.128.0.0", "2001:db8::1"]);
    assert_eq!(outside, ["a.test", "10.128.0.0", "2001:db8::1"].map(found));
    assert_eq!(lint(&["in.test"], &[], &["in.test", "10.1.2.3"]), [found("10.1.2.3")]);
    assert_eq!(lint(&[], &["10.0.0.0/9"], &["in.test", "10.1.2.3"]), [found("in.test")]);
}

#[test]
fn o03_lint_checks_requested_validity_to_the_second() {
    let order = good();
    let day = Duration::from_secs(86_400);
    let chosen = Period { not_before: NOW.plus(day), not_after: NOW.plus(day * 2) };
    let request = LeafRequest { period: chosen, ..order.request() };
    let tbs = build_tbs(&request).unwrap();
    assert!(check(&tbs, &request).is_ok());
    let faults = |period: Period, now: Time| {
        let request = LeafRequest { period, now, ..request };
        check(&tbs, &request).unwrap_err().into_iter().map(|fault| fault.part).collect::<Vec<_>>()
    };
    let second = Duration::from_secs(1);
    assert_eq!(faults(Period { not_before: chosen.not_before.plus(second), ..chosen }, NOW), ["notBefore"]);
    assert_eq!(faults(Period { not_after: chosen.not_after.minus(second), ..chosen }, NOW), ["notAfter"]);
    assert_eq!(faults(chosen, NOW.plus(day * 3)), ["validity"], "over");
    assert_eq!(faults(chosen, NOW.minus(day * 30)), ["validity"], "too far ahead");
}
