use super::*;
use crate::pki::testing::{
    CsrShape, NOW, Order, authority, block_on, hex, issuer, narrow_issuer, order, verify_server,
};
use crate::pki::{csr, lint, profile};
use crate::values::SigAlg;
use crate::values::native_crypto::NativeCrypto;
use const_oid::AssociatedOid;
use const_oid::db::rfc5280::{ID_KP_CLIENT_AUTH, ID_KP_SERVER_AUTH};
use der::Encode;
use der::asn1::OctetString;
use x509_cert::Certificate;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::{
    AuthorityInfoAccessSyntax, AuthorityKeyIdentifier, BasicConstraints, CrlDistributionPoints, ExtendedKeyUsage,
    KeyUsage, SubjectAltName, SubjectKeyIdentifier,
};

/// Whether an extension is critical, and its value. Panics unless it is there exactly once.
fn extension<T: AssociatedOid>(certificate: &Certificate) -> (bool, String) {
    let all: Vec<_> =
        certificate.tbs_certificate().extensions().unwrap().iter().filter(|e| e.extn_id == T::OID).collect();
    assert_eq!(all.len(), 1);
    (all[0].critical, hex(all[0].extn_value.as_bytes()))
}

fn oids(certificate: &Certificate) -> Vec<String> {
    certificate.tbs_certificate().extensions().unwrap().iter().map(|e| e.extn_id.to_string()).collect()
}

#[test]
fn leaf_chain_of_each_key_kind_is_accepted_by_verifier() {
    for alg in [SigAlg::Es256, SigAlg::Es384, SigAlg::Rs256, SigAlg::Ed25519] {
        let order = order(alg, &["a.test", "*.b.test"]);
        let chain = pem_chain(&order.issue(), &order.issuer).unwrap();
        let root = &authority().0.certificate;
        for name in ["a.test", "x.b.test"] {
            verify_server(&chain, root, name, NOW).unwrap();
        }
        assert!(verify_server(&chain, root, "b.test", NOW).is_err());
        assert_eq!(chain.matches("BEGIN CERTIFICATE").count(), 2);
        assert!(!chain.contains("\n\n") && !chain.contains('\r') && chain.ends_with("-----\n"));
    }
}

#[test]
fn leaf_fields_match_the_checklist() {
    let order = order(SigAlg::Es256, &["a.test"]);
    let certificate = order.certificate();
    let tbs = certificate.tbs_certificate();
    assert_eq!(hex(&tbs.to_der().unwrap()[..9])[8..], *"a003020102", "version 3");
    assert_eq!(hex(tbs.serial_number().as_bytes()), order.serial.hex());
    assert_eq!(hex(&tbs.signature().to_der().unwrap()), "300a06082a8648ce3d040302");
    assert_eq!(tbs.signature(), certificate.signature_algorithm());
    assert_eq!(tbs.issuer().to_der().unwrap(), order.issuer.subject());
    assert_eq!(hex(&tbs.subject().to_der().unwrap()), "3000");
    assert_eq!(tbs.subject_public_key_info().to_der().unwrap(), order.key.spki_der());
}

#[test]
fn leaf_serial_has_no_sign_bit() {
    for random in [[0xff; 18], [0; 18]] {
        let order = Order { serial: Serial::from_random(random), ..order(SigAlg::Es256, &["a.test"]) };
        let tbs = build_tbs(&order.request()).unwrap();
        assert!(hex(&tbs).contains(&format!("a0030201020213{}", order.serial.hex())));
    }
}

#[test]
fn leaf_extensions_are_exact() {
    let certificate = order(SigAlg::Es256, &["b.test", "a.test"]).certificate();
    assert_eq!(oids(&certificate), ["2.5.29.35", "2.5.29.15", "2.5.29.19", "2.5.29.37", "2.5.29.17"]);
    let key_id = hex(issuer().key_id());
    assert_eq!(extension::<AuthorityKeyIdentifier>(&certificate), (false, format!("30168014{key_id}")));
    assert_eq!(extension::<KeyUsage>(&certificate), (true, "03020780".to_owned()));
    assert_eq!(extension::<BasicConstraints>(&certificate), (true, "3000".to_owned()));
    assert_eq!(extension::<ExtendedKeyUsage>(&certificate), (false, "300a06082b06010505070301".to_owned()));
    let names = "3010".to_owned() + "8206" + &hex(b"b.test") + "8206" + &hex(b"a.test");
    assert_eq!(extension::<SubjectAltName>(&certificate), (true, names), "in their order, and critical: no subject");
}

