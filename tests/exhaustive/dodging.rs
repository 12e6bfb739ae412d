//! Each limit against the sequences of requests that would dodge it (RFC 8555 §6.6, RFC 9773 §5).

use core::time::Duration;
use proptest::prelude::*;
use selvedge::ca::config::external_accounts::ExternalAccounts;
use selvedge::ca::config::rate_limits::Limits;
use selvedge::ca::http::address::ClientAddress;
use selvedge::ca::testing::{Client, CsrShape, Proof, World, new_key};
use selvedge::jose::testing::ClientKey;
use selvedge::policy::Policy;
use selvedge::records::Kind;
use selvedge::values::native_crypto::NativeKey;
use selvedge::values::{SigAlg, Time, b64};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::LazyLock;

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

static KEY: LazyLock<NativeKey> = LazyLock::new(|| new_key(SigAlg::Es256));

/// No limits but these.
fn limited(members: &[(&str, Value)]) -> World {
    let names = ["new_orders", "requests", "new_accounts", "bound_accounts", "key_changes", "unauthenticated"];
    let names = names.into_iter().chain(["failed_validations", "certificates", "pause_after"]);
    let mut all: Value = names.map(|name| (name.to_owned(), json!("off"))).collect();
    for (name, value) in members {
        all[name] = value.clone();
    }
    World::new().reconfigured(|settings| settings.limits = Limits::read(Some(&all.to_string())).unwrap())
}

fn limit(count: u32, period: &str) -> Value {
    json!({ "count": count, "period": period })
}

/// The maximum in all, under a limit of `count` at once and per later `period`.
fn allowance(count: u64, period: Duration, passed: Duration) -> u64 {
    let interval = u64::try_from(period.as_millis()).unwrap() / count;
    count + u64::try_from(passed.as_millis()).unwrap() / interval
}

/// What a client does next.
#[derive(Clone, Debug)]
enum Step {
    /// Orders a certificate, optionally as a replacement and with a lifetime, and continues with it.
    Order { replaces: Option<usize>, lives: Option<Duration>, then: Then },
    /// Waits.
    Wait(Duration),
}

#[derive(Clone, Copy, Debug)]
enum Then {
    Finalize,
    Leave,
    Deactivate,
    Fail,
}

fn step() -> impl Strategy<Value = Step> {
    let lives = prop_oneof![
        Just(Some(Duration::from_secs(300))),
        Just(Some(HOUR)),
        Just(Some(5 * HOUR)),
        Just(Some(3 * DAY)),
        Just(None)
    ];
    let then = prop_oneof![4 => Just(Then::Finalize), 1 => Just(Then::Leave), 2 => Just(Then::Deactivate), 1 => Just(Then::Fail)];
    let waits = prop_oneof![Just(Duration::from_secs(60)), Just(HOUR), Just(4 * HOUR), Just(3 * DAY)];
    prop_oneof![
        5 => (proptest::option::weighted(0.8, 0..40_usize), lives, then)
            .prop_map(|(replaces, lives, then)| Step::Order { replaces, lives, then }),
        1 => waits.prop_map(Step::Wait),
    ]
}

/// A client that tries to get as many orders and certificates as it can.
struct LimitTester {
    client: Client,
    placed: BTreeSet<String>,
    certificates: Vec<Vec<u8>>,
}

