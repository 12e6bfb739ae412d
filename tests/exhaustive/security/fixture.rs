//! An attacker, a victim and a resource of every kind, for tests of isolation.

use selvedge::ca::config::settings::TermsChange;
use selvedge::ca::http::operator_files::File;
use selvedge::ca::http::operator_routes::AdminRoute;
use selvedge::ca::http::pause_link::Pause;
use selvedge::ca::http::routes::{AccountRoute, CrlFile, Encoding, FormRoute, LogRoute, PublicRoute, Route};
use selvedge::ca::testing::{Client, CsrShape, Proof, START, World, new_key};
use selvedge::jose::testing::ClientKey;
use selvedge::pki::Serial;
use selvedge::pki::certificate::parse_presented;
use selvedge::values::{Id, SigAlg, b64};
use serde_json::{Value, json};

/// The texts of an account's resources, or of unknown ones.
#[derive(Clone)]
pub struct Resources {
    pub account: Id,
    pub order: Id,
    pub authorization: Id,
    pub serial: Serial,
    pub cert_id: String,
    pub certificate: Vec<u8>,
    pub name: &'static str,
    pub key: Value,
}

impl Resources {
    /// What a request for them names, and its answer may repeat.
    pub fn texts(&self) -> Vec<String> {
        let ids = [&self.account, &self.order, &self.authorization].map(|id| id.as_str().to_owned());
        ids.into_iter().chain([self.serial.hex(), self.cert_id.clone(), self.name.to_owned()]).collect()
    }

    fn cert_id_of(world: &World, serial: &Serial) -> String {
        format!("{}.{}", b64::encode(world.issuer().key_id()), b64::encode(serial.octets()))
    }
}

/// An attacker, the resources of a victim, and unknown resources.
pub struct Fixture {
    pub owner: Client,
    pub attacker: Client,
    pub victim: Resources,
    pub unknown: Resources,
}

pub const TERMS: &str = "https://ca.test/terms-of-service";

fn id_of(url: &str) -> Id {
    Id::parse(url.rsplit('/').next().unwrap()).unwrap()
}

/// The same bytes with every `from` replaced by `to`, which is as long.
fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut bytes = bytes.to_vec();
    let places: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(from)).collect();
    assert!(!places.is_empty(), "it is not in there");
    places.into_iter().for_each(|at| bytes[at..at + to.len()].copy_from_slice(to));
    bytes
}

/// A world with a victim, whose order is pending, ready, valid or invalid.
pub fn fixture(state: &str) -> Fixture {
    let world = World::new().reconfigured(|settings| {
        settings.meta.terms_of_service = Some(TERMS.to_owned());
        settings.terms_change = TermsChange::Refuse;
    });
    let (owner, attacker) = (Client::registered(&world), Client::registered(&world));
    let issued = owner.issue(&["issued.test"], &new_key(SigAlg::Es256));
    let placed = owner.new_order(&["victim.test"]).is(201);
    let order = placed.json();
    let authorization = order["authorizations"][0].as_str().unwrap();
    match state {
        "pending" => {}
        "invalid" => drop(owner.post(authorization, json!({ "status": "deactivated" })).is(200)),
        _ => owner.authorize(&order, Proof::Http),
    }
    if state == "valid" {
        owner.finalize(&order, &CsrShape::dns(&["victim.test"]).build(&new_key(SigAlg::Es256))).is(200);
    }
    assert_eq!(owner.get(&placed.location()).is(200).json()["status"], state);
    let serial = parse_presented(&issued).unwrap().serial;
    let other = Serial::from_random([0x5a; 18]);
    let victim = Resources {
        account: id_of(owner.account()),
        order: id_of(&placed.location()),
        authorization: id_of(authorization),
        cert_id: Resources::cert_id_of(&world, &serial),
        // Whoever does not have the certificate cannot tell whether its serial number is one of ours.
        certificate: replaced(&issued, b"issued.test", b"forged.test"),
        serial: serial.clone(),
        name: "victim.test",
        key: owner.key.jwk_json(),
    };
    let unknown = Resources {
        account: Id::from_random([0xa1; 16]),
        order: Id::from_random([0xa2; 16]),
        authorization: Id::from_random([0xa3; 16]),
        cert_id: Resources::cert_id_of(&world, &other),
        certificate: replaced(&victim.certificate, serial.octets(), other.octets()),
        serial: other,
        name: "unknown.test",
        key: ClientKey::generate(SigAlg::Es256).jwk_json(),
    };
    Fixture { owner, attacker, victim, unknown }
}

