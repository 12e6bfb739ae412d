//! The fourteen cases of instant-acme's own tests against Pebble, here with this CA.
//!
//! Each has its name there.

use super::fixture::{Fixture, KID};
use super::instant_acme::{Client, NEW, builder, certificate_id, identifier, problem};
use instant_acme::{
    Account, AuthorizationStatus, ChallengeType, Error, ExternalAccountKey, Identifier, Key, NewOrder, OrderStatus,
    RevocationRequest,
};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use selvedge::pki::pem;
use selvedge::values::b64;
use std::net::TcpListener;
use std::time::SystemTime;

const BLOCKED: &str = "blocked-domain.test";
const POLICY: [&str; 2] = ["--set", r#"POLICY={"deny":["blocked-domain.test"]}"#];

fn start(options: &[&str]) -> Fixture {
    let mut fixture = Fixture::start("instant-acme's own cases", options);
    fixture.serve_webroot();
    fixture
}

fn identifiers(names: &[&str]) -> Vec<Identifier> {
    names.iter().map(|name| identifier(name)).collect()
}

fn kind<T>(answer: Result<T, Error>) -> String {
    problem(answer).r#type.unwrap().rsplit(':').next().unwrap().to_owned()
}

#[tokio::test]
async fn instant_acmes_own_cases_of_orders() {
    let fixture = start(&POLICY);
    http_01(&fixture).await;
    dns_01(&fixture).await;
    tls_alpn_01(&fixture).await;
    forbidden_identifier(&fixture).await;
    authz_reuse(&fixture).await;
    replacement_order(&fixture).await;
    profiles(&fixture).await;
    order_deactivate(&fixture).await;
    fixture.report("orders");
}

async fn http_01(fixture: &Fixture) {
    let client = Client::new(fixture, None).await;
    let mut names = vec!["http01.example.test", "127.0.0.1"];
    // Where this machine has IPv6.
    let v6 = TcpListener::bind(("::1", 0)).is_ok().then(|| fixture.serve_webroot_at("::1"));
    names.extend(v6.as_ref().map(|_| "::1"));
    client.obtain(&names, ChallengeType::Http01).await;
}

async fn dns_01(fixture: &Fixture) {
    let client = Client::new(fixture, None).await;
    client.obtain(&["dns01.example.test", "*.wildcard.example.test"], ChallengeType::Dns01).await;
}

async fn tls_alpn_01(fixture: &Fixture) {
    let client = Client::new(fixture, None).await;
    let (_, responder) = fixture.serve_alpn();
    client.obtain(&["tlsalpn01.example.test"], ChallengeType::TlsAlpn01).await;
    drop(responder);
}

/// FU-03: the refused name is reported, so that a client can continue with the other.
async fn forbidden_identifier(fixture: &Fixture) {
    let client = Client::new(fixture, None).await;
    let wanted = identifiers(&["valid.example.test", BLOCKED]);
    let refused = problem(client.account.new_order(&NewOrder::new(&wanted)).await);
    let rejected = Some("urn:ietf:params:acme:error:rejectedIdentifier");
    assert_eq!(refused.r#type.as_deref(), rejected, "{refused:?}");
    let [about] = &refused.subproblems[..] else { panic!("{refused:?}") };
    assert_eq!(about.identifier, Some(identifier(BLOCKED)));
    assert_eq!(about.r#type.as_deref(), rejected);
    client.obtain(&["valid.example.test"], ChallengeType::Http01).await;
}

async fn authz_reuse(fixture: &Fixture) {
    let client = Client::new(fixture, None).await;
    let names = ["reuse-1.example.test", "reuse-2.example.test", "reuse-3.example.test"];
    client.obtain(&names[..2], ChallengeType::Http01).await;
    client.obtain(&names, ChallengeType::Http01).await;
}

async fn replacement_order(fixture: &Fixture) {
    let client = Client::new(fixture, None).await;
    let first = client.obtain(&["replaced.example.test"], ChallengeType::Http01).await;
    let certificate = pem::read_certificates(&first).unwrap().remove(0).into();
    client.account.revoke(&RevocationRequest { certificate: &certificate, reason: None }).await.unwrap();
    let id = certificate_id(&first);
    let (info, again) = client.account.renewal_info(&id).await.unwrap();
    assert!(SystemTime::from(info.suggested_window.start) < SystemTime::now(), "a revoked one is due");
    assert!(!again.is_zero());
    let wanted = identifiers(&["replaced.example.test"]);
    client.obtain_order(&NewOrder::new(&wanted).replaces(id), ChallengeType::Http01).await;
}

async fn profiles(fixture: &Fixture) {
    let client = Client::new(fixture, None).await;
    let wanted = identifiers(&["profile.example.test"]);
    let short = client.obtain_order(&NewOrder::new(&wanted).profile("shortlived"), ChallengeType::Http01).await;
    let path = fixture.path("short.pem");
    std::fs::write(&path, short).unwrap();
    fixture.ends_within(&path, 7);
}

async fn order_deactivate(fixture: &Fixture) {
    let client = Client::new(fixture, None).await;
    let wanted = identifiers(&["deactivated.example.test"]);
    let mut order = client.account.new_order(&NewOrder::new(&wanted)).await.unwrap();
    let mut authorizations = order.authorizations();
    while let Some(authorization) = authorizations.next().await {
        let mut authorization = authorization.unwrap();
        assert_eq!(authorization.status, AuthorizationStatus::Pending);
        authorization.deactivate().await.unwrap();
    }
    assert_eq!(order.refresh().await.unwrap().status, OrderStatus::Invalid);
}

#[tokio::test]
async fn instant_acmes_own_cases_of_accounts() {
    let fixture = start(&[]);
    let bound_only = start(&["--set", "EXTERNAL_ACCOUNT_REQUIRED=true"]);
    eab_required(&bound_only).await;
    account_deactivate(&fixture).await;
    update_contacts(&fixture).await;
    update_key(&fixture).await;
    account_from_key(&fixture, &bound_only).await;
    account_create_from_key(&fixture).await;
    fixture.report("accounts");
}

async fn eab_required(fixture: &Fixture) {
    let directory = || fixture.server.fact("directory").to_owned();
    let without = builder(fixture).create(&NEW, directory(), None).await;
    assert_eq!(kind(without), "externalAccountRequired");
    let key = ExternalAccountKey::new(KID.to_owned(), &(0..32).collect::<Vec<u8>>());
    let (bound, _) = builder(fixture).create(&NEW, directory(), Some(&key)).await.unwrap();
    assert!(bound.id().starts_with("https://"));
}

async fn account_deactivate(fixture: &Fixture) {
    let client = Client::new(fixture, None).await;
    client.account.clone().deactivate().await.unwrap();
    let late = client.account.new_order(&NewOrder::new(&identifiers(&["late.example.test"]))).await;
    assert_eq!(kind(late), "unauthorized");
}

async fn update_contacts(fixture: &Fixture) {
    let client = Client::new(fixture, None).await;
    client.account.update_contacts(&[]).await.unwrap();
    client.account.update_contacts(&["mailto:alice@example.test"]).await.unwrap();
}

async fn update_key(fixture: &Fixture) {
    let mut client = Client::new(fixture, None).await;
    let old = client.account.clone();
    let credentials = client.account.update_key().await.unwrap();
    assert_eq!(kind(old.update_contacts(&["mailto:bob@example.test"]).await), "malformed");
    let new = builder(fixture).from_credentials(credentials).await.unwrap();
    new.update_contacts(&["mailto:bob@example.test"]).await.unwrap();
}

/// A key from its PKCS#8, as the library takes it.
fn key_pair(der: &[u8]) -> (Key, PrivateKeyDer<'static>) {
    let key = Key::from_pkcs8_der(PrivatePkcs8KeyDer::from(der)).unwrap();
    (key, PrivateKeyDer::try_from(der.to_vec()).unwrap())
}

async fn account_from_key(fixture: &Fixture, elsewhere: &Fixture) {
    let directory = |fixture: &Fixture| fixture.server.fact("directory").to_owned();
    let (made, credentials) = builder(fixture).create(&NEW, directory(fixture), None).await.unwrap();
    let credentials = serde_json::to_value(&credentials).unwrap();
    let der = b64::decode(credentials["key_pkcs8"].as_str().unwrap()).unwrap();
    let (found, again) = builder(fixture).from_key(key_pair(&der), directory(fixture)).await.unwrap();
    assert_eq!(made.id(), found.id());
    assert_eq!(serde_json::to_value(&again).unwrap(), credentials);
    // Another server does not know the key.
    let stranger = builder(elsewhere).from_key(key_pair(&der), directory(elsewhere)).await;
    assert_eq!(kind(stranger), "accountDoesNotExist");
}

async fn account_create_from_key(fixture: &Fixture) {
    let directory = || fixture.server.fact("directory").to_owned();
    let (_, der) = Key::generate_pkcs8().unwrap();
    let der = der.secret_pkcs8_der().to_vec();
    let (made, _) = builder(fixture).create_from_key(key_pair(&der), directory()).await.unwrap();
    let (again, _) = builder(fixture).create_from_key(key_pair(&der), directory()).await.unwrap();
    assert_eq!(made.id(), again.id(), "one account for a key");
    let (found, credentials): (Account, _) = builder(fixture).from_key(key_pair(&der), directory()).await.unwrap();
    assert_eq!(made.id(), found.id());
    let restored = builder(fixture).from_credentials(credentials).await.unwrap();
    restored.update_contacts(&["mailto:carol@example.test"]).await.unwrap();
}
