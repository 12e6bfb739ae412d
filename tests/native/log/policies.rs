//! Policies in the log: an order has their hash, the ledger looks for their text.

use super::{audited, enter, ids, logged, record};
use selvedge::ca::config::policy::read_policy;
use selvedge::ca::ledger::entry::RecordCertificate;
use selvedge::ca::ledger::kind::LedgerAt;
use selvedge::ca::partitions::operations::kind::OperationsAt;
use selvedge::ca::partitions::operations::policies::PutPolicy;
use selvedge::ca::runtime::ports::Ports;
use selvedge::ca::testing::{Client, World, WorldPorts, new_key};
use selvedge::records::operations::audit::Actor;
use selvedge::tlog::entry::{Entry, Kind, LoggedPolicy};
use selvedge::values::{SigAlg, b64, hex};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::time::Duration;

/// The policies in the newest log.
fn policies(world: &World) -> Vec<LoggedPolicy> {
    let entries = audited(world, ids(world).last().unwrap());
    let read = entries.iter().map(|entry| Entry::read(entry).unwrap());
    let found =
        read.filter(|entry| entry.kind == Kind::Policy).map(|entry| serde_json::from_slice(entry.body).unwrap());
    found.map(|policy: LoggedPolicy| LoggedPolicy { prepared: None, ..policy }).collect()
}

/// Puts a policy in force.
fn put(world: &World, document: Value) {
    let by = Actor { by: "ada".to_owned(), at: world.now() };
    world.tell(&OperationsAt, &PutPolicy { document: Some(document), restores: None, note: None, by });
    world.pass(Duration::from_secs(10));
}

/// The text of a policy.
fn text(document: &Value) -> String {
    read_policy("POLICY", document).unwrap().document().to_string()
}

/// A policy as an order has it.
fn named(revision: u64, document: &Value) -> LoggedPolicy {
    LoggedPolicy { revision, sha256: hex::encode(&Sha256::digest(text(document))), policy: None, prepared: None }
}

/// The calls to the operations partition.
fn calls(world: &World) -> usize {
    let policies = |line: &&String| line.contains(": call PoliciesInForce") || line.contains(": call ListPolicies");
    world.operations().log().iter().filter(policies).count()
}

/// What an account sends for a certificate under a policy.
fn under(world: &World, n: u64, policy: &LoggedPolicy) -> RecordCertificate {
    RecordCertificate { policy: Some(policy.clone()), ..record(world, n) }
}

fn tell(world: &World, ask: &RecordCertificate) {
    super::place(world.tell(&LedgerAt::from(world.issuer().id()), ask));
}

#[test]
fn order_has_the_hash_of_its_policy_and_the_log_its_text() {
    let world = logged();
    let client = Client::registered(&world);
    let wide: Vec<String> = (0..500).map(|n| format!("*.n{n}.test")).collect();
    let document = json!({ "allow": wide, "wildcards": false });
    put(&world, document.clone());
    for n in 0..3 {
        client.issue(&[&format!("a{n}.n{n}.test")], &new_key(SigAlg::Es256));
    }
    for (id, order) in world.records("order/") {
        assert!(!order.to_string().contains("n499.test"), "{id}");
        assert!(order.to_string().contains(&named(1, &document).sha256), "{id}");
    }
    let logged = policies(&world);
    assert_eq!(logged, [LoggedPolicy { policy: Some(text(&document)), ..named(1, &document) }]);
}

#[test]
fn text_is_looked_for_once_and_that_of_an_earlier_revision_too() {
    let world = logged();
    let documents: Vec<Value> = (0..4).map(|n| json!({ "deny": [format!("n{n}.test")] })).collect();
    documents.iter().for_each(|document| put(&world, document.clone()));
    let before = calls(&world);
    // An order that was prepared two revisions ago, and then the present one.
    let (old, new) = (named(2, &documents[1]), named(4, &documents[3]));
    tell(&world, &under(&world, 1, &old));
    assert_eq!(calls(&world), before + 2);
    tell(&world, &under(&world, 2, &old));
    assert_eq!(calls(&world), before + 2, "it is logged");
    tell(&world, &under(&world, 3, &new));
    assert_eq!(calls(&world), before + 3);
    for n in 4..8 {
        tell(&world, &under(&world, n, &new));
    }
    world.restart();
    tell(&world, &under(&world, 8, &new));
    assert_eq!(calls(&world), before + 3);
    let whole = |policy: &LoggedPolicy, n: usize| LoggedPolicy { policy: Some(text(&documents[n])), ..policy.clone() };
    assert_eq!(policies(&world), [whole(&old, 1), whole(&new, 3)]);
}

