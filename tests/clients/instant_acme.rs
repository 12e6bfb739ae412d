//! instant-acme, a library from crates.io.
//!
//! It signs with P-256 account keys only, and always by the account's URL, so it revokes by account only.

use super::fixture::{CHALLENGES, Fixture, KID};
use der::Decode;
use der::asn1::{Ia5String, OctetString};
use instant_acme::{
    Account, AccountBuilder, AuthorizationHandle, AuthorizationStatus, CertificateIdentifier, ChallengeType, Error,
    ExternalAccountKey, Identifier, NewAccount, NewOrder, Order, OrderStatus, Problem, RetryPolicy, RevocationReason,
    RevocationRequest,
};
use rcgen::{CertificateParams, CustomExtension, KeyPair};
use rustls_pki_types::{CertificateDer, Der, UnixTime};
use selvedge::ca::testing::{CsrShape, new_key};
use selvedge::pki::pem;
use selvedge::validation::challenges::dns_account01;
use selvedge::values::{SigAlg, identifier::DnsName};
use std::fs;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};
use x509_cert::Certificate;
use x509_cert::ext::pkix::{AuthorityKeyIdentifier, name::GeneralName};

const VERSION: &str = "0.8.5";
pub const NEW: NewAccount<'static> =
    NewAccount { contact: &["mailto:ops@example.test"], terms_of_service_agreed: true, only_return_existing: false };

pub fn start(options: &[&str]) -> Fixture {
    let mut fixture = Fixture::start("instant-acme", &[&CHALLENGES, options].concat());
    fixture.version(VERSION);
    fixture.serve_webroot();
    fixture
}

/// An account in a fixture.
pub struct Client<'a> {
    fixture: &'a Fixture,
    pub account: Account,
}

pub fn builder(fixture: &Fixture) -> AccountBuilder {
    Account::builder_with_root(fixture.server.fact("root")).unwrap()
}

impl<'a> Client<'a> {
    pub async fn new(fixture: &'a Fixture, external: Option<&ExternalAccountKey>) -> Self {
        let made = builder(fixture).create(&NEW, fixture.server.fact("directory").to_owned(), external).await;
        Self { fixture, account: made.unwrap().0 }
    }

    /// A client of another CA of the fixture's server, with this directory.
    pub async fn at(fixture: &'a Fixture, directory: &str) -> Self {
        let made = builder(fixture).create(&NEW, directory.to_owned(), None).await;
        Self { fixture, account: made.unwrap().0 }
    }

    /// Answers a challenge of this kind for every pending name of an order.
    pub async fn prove(&self, order: &mut Order, kind: &ChallengeType) {
        let mut authorizations = order.authorizations();
        while let Some(authorization) = authorizations.next().await {
            let mut authorization = authorization.unwrap();
            if authorization.status != AuthorizationStatus::Valid {
                self.answer(&mut authorization, kind).await;
            }
        }
    }

