//! The import of a certificate of another program, which was revoked there.

use super::fixture::Fixture;
use super::requests::{Case, case, operate};
use selvedge::ca::testing::{Client, World, new_key};
use selvedge::values::{SigAlg, b64};
use serde_json::json;

/// A certificate that another program has issued with the key of this CA's issuer.
fn by_another_program() -> Vec<u8> {
    let world = World::new();
    for _ in 0..1_000 {
        // Other random numbers than those of the fixture.
        world.ask("HEAD", "/acme/new-nonce").is(200);
    }
    Client::registered(&world).issue(&["elsewhere.test"], &new_key(SigAlg::Es256))
}

/// An import, which is done once however often it is asked for. Its key is blocked then.
pub fn importing(fixture: &Fixture) -> Case<'_> {
    let at = fixture.world.now().rfc3339();
    let revoked = json!({ "at": at, "reason": 1 });
    let certificate = json!({ "der": b64::encode(&by_another_program()), "revoked": revoked });
    let request = operate("POST", "certificates/import", Some(&json!({ "certificates": [certificate] })));
    let mut case = case(fixture, "operations: import", 200, &[], move |_| request.clone());
    case.after = Box::new(|world, what| {
        let entries = world.records("serial/");
        let imported = entries.iter().filter(|(_, entry)| entry["imported"].is_object());
        assert_eq!((imported.count(), world.records("imported/").len()), (1, 1), "{what}");
        assert_eq!(world.records("revoked/").len(), 1, "{what}");
        world.run_due_alarms();
        assert_eq!(world.records("compromised/").len(), 1, "{what}");
    });
    case
}