#[test]
fn leaf_key_usage_matches_key_kind() {
    for (alg, bits) in [
        (SigAlg::Es256, "03020780"),
        (SigAlg::Es384, "03020780"),
        (SigAlg::Ed25519, "03020780"),
        (SigAlg::Rs256, "030205a0"),
    ] {
        let mut order = order(alg, &["a.test"]);
        assert_eq!(extension::<KeyUsage>(&order.certificate()), (true, bits.to_owned()), "{alg:?}");
        // RFC 5280 §4.2.1.12: what a TLS client's key does is digitalSignature.
        order.profile = profile::find("client").unwrap().clone();
        assert_eq!(extension::<KeyUsage>(&order.certificate()), (true, "03020780".to_owned()), "{alg:?}");
        order.profile.purposes = &[ID_KP_SERVER_AUTH, ID_KP_CLIENT_AUTH];
        assert_eq!(extension::<KeyUsage>(&order.certificate()), (true, bits.to_owned()), "{alg:?}");
    }
}

#[test]
fn leaf_optional_extensions_depend_on_url_and_profile() {
    let mut order = order(SigAlg::Es256, &["a.test"]);
    order.ca_issuers = Some("http://ca.test/issuer.cer");
    order.crl = Some("http://ca.test/1.crl");
    let certificate = order.certificate();
    let url = hex(b"http://ca.test/issuer.cer");
    let expected = format!("3027302506082b060105050730028619{url}");
    assert_eq!(extension::<AuthorityInfoAccessSyntax>(&certificate), (false, expected));
    assert_eq!(oids(&certificate).len(), 7, "a CRL that is there");
    order.crl = None;
    assert_eq!(oids(&order.certificate()).len(), 6, "no CRL is there yet");
    order.crl = Some("http://ca.test/1.crl");
    order.profile.crl_pointer = false;
    assert_eq!(oids(&order.certificate()).len(), 6, "this profile points to no CRL");
    order.profile.crl_pointer = true;
    order.profile.subject_key_id = true;
    let certificate = order.certificate();
    let expected = format!("301c301aa018a0168614{}", hex(b"http://ca.test/1.crl"));
    assert_eq!(extension::<CrlDistributionPoints>(&certificate), (false, expected));
    assert_eq!(extension::<SubjectKeyIdentifier>(&certificate).1.len(), 2 * 22);
    assert_eq!(oids(&certificate).len(), 8);
}

#[test]
fn leaf_validity_includes_its_last_second() {
    let order = order(SigAlg::Es256, &["a.test"]);
    let later = Time::from_secs(NOW.secs() + 86_400);
    let certificate = Order { now: later, ..order }.certificate();
    let validity = certificate.tbs_certificate().validity();
    assert_eq!(validity.not_before.to_unix_duration().as_secs(), later.secs() - 3600);
    assert_eq!(validity.not_after.to_unix_duration().as_secs(), later.secs() - 3600 + 7_775_999);
}

#[test]
fn leaf_times_are_utctime_through_2049_then_generalizedtime() {
    let new_year_2050 = Time::from_secs(2_524_608_000);
    let now = new_year_2050.minus(Duration::from_secs(3600));
    let root = crate::pki::ceremony::create_root("Late Root", now, 3).unwrap();
    let intermediate = crate::pki::ceremony::create_intermediate(&root, "Late", now, 2).unwrap();
    let issuer = Issuer::from_pem_chain(&intermediate.certificate).unwrap();
    let mut order = Order { issuer, now, ..order(SigAlg::Es256, &["a.test"]) };
    let text = |order: &Order| {
        let tbs = build_tbs(&order.request()).unwrap();
        lint::check(&tbs, &order.request()).unwrap();
        String::from_utf8_lossy(&tbs).into_owned()
    };
    assert!(text(&order).contains("\u{17}\r491231220000Z\u{18}\u{f}20500331215959Z"));
    order.now = new_year_2050.plus(Duration::from_secs(3600));
    assert!(text(&order).contains("\u{18}\u{f}20500101000000Z"));
    order.profile.validity = Duration::from_secs(7200);
    order.now = now;
    assert!(text(&order).contains("\u{17}\r491231220000Z\u{17}\r491231235959Z"));
}

