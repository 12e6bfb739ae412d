use super::*;
use crate::pki::KeyKind;
use crate::pki::key::KeyFault;
use crate::pki::sigalg::AlgorithmFault;
use crate::pki::testing::{CsrShape, attribute, block_on, dns, key};
use crate::values::CryptoFailure;
use crate::values::native_crypto::NativeCrypto;
use const_oid::ObjectIdentifier;
use der::Encode;
use der::asn1::{Ia5String, OctetString};
use proptest::prelude::*;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::request::CertReq;

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!("../../../tests/fixtures/csr/", $name, ".der"))
    };
}

fn check(der: &[u8]) -> Result<VerifiedCsr, CsrFault> {
    block_on(parse(der)?.verify(&NativeCrypto))
}

fn names(der: &[u8]) -> Result<Vec<String>, CsrFault> {
    Ok(check(der)?.names()?.iter().map(|name| name.to_string()).collect())
}

fn fault(shape: CsrShape) -> CsrFault {
    names(&shape.build()).unwrap_err()
}

#[test]
fn c01_csr_signature_is_verified_for_every_algorithm() {
    for alg in [
        SigAlg::Es256,
        SigAlg::EcP256Sha384,
        SigAlg::EcP256Sha512,
        SigAlg::Es384,
        SigAlg::EcP384Sha256,
        SigAlg::EcP384Sha512,
        SigAlg::Rs256,
        SigAlg::Rs384,
        SigAlg::Rs512,
        SigAlg::Ed25519,
    ] {
        let der = CsrShape { alg, ..CsrShape::dns(&["example.test"]) }.build();
        let csr = check(&der).unwrap();
        assert_eq!(csr.public_key().spki_der(), key(alg).spki_der().unwrap(), "{alg:?}");
        let mut changed = CertReq::from_der(&der).unwrap();
        changed.info.subject = "CN=other.test".parse().unwrap();
        assert_eq!(check(&changed.to_der().unwrap()).unwrap_err(), CsrFault::Signature, "{alg:?}");
        let mut cut = CertReq::from_der(&der).unwrap();
        cut.signature = der::asn1::BitString::from_bytes(&cut.signature.raw_bytes()[1..]).unwrap();
        assert_eq!(check(&cut.to_der().unwrap()).unwrap_err(), CsrFault::Signature, "{alg:?}");
    }
}

#[test]
fn c01_provider_failure_is_not_a_client_error() {
    struct Broken;
    impl Verify for Broken {
        async fn verify(&self, _: SigAlg, _: &[u8], _: &[u8], _: &[u8]) -> Result<bool, CryptoFailure> {
            Err(CryptoFailure("out of order".to_owned()))
        }
    }
    let csr = parse(&CsrShape::dns(&["example.test"]).build()).unwrap();
    let fault = block_on(csr.verify(&Broken)).unwrap_err();
    assert_eq!(fault, CsrFault::Provider(CryptoFailure("out of order".to_owned())));
}

#[test]
fn c02_csr_key_is_held_to_key_policy() {
    let mut csr = CertReq::from_der(&CsrShape::dns(&["example.test"]).build()).unwrap();
    let mut point = csr.info.public_key.subject_public_key.raw_bytes().to_vec();
    point[64] ^= 1;
    csr.info.public_key.subject_public_key = der::asn1::BitString::from_bytes(&point).unwrap();
    let fault = parse(&csr.to_der().unwrap()).unwrap_err();
    assert_eq!(fault, CsrFault::Key(KeyFault::OffCurve(KeyKind::EcP256)));
    assert_eq!(fault.to_string(), "the CSR's key is a point that is not on P-256");
}

