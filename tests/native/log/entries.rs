//! The entries beside certificates, and the end of entries.

use super::{audited, checkpoint, enter, file, ids, kinds, logged, logs, read, stored};
use crate::operations::operating::let_pass;
use selvedge::ca::config::policy::read_policy;
use selvedge::ca::testing::{Client, World, new_key};
use selvedge::pki::certificate::parse_presented;
use selvedge::records::ledger::log::LeafRecord;
use selvedge::tlog::Tile;
use selvedge::tlog::entry::{Entry, Kind, LoggedCrl, LoggedPolicy, LoggedRevocation};
use selvedge::tlog::tile::Resource;
use selvedge::values::{SigAlg, hex};
use serde::de::DeserializeOwned;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

/// The bodies of this kind in the newest log.
fn bodies<T: DeserializeOwned>(world: &World, kind: Kind) -> Vec<T> {
    let entries = audited(world, ids(world).last().unwrap());
    let read = entries.iter().map(|entry| Entry::read(entry).unwrap());
    read.filter(|entry| entry.kind == kind).map(|entry| serde_json::from_slice(entry.body).unwrap()).collect()
}

#[test]
fn revocations_and_lists_are_logged() {
    let world = logged();
    let client = Client::registered(&world);
    let leaf = client.issue(&["a.test"], &new_key(SigAlg::Es256));
    world.live(Duration::from_secs(5));
    client.revoke(&leaf, Some(4)).is(200);
    world.live(Duration::from_secs(30));
    let serial = parse_presented(&leaf).unwrap().serial.hex();
    let revoked = bodies::<LoggedRevocation>(&world, Kind::Revocation);
    assert_eq!(revoked.len(), 1);
    let (_, entry) = world.records("serial/").remove(0);
    assert_eq!(json!(revoked[0]), json!({ "serial": serial, "reason": 4, "time": entry["revoked"]["at"] }));
    let lists = bodies::<LoggedCrl>(&world, Kind::Crl);
    assert_eq!(lists.len(), 2, "the first one, and that with the revocation");
    let shard = entry["shard"].as_u64().unwrap();
    let served = world.ask("GET", &format!("/crl/{}/{shard}.crl", world.issuer().id())).is(200);
    assert_eq!(lists[1].sha256, hex::encode(&Sha256::digest(served.response.body.octets())));
    assert!(lists.iter().all(|list| u64::from(list.shard) == shard) && lists[0].number < lists[1].number);
}

#[test]
fn policy_is_logged_before_the_first_certificate_under_it() {
    let world = logged();
    let client = Client::registered(&world);
    let issue = |world: &World, name: &str| {
        client.at(world).issue(&[name], &new_key(SigAlg::Es256));
    };
    issue(&world, "a.test");
    issue(&world, "b.test");
    let policy = json!({ "wildcards": false });
    let changed = world.reconfigured(|settings| settings.policy = read_policy("POLICY", &policy).unwrap());
    changed.pass(Duration::from_secs(10));
    issue(&changed, "c.test");
    issue(&changed, "d.test");
    let found: Vec<String> = kinds(&world, &ids(&world)[0]).into_iter().filter(|kind| kind != "crl").collect();
    let wanted = ["issuer", "policy", "certificate", "certificate", "policy", "certificate", "certificate"];
    assert_eq!(found, wanted);
    let policies = bodies::<LoggedPolicy>(&world, Kind::Policy);
    for logged in &policies {
        let text = logged.policy.as_ref().unwrap();
        assert_eq!(logged.sha256, hex::encode(&Sha256::digest(text)));
        assert_eq!(logged.revision, 0);
    }
    let document: serde_json::Value = serde_json::from_str(policies[1].policy.as_ref().unwrap()).unwrap();
    assert_eq!(document["wildcards"], false);
    assert_ne!(policies[0].sha256, policies[1].sha256);
}

#[test]
fn pruned_certificates_leave_their_hashes() {
    let world = logged().reconfigured(|settings| settings.keep_expired = Some(DAY * 30));
    // One tile is full, the other is not.
    enter(&world, 1..300);
    let log = ids(&world).remove(0);
    let whole = audited(&world, &log);
    // The begin of the first run.
    world.restart();
    let before = checkpoint(&world, &log);
    let_pass(&world, DAY * (90 + 30 + 22));
    assert_eq!(world.records("serial/").len(), 0);
    let leaves: Vec<LeafRecord> =
        world.records("leaf/").into_iter().map(|(_, leaf)| serde_json::from_value(leaf).unwrap()).collect();
    let kept = leaves.iter().filter(|leaf| leaf.entry.is_some()).count();
    // The issuer's, and those of lists.
    assert!(kept < 260 && leaves.len() - kept == 300 - 256, "{kept} of {}", leaves.len());
    assert_eq!(stored(&world).logs[0].least, 300);
    let tile = |index, width| Tile::new(0, index, width).unwrap();
    for (tile, status) in [(tile(0, 256), 200), (tile(1, 44), 200)] {
        assert_eq!(world.ask("GET", &file(&world, &log, Resource::Hashes(tile))).status(), status);
        assert_eq!(read(&world, &file(&world, &log, Resource::Entries(tile))).status(), 404, "{tile:?}");
    }
    let list = world.ask("GET", &logs(&world)).is(200).json();
    assert_eq!(list["logs"][0]["least"], 300);
    // The tree is as it was, and grows on.
    world.restart();
    enter(&world, 300..310);
    let after = checkpoint(&world, &log);
    assert!(after.size >= before.size + 10);
    assert_eq!(whole.len() as u64, before.size);
}
