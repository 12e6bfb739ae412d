//! Requests about test CAs: each operation goes wrong, and in the end nothing remains.

use core::time::Duration;
use selvedge::ca::http::message::Request;
use selvedge::ca::partitions::{test_ca, test_cas};
use selvedge::ca::testing::{Client, CsrShape, OperationFault, World, new_key};
use selvedge::values::{Id, SigAlg};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The partitions whose asks are asked for here, and not by the other cases.
pub const KINDS: [&str; 2] = ["testca", "testcas"];

/// Longer than the retries of an end.
const LONG: Duration = Duration::from_secs(120);

type Act<'a> = (&'a str, Box<dyn Fn(&World) -> Request + 'a>);

fn ask(method: &str, path: String, token: &str, body: Option<&Value>) -> Request {
    Request {
        method: method.to_owned(),
        path,
        content_type: body.map(|_| "application/json".to_owned()),
        authorization: Some(format!("Bearer {token}")),
        body: Some(body.map_or_else(Vec::new, |body| body.to_string().into_bytes())),
        ..Request::default()
    }
}

/// Ends every test CA that is left, and checks that nothing is.
fn end_all(world: &World, id: &Id, end: &Request, what: &str) {
    let status = world.send(end.clone()).status();
    assert!(matches!(status, 200 | 410), "{what}: its end is answered {status}");
    // One that was made without an answer ends by itself.
    world.pass(2 * Duration::from_secs(3600));
    world.live(LONG);
    world.pass(2 * Duration::from_secs(3600));
    world.live(LONG);
    // An empty database whose deletion failed does no harm.
    let rows = world.rows().into_keys().map(|(name, _)| name).filter(|name| !name.starts_with("failures/"));
    assert_eq!(rows.collect::<BTreeSet<_>>(), BTreeSet::new(), "{what}: {id}");
    assert_eq!(world.works(), [""; 0], "{what}");
}

#[test]
fn every_operation_of_test_cas_goes_wrong_and_nothing_remains() {
    let made = World::new().with_test_cas().make_test_ca();
    let client = Client::registered(&made.world);
    let (_, order) = client.ready_order(&["a.test"]);
    let csr = CsrShape::dns(&["a.test"]).build(&new_key(SigAlg::Es256));
    let at = |resource: &str| made.world.path(&format!("/admin/v1/{resource}"));
    let post = |resource: &str, body: Value| ask("POST", at(resource), &made.token, Some(&body));
    let end = post("end", json!({}));
    let acts: [Act<'_>; 5] = [
        ("make", Box::new(|_| Request { authorization: None, ..ask("POST", "/ca".to_owned(), "", None) })),
        ("directory", Box::new(|world| ask("GET", world.path("/directory"), "", None))),
        ("finalize", Box::new(|world| client.at(world).finalize_request(&order, &csr))),
        ("clock", Box::new(|_| post("clock", json!({ "set": "2027-03-01T00:00:00Z" })))),
        ("end", Box::new(|_| end.clone())),
    ];
    let mut seen = BTreeSet::new();
    for (name, act) in &acts {
        for fault in [OperationFault::Fails, OperationFault::MachineDiesBefore, OperationFault::PartitionDiesAfter] {
            for n in 0.. {
                let world = made.world.fork();
                let request = act(&world);
                world.operations().plan(&[(n, fault)]);
                drop(world.try_send(request));
                let struck = world.operations().struck();
                seen.extend(world.operations().log());
                world.heal();
                world.live(Duration::from_secs(30));
                end_all(&world, &made.id, &end, &format!("{name}: {fault:?} at {n}"));
                if struck == 0 {
                    break;
                }
            }
        }
    }
    let called = |name: &&&str| seen.iter().any(|line| line.ends_with(&format!(": call {name}")));
    let asks = test_ca::ASKS.iter().chain(test_cas::ASKS).filter(|name| **name != "ListTestCas");
    assert_eq!(asks.filter(|name| !called(name)).collect::<Vec<_>>(), Vec::<&&str>::new());
}
