//! Rate limits of accounts, addresses and external account keys (RFC 8555 §6.6).
//!
//! Names begin with the checklist's ids.

use core::time::Duration;
use selvedge::ca::config::external_accounts::ExternalAccounts;
use selvedge::ca::config::rate_limits::Limits;
use selvedge::ca::http::address::ClientAddress;
use selvedge::ca::http::message::Request;
use selvedge::ca::testing::{Answered, Client, CsrShape, Race, World, new_key};
use selvedge::policy::Policy;
use selvedge::records::Kind;
use selvedge::values::{SigAlg, b64};
use serde_json::{Value, json};

const MILLISECOND: Duration = Duration::from_millis(1);

/// All limits off but these.
fn limits(members: &Value) -> Limits {
    let mut all: Value =
        "new_orders requests new_accounts bound_accounts key_changes unauthenticated failed_validations certificates pause_after"
            .split(' ')
            .map(|name| (name.to_owned(), json!("off")))
            .collect();
    all.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    Limits::read(Some(&all.to_string())).unwrap()
}

fn limited(world: &World, members: Value) -> World {
    world.reconfigured(|settings| settings.limits = limits(&members))
}

fn client(members: Value) -> Client {
    Client::registered(&limited(&World::new(), members))
}

/// Checks the refusal, and that the request is refused exactly until the time it names.
///
/// The client's clock is moved.
fn true_refusal(client: &Client, limit: &str, ask: impl Fn(&Client) -> Answered) -> Answered {
    let world = &client.world;
    let before = world.rows_but_nonces();
    let refused = ask(client).refused(429, Kind::RateLimited);
    assert_eq!(world.rows_but_nonces(), before, "a refusal stores nothing");
    assert_eq!(refused.json()["limit"], limit);
    let seconds: u64 = refused.header("Retry-After").unwrap().parse().unwrap();
    let at = world.now().plus(Duration::from_secs(seconds)).rfc3339();
    assert!(refused.detail().contains(&at), "{at}: {}", refused.detail());
    let fork = world.fork();
    let early = client.at(&fork);
    fork.pass(Duration::from_secs(seconds) - MILLISECOND);
    ask(&early).refused(429, Kind::RateLimited);
    world.pass(Duration::from_secs(seconds));
    // The nonce that came with the refusal is too old by then.
    drop(client.nonce());
    refused
}

#[test]
fn s02_e03_new_orders_are_limited_with_exact_retry_after() {
    let client = client(json!({ "new_orders": { "count": 3, "period": "3h" } }));
    for name in ["a.test", "b.test"] {
        client.new_order(&[name]).is(201);
    }
    // The same order once more is none; an authorization by itself counts as one.
    client.new_order(&["a.test"]).is(201);
    client.new_authz("c.test").is(201);
    client.new_authz("c.test").is(200);
    client.new_authz("d.test").refused(429, Kind::RateLimited);
    let refused = true_refusal(&client, "new_orders", |client| client.new_order(&["d.test"]));
    assert_eq!(refused.header("Retry-After"), Some("3600"));
    for part in ["new orders by this account", "3 in 3 hours"] {
        assert!(refused.detail().contains(part), "{}", refused.detail());
    }
    client.new_order(&["d.test"]).is(201);
    client.new_order(&["e.test"]).refused(429, Kind::RateLimited);
    client.new_order(&["d.test"]).is(201);
    // Another account has its own.
    Client::registered(&client.world).new_order(&["d.test"]).is(201);
}

#[test]
fn s02_an_order_that_is_refused_for_another_reason_does_not_count() {
    let client = client(json!({ "new_orders": { "count": 1, "period": "3h" } }));
    for _ in 0..3 {
        client.new_order_with(&["a.test"], json!({ "profile": "gold" })).refused(400, Kind::InvalidProfile);
    }
    client.new_order(&["a.test"]).is(201);
    client.new_order(&["b.test"]).refused(429, Kind::RateLimited);
}

