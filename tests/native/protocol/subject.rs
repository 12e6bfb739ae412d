//! What a CSR may ask for and what its certificate has of it. Names begin with the checklist's ids.

use const_oid::ObjectIdentifier;
use der::asn1::OctetString;
use der::{Decode, Encode};
use selvedge::ca::config::policy;
use selvedge::ca::config::test_machine::CsrStyle;
use selvedge::ca::testing::{Client, CsrShape, World, new_key};
use selvedge::records::Kind;
use selvedge::values::SigAlg;
use selvedge::values::native_crypto::NativeKey;
use serde_json::{Value, json};
use x509_cert::Certificate;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::{AuthorityInfoAccessSyntax, KeyUsage, KeyUsages, SubjectAltName};

fn under(policy: &Value) -> World {
    let policy = policy::read_policy("POLICY", policy).unwrap();
    World::new().reconfigured(|settings| settings.policy = policy)
}

/// Issues under a profile for a CSR with this subject. Gives the certificate.
fn issue(client: &Client, profile: &str, names: &[&str], subject: &str) -> Certificate {
    let (_, order) = client.ready_order_with(names, json!({ "profile": profile }));
    let shape = CsrShape { subject: subject.to_owned(), ..CsrShape::dns(names) };
    let finished = client.finalize(&order, &shape.build(&new_key(SigAlg::Es256))).is(200).json();
    let chain = client.download(&finished);
    Certificate::from_der(&selvedge::pki::pem::read_certificates(&chain).unwrap()[0]).unwrap()
}

fn subject(certificate: &Certificate) -> String {
    certificate.tbs_certificate().subject().to_string()
}

/// FB-03: the profile decides, and a policy where it says so.
#[test]
fn c03_client_subject_has_a_name_and_server_subject_is_empty() {
    let world = World::new();
    let client = Client::registered(&world);
    let names = ["b.test", "a.test"];
    assert_eq!(subject(&issue(&client, "client", &names, "")), "CN=b.test", "the first that was ordered");
    assert_eq!(subject(&issue(&client, "client", &names, "CN=a.test")), "CN=a.test");
    assert_eq!(subject(&issue(&client, "client", &names, "CN=A.test,O=Example,UID=root")), "CN=a.test", "nothing else");
    for profile in ["default", "shortlived", "tlsserver"] {
        let certificate = issue(&client, profile, &names, "CN=a.test");
        assert_eq!(subject(&certificate), "", "{profile}");
        let (critical, _) = certificate.tbs_certificate().get_extension::<SubjectAltName>().unwrap().unwrap();
        assert!(critical, "RFC 5280 4.2.1.6, {profile}");
    }
    let named = issue(&client, "client", &names, "");
    assert!(!named.tbs_certificate().get_extension::<SubjectAltName>().unwrap().unwrap().0);
    // What is recorded is what is signed, also by who takes it up again.
    let orders = world.records("order/");
    assert!(
        orders.iter().any(|(_, order)| order["issuance"]["common_name"] == json!({"type": "dns", "value": "b.test"}))
    );
}

#[test]
fn c03_overlong_names_are_not_common_names() {
    let client = Client::registered(&World::new());
    let long = format!("{}.test", "a".repeat(60));
    assert_eq!(subject(&issue(&client, "client", &[&long, "b.test"], "")), "CN=b.test");
    assert_eq!(subject(&issue(&client, "client", &[&long], "")), "");
}

#[test]
fn c03_a_policy_says_whether_there_is_a_common_name() {
    for (ca, server, client) in [
        (json!({}), "", "CN=a.test"),
        (json!({ "common_name": true }), "CN=a.test", "CN=a.test"),
        (json!({ "common_name": false }), "", ""),
    ] {
        let holder = Client::registered(&under(&ca));
        assert_eq!(subject(&issue(&holder, "default", &["a.test"], "CN=a.test")), server, "{ca}");
        assert_eq!(subject(&issue(&holder, "client", &["a.test"], "")), client, "{ca}");
    }
    let fault = policy::read_policy("POLICY", &json!({ "common_name": "yes" })).unwrap_err();
    assert!(fault.starts_with("POLICY.common_name is a string"), "{fault}");
}

/// FU-06: a TLS client's key signs (RFC 5280 §4.2.1.12); a server's RSA key may exchange keys too.
#[test]
fn c02_the_key_usage_fits_the_profile() {
    let client = Client::registered(&World::new());
    let rsa = new_key(SigAlg::Rs256);
    for (profile, enciphers) in [("client", false), ("default", true), ("tlsserver", true), ("shortlived", true)] {
        let der = client.issue_with(&["a.test"], json!({ "profile": profile }), &rsa);
        let certificate = Certificate::from_der(&der).unwrap();
        let (_, usage) = certificate.tbs_certificate().get_extension::<KeyUsage>().unwrap().unwrap();
        assert_eq!(usage.0.contains(KeyUsages::KeyEncipherment), enciphers, "{profile}");
        assert!(usage.0.contains(KeyUsages::DigitalSignature), "{profile}");
    }
}

