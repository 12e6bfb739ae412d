//! Which requests create databases and rows, which rows are read, and what is deleted.

mod crl;

use core::time::Duration;
use selvedge::ca::config::admin_tokens::AdminTokens;
use selvedge::ca::config::metrics_token::Token;
use selvedge::ca::config::rate_limits::Limits;
use selvedge::ca::http::address::ClientAddress;
use selvedge::ca::http::message::Request;
use selvedge::ca::testing::{Answered, Client, CsrShape, Race, World, form, new_key};
use selvedge::jose::testing::ClientKey;
use selvedge::records::acme::nonce;
use selvedge::records::acme::nonce::LIFETIME;
use selvedge::records::{Home, Kind};
use selvedge::values::{Id, SigAlg};
use serde_json::{Value, json};

const DAY: Duration = Duration::from_secs(86_400);
const ADMIN: &str = "an-admin-token-of-sufficient-length";

fn operated(world: &World) -> World {
    world.reconfigured(|settings| {
        settings.admin = AdminTokens::read(Some(&json!({ "ada": ADMIN }).to_string())).unwrap();
    })
}

fn operate(world: &World, path: &str) -> Answered {
    let authorization = Some(format!("Bearer {ADMIN}"));
    let path = format!("/admin/v1/{path}");
    world.send(Request { method: "GET".into(), path, authorization, body: Some(vec![]), ..Request::default() })
}

/// How many calls an act takes.
fn calls(world: &World, act: impl FnOnce()) -> usize {
    world.operations().plan(&[]);
    act();
    world.operations().log().iter().filter(|line| line.contains(": call ")).count()
}

/// The home of the nonce in an answer.
fn home(world: &World, answered: &Answered) -> Home {
    let text = answered.header("Replay-Nonce").unwrap();
    nonce::check(&world.settings().nonce_key, text, world.now(), LIFETIME).unwrap().home
}

/// Requests that no key of an account of ours signed, and what they are.
fn unsigned(client: &Client) -> Vec<(&'static str, Request)> {
    let (world, stranger) = (&client.world, ClientKey::generate(SigAlg::Es256));
    let invented = client.url(&format!("account/{}", Id::from_random([9; 16])));
    let order = client.url("new-order");
    let forged = |kid: &str, url: &str, nonce: &str| {
        let protected = json!({ "kid": kid, "nonce": nonce, "url": url });
        client.request(url, stranger.sign_jws(protected, Some(json!({ "identifiers": [] }))))
    };
    let get =
        |path: &str| Request { method: "GET".into(), path: path.into(), body: Some(vec![]), ..Request::default() };
    let issuer = world.settings().issuers.slots().next().unwrap().issuer.id().to_owned();
    let fresh = client.fresh_nonce();
    let mut all = vec![
        ("garbage", client.request(&order, b"{}".to_vec())),
        ("no body", client.request(&order, Vec::new())),
        ("another's kid", forged(client.account(), &order, &fresh)),
        ("another's kid and no nonce of ours", forged(client.account(), &order, "AAAA")),
        ("another's kid at its account", forged(client.account(), client.account(), &fresh)),
        ("an invented kid", forged(&invented, &order, &fresh)),
        ("an invented kid at its account", forged(&invented, &invented, &fresh)),
        ("a kid of elsewhere", forged("https://elsewhere.test/acme/account/x", &order, &fresh)),
        (
            "a form for terms",
            form(&format!("https://ca.test/terms/{}/AAAAAAAAAAAAAAAAAAAAAA", Id::from_random([9; 16])), "agree=yes"),
        ),
        (
            "a form for a pause",
            form(
                &format!("https://ca.test/resume/{}/1/dns:a.test/AAAAAAAAAAAAAAAAAAAAAA", Id::from_random([9; 16])),
                "resume=yes",
            ),
        ),
    ];
    let mut broken = client.sign(&order, Some(json!({ "identifiers": [{ "type": "dns", "value": "a.test" }] })));
    let body = String::from_utf8(broken.body.take().unwrap()).unwrap();
    let mut jws: Value = serde_json::from_str(&body).unwrap();
    jws["payload"] = "e30".into();
    broken.body = Some(jws.to_string().into_bytes());
    all.push(("a payload of another request", broken));
    for path in [
        "/",
        "/directory",
        "/acme/new-nonce",
        "/issuers",
        "/metrics",
        "/root.crt",
        "/page.css",
        "/nothing",
        "/admin/v1/accounts",
        "/acme/renewal-info/aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE",
        "/calendar/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA.ics",
    ] {
        all.push(("a GET", get(path)));
    }
    all.push(("a CRL", get(&format!("/crl/{issuer}/0.crl"))));
    all
}

