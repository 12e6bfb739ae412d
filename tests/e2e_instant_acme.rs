//! End to end with the `instant-acme` crate: each flow of RFC 8555 against the real wasm on real workerd.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

#[path = "common/server.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod server;

use instant_acme::{
    Account, AuthorizationStatus, ChallengeType, Identifier, NewAccount, NewOrder, Order, OrderStatus, RetryPolicy,
    RevocationReason, RevocationRequest,
};
use selvedge::ca::testing::{CsrShape, new_key};
use selvedge::pki::pem;
use selvedge::values::SigAlg;
use server::Server;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

type Proofs = Arc<Mutex<HashMap<String, String>>>;

const NEW: NewAccount<'static> =
    NewAccount { contact: &["mailto:ops@example.test"], terms_of_service_agreed: true, only_return_existing: false };

/// A server, a web server that answers http-01, and an account.
struct Scene {
    server: Server,
    proofs: Proofs,
    account: Account,
    _folder: tempfile::TempDir,
}

async fn scene() -> Scene {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_owned();
    let server = tokio::task::spawn_blocking(move || Server::start(&path, 0)).await.unwrap();
    let proofs = Proofs::default();
    tokio::spawn(answer_http01(TcpListener::bind(("127.0.0.1", server.http01)).await.unwrap(), proofs.clone()));
    let (account, _) = builder(&server).create(&NEW, server.fact("directory").to_owned(), None).await.unwrap();
    Scene { server, proofs, account, _folder: folder }
}

fn builder(server: &Server) -> instant_acme::AccountBuilder {
    Account::builder_with_root(server.fact("root")).unwrap()
}

async fn answer_http01(listener: TcpListener, proofs: Proofs) {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = vec![0; 4096];
        let read = stream.read(&mut request).await.unwrap_or(0);
        let request = String::from_utf8_lossy(&request[..read]).into_owned();
        let path = request.split(' ').nth(1).unwrap_or_default();
        let token = path.strip_prefix("/.well-known/acme-challenge/").unwrap_or_default();
        let proof = proofs.lock().unwrap().get(token).cloned();
        let (status, body) = proof.map_or(("404 Not Found", String::new()), |proof| ("200 OK", proof));
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
        let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
    }
}

impl Scene {
    /// Proves all names of an order.
    async fn prove(&self, order: &mut Order, kind: ChallengeType) {
        let mut authorizations = order.authorizations();
        while let Some(authorization) = authorizations.next().await {
            let mut authorization = authorization.unwrap();
            if authorization.status == AuthorizationStatus::Valid {
                continue;
            }
            let mut challenge = authorization.challenge(kind.clone()).unwrap();
            let proof = challenge.key_authorization();
            if kind == ChallengeType::Dns01 {
                let Identifier::Dns(name) = challenge.identifier().identifier.clone() else { panic!("not dns") };
                self.set_txt(&format!("_acme-challenge.{name}."), &proof.dns_value());
            } else {
                self.proofs.lock().unwrap().insert(challenge.token.clone(), proof.as_str().to_owned());
            }
            challenge.set_ready().await.unwrap();
        }
    }

    fn set_txt(&self, host: &str, value: &str) {
        let url = format!("{}/set-txt", self.server.fact("management"));
        ureq::post(url).send(serde_json::json!({ "host": host, "value": value }).to_string()).unwrap();
    }

    /// Obtains a certificate for these names. Gives its chain as PEM.
    async fn obtain(&self, names: &[&str], kind: ChallengeType) -> String {
        let identifiers: Vec<Identifier> = names.iter().map(|name| Identifier::Dns((*name).to_owned())).collect();
        let mut order = self.account.new_order(&NewOrder::new(&identifiers)).await.unwrap();
        assert_eq!(order.state().status, OrderStatus::Pending);
        self.prove(&mut order, kind).await;
        let patience = RetryPolicy::default().timeout(Duration::from_secs(60));
        assert_eq!(order.poll_ready(&patience).await.unwrap(), OrderStatus::Ready);
        order.finalize_csr(&CsrShape::dns(names).build(&new_key(SigAlg::Es256))).await.unwrap();
        order.poll_certificate(&patience).await.unwrap()
    }

