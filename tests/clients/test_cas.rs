//! A test CA below the URL of a server, used by a real client.

use super::instant_acme::{Client, identifier, start};
use crate::common::wire::{Wire, body};
use instant_acme::{ChallengeType, NewOrder};
use rustls_pki_types::{CertificateDer, UnixTime};
use selvedge::pki::pem;

#[tokio::test]
async fn instant_acme_uses_a_test_ca() {
    let fixture = start(&["--set", "TEST_CAS=on"]);
    let wire = Wire::new(fixture.server.fact("directory"), fixture.server.fact("root"));
    let answer = wire.send(&wire.url("/ca"), "application/json", b"");
    assert_eq!(answer.status(), 201, "{}", answer.body());
    let made = body(&answer);
    let client = Client::at(&fixture, made["directory"].as_str().unwrap()).await;
    assert!(client.account.id().starts_with(made["url"].as_str().unwrap()), "{}", client.account.id());
    let chain = client.issue(&NewOrder::new(&[identifier("a.test")]), ChallengeType::Http01).await;
    // The chain leads to the root of that CA, and not to the server's.
    let ders = |text: &str| -> Vec<CertificateDer<'static>> {
        pem::read_certificates(text).unwrap().into_iter().map(Into::into).collect()
    };
    let chain = ders(&chain);
    let judge = |root: &str| {
        let roots = ders(root);
        let anchor = webpki::anchor_from_trusted_cert(&roots[0]).unwrap();
        let leaf = webpki::EndEntityCert::try_from(&chain[0]).unwrap();
        let (usage, all) = (webpki::KeyUsage::server_auth(), webpki::ALL_VERIFICATION_ALGS);
        leaf.verify_for_usage(all, &[anchor], &chain[1..], UnixTime::now(), usage, None, None).map(drop)
    };
    assert!(judge(made["root"].as_str().unwrap()).is_ok());
    assert!(judge(&std::fs::read_to_string(fixture.server.fact("root")).unwrap()).is_err());
}