#[test]
fn unsigned_requests_create_no_rows_and_get_no_account_nonce() {
    let world = operated(&World::new()).reconfigured(|settings| {
        settings.limits = Limits::default();
        settings.metrics_token = Some(Token::read("a-token-of-some-length").unwrap());
        settings.address_header = Some("CF-Connecting-IP".to_owned());
    });
    let mut client = Client::registered(&world);
    client.issue(&["a.test"], &new_key(SigAlg::Es256));
    client.address = ClientAddress::from_header("192.0.2.1");
    world.run_tasks();
    let of_accounts = |world: &World| {
        world.rows().into_iter().filter(|((name, _), _)| name.starts_with("account/")).collect::<Vec<_>>()
    };
    let (databases, rows) = (world.databases(), of_accounts(&world));
    for _ in 0..3 {
        for (what, request) in unsigned(&client) {
            let post = request.method == "POST";
            let answered = world.send(request);
            assert!(!post || (400..500).contains(&answered.status()), "{what}: {}", answered.text());
            if answered.header("Replay-Nonce").is_some() {
                assert!(matches!(home(&world, &answered), Home::Shard(_)), "{what}");
            }
            // What such a request brought, whoever has it may use, and nothing of it lies with an account.
            if let Some(nonce) = answered.header("Replay-Nonce") {
                let (key, url) = (ClientKey::generate(SigAlg::Es256), client.url("new-account"));
                let protected = json!({ "jwk": key.jwk_json(), "nonce": nonce, "url": url });
                let asks = client.request(&url, key.sign_jws(protected, Some(json!({ "onlyReturnExisting": true }))));
                world.send(asks).refused(400, Kind::AccountDoesNotExist);
            }
            world.run_tasks();
        }
    }
    // Failures are recorded, within a bound.
    let fixed = ["nonce/", "metrics/", "failures/"];
    let known = |name: &String| databases.contains(name) || fixed.iter().any(|kind| name.starts_with(kind));
    assert!(world.databases().iter().all(known), "{:?}", world.databases());
    assert_eq!(of_accounts(&world), rows);
    // Who signs for an account has its nonces there, also when it is refused.
    let refused = client.post(&client.url("new-order"), json!({})).refused(400, Kind::Malformed);
    assert!(matches!(home(&world, &refused), Home::Account(_)));
}

#[test]
fn unused_ca_has_no_database() {
    let world = operated(&World::new()).with_webhook();
    let issuer = world.settings().issuers.slots().next().unwrap().issuer.id().to_owned();
    for path in ["/", "/directory", "/issuers", "/acme/new-nonce", &format!("/crl/{issuer}/0.crl")] {
        world.ask("GET", path);
    }
    world.run_tasks();
    assert!(world.databases().is_empty(), "{:?}", world.databases());
}

#[test]
fn nonce_of_unknown_account_is_refused_and_not_stored() {
    let world = World::new();
    let (invented, key) = (Id::from_random([9; 16]), ClientKey::generate(SigAlg::Es256));
    let client = Client::with_key(&world, key.clone());
    let url = client.url("new-account");
    let nonce = nonce::issue(&world.settings().nonce_key, &Home::Account(invented), world.now(), [1; 16]);
    let protected = json!({ "jwk": key.jwk_json(), "nonce": nonce, "url": url });
    world.send(client.request(&url, key.sign_jws(protected, Some(json!({}))))).refused(400, Kind::BadNonce);
    assert!(world.databases().is_empty(), "{:?}", world.databases());
}

#[test]
fn empty_partitions_are_deleted_with_their_alarms() {
    let world = World::new().reconfigured(|settings| settings.limits = Limits::default());
    let mut client = Client::new(&world);
    client.address = ClientAddress::from_header("192.0.2.1");
    client.register();
    let old = client.key.thumbprint().as_str().to_owned();
    let kinds = |world: &World| -> Vec<String> {
        let names = world.databases().into_iter();
        let mut kinds: Vec<_> = names.map(|name| name.split('/').next().unwrap().to_owned()).collect();
        kinds.dedup();
        kinds
    };
    assert_eq!(kinds(&world), ["account", "address", "key", "nonce", "roster"]);
    assert!(world.databases().contains(&format!("key/{old}")));
    let new = ClientKey::generate(SigAlg::Es256);
    client.key_change(&new).is(200);
    client.key = new;
    assert!(!world.databases().contains(&format!("key/{old}")), "it went with its last row");
    // A key that comes back makes another.
    client.key_change(&Client::with_key(&world, ClientKey::generate(SigAlg::Es256)).key).is(200);
    for _ in 0..4 {
        world.pass(DAY);
        world.run_due_alarms();
    }
    // The shards keep the nonces that they redeemed in a row each.
    assert_eq!(kinds(&world), ["account", "key", "nonce", "roster"]);
    let alarms = world.alarms();
    assert!(alarms.keys().all(|name| world.databases().contains(name)), "{alarms:?}");
    // And what is deleted comes back when it is needed.
    let mut next = Client::new(&world);
    next.address = ClientAddress::from_header("192.0.2.1");
    next.register();
    assert_eq!(kinds(&world), ["account", "address", "key", "nonce", "roster"]);
    world.live(DAY / 4);
    assert_eq!(kinds(&world), ["account", "key", "nonce", "roster"]);
}

