//! What a CSR may ask for and what its certificate has of it. Names begin with the checklist's ids.

use const_oid::ObjectIdentifier;
use der::asn1::OctetString;
use der::{Decode, Encode};
use selvedge::ca::config::policy;
use selvedge::ca::testing::{Client, CsrShape, World, new_key};
use selvedge::records::Kind;
use selvedge::values::SigAlg;
use selvedge::values::native_crypto::NativeKey;
use serde_json::{Value, json};
use x509_cert::Certificate;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::{KeyUsage, KeyUsages, SubjectAltName};

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