#[test]
fn c04_leaf_takes_only_the_key_from_the_csr() {
    let value = |oid, bytes: &[u8]| {
        let extn_value = OctetString::new(bytes).unwrap();
        Extension { extn_id: ObjectIdentifier::new_unwrap(oid), critical: true, extn_value }
    };
    let extensions = vec![
        value("2.5.29.19", &[0x30, 3, 1, 1, 0xff]),
        value("2.5.29.15", &[3, 2, 1, 6]),
        value("2.5.29.37", &[0x30, 10, 6, 8, 0x2b, 6, 1, 5, 5, 7, 3, 3]),
        value("2.5.29.32", &[0x30, 6, 0x30, 4, 6, 2, 0x2a, 3]),
    ];
    let der = CsrShape { subject: "CN=a.test,O=Example", extensions, ..CsrShape::dns(&["a.test"]) }.build();
    let csr = block_on(csr::parse(&der).unwrap().verify(&NativeCrypto)).unwrap();
    let mut order = order(SigAlg::Es256, &[]);
    order.names = csr.names().unwrap().into_iter().collect();
    order.key = csr.public_key().clone();
    let certificate = order.certificate();
    assert_eq!(oids(&certificate), ["2.5.29.35", "2.5.29.15", "2.5.29.19", "2.5.29.37", "2.5.29.17"]);
    assert_eq!(extension::<BasicConstraints>(&certificate).1, "3000");
    assert_eq!(extension::<KeyUsage>(&certificate).1, "03020780");
    assert_eq!(extension::<ExtendedKeyUsage>(&certificate).1, "300a06082b06010505070301");
    assert!(certificate.tbs_certificate().subject().is_empty());
}

#[test]
fn fb03_leaf_common_name_is_one_name_alone_in_the_subject() {
    let named = |name: &str| Identifier::dns(name).unwrap();
    let mut order = order(SigAlg::Es256, &["a.test", "*.b.test"]);
    for name in ["a.test", "*.b.test"] {
        order.common_name = Some(named(name));
        let certificate = order.certificate();
        let subject = certificate.tbs_certificate().subject();
        let expected: x509_cert::name::Name = format!("CN={name}").parse().unwrap();
        assert_eq!(subject.to_der().unwrap(), expected.to_der().unwrap(), "UTF8String");
        assert!(!extension::<SubjectAltName>(&certificate).0, "critical with an empty subject only");
    }
    let chain = pem_chain(&order.issue(), &order.issuer).unwrap();
    verify_server(&chain, &authority().0.certificate, "a.test", NOW).unwrap();
    order.common_name = Some(named("c.test"));
    assert_eq!(order.fault(), LeafFault::CommonName("c.test".to_owned()));
    let long = format!("{}.test", "a".repeat(60));
    order.names.push(named("a.test"));
    assert_eq!(order.fault(), LeafFault::Repeated("a.test".to_owned()));
    order.names.pop();
    order.names.push(named(&long));
    order.common_name = Some(named(&long));
    assert_eq!(order.fault(), LeafFault::CommonName(long));
}