#[test]
fn c03_common_name_joins_the_names() {
    let with = |subject, names: &[&str]| CsrShape { subject, ..CsrShape::dns(names) }.build();
    assert_eq!(names(&with("CN=a.test", &[])), Ok(vec!["a.test".to_owned()]));
    assert_eq!(names(&with("CN=B.test", &["a.test"])), Ok(vec!["a.test".to_owned(), "b.test".to_owned()]));
    assert_eq!(names(&with("CN=a.test", &["a.test"])), Ok(vec!["a.test".to_owned()]));
    assert_eq!(names(&with("CN=*.a.test", &[])), Ok(vec!["*.a.test".to_owned()]));
    assert_eq!(names(&with("CN=", &["a.test"])), Ok(vec!["a.test".to_owned()]));
    assert_eq!(names(&with("O=Example", &["a.test"])), Ok(vec!["a.test".to_owned()]));
    assert_eq!(names(&with("CN=a.test,CN=b.test", &[])).unwrap().len(), 2);
    assert_eq!(names(&with("CN=192.0.2.1", &[])), Ok(vec!["192.0.2.1".to_owned()]));
    assert_eq!(names(&with("CN=2001:DB8:0::1", &["a.test"])).unwrap(), ["a.test", "2001:db8::1"]);
}

#[test]
fn c03_common_name_not_a_host_is_refused_with_advice() {
    let with = |subject| CsrShape { subject, ..CsrShape::dns(&["a.test"]) };
    assert_eq!(fault(with("CN=::ffff:192.0.2.1")), CsrFault::Ip("::ffff:192.0.2.1".to_owned()));
    let fault = fault(with("CN=My Server"));
    assert_eq!(
        fault.to_string(),
        "the CSR's common name \"My Server\" has a character other than letters, digits, hyphens and dots; leave it \
         empty, or repeat one of the order's names there"
    );
}

/// An extension with this value, which need not be what belongs there.
fn extension(oid: &str, critical: bool, value: &[u8]) -> Extension {
    let extn_value = OctetString::new(value).unwrap();
    Extension { extn_id: ObjectIdentifier::new_unwrap(oid), critical, extn_value }
}

#[test]
fn c04_other_requested_extensions_are_ignored() {
    let shape = CsrShape {
        extensions: vec![
            // A CA that signs certificates, code signing, a policy, a subject key identifier, and something of a vendor's.
            extension("2.5.29.19", true, &[0x30, 3, 1, 1, 0xff]),
            extension("2.5.29.15", true, &[3, 2, 1, 6]),
            extension("2.5.29.37", false, &[0x30, 10, 6, 8, 0x2b, 6, 1, 5, 5, 7, 3, 3]),
            extension("2.5.29.32", false, &[0x30, 6, 0x30, 4, 6, 2, 0x2a, 3]),
            extension("2.5.29.14", false, &[4, 2, 1, 2]),
            extension("1.3.6.1.4.1.311.21.7", true, b"not even DER"),
        ],
        attributes: vec![attribute("1.2.840.113549.1.9.7", "challenge password")],
        ..CsrShape::dns(&["a.test"])
    };
    assert_eq!(names(&shape.build()), Ok(vec!["a.test".to_owned()]));
}

#[test]
fn c04_must_staple_of_any_value_is_refused() {
    assert_eq!(names(fixture!("wants-ca")).unwrap_err(), CsrFault::TlsFeature);
    for value in [&[0x30, 3, 2, 1, 5][..], &[0x30, 3, 2, 1, 17], &[0x30, 0], b"not even DER"] {
        for critical in [false, true] {
            let extensions = vec![extension("1.3.6.1.5.5.7.1.24", critical, value)];
            let found = fault(CsrShape { extensions, ..CsrShape::dns(&["a.test"]) });
            assert_eq!(found, CsrFault::TlsFeature);
            assert!(found.to_string().contains("must-staple"), "{found}");
        }
    }
}

