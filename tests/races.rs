//! Requests that run against each other, crashes at every step, faults at every call: what must hold afterwards.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use core::time::Duration;
use selvedge::ca::http::{Request, Response};
use selvedge::ca::testing::{Answered, Client, CsrShape, Fault, Race, World, new_key};
use selvedge::jose::testing::ClientKey;
use selvedge::values::SigAlg;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// More steps than any request has.
const STEPS: usize = 60;

fn fresh_key() -> ClientKey {
    ClientKey::generate(SigAlg::Es256)
}

/// A world in which each step of a request lets others come in between.
fn world() -> World {
    let world = World::new();
    world.set_cooperative(true);
    world
}

fn race(world: &World, requests: &[Request], seed: u64) -> Vec<Answered> {
    let mut race = Race::new(world);
    for request in requests {
        race.enter(world.serve(request.clone()));
    }
    checked(world, requests, race.run_seeded(seed))
}

fn checked(world: &World, requests: &[Request], responses: Vec<Response>) -> Vec<Answered> {
    requests.iter().zip(responses).map(|(request, response)| Answered::checked(world, request, response)).collect()
}

fn count(answers: &[Answered], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status() == status).count()
}

/// No key has two accounts, and each account is found by its key.
fn check_keys(world: &World, what: &str) {
    let mut accounts: BTreeMap<String, String> = BTreeMap::new();
    for (partition, account) in world.records("account") {
        let thumbprint = account["thumbprint"].as_str().unwrap().to_owned();
        if let Some(other) = accounts.insert(thumbprint, partition.clone()) {
            panic!("{what}: {other} and {partition} have the same key");
        }
    }
    let owners: BTreeMap<String, Value> = world.records("owner").into_iter().collect();
    for (thumbprint, partition) in accounts {
        let owner =
            owners.get(&format!("key/{thumbprint}")).unwrap_or_else(|| panic!("{what}: {partition} has no claim"));
        assert_eq!(format!("account/{}", owner["account"].as_str().unwrap()), partition, "{what}");
    }
}

/// Each key finds its account, or gets one, and keeps it.
fn check_key_works(world: &World, key: &ClientKey, what: &str) {
    let client = Client::with_key(world, key.clone());
    let first = client.new_account(json!({}));
    assert!([200, 201].contains(&first.status()), "{what}: {}", first.text());
    assert_eq!(client.new_account(json!({})).is(200).location(), first.location(), "{what}");
    check_keys(world, what);
}

/// No serial number, and no order, has two certificates; each certificate is in the ledger.
fn check_certificates(world: &World, what: &str) {
    let ledger = world.rows();
    let mut orders = BTreeMap::new();
    for (_, certificate) in world.records("cert/") {
        let serial = certificate["serial"].as_str().unwrap();
        let entered = ledger.keys().any(|(_, key)| *key == format!("serial/{serial}"));
        assert!(entered, "{what}: serial {serial} is not in the ledger");
        let order = certificate["order"].as_str().unwrap().to_owned();
        assert!(orders.insert(order, serial.to_owned()).is_none(), "{what}: an order with two certificates");
    }
    for (_, order) in world.records("order/") {
        if let Some(id) = order["certificate"].as_str() {
            assert!(
                ledger.keys().any(|(_, key)| *key == format!("cert/{id}")),
                "{what}: a certificate that is not there"
            );
        }
    }
}

#[test]
fn n04_the_same_request_50_times_succeeds_once() {
    let world = world();
    let client = Client::registered(&world);
    for (seed, nonce) in [(1, client.nonce()), (2, client.fresh_nonce())] {
        let url = client.url("new-order");
        let protected = json!({ "kid": client.account(), "nonce": nonce, "url": url });
        let payload = json!({ "identifiers": [{ "type": "dns", "value": "a.test" }] });
        let requests = vec![client.request(&url, client.key.sign_jws(protected, Some(payload))); 50];
        let answers = race(&world, &requests, seed);
        assert_eq!((count(&answers, 201), count(&answers, 400)), (1, 49));
    }
    assert_eq!(world.records("order/").len(), 1, "the second asked for what was open: O-06");
}

