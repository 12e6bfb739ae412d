//! A clock that leaps by an hour, a day and a year, in both directions.
//!
//! Nothing is issued twice, nothing is deleted too early, and nothing waits for a time that is far away.

use super::{DAY, stored, with_one_shard};
use core::time::Duration;
use der::Decode;
use selvedge::ca::config::rate_limits::Limits;
use selvedge::ca::http::message::Body;
use selvedge::ca::testing::{Client, World, new_key, violations};
use selvedge::records::ledger::crl::VALIDITY;
use selvedge::values::{SigAlg, Time};
use serde_json::Value;
use std::collections::BTreeSet;
use x509_cert::crl::CertificateList;

const HOUR: Duration = Duration::from_secs(3600);

const LEAPS: [Duration; 3] = [HOUR, DAY, Duration::from_secs(365 * 86_400)];

/// The only CRL: its number, its times and the count of its entries.
struct List {
    number: u64,
    from: Time,
    until: Time,
    entries: usize,
}

fn list(world: &World) -> List {
    world.pass(Duration::from_secs(2));
    let url = format!("/crl/{}/0.crl", world.issuer().id());
    let Body::Bytes(der) = world.ask("GET", &url).is(200).response.body.clone() else { panic!("a CRL is DER") };
    let list = CertificateList::<x509_cert::certificate::Rfc5280>::from_der(&der).unwrap().tbs_cert_list;
    let time = |time: x509_cert::time::Time| Time::from_secs(time.to_unix_duration().as_secs());
    List {
        number: world.records("shard/")[0].1["number"].as_u64().unwrap(),
        from: time(list.this_update),
        until: time(list.next_update.unwrap()),
        entries: list.revoked_certificates.map_or(0, |all| all.len()),
    }
}

/// A CA whose clock is right, with two certificates, one of them revoked.
struct Story {
    world: World,
    client: Client,
    /// The order whose issuance fails until the clock is right again.
    stuck: Option<String>,
}

impl Story {
    fn new() -> Self {
        let world =
            with_one_shard(&World::new()).with_webhook().reconfigured(|settings| settings.limits = Limits::default());
        let client = Client::registered(&world);
        let leaf = client.issue(&["revoked.test"], &new_key(SigAlg::Es256));
        client.issue(&["valid.test"], &new_key(SigAlg::Es256));
        client.revoke(&leaf, Some(4)).is(200);
        let_pass(&world, DAY * 10);
        Self { world, client, stuck: None }
    }

    /// A nonce of now, instead of the last one.
    fn again(&self) -> &Client {
        drop(self.client.nonce());
        &self.client
    }

    /// Works while the clock is wrong: requests, alarms, a failed issuance.
    fn work(&mut self) {
        self.world.run_due_alarms();
        let client = self.again();
        let leaf = client.issue(&["meanwhile.test"], &new_key(SigAlg::Es256));
        client.revoke(&leaf, Some(4)).is(200);
        let_pass(&self.world, HOUR * 3);
        let client = self.again();
        let (url, order) = client.ready_order(&["stuck.test"]);
        self.world.sign_fault().from(0);
        let csr = selvedge::ca::testing::CsrShape::dns(&["stuck.test"]).build(&new_key(SigAlg::Es256));
        client.finalize(&order, &csr);
        self.world.run_tasks();
        self.world.heal();
        self.stuck = Some(url);
    }