    async fn answer<'o>(&self, authorization: &'o mut AuthorizationHandle<'o>, kind: &ChallengeType) {
        let mut challenge = authorization.challenge(kind.clone()).unwrap();
        let (proof, name) = (challenge.key_authorization(), challenge.identifier().identifier.clone());
        match (kind, name) {
            (ChallengeType::Http01, _) => {
                fs::write(self.fixture.challenges().join(&challenge.token), proof.as_str()).unwrap();
            }
            (ChallengeType::Dns01, Identifier::Dns(name)) => {
                self.fixture.set_txt(&format!("_acme-challenge.{name}"), &proof.dns_value());
            }
            (ChallengeType::TlsAlpn01, name) => self.serve_proof(&name, proof.digest().as_ref()),
            // What it does not know, it can be told.
            (ChallengeType::Unknown(kind), Identifier::Dns(name)) if kind == "dns-account-01" => {
                let owner = dns_account01::owner(self.account.id(), &DnsName::parse(&name).unwrap());
                self.fixture.set_txt(&owner.to_string(), &proof.dns_value());
            }
            (ChallengeType::Unknown(kind), Identifier::Dns(name)) if kind == "dns-persist-01" => {
                let record = format!("selvedge.test; accounturi={}; policy=wildcard", self.account.id());
                self.fixture.set_txt(&format!("_validation-persist.{name}"), &record);
            }
            other => panic!("{other:?}"),
        }
        challenge.set_ready().await.unwrap();
    }

    /// A self-signed certificate by rcgen where the responder looks for it.
    fn serve_proof(&self, name: &Identifier, digest: &[u8]) {
        let (name, sni) = match name {
            Identifier::Ip(IpAddr::V4(ip)) => {
                let [a, b, c, d] = ip.octets();
                (ip.to_string(), format!("{d}.{c}.{b}.{a}.in-addr.arpa"))
            }
            Identifier::Dns(name) => (name.clone(), name.clone()),
            other => panic!("{other:?}"),
        };
        let mut wanted = CertificateParams::new(vec![name]).unwrap();
        wanted.custom_extensions.push(CustomExtension::new_acme_identifier(digest));
        let key = KeyPair::generate().unwrap();
        let file = |kind: &str| self.fixture.path("alpn").join(format!("{sni}.{kind}.pem"));
        fs::write(file("crt"), wanted.self_signed(&key).unwrap().pem()).unwrap();
        fs::write(file("key"), key.serialize_pem()).unwrap();
    }

    /// Obtains a certificate for these names. Gives its chain as PEM.
    pub async fn obtain(&self, names: &[&str], kind: ChallengeType) -> String {
        let identifiers: Vec<Identifier> = names.iter().map(|name| identifier(name)).collect();
        self.obtain_order(&NewOrder::new(&identifiers), kind).await
    }

    /// Obtains what an order asks for and judges it. Gives its chain as PEM.
    pub async fn obtain_order(&self, wanted: &NewOrder<'_>, kind: ChallengeType) -> String {
        let chain = self.issue(wanted, kind).await;
        let names: Vec<String> = wanted.identifiers().iter().map(|i| i.authorized(false).to_string()).collect();
        self.judge(&chain, &names);
        chain
    }

    /// Obtains what an order asks for. Gives its chain as PEM, whatever that is.
    pub async fn issue(&self, wanted: &NewOrder<'_>, kind: ChallengeType) -> String {
        let mut order = self.account.new_order(wanted).await.unwrap();
        self.prove(&mut order, &kind).await;
        let patience = RetryPolicy::default().timeout(Duration::from_secs(60));
        assert_eq!(order.poll_ready(&patience).await.unwrap(), OrderStatus::Ready);
        let names: Vec<String> = wanted.identifiers().iter().map(|i| i.authorized(false).to_string()).collect();
        order.finalize_csr(&csr(&names)).await.unwrap();
        order.poll_certificate(&patience).await.unwrap()
    }

    /// Has webpki, which shares no code with the CA, judge a chain for its names.
    fn judge(&self, chain: &str, names: &[String]) {
        let root = fs::read_to_string(self.fixture.server.fact("root")).unwrap();
        let root = certificates(&root).remove(0);
        let anchor = webpki::anchor_from_trusted_cert(&root).unwrap();
        let chain = certificates(chain);
        let leaf = webpki::EndEntityCert::try_from(&chain[0]).unwrap();
        let (usage, algorithms) = (webpki::KeyUsage::server_auth(), webpki::ALL_VERIFICATION_ALGS);
        let now = UnixTime::now();
        leaf.verify_for_usage(algorithms, &[anchor], &chain[1..], now, usage, None, None).unwrap();
        for name in names {
            let name = name.replace('*', "any");
            leaf.verify_is_valid_for_subject_name(&name.as_str().try_into().unwrap()).unwrap();
        }
    }

    async fn revoke(&self, chain: &str) -> Result<(), Error> {
        let certificate = &certificates(chain)[0];
        self.account.revoke(&RevocationRequest { certificate, reason: Some(RevocationReason::Superseded) }).await
    }
}

pub fn identifier(name: &str) -> Identifier {
    name.parse().map_or_else(|_| Identifier::Dns(name.to_owned()), Identifier::Ip)
}

fn certificates(chain: &str) -> Vec<CertificateDer<'static>> {
    pem::read_certificates(chain).unwrap().into_iter().map(Into::into).collect()
}

/// The problem document behind an error.
pub fn problem<T>(answer: Result<T, Error>) -> Problem {
    match answer {
        Err(Error::Api(problem)) => problem,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("no error"),
    }
}

pub fn csr(names: &[String]) -> Vec<u8> {
    let general_name = |name: &String| match name.parse() {
        Ok(IpAddr::V4(address)) => GeneralName::IpAddress(OctetString::new(address.octets()).unwrap()),
        Ok(IpAddr::V6(address)) => GeneralName::IpAddress(OctetString::new(address.octets()).unwrap()),
        Err(_) => GeneralName::DnsName(Ia5String::new(name.as_str()).unwrap()),
    };
    let shape = CsrShape { names: names.iter().map(general_name).collect(), ..CsrShape::default() };
    shape.build(&new_key(SigAlg::Es256))
}

/// How renewal information names a certificate (RFC 9773 §4.1).
pub fn certificate_id(chain: &str) -> CertificateIdentifier<'static> {
    let certificate = Certificate::from_der(&certificates(chain)[0]).unwrap();
    let tbs = certificate.tbs_certificate();
    let (_, authority) = tbs.get_extension::<AuthorityKeyIdentifier>().unwrap().unwrap();
    let key_id = authority.key_identifier.unwrap();
    let (key_id, serial) = (Der::from_slice(key_id.as_bytes()), Der::from_slice(tbs.serial_number().as_bytes()));
    CertificateIdentifier::new(key_id, serial)
}

#[tokio::test]
async fn instant_acme_does_all_that_it_can() {
    let fixture = start(&[]);
    validation(&fixture).await;
    account(&fixture).await;
    renewal(&fixture).await;
    refusals(&fixture).await;
    let key = ExternalAccountKey::new(KID.to_owned(), &(0..32).collect::<Vec<u8>>());
    let bound = Client::new(&fixture, Some(&key)).await;
    bound.obtain(&["x.corp.test"], ChallengeType::Http01).await;
    fixture.did("external account");
    fixture.report("P-256 account key");
}