/// FU-07: without OCSP, clients that heed must-staple would refuse such a certificate.
#[test]
fn c04_must_staple_is_refused_and_the_order_stays_ready() {
    let client = Client::registered(&World::new());
    let (url, order) = client.ready_order(&["a.test"]);
    for value in [&[0x30, 3, 2, 1, 5][..], &[0x30, 3, 2, 1, 17], b"no DER"] {
        let feature = Extension {
            extn_id: ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.1.24"),
            critical: false,
            extn_value: OctetString::new(value).unwrap(),
        };
        let shape = CsrShape { extensions: vec![feature], ..CsrShape::dns(&["a.test"]) };
        let refused = client.finalize(&order, &shape.build(&new_key(SigAlg::Es256))).refused(400, Kind::BadCsr);
        assert!(refused.detail().contains("must-staple"), "{}", refused.detail());
        assert_eq!(client.get(&url).is(200).json()["status"], "ready");
    }
}

/// What Pebble makes of a CSR, for suites of clients.
#[test]
fn certificate_of_a_test_machine_has_pebbles_order_must_staple_and_ocsp() {
    let world = World::new().reconfigured(|settings| {
        settings.test_machine.csr_style = CsrStyle::Pebble;
        settings.ocsp = Some("http://ocsp.test/".to_owned());
    });
    let client = Client::registered(&world);
    let (_, order) = client.ready_order(&["a.test", "b.test", "c.test"]);
    let feature = Extension {
        extn_id: ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.1.24"),
        critical: false,
        extn_value: OctetString::new(&[0x30, 3, 2, 1, 5][..]).unwrap(),
    };
    let shape = CsrShape { extensions: vec![feature.clone()], ..CsrShape::dns(&["b.test", "c.test", "a.test"]) };
    let finished = client.finalize(&order, &shape.build(&new_key(SigAlg::Es256))).is(200).json();
    let chain = client.download(&finished);
    let certificate = Certificate::from_der(&selvedge::pki::pem::read_certificates(&chain).unwrap()[0]).unwrap();
    let (_, names) = certificate.tbs_certificate().get_extension::<SubjectAltName>().unwrap().unwrap();
    let names: Vec<String> = names.0.iter().map(|name| format!("{name:?}")).collect();
    assert!(names.len() == 3 && ["b.", "c.", "a."].iter().zip(&names).all(|(name, found)| found.contains(name)));
    let usual = issue(&Client::registered(&World::new()), "default", &["b.test", "a.test"], "");
    let (_, sorted) = usual.tbs_certificate().get_extension::<SubjectAltName>().unwrap().unwrap();
    assert!(format!("{:?}", sorted.0[0]).contains("a.test"), "elsewhere they are sorted");
    assert!(certificate.tbs_certificate().extensions().unwrap().contains(&feature));
    let access = certificate.tbs_certificate().get_extension::<AuthorityInfoAccessSyntax>().unwrap().unwrap().1;
    assert_eq!(access.0[0].access_method, const_oid::db::rfc5280::ID_AD_OCSP);
    assert!(format!("{:?}", access.0[0].access_location).contains("http://ocsp.test/"));
    // What is recorded is linted again after a crash.
    let (_, recorded) = world.records("order/").pop().unwrap();
    assert_eq!(recorded["issuance"]["names"][0]["value"], "b.test");
    assert_eq!(recorded["issuance"]["must_staple"], true);
}

/// FU-04: a bad key in a CSR is a bad CSR, no bad account key.
#[test]
fn c02_o09_refused_csr_key_is_a_bad_csr() {
    let client = Client::registered(&World::new());
    let (url, order) = client.ready_order(&["a.test"]);
    let short = NativeKey::generate_rsa(1024, &mut |bytes| getrandom::fill(bytes).unwrap()).unwrap();
    let mut others = vec![CsrShape::dns(&["a.test"]).build(&short)];
    // The OIDs of P-521 and secp256k1 where P-256's stands.
    let good =
        x509_cert::request::CertReq::from_der(&CsrShape::dns(&["a.test"]).build(&new_key(SigAlg::Es256))).unwrap();
    for curve in ["1.3.132.0.35", "1.3.132.0.10"] {
        let mut csr = good.clone();
        csr.info.public_key.algorithm.parameters = Some((&ObjectIdentifier::new_unwrap(curve)).into());
        others.push(csr.to_der().unwrap());
    }
    for csr in others {
        let refused = client.finalize(&order, &csr).refused(400, Kind::BadCsr);
        assert!(refused.detail().contains("the CSR's key"), "{}", refused.detail());
        assert_eq!(client.get(&url).is(200).json()["status"], "ready");
    }
}

/// FP-14: any of the three digests with either curve.
#[test]
fn c06_ecdsa_with_sha_512_is_accepted() {
    let client = Client::registered(&World::new());
    for (n, alg) in [SigAlg::EcP256Sha512, SigAlg::EcP384Sha512].into_iter().enumerate() {
        let name = format!("n{n}.test");
        let (_, order) = client.ready_order(&[&name]);
        let shape = CsrShape { alg: Some(alg), ..CsrShape::dns(&[&name]) };
        assert_eq!(client.finalize(&order, &shape.build(&new_key(alg))).is(200).json()["status"], "valid", "{alg:?}");
    }
}