    /// What has to hold with a clock that is right again. `before` are the serial numbers of before.
    fn holds(&self, before: &BTreeSet<String>, last: u64, what: &str) {
        let (world, now) = (&self.world, self.world.now());
        let current = list(world);
        assert!(current.number >= last, "{what}: {} after {last}", current.number);
        assert!(current.from <= now && current.until > now.plus(DAY), "{what}: {:?}", (current.from, current.until));
        assert!(current.until <= now.plus(VALIDITY).plus(HOUR), "{what}: {}", current.until.rfc3339());
        assert_eq!(current.entries, 2, "{what}: revoked certificates are listed");
        let client = self.again();
        // The first second after the leap has refused nonces.
        world.pass(Duration::from_secs(70));
        let first = client.get(client.account());
        assert!([200, 400].contains(&first.status()), "{what}: {}", first.text());
        world.pass(Duration::from_secs(1));
        self.again().get(client.account()).is(200);
        self.again().issue(&["afterwards.test"], &new_key(SigAlg::Es256));
        world.restart();
        let_pass(world, HOUR * 2);
        let order = self.again().get(self.stuck.as_ref().unwrap());
        let status = if order.status() == 200 { order.json()["status"].clone() } else { "expired".into() };
        assert!(status == "valid" || status == "invalid" || status == "expired", "{what}: {status}");
        assert!(world.works().is_empty(), "{what}: {:?}", world.works());
        let (serials, certificates) = stored(world);
        let unique: BTreeSet<String> = serials.iter().cloned().collect();
        assert_eq!(unique.len(), serials.len(), "{what}");
        assert!(unique.is_superset(before), "{what}: an entry is gone");
        assert!(before.iter().all(|serial| certificates.contains(serial)), "{what}: a certificate is gone");
        // Notices live 90 days: a year ahead, those that were delivered are deleted.
        let mut wrong = violations(world);
        wrong.retain(|one| !one.starts_with("nobody is told of the revocation"));
        assert!(wrong.is_empty(), "{what}: {wrong:?}");
        let_pass(world, DAY * 20);
        let later = list(world);
        assert!(later.number > current.number && later.entries == 2, "{what}: {}", later.entries);
        let waiting =
            world.records("notice/").into_iter().filter(|(_, notice)| notice["delivery"]["state"] == "waiting");
        assert_eq!(waiting.count(), 0, "{what}: notices are delivered");
    }
}

/// Lets time pass, with each alarm at its time. An alarm that is due at once for ever ends the test.
fn let_pass(world: &World, time: Duration) {
    let end = world.now().plus(time);
    let (mut last, mut repeated) = (world.now(), 0);
    while world.now() < end {
        world.run_due_alarms();
        let next = world.alarms().values().min().copied().unwrap_or(end).min(end);
        world.pass(world.now().until(next));
        repeated = if world.now() == last { repeated + 1 } else { 0 };
        last = world.now();
        let due: Vec<_> = world.alarms().into_iter().filter(|(_, at)| *at <= last).collect();
        assert!(
            repeated < 1_000,
            "at {}: {due:?}, {:?} {:?} {:?}",
            last.rfc3339(),
            world.records("job/"),
            world.records("shard/"),
            world.records("prune")
        );
    }
    world.run_due_alarms();
}

fn authorization_of(client: &Client, name: &str) -> Value {
    let order = client.new_order(&[name]).is(201).json();
    client.get(order["authorizations"][0].as_str().unwrap()).is(200).json()
}

#[test]
fn clock_that_leaps_ahead_and_back_harms_nothing() {
    for leap in LEAPS {
        let mut story = Story::new();
        let (before, right) = (stored(&story.world).0.into_iter().collect(), story.world.now());
        story.world.set_clock(right.plus(leap));
        if leap < DAY * 80 {
            story.work();
        } else {
            // What was valid then is not any more. The alarms run for three days.
            let_pass(&story.world, DAY * 3);
            story.work();
        }
        let last = list(&story.world).number;
        let passed = story.world.now().minus(leap);
        story.world.set_clock(passed);
        let what = format!("{leap:?} ahead, and back");
        story.holds(&before, last, &what);
        if leap > DAY {
            let authorization = authorization_of(story.again(), "meanwhile.test");
            assert_eq!(authorization["status"], "pending", "{what}: a proof of the future is none");
        }
    }
}

#[test]
fn clock_that_leaps_back_and_ahead_harms_nothing() {
    for leap in LEAPS {
        let mut story = Story::new();
        let (before, right) = (stored(&story.world).0.into_iter().collect(), story.world.now());
        // The issuer's certificate begins with the world.
        let back = right.minus(leap).max(right.minus(DAY * 9));
        story.world.set_clock(back);
        story.work();
        let last = list(&story.world).number;
        let passed = back.until(story.world.now());
        story.world.set_clock(right.plus(passed));
        story.holds(&before, last, &format!("{leap:?} back, and ahead"));
    }
}