#[test]
fn o12_the_same_finalize_50_times_issues_one_certificate() {
    let world = world();
    let client = Client::registered(&world);
    let (url, order) = client.ready_order(&["a.test"]);
    let key = new_key(SigAlg::Es256);
    for seed in 0..3 {
        let world = world.fork();
        let client = client.at(&world);
        let csr = CsrShape::dns(&["a.test"]).build(&key);
        let requests: Vec<Request> = (0..50)
            .map(|_| {
                let protected =
                    json!({ "kid": client.account(), "nonce": client.fresh_nonce(), "url": order["finalize"] });
                let payload = json!({ "csr": selvedge::values::b64::encode(&csr) });
                client.request(order["finalize"].as_str().unwrap(), client.key.sign_jws(protected, Some(payload)))
            })
            .collect();
        let answers = race(&world, &requests, seed);
        assert_eq!(count(&answers, 200), 50);
        assert_eq!(client.get(&url).is(200).json()["status"], "valid");
        assert_eq!(
            (world.records("cert/").len(), world.records("serial/").len(), world.sign_fault().count()),
            (1, 1, 1)
        );
        check_certificates(&world, "50 times finalize");
    }
}

#[test]
fn o12_finalize_with_50_csrs_issues_one_certificate() {
    let world = world();
    let client = Client::registered(&world);
    let (_, order) = client.ready_order(&["a.test"]);
    let requests: Vec<Request> = (0..50)
        .map(|_| {
            let csr = CsrShape::dns(&["a.test"]).build(&new_key(SigAlg::Es256));
            let protected = json!({ "kid": client.account(), "nonce": client.fresh_nonce(), "url": order["finalize"] });
            let payload = json!({ "csr": selvedge::values::b64::encode(&csr) });
            client.request(order["finalize"].as_str().unwrap(), client.key.sign_jws(protected, Some(payload)))
        })
        .collect();
    let answers = race(&world, &requests, 7);
    assert_eq!((count(&answers, 200), count(&answers, 403)), (1, 49));
    assert_eq!((world.records("cert/").len(), world.sign_fault().count()), (1, 1));
}

#[test]
fn s01_the_same_new_key_50_times_makes_one_account() {
    for seed in 0..5 {
        let world = world();
        let client = Client::new(&world);
        let requests: Vec<Request> =
            (0..50).map(|_| client.sign(&client.url("new-account"), Some(json!({})))).collect();
        let answers = race(&world, &requests, seed);
        assert_eq!((count(&answers, 201), count(&answers, 200)), (1, 49));
        assert!(answers.iter().all(|answer| answer.location() == answers[0].location()));
        assert_eq!(world.records("account").len(), 1);
        check_keys(&world, "50 times newAccount");
    }
}

#[test]
fn r06_two_revocations_at_once_are_one() {
    let world = world();
    let client = Client::registered(&world);
    let certificate = client.issue(&["a.test"], &new_key(SigAlg::Es256));
    for seed in 0..20 {
        let world = world.fork();
        let client = client.at(&world);
        let requests = [client.revoke_request(&certificate, Some(4)), client.revoke_request(&certificate, Some(1))];
        let answers = race(&world, &requests, seed);
        assert_eq!((count(&answers, 200), count(&answers, 400)), (1, 1));
    }
}

/// Runs `first` for `k` steps, `second` for `j`, `first` to its end, then `second` to its end; and so for all `k`, `j`.
fn every_interleaving(
    start: &World,
    requests: impl Fn(&World) -> [Request; 2],
    after: impl Fn(&World, &[Answered], &str),
) {
    let mut longest = [STEPS, STEPS];
    let mut k = 0;
    while k <= longest[0] {
        let mut j = 0;
        while j <= longest[1] {
            let world = start.fork();
            let requests = requests(&world);
            let mut race = Race::new(&world);
            for request in &requests {
                race.enter(world.serve(request.clone()));
            }
            let mut on = [true, true];
            for (n, steps) in [(0, k), (1, j)] {
                for step in 1..=steps {
                    on[n] = race.step(n);
                    if !on[n] {
                        longest[n] = longest[n].min(step);
                        break;
                    }
                }
            }
            let answers = checked(&world, &requests, race.run_in_order());
            after(&world, &answers, &format!("{k} steps, then {j}"));
            j += 1;
        }
        k += 1;
    }
}

#[test]
fn s01_two_key_changes_to_one_key_at_every_interleaving() {
    let world = world();
    let (a, b, wanted) = (Client::registered(&world), Client::registered(&world), fresh_key());
    let requests = |world: &World| [a.at(world).key_change_request(&wanted), b.at(world).key_change_request(&wanted)];
    every_interleaving(&world, requests, |world, answers, what| {
        check_keys(world, what);
        let (won, lost) = (count(answers, 200), count(answers, 409));
        assert!(won <= 1 && won + lost == 2, "{what}: {won} changed, {lost} refused");
        for key in [&wanted, &a.key, &b.key] {
            check_key_works(world, key, what);
        }
    });
}

