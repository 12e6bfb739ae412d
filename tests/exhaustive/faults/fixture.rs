//! A CA with accounts, orders and challenge responses for requests of every kind.

use core::time::Duration;
use selvedge::ca::config::admin_tokens::AdminTokens;
use selvedge::ca::config::external_accounts::ExternalAccounts;
use selvedge::ca::config::log_policy::LogPolicy;
use selvedge::ca::config::metrics_token::Token;
use selvedge::ca::config::policy::read_policy;
use selvedge::ca::config::rate_limits::Limits;
use selvedge::ca::config::settings::TermsChange;
use selvedge::ca::testing::{Client, CsrShape, OperationFault, Proof, START, World, challenge, new_key};
use selvedge::jose::testing::ClientKey;
use selvedge::pki::ceremony::{create_intermediate, create_root};
use selvedge::pki::certificate::parse_presented;
use selvedge::pki::{Issuers, pem};
use selvedge::policy::Policy;
use selvedge::records::acme::persist::PersistRecord;
use selvedge::validation::Method;
use selvedge::validation::challenges::{dns_account01, dns01};
use selvedge::validation::testing::TlsServer;
use selvedge::values::identifier::DnsName;
use selvedge::values::{Identifier, SigAlg, b64};
use serde_json::{Value, json};

/// Who has this may read the metrics.
pub const TOKEN: &str = "a-token-of-some-length";
/// Who has this operates the CA.
pub const ADMIN: &str = "an-admin-token-of-sufficient-length";
pub const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
const TERMS: &str = "https://ca.test/terms/1";
const NEW_TERMS: &str = "https://ca.test/terms/2";

/// Where requests begin.
pub struct Fixture {
    /// Each step of a request lets others come in between.
    pub world: World,
    /// Owns everything below.
    pub client: Client,
    /// Holds a valid authorization for the certificate's name too.
    pub other: Client,
    /// The account keys that the client changes to.
    pub new_key: ClientKey,
    /// An order for p.test, its location and object, with responses to its challenges.
    ///
    /// All types but dns-persist-01: its record would make the next order ready just in time.
    pub pending: (String, Value),
    /// The URL and object of its authorization.
    pub authorization: (String, Value),
    /// An order for a.test that can be finalized with `csr`.
    pub ready: (String, Value),
    pub csr: Vec<u8>,
    /// A finished order for c.test, its certificate, DER, and that one's key.
    pub finished: Value,
    pub certificate: Vec<u8>,
    pub certificate_key: ClientKey,
}

