//! An attacker, a victim and a resource of every kind, for tests of isolation.

use selvedge::ca::config::settings::TermsChange;
use selvedge::ca::http::operator_files::File;
use selvedge::ca::http::operator_routes::AdminRoute;
use selvedge::ca::http::pause_link::Pause;
use selvedge::ca::http::routes::{CrlFile, Encoding, Route};
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
        None => Route::Home,
        Some(Route::Home) => Route::Style,
        Some(Route::Style) => Route::Root(Encoding::Der),
        Some(Route::Root(Encoding::Der)) => Route::Root(Encoding::Pem),
        Some(Route::Root(Encoding::Pem)) => Route::Directory,
        Some(Route::Directory) => Route::NewNonce,
        Some(Route::NewNonce) => Route::NewAccount,
        Some(Route::NewAccount) => Route::NewOrder,
        Some(Route::NewOrder) => Route::NewAuthorization,
        Some(Route::NewAuthorization) => Route::RevokeCert,
        Some(Route::RevokeCert) => Route::KeyChange,
        Some(Route::KeyChange) => Route::Account(account),
        Some(Route::Account(_)) => Route::Orders(account, None),
        Some(Route::Orders(_, None)) => Route::Orders(account, Some(order)),
        Some(Route::Orders(_, Some(_))) => Route::Order(order),
        Some(Route::Order(_)) => Route::Finalize(order),
        Some(Route::Finalize(_)) => Route::Authorization(authorization),
        Some(Route::Authorization(_)) => Route::Challenge(authorization, "http-01".to_owned()),
        Some(Route::Challenge(_, kind)) if kind == "http-01" => Route::Challenge(authorization, "dns-01".to_owned()),
        Some(Route::Challenge(..)) => Route::Certificate(serial, 0),
        Some(Route::Certificate(_, 0)) => Route::Certificate(serial, 1),
        Some(Route::Certificate(..)) => Route::RenewalInfo(cert_id),
        Some(Route::RenewalInfo(_)) => Route::Agreement(account, proof()),
        Some(Route::Agreement(..)) => {
            Route::Resumption(Pause { account, subject: format!("dns:{name}"), since: START }, proof())
        }
        Some(Route::Resumption(..)) => Route::Calendar("A".repeat(22)),
        Some(Route::Calendar(_)) => Route::Metrics,
        Some(Route::Metrics) => Route::Issuer("00".to_owned()),
        Some(Route::Issuer(_)) => Route::Issuers,
        Some(Route::Issuers) => Route::Crl("00".to_owned(), 0),
        Some(Route::Crl(..)) => Route::CrlFile(CrlFile::Root),
        Some(Route::CrlFile(CrlFile::Root)) => Route::CrlFile(CrlFile::All),
        Some(Route::CrlFile(CrlFile::All)) => Route::Inventory(File::Index),
        Some(Route::Inventory(_)) => Route::Admin(AdminRoute::Account(account)),
        Some(Route::Admin(AdminRoute::Account(_))) => Route::Admin(AdminRoute::Deactivate(account)),
        Some(Route::Admin(AdminRoute::Deactivate(_))) => Route::Admin(AdminRoute::Pem(serial)),
        Some(Route::Admin(AdminRoute::Pem(_))) => Route::Admin(AdminRoute::Revoke(serial)),
        Some(Route::Admin(_)) => return None,
    })
}

pub fn routes(resources: &Resources) -> Vec<Route> {
    std::iter::successors(after(None, resources), |last| after(Some(last), resources)).collect()
}