#[test]
fn s02_fifty_concurrent_orders_stay_within_the_limit() {
    let world = World::cooperative();
    let client = Client::registered(&limited(&world, json!({ "new_orders": { "count": 7, "period": "3h" } })));
    for seed in 0..3 {
        let world = client.world.fork();
        let client = client.at(&world);
        let order = |n: usize| {
            let identifiers = json!([{ "type": "dns", "value": format!("n{n}.test") }]);
            client.sign(&client.url("new-order"), Some(json!({ "identifiers": identifiers })))
        };
        let answers = race(&world, &(0..50).map(order).collect::<Vec<_>>(), seed);
        assert_eq!(counts(&answers), (7, 43));
    }
}

fn race(world: &World, requests: &[Request], seed: u64) -> Vec<Answered> {
    let mut race = Race::new(world);
    requests.iter().for_each(|request| race.enter(world.serve(request.clone())));
    let responses = race.run_seeded(seed);
    requests.iter().zip(responses).map(|(request, response)| Answered::checked(world, request, response)).collect()
}

/// How many have been created, and how many refused by a limit.
fn counts(answers: &[Answered]) -> (usize, usize) {
    let count = |status| answers.iter().filter(|answer| answer.status() == status).count();
    (count(201), count(429))
}

#[test]
fn s02_requests_of_an_account_are_limited_in_memory() {
    let client = client(json!({ "requests": { "count": 3, "period": "3m" } }));
    let other = Client::registered(&client.world);
    for _ in 0..3 {
        client.get(client.account()).is(200);
    }
    // Who cannot sign for the account uses up nothing, and learns nothing.
    let forged = client.rekeyed(&other.key);
    forged.get(client.account()).refused(400, Kind::Malformed);
    let refused = true_refusal(&client, "requests", |client| client.get(client.account()));
    assert_eq!(refused.header("Retry-After"), Some("60"));
    client.get(client.account()).is(200);
    client.get(client.account()).refused(429, Kind::RateLimited);
    other.get(other.account()).is(200);
    assert!(client.world.records("limit").is_empty(), "no row is written for it");
}

#[test]
fn s02_a_nonce_of_a_refused_request_is_redeemed() {
    let client = client(json!({ "requests": { "count": 1, "period": "1m" } }));
    client.get(client.account()).is(200);
    let request = client.sign(client.account(), None);
    client.send(request.clone()).refused(429, Kind::RateLimited);
    client.world.pass(Duration::from_secs(60));
    client.send(request).refused(400, Kind::BadNonce);
}

fn from(world: &World, address: &str) -> Client {
    let mut client = Client::new(world);
    client.address = ClientAddress::from_header(address);
    client
}

#[test]
fn s02_new_accounts_are_limited_by_address_and_by_the_prefix_of_ipv6() {
    let world = limited(&World::new(), json!({ "new_accounts": { "count": 2, "period": "2h" } }));
    let first = from(&world, "2001:db8:1:2::1");
    first.new_account(json!({})).is(201);
    from(&world, "2001:db8:1:2::2").new_account(json!({})).is(201);
    let third = from(&world, "2001:db8:1:2:ffff::3");
    let refused = true_refusal(&third, "new_accounts", |client| client.new_account(json!({})));
    assert!(refused.detail().contains("2 in 2 hours"), "{}", refused.detail());
    // Who is there already, who comes from elsewhere, and who comes from nobody knows where.
    first.new_account(json!({})).is(200);
    first.new_account(json!({ "onlyReturnExisting": true })).is(200);
    from(&world, "2001:db8:1:3::1").new_account(json!({})).is(201);
    from(&world, "192.0.2.1").new_account(json!({})).is(201);
    Client::new(&world).new_account(json!({})).is(201);
    third.new_account(json!({})).is(201);
    from(&world, "2001:db8:1:2::4").new_account(json!({})).refused(429, Kind::RateLimited);
    // What is refused anyway is not counted.
    world.pass(Duration::from_secs(3600));
    for _ in 0..3 {
        from(&world, "2001:db8:1:2::5")
            .new_account(json!({ "contact": ["tel:+1"] }))
            .refused(400, Kind::UnsupportedContact);
    }
    from(&world, "2001:db8:1:2::5").new_account(json!({})).is(201);
}