#[test]
fn policy_without_a_known_text_is_logged_by_its_hash() {
    let world = logged();
    put(&world, json!({ "deny": ["a.test"] }));
    let gone = named(0, &json!({ "deny": ["earlier.test"] }));
    let never = named(7, &json!({ "deny": ["b.test"] }));
    let other = LoggedPolicy { sha256: "00".repeat(32), ..named(1, &json!({})) };
    let long: Vec<String> = (0..900).map(|n| format!("a-long-name-of-a-policy-{n}.test")).collect();
    let long = json!({ "deny": long });
    put(&world, long.clone());
    let all = [gone, never, other, named(2, &long)];
    for (n, policy) in (1..).zip(&all) {
        tell(&world, &under(&world, n, policy));
        tell(&world, &under(&world, n + 10, policy));
    }
    // Each certificate under an earlier revision than another has its own.
    let [gone, never, other, long] = all;
    assert_eq!(policies(&world), [gone, never, other.clone(), other, long.clone(), long]);
}

/// An order that is retried after others under a later revision.
#[test]
fn each_certificate_under_an_earlier_revision_has_its_policy_and_time() {
    let world = logged();
    let documents: Vec<Value> = (0..3).map(|n| json!({ "deny": [format!("n{n}.test")] })).collect();
    documents.iter().for_each(|document| put(&world, document.clone()));
    let [first, second, third] = [1, 2, 3].map(|n| named(n as u64, &documents[n - 1]));
    let whole = |policy: &LoggedPolicy, n: usize| LoggedPolicy { policy: Some(text(&documents[n])), ..policy.clone() };
    let at = world.now();
    tell(&world, &under(&world, 1, &third));
    world.pass(Duration::from_secs(60));
    for n in 2..4 {
        let mut late = under(&world, n, &second);
        late.entry.recorded = at;
        tell(&world, &late);
        // A lost reply: nothing is logged twice.
        tell(&world, &late);
        world.restart();
    }
    tell(&world, &under(&world, 4, &first));
    tell(&world, &under(&world, 5, &third));
    tell(&world, &under(&world, 6, &third));
    let wanted = [whole(&third, 2), whole(&second, 1), whole(&second, 1), whole(&first, 0), whole(&third, 2)];
    assert_eq!(policies(&world), wanted);
    let entries = audited(&world, ids(&world).last().unwrap());
    let read: Vec<Entry<'_>> = entries.iter().map(|entry| Entry::read(entry).unwrap()).collect();
    let body = |n: usize| serde_json::from_slice::<LoggedPolicy>(read[n].body).unwrap();
    assert_eq!([read[3].kind, read[5].kind], [Kind::Policy; 2]);
    assert_eq!([body(3).prepared, body(5).prepared, body(1).prepared], [Some(at); 3]);
    assert_eq!(body(7).prepared, Some(world.now()));
}

#[test]
fn operations_partition_that_is_away_delays_the_first_certificate_under_a_policy() {
    let world = logged();
    enter(&world, [1]);
    let document = json!({ "deny": ["a.test"] });
    put(&world, document.clone());
    let (policy, at) = (named(1, &document), LedgerAt::from(world.issuer().id()));
    let ask = under(&world, 2, &policy);
    let before = world.rows();
    // The second call is that of the ledger.
    world.call_fault().from(1);
    assert_eq!(world.run(WorldPorts::new(&world, None).ask(&at, &ask)).map(drop).map_err(|gone| gone.status), Err(500));
    world.heal();
    assert_eq!(world.rows(), before);
    tell(&world, &ask);
    assert_eq!(policies(&world), [LoggedPolicy { policy: Some(text(&document)), ..policy }]);
}

/// Orders of the release before have the text, and its ledger notes no revision.
#[test]
fn policy_of_the_release_before_is_logged_once() {
    let world = logged();
    let document = json!({ "deny": ["a.test"] });
    put(&world, document.clone());
    let before = calls(&world);
    let bare = named(1, &document);
    let whole = LoggedPolicy { policy: Some(text(&document)), ..bare.clone() };
    tell(&world, &under(&world, 1, &whole));
    assert_eq!(calls(&world), before);
    let ledger = format!("ledger/{}", world.issuer().id());
    let (_, mut logs) = world.records("log").remove(0);
    logs["logs"][0].as_object_mut().unwrap().remove("last_policy").unwrap();
    // Its entry has no time.
    logs["logs"][0]["policy"] = json!(b64::encode(&Sha256::digest(serde_json::to_vec(&whole).unwrap())));
    world.plant(&ledger, "log", Some(&logs));
    tell(&world, &under(&world, 2, &bare));
    tell(&world, &under(&world, 3, &bare));
    assert_eq!(calls(&world), before + 1, "the text is compared with what is logged");
    assert_eq!(policies(&world), [whole]);
}
