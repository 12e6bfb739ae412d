//! Requests that make ledgers copy blocked keys.

use super::fixture::Fixture;
use super::requests::{Case, case};
use selvedge::ca::testing::{Client, CsrShape, START, World, new_key};
use selvedge::pki::ceremony::{create_intermediate, create_root};
use selvedge::records::Kind;
use selvedge::values::SigAlg;
use serde_json::json;

/// The fixture with another issuer, which signs from now on.
fn with_another_issuer(fixture: &Fixture) -> World {
    let root = create_root("Another Root", START, 10).unwrap();
    let other = create_intermediate(&root, "Another Issuer", START, 5).unwrap();
    fixture.world.fork().with_issuer(&other, START)
}

fn revocation(fixture: &Fixture, world: &World) -> selvedge::ca::http::message::Request {
    Client::with_key(world, fixture.certificate_key.clone()).revoke_request(&fixture.certificate, Some(1))
}

/// The first certificate of an issuer, and a key to be blocked in two ledgers.
pub fn copying(fixture: &Fixture) -> Vec<Case<'_>> {
    let start = with_another_issuer(fixture);
    let finalize = fixture.ready.1["finalize"].as_str().unwrap().to_owned();
    let payload = json!({ "csr": selvedge::values::b64::encode(&fixture.csr) });
    let request = move |world: &World| fixture.client.at(world).sign(&finalize, Some(payload.clone()));
    let mut first = case(fixture, "finalize by a new issuer", 200, &[], request);
    // A key that was blocked before is among those that it copies.
    start.send(revocation(fixture, &start)).is(200);
    start.run_tasks();
    first.start = start;
    first.after = Box::new(|world, what| {
        let order = fixture.client.at(world).get(&fixture.ready.0).is(200).json();
        assert_eq!(order["status"], "valid", "{what}");
        is_blocked(fixture, world, what);
    });
    let two = with_another_issuer(fixture);
    fixture.client.at(&two).issue(&["two.test"], &new_key(SigAlg::Es256));
    let mut revoked =
        case(fixture, "revokeCert for keyCompromise with two ledgers", 200, &[400], |world| revocation(fixture, world));
    revoked.start = two;
    revoked.after = Box::new(|world, what| {
        assert_eq!(world.records("blocked/").len(), 2, "{what}: each ledger has it");
        is_blocked(fixture, world, what);
    });
    vec![first, revoked]
}

/// Checks that no certificate for the blocked key is made.
fn is_blocked(fixture: &Fixture, world: &World, what: &str) {
    let client = fixture.client.at(world);
    let (url, order) = client.ready_order(&["c.test"]);
    let csr = CsrShape::dns(&["c.test"]).build(fixture.certificate_key.native());
    client.finalize(&order, &csr).refused(400, Kind::BadCsr);
    assert_eq!(client.get(&url).is(200).json()["status"], "ready", "{what}");
}