#[test]
fn issuance_reads_a_constant_number_of_rows() {
    let world = World::new();
    let client = Client::registered(&world);
    let key = new_key(SigAlg::Es256);
    let batch = || {
        let before = ["account/", "ledger/"].map(|kind| world.rows_read(kind));
        for _ in 0..20 {
            client.at(&world).issue(&["a.test"], &key);
            // Past the lease of its job, of which an alarm is left.
            world.pass(Duration::from_secs(50));
            world.run_due_alarms();
        }
        let after = ["account/", "ledger/"].map(|kind| world.rows_read(kind));
        [after[0] - before[0], after[1] - before[1]]
    };
    let first = batch();
    for _ in 0..5 {
        batch();
    }
    let last = batch();
    for (first, last) in first.iter().zip(last) {
        assert!(last <= first + first / 4, "{first} rows for the first twenty, {last} for the last");
    }
}

#[test]
fn expired_rows_are_purged_in_time() {
    let world = World::new();
    let client = Client::registered(&world);
    for _ in 0..10 {
        client.at(&world).issue(&["a.test"], &new_key(SigAlg::Es256));
        world.live(Duration::from_secs(600));
    }
    assert!(world.redeemed_nonces() > 20 && !world.records("order/").is_empty());
    // Orders live for a day and stay readable for another; the purge of an account waits for three days.
    world.live(Duration::from_secs(5 * 86_400));
    let left: std::collections::BTreeSet<String> =
        world.rows().into_keys().filter(|(at, _)| at.starts_with("account/")).map(|(_, key)| key).collect();
    assert!(
        left.iter().all(|key| key.starts_with("cert/") || ["account", "activity"].contains(&key.as_str())),
        "{left:?}"
    );
}

#[test]
fn used_nonces_of_an_account_take_one_small_row() {
    let world = World::new();
    let client = Client::registered(&world);
    for n in 0..20 {
        client.issue(&[&format!("n{n}.test")], &new_key(SigAlg::Es256));
    }
    let rows = world.rows();
    let kept: Vec<_> = rows
        .iter()
        .filter(|((partition, key), _)| {
            partition.starts_with("account/") && (key == "activity" || key.starts_with("nonce"))
        })
        .collect();
    assert!(kept.len() == 1 && kept[0].1.len() < 500, "{kept:?}");
    assert!(world.redeemed_nonces() >= 100, "five for each");
}

#[test]
fn roster_entries_have_all_listed_members() {
    let world = operated(&World::new());
    let mut clients: Vec<Client> = (0..50).map(|_| Client::registered(&world)).collect();
    world.run_tasks();
    let list =
        |world: &World| operate(world, "accounts?limit=200").is(200).json()["accounts"].as_array().unwrap().clone();
    assert_eq!(calls(&world, || assert_eq!(list(&world).len(), 50)), 4);
    // What changes is shown, each by what changed it.
    let id = |client: &Client| client.account().rsplit('/').next().unwrap().to_owned();
    let new = ClientKey::generate(SigAlg::Es256);
    clients[0].key_change(&new).is(200);
    clients[0].key = new;
    clients[1].post(clients[1].account(), json!({ "contact": ["mailto:a@a.test"] })).is(200);
    clients[2].post(clients[2].account(), json!({ "status": "deactivated" })).is(200);
    let path = format!("/admin/v1/accounts/{}/deactivate", id(&clients[3]));
    let authorization = Some(format!("Bearer {ADMIN}"));
    let body = Some(b"{}".to_vec());
    let content_type = Some("application/json".to_owned());
    world
        .send(Request { method: "POST".into(), path, authorization, body, content_type, ..Request::default() })
        .is(200);
    // One change whose telling gets lost is told later.
    world.call_fault().from(0);
    clients[4].world.run_tasks();
    world.heal();
    assert_eq!(calls(&world, || drop(list(&world))), 4);
    for client in &clients {
        let shown = operate(&world, &format!("accounts/{}", id(client))).is(200).json();
        let listed = list(&world).into_iter().find(|listed| listed["id"] == id(client)).unwrap();
        assert_eq!(shown, listed);
    }
    let statuses: Vec<Value> = list(&world).iter().map(|listed| listed["status"].clone()).collect();
    assert_eq!(statuses.iter().filter(|status| **status != "valid").count(), 2);
}