#[test]
fn s01_key_change_against_new_account_at_every_interleaving() {
    let world = world();
    let (a, wanted) = (Client::registered(&world), fresh_key());
    let newcomer = Client::with_key(&world, wanted.clone());
    for order in [[0, 1], [1, 0]] {
        let requests = |world: &World| {
            let newcomer = newcomer.at(world);
            let new_account = newcomer.sign(&newcomer.url("new-account"), Some(json!({})));
            let both = [a.at(world).key_change_request(&wanted), new_account];
            order.map(|n: usize| both[n].clone())
        };
        every_interleaving(&world, requests, |world, answers, what| {
            check_keys(world, what);
            assert!(answers.iter().all(|a| [200, 201, 409].contains(&a.status())), "{what}: {answers:?}");
            check_key_works(world, &wanted, what);
            check_key_works(world, &a.key, what);
        });
    }
}

/// The key goes away from the account and back to it, while somebody else asks for it.
#[test]
fn s01_key_change_back_against_a_release_that_is_late() {
    let world = world();
    let mut a = Client::registered(&world);
    let (old, new) = (a.key.clone(), fresh_key());
    for k in 0..STEPS {
        let world = world.fork();
        a = a.at(&world).rekeyed(&old);
        let there = a.key_change_request(&new);
        let back_client = a.rekeyed(&new);
        let protected = |nonce: String| json!({ "kid": a.account(), "nonce": nonce, "url": a.url("key-change") });
        let inner = old.key_change(&a.url("key-change"), a.account(), &new);
        let back = back_client.request(&a.url("key-change"), new.sign_jws(protected(a.fresh_nonce()), Some(inner)));
        let responses = world.interrupt(world.serve(there), k, world.serve(back));
        let what = format!("after {k} steps: {} {}", responses[0].status, responses[1].status);
        check_keys(&world, &what);
        check_key_works(&world, &old, &what);
        check_key_works(&world, &new, &what);
    }
}

/// Three at once over one key, and one of them twice: orders of steps by chance.
#[test]
fn s01_many_requests_over_few_keys_in_random_orders() {
    let world = world();
    let (a, b) = (Client::registered(&world), Client::registered(&world));
    let wanted = [fresh_key(), fresh_key()];
    for seed in 0..300 {
        let world = world.fork();
        let (a, b) = (a.at(&world), b.at(&world));
        let mut requests = Vec::new();
        for key in &wanted {
            let newcomer = Client::with_key(&world, key.clone());
            requests.push(newcomer.sign(&newcomer.url("new-account"), Some(json!({}))));
            requests.push(newcomer.sign(&newcomer.url("new-account"), Some(json!({ "onlyReturnExisting": true }))));
            for client in [&a, &a, &b] {
                requests.push(client.key_change_request(key));
            }
        }
        let answers = race(&world, &requests, seed);
        let what = format!("seed {seed}");
        check_keys(&world, &what);
        for answer in &answers {
            assert!(answer.status() < 500, "{what}: {}", answer.text());
        }
        for key in [&wanted[0], &wanted[1], &a.key, &b.key] {
            check_key_works(&world, key, &what);
        }
    }
}

/// One of a world's faults.
type FaultOf = fn(&World) -> &Fault;

/// A request that is to be broken, and what must hold once the world is healed.
struct Ordeal<'a> {
    start: &'a World,
    request: &'a dyn Fn(&World) -> Request,
    after: &'a dyn Fn(&World, &str),
}

impl Ordeal<'_> {
    /// Drops the request at each of its awaits in turn, with all that it started.
    fn crash_everywhere(&self) {
        for k in 0..STEPS {
            let world = self.start.fork();
            let mut race = Race::new(&world);
            race.enter(world.serve((self.request)(&world)));
            let done = (0..k).any(|_| !race.step(0));
            drop(race);
            world.drop_tasks();
            self.heal(&world, &format!("dropped after {k} steps"));
            if done {
                return;
            }
        }
        panic!("the request has more than {STEPS} steps");
    }

    /// Fails each step of each kind in turn: that one only, and that one and all after it.
    fn fail_everywhere(&self) {
        let kinds: [(&str, FaultOf); 4] = [
            ("store", World::store_fault),
            ("call", World::call_fault),
            ("reply", World::reply_fault),
            ("sign", World::sign_fault),
        ];
        for (name, fault) in kinds {
            for (n, lasting) in (0..200).flat_map(|n| [(n, false), (n, true)]) {
                let world = self.start.fork();
                let request = (self.request)(&world);
                let fault = fault(&world);
                if lasting {
                    fault.from(n)
                } else {
                    fault.once(n)
                }
                let answered = world.send(request);
                let struck = fault.count() > n;
                let what = format!(
                    "{name} {n} failed{}, answered {}",
                    if lasting { " and after" } else { "" },
                    answered.status()
                );
                assert!(answered.status() < 500 || struck, "{what}: {}", answered.text());
                self.heal(&world, &what);
                if !struck {
                    break;
                }
            }
        }
    }

    fn heal(&self, world: &World, what: &str) {
        world.heal();
        world.live(Duration::from_secs(60));
        check_keys(world, what);
        check_certificates(world, what);
        (self.after)(world, what);
        assert_eq!(world.records("job/"), vec![], "{what}: nothing is left to do");
    }
}

