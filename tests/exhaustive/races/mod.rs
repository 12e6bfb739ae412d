//! Requests that run against each other: what must hold afterwards.

mod compromise;
mod external;

use selvedge::ca::http::message::{Request, Response};
use selvedge::ca::testing::{Answered, Client, CsrShape, Race, World, check_all, check_key_works, new_key};
use selvedge::jose::testing::ClientKey;
use selvedge::records::Kind;
use selvedge::values::SigAlg;
use serde_json::json;

/// More steps than any request has.
const STEPS: usize = 60;

fn fresh_key() -> ClientKey {
    ClientKey::generate(SigAlg::Es256)
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

/// Counts the refusals of this status, which must all be of this kind.
fn refused(answers: &[Answered], status: u16, kind: Kind) -> usize {
    let found = answers.iter().filter(|answer| answer.status() == status);
    found.inspect(|answer| drop((*answer).clone().refused(status, kind))).count()
}

#[test]
fn n04_the_same_request_50_times_succeeds_once() {
    let world = World::cooperative();
    let client = Client::registered(&world);
    for (seed, nonce) in [(1, client.nonce()), (2, client.fresh_nonce())] {
        let url = client.url("new-order");
        let protected = json!({ "kid": client.account(), "nonce": nonce, "url": url });
        let payload = json!({ "identifiers": [{ "type": "dns", "value": "a.test" }] });
        let requests = vec![client.request(&url, client.key.sign_jws(protected, Some(payload))); 50];
        let answers = race(&world, &requests, seed);
        assert_eq!((count(&answers, 201), refused(&answers, 400, Kind::BadNonce)), (1, 49));
    }
    assert_eq!(world.records("order/").len(), 1, "the second asked for what was open: O-06");
}

#[test]
fn o12_the_same_finalize_50_times_issues_one_certificate() {
    let world = World::cooperative();
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
        check_all(&world, "50 times finalize");
    }
}

#[test]
fn o12_finalize_with_50_csrs_issues_one_certificate() {
    let world = World::cooperative();
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
    assert_eq!((count(&answers, 200), refused(&answers, 403, Kind::OrderNotReady)), (1, 49));
    assert_eq!((world.records("cert/").len(), world.sign_fault().count()), (1, 1));
}

#[test]
fn s01_the_same_new_key_50_times_makes_one_account() {
    for seed in 0..5 {
        let world = World::cooperative();
        let client = Client::new(&world);
        let requests: Vec<Request> =
            (0..50).map(|_| client.sign(&client.url("new-account"), Some(json!({})))).collect();
        let answers = race(&world, &requests, seed);
        assert_eq!((count(&answers, 201), count(&answers, 200)), (1, 49));
        assert!(answers.iter().all(|answer| answer.location() == answers[0].location()));
        assert_eq!(world.records("account").len(), 1);
        check_all(&world, "50 times newAccount");
    }
}

#[test]
fn r06_concurrent_revocations_are_one() {
    let world = World::cooperative();
    let client = Client::registered(&world);
    let certificate = client.issue(&["a.test"], &new_key(SigAlg::Es256));
    for seed in 0..20 {
        let world = world.fork();
        let client = client.at(&world);
        let requests = [client.revoke_request(&certificate, Some(4)), client.revoke_request(&certificate, Some(1))];
        let answers = race(&world, &requests, seed);
        assert_eq!((count(&answers, 200), refused(&answers, 400, Kind::AlreadyRevoked)), (1, 1));
        assert_eq!(world.records("serial/").len(), 1);
        check_all(&world, "two revocations");
    }
}

