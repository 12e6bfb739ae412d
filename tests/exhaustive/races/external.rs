//! Single use of external account keys against races, crashes and faults.

use selvedge::ca::config::external_accounts::ExternalAccounts;
use selvedge::ca::http::message::Request;
use selvedge::ca::testing::{Answered, Client, Race, World};
use selvedge::policy::Policy;
use selvedge::values::b64;
use serde_json::json;

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

fn world() -> World {
    let keys = json!({ "once": { "key": b64::encode(SECRET), "uses": "once" } }).to_string();
    let external = ExternalAccounts::read(Some(&keys), true, false, &Policy::default()).unwrap();
    let world = World::new().reconfigured(|settings| settings.external = external);
    world.set_cooperative(true);
    world
}

fn request(client: &Client) -> Request {
    let url = client.url("new-account");
    let binding = client.key.external_account("HS256", SECRET, "once", &url);
    client.sign(&url, Some(json!({ "externalAccountBinding": binding })))
}

fn race(world: &World, requests: &[Request], seed: u64) -> Vec<Answered> {
    let mut race = Race::new(world);
    for request in requests {
        race.enter(world.serve(request.clone()));
    }
    let responses = race.run_seeded(seed);
    requests.iter().zip(responses).map(|(request, response)| Answered::checked(world, request, response)).collect()
}

fn count(answers: &[Answered], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status() == status).count()
}

#[test]
fn a10_one_binding_by_50_account_keys_gives_one_account() {
    for seed in 0..6 {
        let world = world();
        let clients: Vec<Client> = (0..50).map(|_| Client::new(&world)).collect();
        let requests: Vec<Request> = clients.iter().map(request).collect();
        let answers = race(&world, &requests, seed);
        assert_eq!((count(&answers, 201), count(&answers, 403)), (1, 49), "seed {seed}");
        assert_eq!((world.records("account").len(), world.records("use/").len()), (1, 1), "seed {seed}");
        // Whoever lost loses again, and whoever won has an account.
        for (client, answer) in clients.iter().zip(&answers) {
            let wanted = if answer.status() == 201 { 200 } else { 403 };
            client.send(request(client)).is(wanted);
        }
        assert_eq!(world.records("account").len(), 1, "seed {seed}");
    }
}

#[test]
fn a10_one_binding_50_times_by_one_account_key_gives_one_account() {
    for seed in 0..3 {
        let world = world();
        let client = Client::new(&world);
        let requests: Vec<Request> = (0..50).map(|_| request(&client)).collect();
        let answers = race(&world, &requests, seed);
        assert_eq!((count(&answers, 201), count(&answers, 200)), (1, 49), "seed {seed}");
        assert!(answers.iter().all(|answer| answer.location() == answers[0].location()), "seed {seed}");
        assert_eq!((world.records("account").len(), world.records("use/").len()), (1, 1), "seed {seed}");
    }
}

/// Checks that the same account key succeeds on its second request, and no other does.
fn heals(world: &World, client: &Client, what: &str) {
    world.heal();
    let (client, other) = (client.at(world), Client::new(world));
    let answered = client.send(request(&client));
    assert!([200, 201].contains(&answered.status()), "{what}: {}", answered.text());
    other.send(request(&other)).is(403);
    let shown = client.new_account(json!({})).is(200).json();
    assert!(shown["externalAccountBinding"].is_object(), "{what}: {shown}");
    assert_eq!((world.records("account").len(), world.records("use/").len()), (1, 1), "{what}");
}

#[test]
fn a10_a_spent_binding_survives_crashes_for_its_account_key() {
    let start = world();
    let client = Client::new(&start);
    for k in 0..60 {
        let world = start.fork();
        let done = Race::interrupt(&world, world.serve(request(&client.at(&world))), k);
        heals(&world, &client, &format!("dropped after {k} steps"));
        if done {
            return;
        }
    }
    panic!("newAccount has more than 60 steps");
}

#[test]
fn a10_a_spent_binding_survives_faults_for_its_account_key() {
    let start = world();
    let client = Client::new(&start);
    for (name, fault) in [
        ("store", World::store_fault as fn(&World) -> &selvedge::ca::testing::Fault),
        ("call", World::call_fault),
        ("reply", World::reply_fault),
    ] {
        for n in 0..60 {
            let world = start.fork();
            let asked = request(&client.at(&world));
            fault(&world).once(n);
            let answered = world.send(asked);
            let struck = fault(&world).count() > n;
            let what = format!("{name} {n} failed, answered {}", answered.status());
            assert!(struck || answered.status() == 201, "{what}");
            heals(&world, &client, &what);
            if !struck {
                break;
            }
        }
    }
}
