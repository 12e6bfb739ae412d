//! Contents of issued certificates for any CSR, their delivery, and the log.

use const_oid::ObjectIdentifier;
use der::asn1::{Ia5String, OctetString};
use der::{Decode, Encode};
use selvedge::ca::config::settings::Settings;
use selvedge::ca::http::message::Request;
use selvedge::ca::testing::{Client, CsrShape, World, new_key};
use selvedge::pki::pem;
use selvedge::records::Kind;
use selvedge::values::SigAlg;
use serde_json::json;
use x509_cert::Certificate;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::name::GeneralName;

const BASIC_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.19");
const KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.15");
const EXTENDED_KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37");
const NAME_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.30");

fn extension(extn_id: ObjectIdentifier, critical: bool, value: &[u8]) -> Extension {
    Extension { extn_id, critical, extn_value: OctetString::new(value).unwrap() }
}

/// Well-formed extensions that would make a client more than a server.
fn greedy() -> Vec<Extension> {
    vec![
        // CA:TRUE, pathLen 3.
        extension(BASIC_CONSTRAINTS, true, &[0x30, 6, 1, 1, 0xff, 2, 1, 3]),
        // keyCertSign and cRLSign.
        extension(KEY_USAGE, true, &[3, 2, 1, 6]),
        // codeSigning and anyExtendedKeyUsage.
        extension(EXTENDED_KEY_USAGE, true, &[0x30, 16, 6, 8, 0x2b, 6, 1, 5, 5, 7, 3, 3, 6, 4, 0x55, 0x1d, 0x25, 0]),
        extension(NAME_CONSTRAINTS, true, &[0x30, 0]),
        extension(ObjectIdentifier::new_unwrap("1.2.3.4.5"), true, &[5, 0]),
    ]
}

/// The extensions of a certificate: identifier, whether critical, value.
fn extensions(der: &[u8]) -> Vec<(ObjectIdentifier, bool, Vec<u8>)> {
    let certificate = Certificate::from_der(der).unwrap();
    let found = certificate.tbs_certificate().extensions().unwrap();
    found.iter().map(|e| (e.extn_id, e.critical, e.extn_value.as_bytes().to_vec())).collect()
}

fn issue(client: &Client, csr: &[u8]) -> Vec<u8> {
    let (_, order) = client.ready_order(&["a.test"]);
    let finished = client.finalize(&order, csr).is(200).json();
    assert_eq!(finished["status"], "valid", "{finished}");
    pem::read_certificates(&client.download(&finished)).unwrap().remove(0)
}

#[test]
fn c04_a_csrs_extensions_and_attributes_have_no_effect() {
    let one_list = |settings: &mut Settings| settings.published.iter_mut().for_each(|published| published.shards = 1);
    let client = Client::registered(&World::new().reconfigured(one_list));
    let key = new_key(SigAlg::Es256);
    let modest = issue(&client, &CsrShape::dns(&["a.test"]).build(&key));
    let subject = "CN=a.test,O=Honest Ltd,OU=Root CA,C=DE".to_owned();
    let asked = CsrShape { subject, extensions: greedy(), ..CsrShape::dns(&["a.test"]) };
    let leaf = issue(&client, &asked.build(&key));
    assert_eq!(extensions(&leaf), extensions(&modest), "the same as for a CSR that asks for nothing");
    let certificate = Certificate::from_der(&leaf).unwrap();
    let subject = certificate.tbs_certificate().subject().to_string();
    assert!(["", "CN=a.test"].contains(&subject.as_str()), "{subject}");
    let found = extensions(&leaf);
    let value_of = |id| found.iter().find(|(found, ..)| *found == id).map(|(.., value)| value.clone());
    assert_eq!(value_of(BASIC_CONSTRAINTS), Some(vec![0x30, 0]), "an end entity");
    assert_eq!(value_of(KEY_USAGE), Some(vec![3, 2, 7, 0x80]), "digitalSignature only");
    let server_auth = [0x30, 10, 6, 8, 0x2b, 6, 1, 5, 5, 7, 3, 1];
    assert_eq!(value_of(EXTENDED_KEY_USAGE), Some(server_auth.to_vec()), "serverAuth only");
    assert!(value_of(NAME_CONSTRAINTS).is_none());
}

