//! A request with injected faults, their outcome, and the client's retry.

use super::fixture::Fixture;
use super::requests::{Act, Case};
use core::time::Duration;
use selvedge::ca::http::message::Request;
use selvedge::ca::testing::{Answered, Client, CsrShape, OperationFault, Proof, Race, World, check_all, new_key};
use selvedge::records::Kind;
use selvedge::values::SigAlg;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// More steps than any request has.
const STEPS: usize = 60;

/// Longer than a lease and all tries together.
const LONG: Duration = Duration::from_secs(120);

/// A case within its fixture.
pub struct Trial<'a> {
    pub fixture: &'a Fixture,
    pub case: &'a Case<'a>,
}

impl Trial<'_> {
    /// Runs a case with these faults and the client's reaction.
    ///
    /// Adds its operations to `seen`. Gives `false` if there were too few operations for all faults.
    pub fn run(&self, plan: &[(usize, OperationFault)], seen: &mut BTreeSet<String>) -> bool {
        let world = self.case.start.fork();
        world.set_cooperative(false);
        let request = self.request(&world);
        world.operations().plan(plan);
        let answered = self.first(&world, request.as_ref());
        if !world.works().is_empty() && plan.iter().all(|(_, fault)| *fault != OperationFault::FailsOn) {
            // What was planned for later happens to whoever takes the work up.
            world.settle(LONG);
        }
        let (log, struck) = (world.operations().log(), world.operations().struck());
        seen.extend(log.iter().cloned());
        let at = |(n, fault): &(usize, OperationFault)| {
            format!("{fault:?} {n} ({})", log.get(*n).map_or("", String::as_str))
        };
        let plan_said: Vec<String> = plan.iter().map(at).collect();
        let status = answered.as_ref().map(Answered::status);
        let what = format!("{}: {}, answered {status:?}", self.case.name, plan_said.join(" and "));
        let complete = struck >= plan.len();
        if struck == 0 && request.is_some() {
            assert_eq!(status, Some(self.case.status), "{what}: {}", answered.as_ref().map_or("", Answered::text));
        }
        check_all(&world, &what);
        world.heal();
        world.settle(LONG);
        assert_eq!(world.works(), [""; 0], "{what}: nothing is left to do");
        self.come_through(&world, request, &what);
        complete
    }

    fn request(&self, world: &World) -> Option<Request> {
        match &self.case.act {
            Act::Request(request) => Some(request(world)),
            Act::Alarms => None,
        }
    }

    fn first(&self, world: &World, request: Option<&Request>) -> Option<Answered> {
        match request {
            Some(request) => world.try_send(request.clone()),
            None => {
                world.run_due_alarms();
                None
            }
        }
    }

    /// Repeats the request newly signed, then replays the first request twice.
    fn come_through(&self, world: &World, first: Option<Request>, what: &str) {
        if let Some(again) = self.request(world) {
            let answered = world.send(again);
            let fine = answered.status() == self.case.status || self.case.again.contains(&answered.status());
            assert!(fine, "{what}: then {}: {}", answered.status(), answered.text());
            world.live(LONG);
        }
        (self.case.after)(world, what);
        if let Some(first) = first.filter(is_signed) {
            replay(world, &first, what);
        }
        finish_what_changed(self.fixture, &self.case.start, world, what);
        check_all(world, what);
        assert_eq!(world.works(), [""; 0], "{what}: nothing is left to do in the end");
    }
}

fn is_signed(request: &Request) -> bool {
    request.content_type.as_deref() == Some("application/jose+json")
}

/// Replays a recorded request: it counts at most once, and never with a redeemed nonce.
fn replay(world: &World, request: &Request, what: &str) {
    let redeemed = world.redeemed_nonces();
    let counted = world.send(request.clone()).status() < 400;
    assert!(!counted || world.redeemed_nonces() == redeemed + 1, "{what}: it counted without a nonce");
    let second = world.send(request.clone());
    assert!(second.status() >= 400, "{what}: a nonce was accepted twice");
    if counted && second.status() == 400 && second.json()["detail"].as_str().is_some_and(|text| text.contains("nonce"))
    {
        second.refused(400, Kind::BadNonce);
    }
    world.live(LONG);
}

/// The orders of the fixture's account, and the rows of their authorizations.
fn orders(fixture: &Fixture, world: &World) -> BTreeMap<String, (Value, Vec<Option<String>>)> {
    let (rows, partition) = (world.rows(), fixture.client.partition());
    let own = rows.iter().filter(|((at, key), _)| *at == partition && key.starts_with("order/"));
    let with_authorizations = own.map(|((_, key), json)| {
        let order: Value = serde_json::from_str(json).unwrap();
        let ids = order["authorizations"].as_array().unwrap().iter().map(|id| id.as_str().unwrap());
        let authorizations = ids.map(|id| rows.get(&(partition.clone(), format!("authz/{id}"))).cloned()).collect();
        (key.clone(), (order, authorizations))
    });
    with_authorizations.collect()
}