impl LimitTester {
    fn new(world: &World) -> Self {
        Self { client: Client::registered(world), placed: BTreeSet::new(), certificates: Vec::new() }
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Wait(time) => {
                self.client.world.pass(*time);
                self.client.world.run_due_alarms();
                self.client = self.client.at(&self.client.world);
            }
            Step::Order { replaces, lives, then } => self.order(*replaces, *lives, *then),
        }
    }

    fn order(&mut self, replaces: Option<usize>, lives: Option<Duration>, then: Then) {
        let mut members = json!({});
        if let Some(lives) = lives {
            members["notAfter"] = self.client.world.now().plus(lives).rfc3339().into();
        }
        if let (Some(n), count @ 1..) = (replaces, self.certificates.len()) {
            members["replaces"] = self.client.cert_id(&self.certificates[n % count]).into();
        }
        let placed = self.client.new_order_with(&["a.test"], members);
        if placed.status() != 201 {
            assert!([400, 409, 429].contains(&placed.status()), "{}", placed.text());
            return;
        }
        let (url, mut order) = (placed.location(), placed.json());
        self.placed.insert(url.clone());
        let authorization = order["authorizations"][0].as_str().unwrap().to_owned();
        match then {
            Then::Leave => {}
            Then::Deactivate => drop(self.client.post(&authorization, json!({ "status": "deactivated" })).is(200)),
            Then::Fail => {
                let shown = self.client.get(&authorization).is(200).json();
                if shown["status"] == "pending" {
                    let challenge = self.client.prove(&shown, Proof::WrongHttp);
                    self.client.post(challenge["url"].as_str().unwrap(), json!({})).is(200);
                }
            }
            Then::Finalize => {
                if order["status"] == "pending" {
                    self.client.authorize(&order, Proof::Http);
                    order = self.client.get(&url).is(200).json();
                }
                let finalized = self.client.finalize(&order, &CsrShape::dns(&["a.test"]).build(&KEY));
                if finalized.status() == 200 {
                    let chain = self.client.download(&finalized.json());
                    self.certificates.push(selvedge::pki::pem::read_certificates(&chain).unwrap().remove(0));
                }
            }
        }
    }

    /// The number of its certificates whose renewal is due, by renewal information.
    fn due(&self) -> u64 {
        let world = &self.client.world;
        let begun = |leaf: &&Vec<u8>| {
            let path = format!("/acme/renewal-info/{}", self.client.cert_id(leaf));
            let start = world.ask("GET", &path).is(200).json()["suggestedWindow"]["start"].as_str().unwrap().to_owned();
            Time::parse_rfc3339(&start).unwrap() <= world.now()
        };
        self.certificates.iter().filter(begun).count() as u64
    }

    /// How many certificates there are, those too that were not fetched.
    fn issued(&self) -> u64 {
        self.client.world.records("cert/").len() as u64
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// FS-02: never more than the limit and one renewal for each certificate that was due.
    #[test]
    fn orders_and_certificates_stay_within_limit_and_exemptions(
        steps in proptest::collection::vec(step(), 1..60)
    ) {
        let world = limited(&[("new_orders", limit(6, "2d")), ("certificates", limit(3, "9d"))]);
        let mut greedy = LimitTester::new(&world);
        let begun = world.now();
        for step in &steps {
            greedy.take(step);
            let passed = begun.until(world.now());
            let due = greedy.due();
            let (orders, issued) = (greedy.placed.len() as u64, greedy.issued());
            prop_assert!(orders <= allowance(6, 2 * DAY, passed) + due, "{orders} orders, {due} due, {passed:?}");
            prop_assert!(issued <= allowance(3, 9 * DAY, passed) + due, "{issued} certificates, {due} due, {passed:?}");
        }
    }
}

#[test]
fn short_lived_certificates_do_not_bypass_the_limit() {
    let world = limited(&[("certificates", limit(5, "7d"))]);
    let mut greedy = LimitTester::new(&world);
    for n in 0..40 {
        let replaces = greedy.certificates.len().checked_sub(1);
        greedy.order(replaces, Some(Duration::from_secs(300)), Then::Finalize);
        world.pass(Duration::from_millis(20));
        assert!(greedy.certificates.len() <= 5, "{n}");
    }
    assert_eq!(greedy.certificates.len(), 5);
    // Nor when each is waited for until it is due: one that is younger than an hour is renewed under the limits.
    for _ in 0..20 {
        world.pass(Duration::from_secs(180));
        greedy.client = greedy.client.at(&world);
        greedy.order(Some(greedy.certificates.len() - 1), Some(Duration::from_secs(300)), Then::Finalize);
    }
    // The last of the five is exempt once it is an hour old; what replaced it is too young.
    assert!(greedy.certificates.len() <= 6, "{}", greedy.certificates.len());
}

#[test]
fn one_order_per_certificate_is_exempt() {
    let world = limited(&[("new_orders", limit(1, "300d"))]);
    let mut greedy = LimitTester::new(&world);
    greedy.order(None, None, Then::Finalize);
    world.pass(80 * DAY);
    world.run_due_alarms();
    let client = greedy.client.at(&world);
    let replaces = json!({ "replaces": client.cert_id(&greedy.certificates[0]) });
    let exempt = client.new_order_with(&["a.test"], replaces.clone()).is(201);
    for _ in 0..3 {
        for (url, _) in client.authorizations(&exempt.json()) {
            client.post(&url, json!({ "status": "deactivated" })).is(200);
        }
        assert_eq!(client.get(&exempt.location()).json()["status"], "invalid");
        client.new_order_with(&["a.test"], replaces.clone()).refused(429, Kind::RateLimited);
    }
    // Nor once it is forgotten.
    world.pass(10 * DAY);
    world.run_due_alarms();
    client.at(&world).new_order_with(&["a.test"], replaces).refused(429, Kind::RateLimited);
}

/// Creates different orders for one name before any failure.
///
/// Their challenges are answered wrongly, at once, or not at all, so that all are pending.
#[test]
fn validations_of_earlier_orders_stay_within_the_limit() {
    for answers in [true, false] {
        let world = limited(&[("failed_validations", limit(3, "1d"))]);
        let client = Client::registered(&world);
        let place = |days: u32| {
            let not_after = world.now().plus(DAY * days).rfc3339();
            let order = json!({ "identifiers": [{ "type": "dns", "value": "b.test" }], "notAfter": not_after });
            let placed = client.post(&client.url("new-order"), order).is(201).json();
            let (_, authorization) = client.authorizations(&placed).remove(0);
            if answers {
                client.prove(&authorization, Proof::WrongHttp);
            }
            selvedge::ca::testing::challenge(&authorization, "http-01")["url"].as_str().unwrap().to_owned()
        };
        let challenges: Vec<String> = (1..=12).map(place).collect();
        let statuses: Vec<u16> = challenges.iter().map(|url| client.post(url, json!({})).status()).collect();
        assert_eq!(statuses, [[200; 3].as_slice(), &[429; 9]].concat(), "answers: {answers}");
        client.post(&challenges[11], json!({})).refused(429, Kind::RateLimited);
        // A name that does not fail is validated.
        client.ready_order(&["c.test"]);
    }
}