#[test]
fn c05_names_beyond_the_order_are_refused_or_dropped() {
    let client = Client::registered(&World::new());
    let (key, text) = (new_key(SigAlg::Es256), |text: &str| Ia5String::new(text).unwrap());
    let own = GeneralName::DnsName(text("A.Test"));
    let foreign = [
        GeneralName::DnsName(text("b.test")),
        GeneralName::DnsName(text("*.a.test")),
        GeneralName::DnsName(text("a.test.")),
        GeneralName::DnsName(text("a.test\0b.test")),
        GeneralName::Rfc822Name(text("root@a.test")),
        GeneralName::UniformResourceIdentifier(text("https://a.test/")),
        GeneralName::IpAddress(OctetString::new([10, 0, 0, 1]).unwrap()),
        GeneralName::IpAddress(OctetString::new([10, 0, 0, 1, 255, 0, 0, 0]).unwrap()),
        GeneralName::RegisteredId(ObjectIdentifier::new_unwrap("1.2.3")),
    ];
    let (url, order) = client.ready_order(&["a.test"]);
    for name in foreign {
        let csr = CsrShape { names: vec![own.clone(), name.clone()], ..CsrShape::default() };
        let refused = client.finalize(&order, &csr.build(&key)).refused(400, Kind::BadCsr);
        assert!(refused.detail().len() < 1_000, "{name:?}");
        assert_eq!(client.get(&url).is(200).json()["status"], "ready", "O-09, after {name:?}");
    }
    let twice = CsrShape { names: vec![own.clone(), own.clone()], ..CsrShape::default() };
    let certificate = issue(&client, &twice.build(&key));
    let san = extensions(&certificate).into_iter().find(|(id, ..)| id.to_string() == "2.5.29.17").unwrap().2;
    assert_eq!(san, vec![GeneralName::DnsName(text("a.test"))].to_der().unwrap(), "once, in lower case");
}

#[test]
fn c02_invalid_key_is_a_bad_csr() {
    let client = Client::registered(&World::new());
    let (url, order) = client.ready_order(&["a.test"]);
    let mut csr = CsrShape::dns(&["a.test"]).build(&new_key(SigAlg::Es256));
    // The uncompressed point behind the bit string's header: changed, it is off the curve.
    let point = csr.windows(4).position(|window| window == [3, 66, 0, 4]).unwrap() + 4;
    csr[point + 40] ^= 1;
    client.finalize(&order, &csr).refused(400, Kind::BadCsr);
    assert_eq!(client.get(&url).is(200).json()["status"], "ready", "O-09");
}

/// C-06: digests of the past are refused, whatever they sign.
#[test]
fn c06_csrs_signed_with_sha_1_or_md5_are_refused() {
    let client = Client::registered(&World::new());
    let (url, order) = client.ready_order(&["a.test"]);
    for name in ["rsa-sha1", "rsa-md5", "ec-sha1"] {
        let file = format!("{}/tests/fixtures/csr/{name}.der", env!("CARGO_MANIFEST_DIR"));
        client.finalize(&order, &std::fs::read(file).unwrap()).refused(400, Kind::BadCsr);
        assert_eq!(client.get(&url).is(200).json()["status"], "ready", "{name}");
    }
    for alg in [SigAlg::Es256, SigAlg::EcP256Sha384, SigAlg::EcP256Sha512] {
        issue(&client, &CsrShape { alg: Some(alg), ..CsrShape::dns(&["a.test"]) }.build(&new_key(SigAlg::Es256)));
    }
}

/// Caches must not store certificates: a POST fetches them, with a nonce in the answer.
#[test]
fn r03_certificates_are_not_cached_by_proxies() {
    let client = Client::registered(&World::new());
    let (_, order) = client.ready_order(&["a.test"]);
    let finished = client.finalize(&order, &CsrShape::dns(&["a.test"]).build(&new_key(SigAlg::Es256))).is(200).json();
    let served = client.get(finished["certificate"].as_str().unwrap()).is(200);
    assert_eq!(served.header("Cache-Control"), Some("no-store"));
    assert_eq!(served.header("Content-Type"), Some("application/pem-certificate-chain"));
}

/// The log contains no requests and no secrets.
#[test]
fn s04_the_log_has_no_requests_and_no_secrets() {
    let world = World::new();
    let client = Client::registered(&world);
    let (_, order) = client.ready_order(&["a.test"]);
    let csr = CsrShape::dns(&["a.test"]).build(&new_key(SigAlg::Es256));
    let new_account = {
        let newcomer = Client::new(&world);
        let binding = newcomer.key.external_account("HS256", &[1; 32], "kid-1", &client.url("new-account"));
        newcomer.sign(&client.url("new-account"), Some(json!({ "externalAccountBinding": binding })))
    };
    let mut lines = 0;
    let requests: Vec<Request> = vec![client.finalize_request(&order, &csr), new_account];
    for request in requests {
        for n in 0..12 {
            let world = world.fork();
            world.store_fault().from(n);
            world.sign_fault().from(0);
            world.send(request.clone());
            world.heal();
            let body = String::from_utf8(request.body.clone().unwrap()).unwrap();
            let parts: serde_json::Value = serde_json::from_str(&body).unwrap();
            lines += world.log().len();
            for line in world.log() {
                for part in ["protected", "payload", "signature"] {
                    assert!(!line.contains(parts[part].as_str().unwrap()), "{line}");
                }
                assert!(line.len() < 500, "{line}");
            }
        }
    }
    assert!(lines > 10, "{lines} lines: nothing was broken");
}