/// Checks that each changed order can be finished or has an error.
fn finish_what_changed(fixture: &Fixture, start: &World, world: &World, what: &str) {
    let Some(client) = fixture.survivor(world) else { return };
    let before = orders(fixture, start);
    for (key, order) in orders(fixture, world) {
        if before.get(&key) != Some(&order) {
            finish(&client, &key, what);
        }
    }
}

fn finish(client: &Client, key: &str, what: &str) {
    let url = client.url(key);
    let read = || {
        let order = client.get(&url).is(200).json();
        (order["status"].as_str().unwrap().to_owned(), order)
    };
    let (mut status, mut order) = read();
    if status == "pending" {
        let names = order["identifiers"].as_array().unwrap();
        let wildcard = names.iter().any(|name| name["value"].as_str().unwrap().starts_with("*."));
        client.authorize(&order, if wildcard { Proof::Dns } else { Proof::Http });
        (status, order) = read();
    }
    if status == "ready" {
        let names: Vec<&str> =
            order["identifiers"].as_array().unwrap().iter().map(|name| name["value"].as_str().unwrap()).collect();
        client.finalize(&order, &CsrShape::dns(&names).build(&new_key(SigAlg::Es256))).is(200);
        (status, order) = read();
        assert_eq!(status, "valid", "{what}: {order}");
    }
    match status.as_str() {
        "valid" => drop(client.download(&order)),
        "invalid" => assert!(order["error"].is_object(), "{what}: it does not say why: {order}"),
        other => panic!("{what}: an order is stuck, {other}"),
    }
}

/// Whether a case changes what is stored.
pub fn changes_something(case: &Case<'_>) -> bool {
    let world = case.start.fork();
    let before = world.rows_but_nonces();
    match &case.act {
        Act::Request(request) => drop(world.send(request(&world))),
        Act::Alarms => world.run_due_alarms(),
    }
    world.rows_but_nonces() != before
}

/// Delays a request at each step by another; gives the number of runs.
pub fn interrupt_everywhere(fixture: &Fixture, delayed: &Case<'_>, other: &Case<'_>) -> usize {
    let (Act::Request(slow), Act::Request(quick)) = (&delayed.act, &other.act) else {
        return interrupt_with_alarms(fixture, delayed, other);
    };
    for k in 0..STEPS {
        let world = delayed.start.fork();
        world.set_cooperative(true);
        let requests = [slow(&world), quick(&world)];
        let mut race = Race::new(&world);
        for request in &requests {
            race.enter(world.serve(request.clone()));
        }
        let done = (0..k).any(|_| !race.step(0));
        let responses = race.run(|running| running - 1);
        let what = format!("{} delayed after {k} steps by {}", delayed.name, other.name);
        for (request, response) in requests.iter().zip(responses) {
            let answered = Answered::checked(&world, request, response);
            assert!(answered.status() < 500, "{what}: {}", answered.text());
        }
        settle(fixture, delayed, &world, &what);
        if done {
            return k + 1;
        }
    }
    panic!("{} has more than {STEPS} steps", delayed.name);
}

/// Like [`interrupt_everywhere`], with the alarms in place of one request.
fn interrupt_with_alarms(fixture: &Fixture, delayed: &Case<'_>, other: &Case<'_>) -> usize {
    let (Act::Request(slow), Act::Alarms) = (&delayed.act, &other.act) else { return 0 };
    for k in 0..STEPS {
        let world = other.start.fork();
        world.set_cooperative(true);
        let request = slow(&world);
        let mut race = Race::new(&world);
        race.enter(world.serve(request.clone()));
        let done = (0..k).any(|_| !race.step(0));
        world.run_due_alarms();
        let response = race.run_in_order().remove(0);
        let what = format!("{} delayed after {k} steps by the alarms", delayed.name);
        let answered = Answered::checked(&world, &request, response);
        assert!(answered.status() < 500, "{what}: {}", answered.text());
        settle(fixture, other, &world, &what);
        if done {
            return k + 1;
        }
    }
    panic!("{} has more than {STEPS} steps", delayed.name);
}

fn settle(fixture: &Fixture, case: &Case<'_>, world: &World, what: &str) {
    check_all(world, what);
    world.settle(LONG);
    assert_eq!(world.works(), [""; 0], "{what}: nothing is left to do");
    finish_what_changed(fixture, &case.start, world, what);
    check_all(world, what);
}
