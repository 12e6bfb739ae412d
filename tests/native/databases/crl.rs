//! The rows of a CRL that is longer than a row.

use super::DAY;
use selvedge::ca::http::message::Body;
use selvedge::ca::testing::{Client, World, new_key};
use selvedge::pki::Serial;
use selvedge::records::ledger::crl::{CrlPieceRecord, RevokedRecord};
use selvedge::store::Record;
use selvedge::values::SigAlg;

#[test]
fn large_crl_is_served_in_one_piece() {
    let world = World::new();
    let client = Client::registered(&world);
    let leaf = client.issue(&["a.test"], &new_key(SigAlg::Es256));
    client.revoke(&leaf, None).is(200);
    let (ledger, key, _) = world
        .rows()
        .into_iter()
        .find_map(|((name, key), row)| key.starts_with("shard/").then_some((name, key, row)))
        .unwrap();
    let shard = key.split_once('/').unwrap().1.to_owned();
    let many = |count: u32, world: &World| {
        for n in 0..count {
            let mut octets = [0; 18];
            octets[..4].copy_from_slice(&n.to_be_bytes());
            let (at, not_after) = (world.now(), world.now().plus(DAY * 30));
            let serial = Serial::from_random(octets).hex();
            world.put(&ledger, &format!("{shard}/{serial}"), &RevokedRecord { at, reason: Some(1), not_after });
        }
    };
    let path = format!("/crl/{}/{shard}.crl", ledger.split_once('/').unwrap().1);
    let fetch = |world: &World| {
        world.pass(DAY);
        world.run_due_alarms();
        let answered = world.ask("GET", &path).is(200);
        let Body::Bytes(der) = answered.response.body.clone() else { panic!("no list") };
        let list: x509_cert::crl::CertificateList = der::Decode::from_der(&der).unwrap();
        list.tbs_cert_list.revoked_certificates.map_or(0, |all| all.len())
    };
    many(30_000, &world);
    assert!(fetch(&world) >= 30_000);
    let longest = world.rows().values().map(String::len).max().unwrap();
    assert!(longest < 1 << 20, "{longest}");
    assert!(!world.records(CrlPieceRecord::PREFIX).is_empty());
    // A week of lists after they are over, the list is short again, and nothing of the long one is left.
    world.pass(DAY * 40);
    assert!((0..8).all(|_| fetch(&world) >= 30_000));
    let later = client.at(&world).issue(&["b.test"], &new_key(SigAlg::Es256));
    client.at(&world).revoke(&later, None).is(200);
    assert!(fetch(&world) < 10);
    assert!(world.records(CrlPieceRecord::PREFIX).is_empty());
}