#[test]
fn abandoned_validation_counts_as_failed() {
    let world = limited(&[("failed_validations", limit(3, "1d"))]);
    let client = Client::registered(&world);
    for n in 0..3 {
        let placed = client.new_order(&["b.test"]).is(201).json();
        let (url, authorization) = client.authorizations(&placed).remove(0);
        if n < 2 {
            // No host answers: the validation is tried again, and never comes to its end.
            let challenge = selvedge::ca::testing::challenge(&authorization, "http-01");
            let tried = client.post(challenge["url"].as_str().unwrap(), json!({})).is(200).json();
            assert_eq!(tried["status"], "processing", "{tried}");
        }
        client.post(&url, json!({ "status": "deactivated" })).is(200);
        client.post(&url, json!({ "status": "deactivated" })).is(200);
    }
    // The third was not being validated, and counts for nothing.
    client.fail("b.test");
    client.new_order(&["b.test"]).refused(429, Kind::RateLimited);
    client.new_order(&["c.test"]).is(201);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    /// FS-07: to new keys, old ones, those of other accounts, and one in transit.
    #[test]
    fn key_changes_stay_within_the_limit(
        steps in proptest::collection::vec((0..4_u8, 0..5_usize, prop::bool::weighted(0.2)), 1..40)
    ) {
        let world = limited(&[("key_changes", limit(4, "4h"))]);
        let (mut client, other) = (Client::registered(&world), Client::registered(&world));
        let keys: Vec<ClientKey> = (0..5).map(|_| ClientKey::generate(SigAlg::Es256)).collect();
        let (begun, mut changes) = (world.now(), 0);
        for (kind, n, waits) in steps {
            if waits {
                world.pass(HOUR);
                client = client.at(&world);
            }
            let key = match kind {
                0 => other.key.clone(),
                1 => ClientKey::generate(SigAlg::Es256),
                _ => keys[n].clone(),
            };
            let answered = client.key_change(&key);
            if answered.status() == 200 {
                client.key = key;
                changes += 1;
            }
            prop_assert!([200, 400, 409, 429].contains(&answered.status()), "{}", answered.text());
            prop_assert!(changes <= allowance(4, 4 * HOUR, begun.until(world.now())));
            let owners: Vec<_> = world.databases().into_iter().filter(|name| name.starts_with("key/")).collect();
            prop_assert_eq!(owners.len(), 2, "{:?}", owners);
            prop_assert!(client.get(client.account()).status() == 200);
        }
        let (_, account) = world.records("account").into_iter().find(|(name, _)| *name == client.partition()).unwrap();
        prop_assert!(account["former_thumbprints"].as_array().is_none_or(|all| all.len() <= 20));
    }
}

#[test]
fn sixty_key_changes_leave_one_database_and_twenty_thumbprints() {
    let world = limited(&[]);
    let mut client = Client::registered(&world);
    let of_keys = || world.databases().into_iter().filter(|name| name.starts_with("key/")).count();
    for _ in 0..60 {
        let key = ClientKey::generate(SigAlg::Es256);
        client.key_change(&key).is(200);
        client.key = key;
        assert_eq!(of_keys(), 1);
    }
    let (_, account) = world.records("account").remove(0);
    assert_eq!(account["former_thumbprints"].as_array().unwrap().len(), 20);
}

/// A bound account changes its key, and the freed key binds a new account.
#[test]
fn returning_keys_count_as_accounts_of_address_and_external_key() {
    let keys = json!({ "team": { "key": b64::encode(&[5; 32]), "uses": "many" } }).to_string();
    for name in ["bound_accounts", "new_accounts"] {
        let world = limited(&[(name, limit(3, "3d"))]).reconfigured(|settings| {
            settings.external = ExternalAccounts::read(Some(&keys), true, false, &Policy::default()).unwrap();
        });
        let key = ClientKey::generate(SigAlg::Es256);
        let mut made = 0;
        for _ in 0..8 {
            let mut client = Client::with_key(&world, key.clone());
            client.address = ClientAddress::from_header("192.0.2.1");
            let binding = key.external_account("HS256", &[5; 32], "team", &client.url("new-account"));
            let answered = client.new_account(json!({ "externalAccountBinding": binding }));
            if answered.status() == 201 {
                made += 1;
                client.account = Some(answered.location());
                client.key_change(&ClientKey::generate(SigAlg::Es256)).is(200);
            } else {
                answered.refused(429, Kind::RateLimited);
            }
        }
        assert_eq!((made, world.records("account").len()), (3, 3), "{name}");
    }
}