#[test]
fn finalize_survives_crashes_and_faults() {
    let world = world();
    let client = Client::registered(&world);
    let (url, order) = client.ready_order(&["a.test", "b.test"]);
    let csr = CsrShape::dns(&["a.test", "b.test"]).build(&new_key(SigAlg::Es256));
    let ordeal = Ordeal {
        start: &world,
        request: &|world| client.at(world).finalize_request(&order, &csr),
        after: &|world, what| {
            let client = client.at(world);
            let found = client.get(&url).is(200).json();
            let finished = match found["status"].as_str().unwrap() {
                "ready" => client.finalize(&order, &csr).is(200).json(),
                "valid" => found,
                other => panic!("{what}: the order is {other}"),
            };
            assert_eq!(finished["status"], "valid", "{what}");
            let again = client.finalize(&order, &csr).is(200).json();
            assert_eq!(again["certificate"], finished["certificate"], "{what}");
            client.download(&finished);
            check_certificates(world, what);
            assert_eq!((world.records("cert/").len(), world.records("serial/").len()), (1, 1), "{what}");
        },
    };
    ordeal.crash_everywhere();
    ordeal.fail_everywhere();
}

#[test]
fn key_change_survives_crashes_and_faults() {
    let world = world();
    let (client, new) = (Client::registered(&world), fresh_key());
    let request = |world: &World| client.at(world).key_change_request(&new);
    let after = |world: &World, what: &str| {
        // Either key works, and only one of them.
        let lookups = [&client.key, &new].map(|key| {
            let answered = Client::with_key(world, key.clone()).new_account(json!({ "onlyReturnExisting": true }));
            answered.header("Location") == Some(client.account())
        });
        assert!(lookups[0] != lookups[1], "{what}: old key {}, new key {}", lookups[0], lookups[1]);
        if lookups[0] {
            client.at(world).key_change(&new).is(200);
        }
        check_key_works(world, &new, what);
        check_key_works(world, &client.key, what);
    };
    let ordeal = Ordeal { start: &world, request: &request, after: &after };
    ordeal.crash_everywhere();
    ordeal.fail_everywhere();
}

#[test]
fn new_account_survives_crashes_and_faults() {
    let world = world();
    let client = Client::new(&world);
    let (url, other) = (client.url("new-account"), Client::registered(&world));
    let request = |world: &World| client.at(world).sign(&url, Some(json!({})));
    let after = |world: &World, what: &str| {
        // The key can still go to another account, or get its own.
        let forked = world.fork();
        let changed = other.at(&forked).key_change(&client.key);
        assert!([200, 409].contains(&changed.status()), "{what}: {}", changed.text());
        check_keys(&forked, what);
        check_key_works(&forked, &client.key, what);
        check_key_works(world, &client.key, what);
    };
    let ordeal = Ordeal { start: &world, request: &request, after: &after };
    ordeal.crash_everywhere();
    ordeal.fail_everywhere();
}

#[test]
fn challenge_survives_crashes_and_faults() {
    let world = world();
    let client = Client::registered(&world);
    let placed = client.new_order(&["a.test"]).is(201);
    let (_, authorization) = client.authorizations(&placed.json()).remove(0);
    let challenge = client.prove(&authorization, selvedge::ca::testing::Proof::Http);
    let url = challenge["url"].as_str().unwrap();
    let request = |world: &World| client.at(world).sign(url, Some(json!({})));
    let after = |world: &World, what: &str| {
        let client = client.at(world);
        if client.get(url).is(200).json()["status"] == "pending" {
            client.post(url, json!({})).is(200);
        }
        assert_eq!(client.get(url).is(200).json()["status"], "valid", "{what}");
        assert_eq!(client.get(&placed.location()).is(200).json()["status"], "ready", "{what}");
    };
    let ordeal = Ordeal { start: &world, request: &request, after: &after };
    ordeal.crash_everywhere();
    ordeal.fail_everywhere();
}