fn configured() -> World {
    let plain = World::cooperative();
    let (_, cross) = plain.cross_signed();
    let keys = json!({ "once": { "key": b64::encode(SECRET), "uses": "once" } }).to_string();
    let all: Vec<&str> = Method::ALL.iter().map(|method| method.name()).collect();
    plain.with_log().reconfigured(|settings| {
        settings.issuers = Issuers::one(plain.issuer().clone().with_alternates(&cross).unwrap());
        settings.external = ExternalAccounts::read(Some(&keys), false, false, &Policy::default()).unwrap();
        settings.policy = read_policy("POLICY", &json!({ "challenges": all })).unwrap();
        settings.meta.terms_of_service = Some(TERMS.to_owned());
        settings.admin = AdminTokens::read(Some(&json!({ "ada": ADMIN }).to_string())).unwrap();
        // Without witnesses, so that each finalize asks for a quorum, and has one.
        let none = selvedge::tlog::Policy::parse("quorum none\n").unwrap();
        let interval = Duration::from_secs(3600);
        settings.log_policy = Some(LogPolicy { policy: none, interval, required: true });
        settings.metrics_token = Some(Token::read(TOKEN).unwrap());
        settings.limits = Limits::read(Some(r#"{"failed_validations":"off","pause_after":3}"#)).unwrap();
    })
}

fn csr(name: &str, key: &ClientKey) -> Vec<u8> {
    CsrShape::dns(&[name]).build(key.native())
}

fn fresh_key() -> ClientKey {
    ClientKey::generate(SigAlg::Es256)
}

impl Fixture {
    pub fn new() -> Self {
        let world = configured();
        let (client, other) = (Client::registered(&world), Client::registered(&world));
        // What is proven just in time: proven once before, and its record stands still.
        world.put(&client.partition(), "j.test", &PersistRecord::new(world.now()));
        world.network().txt("_validation-persist.j.test", &format!("ca.test; accounturi={}", client.account()));
        let placed = client.new_order(&["p.test"]).is(201);
        let authorization = client.authorizations(&placed.json()).remove(0);
        for method in Method::ALL.into_iter().filter(|method| *method != Method::DnsPersist01) {
            prove(&client, &authorization.1, method);
        }
        let ready = client.ready_order(&["a.test"]);
        let certificate_key = fresh_key();
        let (_, order) = client.ready_order(&["c.test"]);
        let finished = client.finalize(&order, &csr("c.test", &certificate_key)).is(200).json();
        let certificate = pem::read_certificates(&client.download(&finished)).unwrap().remove(0);
        other.ready_order(&["c.test"]);
        let pending = (placed.location(), placed.json());
        let csr = csr("a.test", &fresh_key());
        let new_key = fresh_key();
        Self {
            world,
            client,
            other,
            new_key,
            pending,
            authorization,
            ready,
            csr,
            finished,
            certificate,
            certificate_key,
        }
    }

    /// The serial number of the certificate for c.test, in hex.
    pub fn certificate_serial(&self) -> String {
        parse_presented(&self.certificate).unwrap().serial.hex()
    }

    /// The URL of the challenge of this type for p.test.
    pub fn challenge_url(&self, method: Method) -> String {
        challenge(&self.authorization.1, method.name())["url"].as_str().unwrap().to_owned()
    }

    /// The fixture with z.test paused after failed validations, and the page that ends the pause.
    pub fn paused(&self) -> (World, String) {
        let world = self.world.fork();
        let client = self.client.at(&world);
        for _ in 0..3 {
            client.fail("z.test");
        }
        let refused = client.new_order(&["z.test"]).is(429).json();
        (world, refused["instance"].as_str().unwrap().to_owned())
    }

    /// The fixture with the proof of this challenge type in place.
    pub fn proven_by(&self, method: Method) -> World {
        let world = self.world.fork();
        prove(&self.client.at(&world), &self.authorization.1, method);
        world
    }

    /// The fixture after a change of terms, and the page for the client's agreement.
    pub fn surprised(&self) -> (World, String) {
        let world = self.world.fork().reconfigured(|settings| {
            settings.meta.terms_of_service = Some(NEW_TERMS.to_owned());
            settings.terms_change = TermsChange::Refuse;
        });
        let refused = self.client.at(&world).get(&self.ready.0).is(403).json();
        (world, refused["instance"].as_str().unwrap().to_owned())
    }

    /// The fixture after a key change of `other` that was lost after its claim.
    pub fn claimed(&self) -> World {
        let claim = format!("key/{}", self.new_key.thumbprint().as_str());
        let mut worlds = (0..40).map(|n| {
            let world = self.world.fork();
            let request = self.other.at(&world).key_change_request(&self.new_key);
            world.operations().plan(&[(n, OperationFault::MachineDiesBefore)]);
            world.try_send(request);
            world.heal();
            world
        });
        worlds.find(|world| world.records("owner").iter().any(|(name, _)| *name == claim)).unwrap()
    }

    /// The fixture with expired records and a due validation and issuance after temporary failures.
    pub fn overdue(&self) -> World {
        let world = self.world.fork();
        let client = self.client.at(&world);
        world.network().set_resolver_down(true);
        client.post(&self.challenge_url(Method::Dns01), json!({})).is(200);
        world.network().set_resolver_down(false);
        world.sign_fault().from(0);
        client.finalize(&self.ready.1, &self.csr).is(200);
        world.heal();
        assert_eq!(world.works().len(), 2);
        world.pass(Duration::from_secs(3 * 3600));
        world
    }

    /// The fixture with a webhook and a second issuer, near the certificate's end.
    pub fn near_the_end(&self) -> World {
        let root = create_root("Another Root", START, 10).unwrap();
        let other = create_intermediate(&root, "Another Issuer", START, 5).unwrap();
        let days = |days: u64| Duration::from_secs(days * 86_400);
        let world = self.world.fork().with_webhook().with_issuer(&other, START.plus(days(300)));
        world.pass(days(80));
        world.restart();
        world
    }

    /// The client with the account's current key; `None` if the account is deactivated.
    pub fn survivor(&self, world: &World) -> Option<Client> {
        let records = world.records("account").into_iter();
        let (_, account) = records.into_iter().find(|(name, _)| *name == self.client.partition()).unwrap();
        let client = [self.client.at(world), self.client.at(world).rekeyed(&self.new_key)]
            .into_iter()
            .find(|client| account["thumbprint"] == client.key.thumbprint().as_str());
        // It has one of the two keys.
        (account["status"] == "valid").then_some(client.unwrap())
    }
}

/// Puts the proof for a challenge of this type where the CA looks for it.
fn prove(client: &Client, authorization: &Value, method: Method) {
    let name = authorization["identifier"]["value"].as_str().unwrap();
    let token = || challenge(authorization, method.name())["token"].as_str().unwrap().to_owned();
    let key_authorization = || format!("{}.{}", token(), client.key.thumbprint().as_str());
    let network = client.world.network();
    match method {
        Method::Http01 => drop(client.prove(authorization, Proof::Http)),
        Method::Dns01 => drop(client.prove(authorization, Proof::Dns)),
        Method::TlsAlpn01 => {
            let name = Identifier::dns(name).unwrap();
            network.tls(TlsServer::proper(&name, &key_authorization(), &new_key(SigAlg::Es256)));
        }
        Method::DnsAccount01 => {
            let owner = dns_account01::owner(client.account(), &DnsName::parse(name).unwrap());
            network.txt(&owner, &dns01::expected(&key_authorization()));
        }
        Method::DnsPersist01 => {
            let text = format!("ca.test; accounturi={}", client.account());
            network.txt(&format!("_validation-persist.{name}"), &text);
        }
    }
}
