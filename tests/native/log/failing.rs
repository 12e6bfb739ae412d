//! A certificate without an entry cannot come to be.

use super::{audited, enter, ids, logged, place, record, stored, tbs_of};
use selvedge::ca::ledger::kind::LedgerAt;
use selvedge::ca::runtime::ports::Ports;
use selvedge::ca::testing::{Client, CsrShape, OperationFault, World, WorldPorts, check_all, new_key};
use selvedge::pki::pem;
use selvedge::values::{SigAlg, b64};
use std::time::Duration;

/// Sends an ask to the ledger; the status of a refusal.
fn ask(world: &World, ask: &selvedge::ca::ledger::entry::RecordCertificate) -> Result<(), u16> {
    let at = LedgerAt::from(world.issuer().id());
    let answered = world.run(WorldPorts::new(world, None).ask(&at, ask));
    answered.map(drop).map_err(|problem| problem.status)
}

#[test]
fn account_that_sends_nothing_to_log_is_refused() {
    let world = logged();
    let whole = record(&world, 1);
    let mut bare = whole.clone();
    bare.tbs = None;
    assert_eq!(ask(&world, &bare), Err(503));
    let mut other = whole.clone();
    other.tbs = Some(b64::encode(b"something else"));
    assert_eq!(ask(&world, &other), Err(500));
    assert_eq!((world.records("serial/").len(), world.records("leaf/").len()), (0, 0));
    assert_eq!(ask(&world, &whole), Ok(()));
}

/// An account of this release, and a ledger of one that knows no log.
#[test]
fn ledger_that_logs_nothing_gets_no_signature() {
    let world = World::new();
    let client = Client::registered(&world);
    let (url, order) = client.ready_order(&["a.test"]);
    let logged = world.with_log();
    let signatures = world.sign_fault().count();
    let csr = CsrShape::dns(&["a.test"]).build(&new_key(SigAlg::Es256));
    // Recorded before there was a log; the signature fails.
    world.sign_fault().from(0);
    client.finalize(&order, &csr).is(200);
    world.heal();
    assert_eq!(world.records("leaf/"), []);
    assert!(world.records("serial/").remove(0).1.get("logged").is_none());
    // Now there is one: the same certificate gets its leaf before it is signed.
    logged.live(Duration::from_secs(30));
    let order = client.at(&logged).get(&url).json();
    assert_eq!(order["status"], "valid");
    assert!(world.sign_fault().count() > signatures);
    let pem = client.at(&logged).download(&order);
    let leaf = pem::read_certificates(&pem).unwrap().remove(0);
    let entries = audited(&operated(&logged), &ids(&logged)[0]);
    assert!(entries.iter().any(|entry| entry.ends_with(&tbs_of(&leaf))));
    check_all(&logged, "logged late");
}

fn operated(world: &World) -> World {
    let admin = logged().settings().admin.clone();
    world.reconfigured(|settings| settings.admin = admin)
}

/// The number of leaves for certificates.
fn certificates_logged(world: &World) -> usize {
    let leaves = world.records("leaf/").into_iter();
    let entries = leaves.map(|(_, leaf)| b64::decode(leaf["entry"].as_str().unwrap()).unwrap());
    entries.filter(|entry| entry.starts_with(b"selvedge/v1 certificate\n")).count()
}

/// Repeats of an ask get the first answer, and no second leaf.
#[test]
fn repeated_record_has_one_leaf() {
    let world = logged();
    let ask = record(&world, 1);
    let at = LedgerAt::from(world.issuer().id());
    let first = place(world.tell(&at, &ask));
    world.restart();
    assert_eq!(place(world.tell(&at, &ask)), first);
    enter(&world, [2]);
    assert_eq!(place(world.tell(&at, &ask)), first);
    assert_eq!(world.records("leaf/").len(), 3);
}

/// Breaks an issuance at each of its operations, in each way, and retries it.
#[test]
fn issuance_broken_at_each_operation_leaves_one_leaf_per_certificate() {
    let start = logged();
    let client = Client::registered(&start);
    let (_, order) = client.ready_order(&["a.test"]);
    let csr = CsrShape::dns(&["a.test"]).build(&new_key(SigAlg::Es256));
    for fault in OperationFault::ALL {
        for n in 0.. {
            let world = start.fork();
            let client = client.at(&world);
            world.operations().plan(&[(n, fault)]);
            world.try_send(client.finalize_request(&order, &csr));
            let struck = world.operations().log().len() > n;
            world.heal();
            world.settle(Duration::from_secs(60));
            client.finalize(&order, &csr);
            world.settle(Duration::from_secs(60));
            let (certificates, entries) = (world.records("cert/"), world.records("serial/"));
            assert_eq!((certificates.len(), entries.len()), (1, 1), "{fault:?} at {n}");
            assert_eq!(certificates[0].1["logged"], entries[0].1["logged"], "{fault:?} at {n}");
            assert_eq!(certificates_logged(&world), 1, "{fault:?} at {n}");
            assert_eq!(stored(&world).logs.len(), 1, "{fault:?} at {n}");
            check_all(&world, &format!("{fault:?} at {n}"));
            if !struck {
                break;
            }
        }
    }
}