#[test]
fn c05_names_for_test_machines_are_in_order_with_must_staple() {
    let asked = |shape: &CsrShape| {
        let (names, must_staple) = check(&shape.build())?.with_must_staple()?;
        Ok((names.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "), must_staple))
    };
    let feature = |value: &[u8]| extension("1.3.6.1.5.5.7.1.24", false, value);
    let plain = CsrShape { subject: "CN=d.test", ..CsrShape::dns(&["c.test", "A.test", "b.test", "c.test"]) };
    assert_eq!(asked(&plain), Ok(("c.test a.test b.test d.test".to_owned(), false)));
    let stapled = CsrShape { extensions: vec![feature(&[0x30, 3, 2, 1, 5])], ..CsrShape::dns(&["b.test", "a.test"]) };
    assert_eq!(asked(&stapled), Ok(("b.test a.test".to_owned(), true)));
    for extensions in [
        vec![feature(&[0x30, 3, 2, 1, 17])],
        vec![feature(b"not even DER")],
        vec![feature(&[0x30, 3, 2, 1, 5]), feature(&[0x30, 3, 2, 1, 5])],
    ] {
        assert_eq!(asked(&CsrShape { extensions, ..CsrShape::dns(&["a.test"]) }), Err(CsrFault::TlsFeature));
    }
    assert_eq!(asked(&CsrShape::dns(&[])), Err(CsrFault::NoNames));
}

#[test]
fn c05_names_are_lowercased_and_deduplicated() {
    let shape = CsrShape::dns(&["B.test", "a.test", "b.TEST", "*.A.test"]);
    assert_eq!(names(&shape.build()).unwrap(), ["*.a.test", "a.test", "b.test"]);
}

#[test]
fn c05_names_of_other_kinds_are_refused_with_their_kind() {
    let with = |name| CsrShape { names: vec![dns("a.test"), name], ..CsrShape::default() };
    let ia5 = |text| Ia5String::new(text).unwrap();
    assert_eq!(names(fixture!("email")).unwrap_err(), CsrFault::OtherName("email address"));
    let uri = GeneralName::UniformResourceIdentifier(ia5("https://a.test/"));
    assert_eq!(fault(with(uri)), CsrFault::OtherName("URI"));
    let directory = GeneralName::DirectoryName("CN=x".parse().unwrap());
    assert_eq!(fault(with(directory)), CsrFault::OtherName("directory name"));
    let id = GeneralName::RegisteredId(ObjectIdentifier::new_unwrap("1.2.3"));
    assert_eq!(fault(with(id)), CsrFault::OtherName("registered ID"));
    let v4 = GeneralName::from(core::net::IpAddr::from([192, 0, 2, 1]));
    assert_eq!(names(&with(v4).build()).unwrap(), ["a.test", "192.0.2.1"], "an address is an identifier");
    let odd = GeneralName::IpAddress(OctetString::new(&[1, 2, 3][..]).unwrap());
    assert_eq!(fault(with(odd)), CsrFault::Ip("010203".to_owned()));
    for bad in ["a_b.test", "a.test.", "", "192.0.2.1", "*.*.test"] {
        assert!(matches!(fault(with(dns(bad))), CsrFault::Name(name, _) if name == bad), "{bad}");
    }
}

#[test]
fn c06_broken_hashes_are_refused_by_name() {
    for (der, name) in [
        (&fixture!("rsa-md5")[..], "md5WithRSAEncryption"),
        (&fixture!("rsa-sha1")[..], "sha1WithRSAEncryption"),
        (&fixture!("ec-sha1")[..], "ecdsa-with-SHA1"),
    ] {
        assert_eq!(parse(der).unwrap_err(), CsrFault::Algorithm(AlgorithmFault::Weak(name)));
    }
    let pss = parse(fixture!("rsa-pss")).unwrap_err().to_string();
    assert!(pss.contains("RSASSA-PSS") && pss.contains("accepted are"), "{pss}");
    assert_eq!(names(fixture!("rsa-sha256")), Ok(vec!["rsa.example.test".to_owned()]));
}

#[test]
fn csr_of_100_names_of_any_length_is_accepted_and_more_refused() {
    let many: Vec<_> = (0..101).map(|n| format!("host-{n}.example.test")).collect();
    let texts: Vec<_> = many.iter().map(String::as_str).collect();
    assert_eq!(names(&CsrShape::dns(&texts[..100]).build()).unwrap().len(), 100);
    assert_eq!(fault(CsrShape::dns(&texts)), CsrFault::TooManyNames(101));
    let repeated = CsrShape { subject: "CN=host-7.example.test", ..CsrShape::dns(&texts[..100]) };
    assert_eq!(names(&repeated.build()).unwrap().len(), 100);
    assert_eq!(fault(CsrShape::default()), CsrFault::NoNames);
    assert_eq!(fault(CsrShape { subject: "CN=", ..CsrShape::default() }), CsrFault::NoNames);
    assert_eq!(parse(&vec![0; MAX_CSR_BYTES + 1]).unwrap_err(), CsrFault::TooLong(32_769));
    // FP-07: as many of the longest names, a key and a signature of 4096 bits, a common name and a template's extensions.
    let label = |length| "a".repeat(length);
    let longest: Vec<_> =
        (0..100).map(|n| format!("{n:02}{}.{}.{}.{}", label(61), label(63), label(63), label(61))).collect();
    let texts: Vec<_> = longest.iter().map(String::as_str).collect();
    assert!(texts.iter().all(|name| name.len() == 253));
    let extensions = vec![extension("2.5.29.37", false, &[0; 400])];
    let der = CsrShape { alg: SigAlg::Rs256, subject: "CN=a.test", extensions, ..CsrShape::dns(&texts[..99]) }.build();
    assert_eq!(names(&der).unwrap().len(), 100);
    assert!(der.len() + 512 < MAX_CSR_BYTES, "a key of 4096 bits instead of 2048: {}", der.len());
}

#[test]
fn csr_with_two_name_lists_is_refused() {
    let san = |name| CsrShape::dns(&[name]);
    let first = CertReq::from_der(&san("a.test").build()).unwrap();
    let second = CertReq::from_der(&san("b.test").build()).unwrap();
    let mut attributes: Vec<_> = first.info.attributes.iter().cloned().collect();
    attributes.extend(second.info.attributes.iter().cloned());
    let two = CsrShape { attributes, ..CsrShape::default() };
    assert_eq!(fault(two), CsrFault::Repeated("an extensionRequest attribute"));
}

#[test]
fn csr_refusal_shortens_a_long_name() {
    let long = "x".repeat(5000);
    let text = fault(CsrShape::dns(&[&long])).to_string();
    assert!(text.len() < 250 && text.contains('…'), "{text}");
}

proptest! {
    #[test]
    fn any_bytes_are_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(parse(&bytes).is_err());
    }

    #[test]
    fn csr_changed_in_any_bit_is_refused(at in any::<prop::sample::Index>(), bit in 0..8_u8, cut in any::<bool>()) {
        let mut der = CsrShape { subject: "CN=a.test", ..CsrShape::dns(&["a.test", "b.test"]) }.build();
        let at = at.index(der.len());
        if cut { der.truncate(at) } else { der[at] ^= 1 << bit }
        // Reading may go well; the signature then does not hold.
        prop_assert!(check(&der).is_err());
        let _ = parse(&der).map(|csr| csr.requested.identifiers());
    }

    #[test]
    fn any_names_and_subject_are_judged_without_a_panic(
        name in prop::collection::vec(any::<u8>(), 0..60),
        tag in any::<u8>(),
    ) {
        let length = u8::try_from(name.len()).unwrap();
        let general = [&[0x30, length + 2, tag, length], &name[..]].concat();
        let extension = Extension {
            extn_id: ObjectIdentifier::new_unwrap("2.5.29.17"),
            critical: false,
            extn_value: OctetString::new(general).unwrap(),
        };
        let der = CsrShape { extensions: vec![extension], ..CsrShape::default() }.build();
        if let Ok(names) = names(&der) {
            prop_assert!(matches!(tag & 0x9f, 0x82 | 0x87), "only dNSName and iPAddress pass: {tag:#x}");
            prop_assert_eq!(names.len(), 1);
        }
    }
}
