//! Concurrent random requests, some interrupted: invariants hold, and no job is left.

use core::time::Duration;
use selvedge::ca::http::message::Request;
use selvedge::ca::testing::{Answered, Client, CsrShape, Proof, Race, World, check_all, new_key};
use selvedge::jose::testing::ClientKey;
use selvedge::values::SigAlg;
use serde_json::{Value, json};

/// Numbers that look like chance, the same in each run (splitmix64).
struct Rng(u64);

impl Rng {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % 1_000_000_007).unwrap() % n
    }
}

/// The start of a walk: an account with orders and a certificate, and another account.
///
/// The proof of the pending order is in place; the other order is ready.
struct Start {
    world: World,
    client: Client,
    other: Client,
    pending: (String, Value),
    authorization: String,
    challenges: Vec<String>,
    ready: Value,
    certificate: Vec<u8>,
    csrs: [Vec<u8>; 2],
    new_keys: [ClientKey; 2],
}

fn start() -> Start {
    let world = World::cooperative();
    let (client, other) = (Client::registered(&world), Client::registered(&world));
    let placed = client.new_order(&["p.test"]).is(201);
    let (authorization, object) = client.authorizations(&placed.json()).remove(0);
    let challenges =
        [Proof::Http, Proof::Dns].map(|proof| client.prove(&object, proof)["url"].as_str().unwrap().to_owned());
    let (_, ready) = client.ready_order(&["a.test"]);
    let certificate = client.issue(&["c.test"], &new_key(SigAlg::Es256));
    let csrs = [0, 1].map(|_| CsrShape::dns(&["a.test"]).build(&new_key(SigAlg::Es256)));
    let new_keys = [0, 1].map(|_| ClientKey::generate(SigAlg::Es256));
    let pending = (placed.location(), placed.json());
    let challenges = challenges.into();
    Start { world, client, other, pending, authorization, challenges, ready, certificate, csrs, new_keys }
}

/// A request that fits the start, in `world`, its fork.
fn request(start: &Start, world: &World, chance: &mut Rng) -> Request {
    let (client, other) = (start.client.at(world), start.other.at(world));
    let newcomer = |key: &ClientKey, payload: Value| {
        let newcomer = Client::with_key(world, key.clone());
        newcomer.sign(&newcomer.url("new-account"), Some(payload))
    };
    let deactivated = json!({ "status": "deactivated" });
    match chance.below(16) {
        0 | 1 => client.sign(&start.challenges[0], Some(json!({}))),
        2 => client.sign(&start.challenges[1], Some(json!({}))),
        3 => client.sign(&start.authorization, Some(deactivated)),
        4..=6 => client.finalize_request(&start.ready, &start.csrs[chance.below(2)]),
        7 | 8 => client.key_change_request(&start.new_keys[chance.below(2)]),
        9 => other.key_change_request(&start.new_keys[chance.below(2)]),
        10 => newcomer(&start.new_keys[chance.below(2)], json!({})),
        11 => newcomer(&start.client.key, json!({})),
        12 => client.revoke_request(&start.certificate, Some(4)),
        13 => client.sign(client.account(), Some(deactivated)),
        14 => client.sign(&start.pending.0, None),
        _ => {
            let identifiers = json!([{ "type": "dns", "value": "n.test" }]);
            client.sign(&client.url("new-order"), Some(json!({ "identifiers": identifiers })))
        }
    }
}

/// Lets requests run against each other. With `broken`, all are dropped after some steps, as with a machine that is lost.
fn walk(start: &Start, seed: u64, broken: bool) {
    let (world, mut chance) = (start.world.fork(), Rng(seed));
    let requests: Vec<Request> = (0..8).map(|_| request(start, &world, &mut chance)).collect();
    let paths: Vec<&str> = requests.iter().map(|request| request.path.as_str()).collect();
    let what = format!("seed {seed}{}: {paths:?}", if broken { ", broken off" } else { "" });
    let mut race = Race::new(&world);
    for request in &requests {
        race.enter(world.serve(request.clone()));
    }
    if broken {
        for _ in 0..chance.below(120) {
            race.step(chance.below(requests.len()));
        }
        drop(race);
        world.drop_tasks();
    } else {
        let responses = race.run(|running| chance.below(running));
        for (request, response) in requests.iter().zip(responses) {
            let answered = Answered::checked(&world, request, response);
            assert!(answered.status() < 500, "{what}: {}", answered.text());
        }
    }
    check_all(&world, &what);
    world.settle(Duration::from_secs(60));
    check_all(&world, &what);
    assert_eq!(world.works(), [""; 0], "{what}: nothing is left to do");
    assert!(world.records("cert/").len() <= 2, "{what}: one order, one certificate");
    // The certificate, and the list of its shard.
    let lists = world.records("crl/").len() as u64;
    assert!(world.sign_fault().count() <= 1 + lists || broken, "{what}: signed more than once");
}

#[test]
fn concurrent_random_requests_keep_invariants() {
    let start = start();
    for seed in 0..250 {
        walk(&start, seed, false);
    }
}

#[test]
fn interrupted_random_requests_keep_invariants() {
    let start = start();
    for seed in 0..250 {
        walk(&start, seed, true);
    }
}