#[test]
fn ari_t13_one_of_fifty_orders_replacing_a_certificate_is_created() {
    let start = World::cooperative();
    let client = Client::registered(&start);
    let replaces = client.cert_id(&client.issue(&["a.test"], &new_key(SigAlg::Es256)));
    for seed in 0..5 {
        let world = start.fork();
        let client = client.at(&world);
        let order = |n: usize| {
            // Each for another name besides, so that none is the same order once more.
            let identifiers =
                json!([{ "type": "dns", "value": "a.test" }, { "type": "dns", "value": format!("n{n}.test") }]);
            let wanted = json!({ "identifiers": identifiers, "replaces": replaces });
            client.at(&world).sign(&client.url("new-order"), Some(wanted))
        };
        let answers = race(&world, &(0..50).map(order).collect::<Vec<_>>(), seed);
        assert_eq!((count(&answers, 201), refused(&answers, 409, Kind::AlreadyReplaced)), (1, 49));
        check_all(&world, "50 replacements");
    }
}

/// Runs every interleaving of two requests.
///
/// `first` runs for `k` steps, `second` for `j`, then each to its end, for all `k` and `j`.
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
    let world = World::cooperative();
    let (a, b, wanted) = (Client::registered(&world), Client::registered(&world), fresh_key());
    let requests = |world: &World| [a.at(world).key_change_request(&wanted), b.at(world).key_change_request(&wanted)];
    every_interleaving(&world, requests, |world, answers, what| {
        check_all(world, what);
        let (won, lost) = (count(answers, 200), refused(answers, 409, Kind::Malformed));
        let called_off = refused(answers, 400, Kind::Malformed);
        assert!(won <= 1 && won + lost + called_off == 2, "{what}: {won} changed, {lost} and {called_off} refused");
        for key in [&wanted, &a.key, &b.key] {
            check_key_works(world, key, what);
        }
    });
}

#[test]
fn s01_key_change_against_new_account_at_every_interleaving() {
    let world = World::cooperative();
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
            check_all(world, what);
            assert!(answers.iter().all(|a| [200, 201, 400, 409].contains(&a.status())), "{what}: {answers:?}");
            refused(answers, 400, Kind::Malformed);
            check_key_works(world, &wanted, what);
            check_key_works(world, &a.key, what);
        });
    }
}

/// The account is deactivated with its current key, which belongs to no other account.
#[test]
fn a13_key_change_against_deactivation_at_every_interleaving() {
    let world = World::cooperative();
    let (a, new) = (Client::registered(&world), fresh_key());
    let requests = |world: &World| {
        let a = a.at(world);
        let deactivate = a.sign(a.account(), Some(json!({ "status": "deactivated" })));
        [a.key_change_request(&new), deactivate]
    };
    every_interleaving(&world, requests, |world, answers, what| {
        let (changed, deactivated) = (answers[0].status() == 200, answers[1].status() == 200);
        // Both are signed with the old key, so only the one that comes first can be right.
        assert!(changed != deactivated, "{what}: {answers:?}");
        assert!(changed || refused(answers, 401, Kind::Unauthorized) == 1, "{what}: {answers:?}");
        assert!(answers.iter().all(|answer| answer.status() < 500), "{what}: {answers:?}");
        check_all(world, what);
        let key = if changed { &new } else { &a.key };
        let found = Client::with_key(world, key.clone()).new_account(json!({}));
        if deactivated {
            found.refused(401, Kind::Unauthorized);
        } else {
            assert_eq!(found.is(200).location(), a.account(), "{what}");
        }
        check_key_works(world, if changed { &a.key } else { &new }, what);
    });
}

/// The key moves away from the account and back, while another account claims it.
#[test]
fn s01_key_change_back_against_a_late_release() {
    let world = World::cooperative();
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
        check_all(&world, &what);
        check_key_works(&world, &old, &what);
        check_key_works(&world, &new, &what);
    }
}

/// Three concurrent requests over one key, one of them twice, in random orders.
#[test]
fn s01_many_requests_over_few_keys_in_random_orders() {
    let world = World::cooperative();
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
        check_all(&world, &what);
        for answer in &answers {
            assert!(answer.status() < 500, "{what}: {}", answer.text());
        }
        for key in [&wanted[0], &wanted[1], &a.key, &b.key] {
            check_key_works(&world, key, &what);
        }
    }
}