#[test]
fn s02_fifty_concurrent_new_accounts_stay_within_the_limit() {
    let world = limited(&World::cooperative(), json!({ "new_accounts": { "count": 7, "period": "3h" } }));
    for seed in 0..3 {
        let world = world.fork();
        let newcomer = |_| {
            let client = from(&world, "192.0.2.1");
            client.sign(&client.url("new-account"), Some(json!({})))
        };
        let answers = race(&world, &(0..50).map(newcomer).collect::<Vec<_>>(), seed);
        assert_eq!(counts(&answers), (7, 43));
        assert_eq!(world.records("account").len(), 7);
        assert_eq!(world.records("owner").len(), 7, "those that were refused left nothing");
    }
}

#[test]
fn s02_accounts_bound_with_an_external_account_key_are_limited() {
    let keys = json!({ "team": { "key": b64::encode(&[5; 32]), "uses": "many" } }).to_string();
    let world = World::new().reconfigured(|settings| {
        settings.limits = limits(&json!({ "bound_accounts": { "count": 2, "period": "2d" } }));
        settings.external = ExternalAccounts::read(Some(&keys), true, false, &Policy::default()).unwrap();
    });
    let bind = |client: &Client| {
        let binding = client.key.external_account("HS256", &[5; 32], "team", &client.url("new-account"));
        client.new_account(json!({ "externalAccountBinding": binding }))
    };
    let first = Client::new(&world);
    bind(&first).is(201);
    bind(&Client::new(&world)).is(201);
    let third = Client::new(&world);
    let refused = true_refusal(&third, "bound_accounts", bind);
    assert_eq!(refused.header("Retry-After"), Some("86400"));
    bind(&first.at(&world)).is(200);
    bind(&third).is(201);
    bind(&Client::new(&world)).refused(429, Kind::RateLimited);
}

#[test]
fn s02_unauthenticated_requests_are_limited_by_address_in_memory() {
    let world = limited(&World::new(), json!({ "unauthenticated": { "count": 3, "period": "3m" } }));
    let mut client = Client::registered(&world);
    client.address = ClientAddress::from_header("192.0.2.1");
    let ask = |method: &str, path: &str, address: &str| {
        let address = ClientAddress::from_header(address);
        let (method, path) = (method.to_owned(), path.to_owned());
        world.send(Request { method, path, address, body: Some(Vec::new()), ..Request::default() })
    };
    ask("GET", "/directory", "192.0.2.1").is(200);
    ask("HEAD", "/acme/new-nonce", "192.0.2.1").is(200);
    // Requests that an account signed do not count, whatever becomes of them.
    for _ in 0..5 {
        client.get(client.account()).is(200);
        client.post(client.account(), json!([])).refused(400, Kind::Malformed);
    }
    ask("GET", "/acme/renewal-info/x", "192.0.2.1").is(400);
    for method in ["GET", "HEAD"] {
        let refused = ask(method, "/directory", "192.0.2.1").is(429);
        assert_eq!(refused.header("Retry-After"), Some("60"));
    }
    // What reads refuses none that signs: a neighbour may read all day.
    client.get(client.account()).is(200);
    // A POST that no key signed counts among its like.
    let garbage = Request { body: Some(b"{}".to_vec()), ..client.request(&client.url("new-order"), Vec::new()) };
    for _ in 0..3 {
        world.send(garbage.clone()).refused(400, Kind::Malformed);
    }
    let refused = world.send(garbage.clone()).refused(429, Kind::RateLimited);
    assert_eq!(refused.json()["limit"], "unauthenticated");
    assert!(refused.header("Replay-Nonce").is_some());
    client.get(client.account()).refused(429, Kind::RateLimited);
    ask("GET", "/directory", "192.0.2.2").is(200);
    world.ask("GET", "/directory").is(200);
    world.pass(Duration::from_secs(60) - MILLISECOND);
    ask("GET", "/directory", "192.0.2.1").is(429);
    world.pass(MILLISECOND);
    ask("GET", "/directory", "192.0.2.1").is(200);
    assert!(world.records("limit").is_empty(), "who is not authenticated causes no row");
}