async fn validation(fixture: &Fixture) {
    let client = Client::new(fixture, None).await;
    client.obtain(&["a.test", "b.test"], ChallengeType::Http01).await;
    client.obtain(&["w.test", "*.w.test"], ChallengeType::Dns01).await;
    let (_, responder) = fixture.serve_alpn();
    client.obtain(&["tls.test", "127.0.0.1"], ChallengeType::TlsAlpn01).await;
    drop(responder);
    for kind in ["dns-account-01", "dns-persist-01"] {
        client
            .obtain(&[&format!("{kind}.test"), &format!("*.{kind}.test")], ChallengeType::Unknown(kind.to_owned()))
            .await;
    }
    fixture.did("http-01, dns-01, wildcard, tls-alpn-01, IP address, dns-account-01, dns-persist-01");
}

async fn account(fixture: &Fixture) {
    let mut client = Client::new(fixture, None).await;
    client.account.update_contacts(&["mailto:other@example.test"]).await.unwrap();
    let id = client.account.id().to_owned();
    let credentials = client.account.update_key().await.unwrap();
    let restored = builder(fixture).from_credentials(credentials).await.unwrap();
    assert_eq!(restored.id(), id, "the account URL outlives its key");
    let chain = client.obtain(&["rolled.test"], ChallengeType::Http01).await;
    client.revoke(&chain).await.unwrap();
    let again = problem(client.revoke(&chain).await);
    assert_eq!(again.r#type.as_deref(), Some("urn:ietf:params:acme:error:alreadyRevoked"));
    restored.deactivate().await.unwrap();
    let late = problem(client.account.new_order(&NewOrder::new(&[identifier("late.test")])).await);
    let kind = "urn:ietf:params:acme:error:unauthorized";
    assert_eq!((late.status, late.r#type.as_deref()), (Some(401), Some(kind)));
    fixture.did("account update, new account key, revocation by account, deactivation");
}

/// Renewal information before and after a revocation, and an order that replaces.
async fn renewal(fixture: &Fixture) {
    let client = Client::new(fixture, None).await;
    assert!(client.account.profiles().any(|profile| profile.name == "shortlived"));
    let wanted = [identifier("s.test")];
    let wanted = || NewOrder::new(&wanted);
    let old = client.obtain_order(&wanted().profile("shortlived"), ChallengeType::Http01).await;
    let id = certificate_id(&old);
    let ((info, retry), now) = (client.account.renewal_info(&id).await.unwrap(), SystemTime::now());
    let hours = |time| SystemTime::from(time).duration_since(now).unwrap().as_secs() / 3600;
    let window = (hours(info.suggested_window.start), hours(info.suggested_window.end));
    // 160 hours long and begun an hour ago, so to be renewed after about 79.
    assert!((74..=79).contains(&window.0) && (78..=83).contains(&window.1), "{window:?}");
    assert!((60..=86_400).contains(&retry.as_secs()), "{retry:?}");

    // It holds the answer against what it asked for, so `replaces` was echoed.
    let replacing = wanted().replaces(id.clone());
    let new = client.obtain_order(&replacing, ChallengeType::Http01).await;
    let again = client.account.new_order(&replacing).await;
    assert_eq!(problem(again).r#type.as_deref(), Some("urn:ietf:params:acme:error:alreadyReplaced"));

    client.revoke(&new).await.unwrap();
    let (info, _) = client.account.renewal_info(&certificate_id(&new)).await.unwrap();
    assert!(SystemTime::from(info.suggested_window.end) < SystemTime::now(), "a revoked certificate is due");
    fixture.did("profile, ARI, replaces");
}

async fn refusals(fixture: &Fixture) {
    let wanted = NewAccount { contact: &[], terms_of_service_agreed: true, only_return_existing: true };
    let found = problem(builder(fixture).create(&wanted, fixture.server.fact("directory").to_owned(), None).await);
    assert_eq!(found.r#type.as_deref(), Some("urn:ietf:params:acme:error:accountDoesNotExist"));

    let client = Client::new(fixture, None).await;
    let mut order = client.account.new_order(&NewOrder::new(&[identifier("wrong.test")])).await.unwrap();
    let mut authorizations = order.authorizations();
    let mut authorization = authorizations.next().await.unwrap().unwrap();
    let mut challenge = authorization.challenge(ChallengeType::Http01).unwrap();
    fs::write(fixture.challenges().join(&challenge.token), "not the proof").unwrap();
    // instant-acme gives the `error` of a challenge as its own.
    let detail = problem(challenge.set_ready().await).detail.unwrap();
    assert!(detail.contains("wrong.test") && detail.contains("not the proof"), "t25: {detail}");
}

#[tokio::test]
async fn instant_acme_takes_refused_nonces() {
    let fixture = start(&["--refuse-nonces", "50"]);
    validation(&fixture).await;
    account(&fixture).await;
    fixture.report("half of the nonces refused");
}