    /// Has webpki, which shares no code with the CA, judge a chain for a name.
    fn judge(&self, chain: &str, name: &str) {
        let root = std::fs::read_to_string(self.server.fact("root")).unwrap();
        let root = pem::read_certificates(&root).unwrap().remove(0).into();
        let anchor = webpki::anchor_from_trusted_cert(&root).unwrap();
        let chain: Vec<rustls_pki_types::CertificateDer<'_>> =
            pem::read_certificates(chain).unwrap().into_iter().map(Into::into).collect();
        let leaf = webpki::EndEntityCert::try_from(&chain[0]).unwrap();
        #[allow(clippy::disallowed_methods, reason = "certificates are judged by today's date")]
        let now = rustls_pki_types::UnixTime::now();
        let (usage, algorithms) = (webpki::KeyUsage::server_auth(), webpki::ALL_VERIFICATION_ALGS);
        leaf.verify_for_usage(algorithms, &[anchor], &chain[1..], now, usage, None, None).unwrap();
        leaf.verify_is_valid_for_subject_name(&name.try_into().unwrap()).unwrap();
    }
}

#[tokio::test]
async fn certificates_by_http01_and_dns01_verify() {
    let scene = scene().await;
    let chain = scene.obtain(&["a.test", "b.test"], ChallengeType::Http01).await;
    scene.judge(&chain, "a.test");
    scene.judge(&chain, "b.test");
    let chain = scene.obtain(&["w.test", "*.w.test"], ChallengeType::Dns01).await;
    scene.judge(&chain, "w.test");
    scene.judge(&chain, "any.w.test");
}

#[tokio::test]
async fn an_account_is_found_updated_given_a_new_key_and_ended() {
    let mut scene = scene().await;
    scene.account.update_contacts(&["mailto:other@example.test"]).await.unwrap();
    let id = scene.account.id().to_owned();
    let credentials = scene.account.update_key().await.unwrap();
    let restored = builder(&scene.server).from_credentials(credentials).await.unwrap();
    assert_eq!(restored.id(), id, "the account URL outlives its key");
    scene.obtain(&["rolled.test"], ChallengeType::Http01).await;
    restored.deactivate().await.unwrap();
    let identifiers = [Identifier::Dns("late.test".to_owned())];
    let refused = scene.account.new_order(&NewOrder::new(&identifiers)).await.err().unwrap();
    let instant_acme::Error::Api(problem) = refused else { panic!("{refused}") };
    assert_eq!(
        (problem.status, problem.r#type.as_deref()),
        (Some(401), Some("urn:ietf:params:acme:error:unauthorized"))
    );
}

#[tokio::test]
async fn only_return_existing_makes_no_account() {
    let scene = scene().await;
    let wanted = NewAccount { contact: &[], terms_of_service_agreed: true, only_return_existing: true };
    let made = builder(&scene.server).create(&wanted, scene.server.fact("directory").to_owned(), None).await;
    let Some(instant_acme::Error::Api(problem)) = made.err() else { panic!("made or another error") };
    assert_eq!(problem.r#type.as_deref(), Some("urn:ietf:params:acme:error:accountDoesNotExist"));
}

#[tokio::test]
async fn a_certificate_is_revoked_once() {
    let scene = scene().await;
    let chain = scene.obtain(&["gone.test"], ChallengeType::Http01).await;
    let leaf = pem::read_certificates(&chain).unwrap().remove(0).into();
    let request = RevocationRequest { certificate: &leaf, reason: Some(RevocationReason::Superseded) };
    scene.account.revoke(&request).await.unwrap();
    let Some(instant_acme::Error::Api(problem)) = scene.account.revoke(&request).await.err() else { panic!("twice") };
    assert_eq!(problem.r#type.as_deref(), Some("urn:ietf:params:acme:error:alreadyRevoked"));
}

#[tokio::test]
async fn a_wrong_proof_says_what_was_found() {
    let scene = scene().await;
    let identifiers = [Identifier::Dns("wrong.test".to_owned())];
    let mut order = scene.account.new_order(&NewOrder::new(&identifiers)).await.unwrap();
    let mut authorizations = order.authorizations();
    let mut authorization = authorizations.next().await.unwrap().unwrap();
    let mut challenge = authorization.challenge(ChallengeType::Http01).unwrap();
    scene.proofs.lock().unwrap().insert(challenge.token.clone(), "not the proof".to_owned());
    // instant-acme gives the `error` of a challenge as its own.
    let failed = challenge.set_ready().await;
    let Err(instant_acme::Error::Api(problem)) = failed else { panic!("{failed:?}") };
    let detail = problem.detail.unwrap();
    assert!(detail.contains("wrong.test") && detail.contains("not the proof"), "t25: {detail}");
}