#[test]
fn roster_is_updated_eventually_after_failures() {
    for n in 0..12 {
        let world = operated(&World::new());
        let client = Client::registered(&world);
        world.call_fault().once(n);
        let changed = client.post(client.account(), json!({ "contact": ["mailto:b@b.test"] }));
        world.heal();
        world.live(Duration::from_secs(60));
        if changed.status() == 200 {
            let listed = operate(&world, "accounts").is(200).json()["accounts"][0].clone();
            assert_eq!(listed["contact"], json!(["mailto:b@b.test"]), "{n}");
        }
        assert!(world.works().is_empty(), "{n}");
    }
}

#[test]
fn invented_urls_cost_no_call_and_unknown_certificates_one_a_minute() {
    let world = operated(&World::new());
    let client = Client::registered(&world);
    let leaf = client.cert_id(&client.issue(&["a.test"], &new_key(SigAlg::Es256)));
    let key_id = leaf.split_once('.').unwrap().0;
    let url = operate(&world, "calendar").is(200).json()["url"].as_str().unwrap().to_owned();
    let path = url.strip_prefix("https://ca.test").unwrap().to_owned();
    let made_up = format!("/calendar/AAAAAAAAAAA{}", path.rsplit_once('/').unwrap().1.split_at(11).1);
    for other in [made_up, format!("/calendar/{}.ics", "A".repeat(32)), format!("/calendar/{}.ics", "B".repeat(22))] {
        if other != path {
            assert_eq!(calls(&world, || drop(world.ask("GET", &other).refused(404, Kind::Malformed))), 0, "{other}");
        }
    }
    world.ask("GET", &path).is(200);
    let unknown = format!("/acme/renewal-info/{key_id}.AIdlQyE");
    let ask = || drop(world.ask("GET", &unknown).refused(404, Kind::Malformed));
    assert_eq!([calls(&world, ask), calls(&world, ask)], [1, 0]);
    world.pass(Duration::from_secs(59));
    assert_eq!(calls(&world, ask), 0);
    world.pass(Duration::from_secs(1));
    assert_eq!([calls(&world, ask), calls(&world, ask)], [1, 0]);
    // One that the calendar had before its present one.
    let authorization = Some(format!("Bearer {ADMIN}"));
    let (body, content_type) = (Some(b"{}".to_vec()), Some("application/json".to_owned()));
    let moves = Request {
        method: "POST".into(),
        path: "/admin/v1/calendar".into(),
        authorization,
        body,
        content_type,
        ..Request::default()
    };
    world.send(moves).is(200);
    let ask = || drop(world.ask("GET", &path).refused(404, Kind::Malformed));
    assert_eq!([calls(&world, ask), calls(&world, ask)], [1, 0]);
}

#[test]
fn concurrent_orders_for_valid_names_both_succeed() {
    let world = World::cooperative();
    let client = Client::registered(&world);
    client.issue(&["a.test", "b.test"], &new_key(SigAlg::Es256));
    for seed in 0..8 {
        let world = world.fork();
        let client = client.at(&world);
        let wanted =
            json!({ "identifiers": [{ "type": "dns", "value": "a.test" }, { "type": "dns", "value": "b.test" }] });
        let both = |requests: Vec<Request>| {
            let mut race = Race::new(&world);
            requests.iter().for_each(|request| race.enter(world.serve(request.clone())));
            let answers = race.run_seeded(seed);
            requests
                .iter()
                .zip(answers)
                .map(|(request, response)| Answered::checked(&world, request, response))
                .collect::<Vec<_>>()
        };
        let orders = both((0..2).map(|_| client.sign(&client.url("new-order"), Some(wanted.clone()))).collect());
        let finalize = |order: &Answered| {
            assert_eq!((order.status(), &order.json()["status"]), (201, &json!("ready")));
            let csr = CsrShape::dns(&["a.test", "b.test"]).build(&new_key(SigAlg::Es256));
            client.finalize_request(&order.json(), &csr)
        };
        for finished in both(orders.iter().map(finalize).collect()) {
            assert_eq!(
                (finished.status(), &finished.json()["status"]),
                (200, &json!("valid")),
                "{seed}: {}",
                finished.text()
            );
        }
    }
}