#[test]
fn fb03_common_name_is_the_requested_or_first_fitting_dns_name() {
    let name = |text: &str| Identifier::ip(text).unwrap_or_else(|_| Identifier::dns(text).unwrap());
    let (just, long) = (format!("{}.test", "a".repeat(59)), format!("{}.test", "a".repeat(60)));
    for (asked, names, found) in [
        (None, &["b.test", "a.test"][..], Some("b.test")),
        (Some("a.test"), &["b.test", "a.test"], Some("a.test")),
        (Some("*.a.test"), &["b.test", "*.a.test"], Some("*.a.test")),
        (Some("c.test"), &["b.test", "a.test"], Some("b.test")),
        (Some("10.0.0.1"), &["b.test", "10.0.0.1"], Some("10.0.0.1")),
        (None, &["10.0.0.1", "b.test"], Some("b.test")),
        (None, &["10.0.0.1"], None),
        (Some(&long), &[&long, "b.test"], Some("b.test")),
        (None, &[&long, &just], Some(&*just)),
        (None, &[&long], None),
    ] {
        let names: Vec<_> = names.iter().map(|text| name(text)).collect();
        let picked = common_name(asked.map(name).as_ref(), &names).map(ToString::to_string);
        assert_eq!(picked.as_deref(), found, "{asked:?} {names:?}");
    }
}

#[test]
fn leaf_with_invalid_request_is_refused_with_reason() {
    let good = || order(SigAlg::Es256, &["a.test"]);
    assert_eq!(order(SigAlg::Es256, &[]).fault(), LeafFault::NoNames);
    let mut few = order(SigAlg::Es256, &["a.test", "b.test"]);
    few.profile.max_names = 1;
    assert_eq!(few.fault(), LeafFault::TooManyNames(2, 1));
    let end = issuer().not_after();
    let late = Order { now: end.minus(Duration::from_secs(7_775_999 - 3600 - 1)), ..good() };
    assert_eq!(late.fault(), LeafFault::Outlives(end.plus(Duration::from_secs(1)), end));
    assert!(late.fault().to_string().contains("has to be renewed"));
    let just = Order { now: end.minus(Duration::from_secs(7_775_999 - 3600)), ..good() };
    assert!(build_tbs(&just.request()).is_ok(), "to the very second of its issuer's end");
    let over = Order { now: end.plus(Duration::from_secs(1)), ..good() };
    assert_eq!(over.fault(), LeafFault::IssuerNotValid(over.now));
    let mut client = Order { issuer: narrow_issuer(ID_KP_SERVER_AUTH), ..good() };
    client.profile.purposes = &[ID_KP_SERVER_AUTH, ID_KP_CLIENT_AUTH];
    assert_eq!(client.fault(), LeafFault::Purpose(ID_KP_CLIENT_AUTH));
    let mut longer = good();
    let period = longer.period();
    longer.profile.validity -= Duration::from_secs(1);
    let request = LeafRequest { period, ..longer.request() };
    assert_eq!(build_tbs(&request), Err(LeafFault::Length(period.length(), "default")));
    let early = Period { not_before: issuer().not_before().minus(Duration::from_secs(1)), ..good().period() };
    let good = good();
    let request = LeafRequest { period: early, now: issuer().not_before(), ..good.request() };
    assert_eq!(build_tbs(&request), Err(LeafFault::IssuerNotValid(early.not_before)));
    let good = || order(SigAlg::Es256, &["a.test"]);
    for url in ["https://ca.test/i.cer", "http://", "http:///x", "ca.test", "http://ca.test/ü", "http://ca.test/a b"] {
        assert_eq!(Order { ca_issuers: Some(url), ..good() }.fault(), LeafFault::Url(url.to_owned()));
    }
}

#[test]
fn leaf_backdate_is_bounded_by_issuer() {
    let order = Order { now: issuer().not_before(), ..order(SigAlg::Es256, &["a.test"]) };
    assert_eq!(order.request().period.not_before, issuer().not_before());
    order.issue();
}

#[test]
fn leaf_signature_of_wrong_length_is_refused() {
    let order = order(SigAlg::Es256, &["a.test"]);
    let linted = lint::check(&build_tbs(&order.request()).unwrap(), &order.request()).unwrap();
    for length in [0, 63, 65, 96] {
        assert_eq!(assemble(&linted, &vec![1; length]), Err(LeafFault::Signature(length)));
    }
}

#[test]
fn leaf_request_is_deterministic() {
    let order = order(SigAlg::Es256, &["a.test", "b.test"]);
    assert_eq!(build_tbs(&order.request()), build_tbs(&order.request()));
}