#[test]
fn s02_foreign_signature_and_unknown_account_count_as_unauthenticated() {
    let world = limited(&World::new(), json!({ "unauthenticated": { "count": 4, "period": "4m" } }));
    let (mut client, other) = (Client::registered(&world), Client::registered(&world));
    let nonces: Vec<String> = (0..5).map(|_| client.fresh_nonce()).collect();
    client.address = ClientAddress::from_header("192.0.2.1");
    let nobody = client.account().replace(&client.account()[client.account().len() - 22..], "AAAAAAAAAAAAAAAAAAAAAA");
    for (n, kid) in [client.account().to_owned(), nobody].iter().cycle().take(4).enumerate() {
        let protected = json!({ "kid": kid, "nonce": nonces[n], "url": client.account() });
        let answered = client.send(client.request(client.account(), other.key.sign_jws(protected, None)));
        assert_eq!(answered.status(), 400);
    }
    client.get(client.account()).refused(429, Kind::RateLimited);
}

#[test]
fn s02_certificates_for_the_same_names_are_limited_in_any_order_of_names() {
    let client = client(json!({ "certificates": { "count": 2, "period": "2d" } }));
    let key = new_key(SigAlg::Es256);
    client.issue(&["a.test", "b.test"], &key);
    let (_, waiting) = client.ready_order_with(&["a.test", "b.test"], json!({ "profile": "shortlived" }));
    client.issue(&["b.test", "a.test"], &key);
    // Placed before the limit was reached, it is stopped at finalize, stays ready, and is issued in time.
    let csr = CsrShape::dns(&["a.test", "b.test"]).build(&key);
    client.finalize(&waiting, &csr).refused(429, Kind::RateLimited);
    let refused = true_refusal(&client, "certificates", |client| client.new_order(&["a.test", "b.test"]));
    assert_eq!(refused.header("Retry-After"), Some("86400"));
    client.issue(&["a.test", "b.test"], &key);
    client.new_order(&["b.test", "a.test"]).refused(429, Kind::RateLimited);
    client.new_order(&["a.test"]).is(201);
}

#[test]
fn s02_fifty_finalizes_for_the_same_names_stay_within_the_limit() {
    let world = World::cooperative();
    let client = Client::registered(&world);
    let orders: Vec<Value> = (0..20)
        .map(|n| client.ready_order_with(&["a.test"], json!({ "notAfter": format!("2026-12-24T00:00:{n:02}Z") })).1)
        .collect();
    let client = client.at(&limited(&world, json!({ "certificates": { "count": 5, "period": "7d" } })));
    let key = new_key(SigAlg::Es256);
    let csr = CsrShape::dns(&["a.test"]).build(&key);
    let requests: Vec<Request> = orders.iter().map(|order| client.finalize_request(order, &csr)).collect();
    let answers = race(&client.world, &requests, 1);
    assert_eq!(answers.iter().filter(|answer| answer.status() == 200).count(), 5);
    assert_eq!((counts(&answers).1, client.world.records("cert").len()), (15, 5));
}

#[test]
fn ari_renewal_in_its_window_is_exempt_and_earlier_is_not() {
    let client = client(json!({
        "new_orders": { "count": 1, "period": "100d" }, "certificates": { "count": 1, "period": "100d" },
    }));
    let key = new_key(SigAlg::Es256);
    let first = client.issue(&["a.test"], &key);
    let replaces = json!({ "replaces": client.cert_id(&first) });
    client.new_order_with(&["a.test"], replaces.clone()).refused(429, Kind::RateLimited);
    client.world.pass(Duration::from_secs(70 * 86_400));
    let client = client.at(&client.world);
    client.new_order(&["a.test"]).refused(429, Kind::RateLimited);
    // Without a name in common, or of another account, it is none.
    client.new_order_with(&["b.test"], replaces.clone()).refused(400, Kind::Malformed);
    let second = client.issue_with(&["a.test"], replaces.clone(), &key);
    client.new_order_with(&["a.test"], replaces).refused(409, Kind::AlreadyReplaced);
    // What it brought is no reason for the next one.
    let again = json!({ "replaces": client.cert_id(&second) });
    client.new_order_with(&["a.test"], again).refused(429, Kind::RateLimited);
    let other = Client::registered(&client.world);
    other.issue(&["b.test"], &key);
    other.new_order_with(&["a.test"], json!({ "replaces": client.cert_id(&second) })).refused(429, Kind::RateLimited);
}