/// The routes one after the other, each to something of `resources`. A new one does not compile until it stands here, and
/// so in the table below.
fn after(last: Option<&Route>, resources: &Resources) -> Option<Route> {
    let Resources { account, order, authorization, serial, cert_id, name, .. } = resources.clone();
    let proof = || "A".repeat(43);
    Some(match last {
        None => Route::Public(PublicRoute::Home),
        Some(Route::Public(PublicRoute::Home)) => Route::Public(PublicRoute::Style),
        Some(Route::Public(PublicRoute::Style)) => Route::Public(PublicRoute::Root(Encoding::Der)),
        Some(Route::Public(PublicRoute::Root(Encoding::Der))) => Route::Public(PublicRoute::Root(Encoding::Pem)),
        Some(Route::Public(PublicRoute::Root(Encoding::Pem))) => Route::Account(AccountRoute::Directory),
        Some(Route::Account(AccountRoute::Directory)) => Route::Account(AccountRoute::NewNonce),
        Some(Route::Account(AccountRoute::NewNonce)) => Route::NewAccount,
        Some(Route::NewAccount) => Route::Account(AccountRoute::NewOrder),
        Some(Route::Account(AccountRoute::NewOrder)) => Route::Account(AccountRoute::NewAuthorization),
        Some(Route::Account(AccountRoute::NewAuthorization)) => Route::Account(AccountRoute::RevokeCert),
        Some(Route::Account(AccountRoute::RevokeCert)) => Route::Account(AccountRoute::KeyChange),
        Some(Route::Account(AccountRoute::KeyChange)) => Route::Account(AccountRoute::Account(account)),
        Some(Route::Account(AccountRoute::Account(_))) => Route::Account(AccountRoute::Orders(account, None)),
        Some(Route::Account(AccountRoute::Orders(_, None))) => {
            Route::Account(AccountRoute::Orders(account, Some(order)))
        }
        Some(Route::Account(AccountRoute::Orders(_, Some(_)))) => Route::Account(AccountRoute::Order(order)),
        Some(Route::Account(AccountRoute::Order(_))) => Route::Account(AccountRoute::Finalize(order)),
        Some(Route::Account(AccountRoute::Finalize(_))) => Route::Account(AccountRoute::Authorization(authorization)),
        Some(Route::Account(AccountRoute::Authorization(_))) => {
            Route::Account(AccountRoute::Challenge(authorization, "http-01".to_owned()))
        }
        Some(Route::Account(AccountRoute::Challenge(_, kind))) if kind == "http-01" => {
            Route::Account(AccountRoute::Challenge(authorization, "dns-01".to_owned()))
        }
        Some(Route::Account(AccountRoute::Challenge(..))) => Route::Account(AccountRoute::Certificate(serial, 0)),
        Some(Route::Account(AccountRoute::Certificate(_, 0))) => Route::Account(AccountRoute::Certificate(serial, 1)),
        Some(Route::Account(AccountRoute::Certificate(..))) => Route::Public(PublicRoute::RenewalInfo(cert_id)),
        Some(Route::Public(PublicRoute::RenewalInfo(_))) => Route::Form(FormRoute::Agreement(account, proof())),
        Some(Route::Form(FormRoute::Agreement(..))) => {
            Route::Form(FormRoute::Resumption(Pause { account, subject: format!("dns:{name}"), since: START }, proof()))
        }
        Some(Route::Form(FormRoute::Resumption(..))) => Route::Public(PublicRoute::Calendar("A".repeat(22))),
        Some(Route::Public(PublicRoute::Calendar(_))) => Route::Public(PublicRoute::Metrics),
        Some(Route::Public(PublicRoute::Metrics)) => Route::Public(PublicRoute::Issuer("00".to_owned())),
        Some(Route::Public(PublicRoute::Issuer(_))) => Route::Public(PublicRoute::Issuers),
        Some(Route::Public(PublicRoute::Issuers)) => Route::Public(PublicRoute::Crl("00".to_owned(), 0)),
        Some(Route::Public(PublicRoute::Crl(..))) => Route::Public(PublicRoute::CrlFile(CrlFile::Root)),
        Some(Route::Public(PublicRoute::CrlFile(CrlFile::Root))) => Route::Public(PublicRoute::CrlFile(CrlFile::All)),
        Some(Route::Public(PublicRoute::CrlFile(CrlFile::All))) => Route::Public(PublicRoute::Inventory(File::Index)),
        Some(Route::Public(PublicRoute::Inventory(_))) => {
            Route::Public(PublicRoute::Log("00".to_owned(), LogRoute::Proof(serial)))
        }
        Some(Route::Public(PublicRoute::Log(..))) => Route::Operator(AdminRoute::Account(account)),
        Some(Route::Operator(AdminRoute::Account(_))) => Route::Operator(AdminRoute::Deactivate(account)),
        Some(Route::Operator(AdminRoute::Deactivate(_))) => Route::Operator(AdminRoute::Pem(serial)),
        Some(Route::Operator(AdminRoute::Pem(_))) => Route::Operator(AdminRoute::Revoke(serial)),
        Some(Route::Operator(_)) => return None,
    })
}

pub fn routes(resources: &Resources) -> Vec<Route> {
    std::iter::successors(after(None, resources), |last| after(Some(last), resources)).collect()
}
