//! Every kind of request, with each of its operations failing, being the end of a machine or of a partition, or letting
//! another request in: what must hold afterwards. `selvedge::ca::testing::Operations` says what an operation is.

mod mishaps;
mod notices;
mod requests;
mod scene;

use mishaps::{Trial, changes_something, interrupt_everywhere};
use requests::{Act, Case, cases};
use scene::Scene;
use selvedge::ca::dispatch::messages::ASKS;
use selvedge::ca::http::routes::{AccountRoute, FormRoute, PublicRoute, Route};
use selvedge::ca::testing::Mishap;
use selvedge::validation::Method;
use std::collections::BTreeSet;

/// A match over all variants of an enumeration, and the list of their names: one that is not here does not compile.
macro_rules! names_of {
    ($function:ident, $all:ident, $type:ident: $($variant:ident)*) => {
        const $all: &[&str] = &[$(stringify!($variant)),*];
        fn $function(value: &$type) -> &'static str {
            match value { $($type::$variant { .. } => stringify!($variant)),* }
        }
    };
}

names_of!(public_name, PUBLIC, PublicRoute: Home Style Root RenewalInfo Calendar Metrics Issuer Issuers Crl Lists Inventory);
names_of!(form_name, FORMS, FormRoute: Agreement Resumption);
names_of!(account_name, ACCOUNT, AccountRoute: Directory NewNonce NewOrder NewAuthorization RevokeCert KeyChange Account Orders Order Finalize Authorization Challenge Certificate);

/// The name of a route, and that of its side.
fn route_name(route: &Route) -> &'static str {
    match route {
        Route::Public(route) => public_name(route),
        Route::Form(route) => form_name(route),
        Route::NewAccount => "NewAccount",
        Route::Account(route) => account_name(route),
        Route::Operator(_) => "Operator",
    }
}

#[test]
fn every_route_and_every_challenge_type_is_among_the_requests() {
    let scene = Scene::new();
    let all = cases(&scene);
    let mut routes = BTreeSet::new();
    for case in &all {
        if let Act::Request(request) = &case.act {
            routes.insert(route_name(&Route::parse(&request(&case.start).path).unwrap()));
        }
    }
    let every = [PUBLIC, FORMS, ACCOUNT, &["NewAccount", "Operator"]].concat();
    assert_eq!(routes, every.into_iter().collect(), "a route that no request of these tests asks for");
    for method in Method::ALL {
        assert!(all.iter().any(|case| case.name == format!("{method} answer")), "{method}");
    }
}

/// Runs `try_one` for each case, one after the other by name so that a failure is found again.
fn for_each_case(scene: &Scene, mut try_one: impl FnMut(&Case<'_>)) {
    for case in &cases(scene) {
        try_one(case);
    }
}

/// Has each operation of each case go wrong in these ways, in turn. Gives all operations that were seen.
fn everywhere(mishaps: &[Mishap]) -> BTreeSet<String> {
    let scene = Scene::new();
    let (mut seen, mut kinds, mut runs) = (BTreeSet::new(), 0, 0);
    for_each_case(&scene, |case| {
        let trial = Trial { scene: &scene, case };
        for mishap in mishaps {
            let mut n = 0;
            while trial.run(&[(n, *mishap)], &mut seen) {
                n += 1;
            }
            runs += n;
        }
        kinds += 1;
    });
    println!("{kinds} kinds of request, {runs} times one operation gone wrong: {mishaps:?}");
    seen
}

#[test]
fn every_operation_of_every_request_fails_and_nothing_is_lost_or_stuck() {
    let seen = everywhere(&[Mishap::Fails, Mishap::FailsOn]);
    let called = |name: &&str| seen.iter().any(|line| line.ends_with(&format!(": call {name}")));
    let asks = ASKS.iter().flat_map(|(_, asks)| asks.iter().copied()).chain(["Post"]);
    let missing: BTreeSet<&str> = asks.filter(|name| !called(name)).collect();
    assert_eq!(missing, BTreeSet::new(), "asks that no partition was sent");
    for kind in ["get", "list", "apply", "purge", "sign", "verify", "look up", "converse", "deliver"] {
        assert!(seen.iter().any(|line| line.ends_with(&format!(": {kind}"))), "no {kind} in {seen:?}");
    }
}

#[test]
fn at_every_operation_of_every_request_the_machine_dies_and_nothing_is_lost_or_stuck() {
    everywhere(&[Mishap::MachineDiesBefore, Mishap::MachineDiesAfter]);
}

#[test]
fn at_every_operation_of_every_request_the_partition_dies_and_nothing_is_lost_or_stuck() {
    everywhere(&[Mishap::PartitionDiesBefore, Mishap::PartitionDiesAfter]);
}

/// Those that change what the others rest on.
const RIVALS: &[&str] = &["finalize", "keyChange", "account deactivation", "http-01 answer"];

#[test]
fn every_request_is_delayed_at_every_step_by_one_that_matters() {
    let scene = Scene::new();
    let all = cases(&scene);
    let mut runs = 0;
    for case in &all {
        let changes = changes_something(case);
        for rival in all.iter().filter(|rival| RIVALS.contains(&rival.name.as_str())) {
            runs += interrupt_everywhere(&scene, case, rival);
            // Who only reads stands in nobody's way.
            if changes {
                runs += interrupt_everywhere(&scene, rival, case);
            }
        }
    }
    println!("{} kinds of request, {runs} times one delayed by another", all.len());
}

#[test]
#[ignore = "minutes: every request delayed by every other"]
fn every_request_is_delayed_at_every_step_by_every_other() {
    let scene = Scene::new();
    let all = cases(&scene);
    for (case, rival) in all.iter().flat_map(|case| all.iter().map(move |rival| (case, rival))) {
        interrupt_everywhere(&scene, case, rival);
    }
}

#[test]
#[ignore = "five minutes: all pairs of two mishaps, of two sorts each"]
fn any_two_operations_of_every_request_go_wrong() {
    const SORTS: [Mishap; 2] = [Mishap::Fails, Mishap::PartitionDiesAfter];
    let scene = Scene::new();
    for_each_case(&scene, |case| {
        let trial = Trial { scene: &scene, case };
        for (first, second) in SORTS.iter().flat_map(|first| SORTS.iter().map(move |second| (*first, *second))) {
            let mut n = 0;
            while trial.run(&[(n, first)], &mut BTreeSet::new()) {
                let mut m = n + 1;
                // The second may come in the alarm that mends the first.
                while trial.run(&[(n, first), (m, second)], &mut BTreeSet::new()) {
                    m += 1;
                }
                n += 1;
            }
        }
    });
}
