//! Every kind of request with a fault, crash or other request at each operation.
//!
//! `selvedge::ca::testing::Operations` defines an operation.

mod approvals;
mod compromise;
mod failures;
mod fixture;
mod importing;
mod log;
mod notices;
mod on_purpose;
mod pruning;
mod requests;
mod test_cas;
mod trials;

use fixture::Fixture;
use requests::{Act, Case, cases};
use selvedge::ca::dispatch::kind::ASKS;
use selvedge::ca::http::routes::{AccountRoute, FormRoute, PublicRoute, Route};
use selvedge::ca::testing::OperationFault;
use selvedge::validation::Method;
use std::collections::BTreeSet;
use trials::{Trial, changes_something, interrupt_everywhere};

/// Makes a match over all variants of an enumeration, and the list of their names.
macro_rules! names_of {
    ($function:ident, $all:ident, $type:ident: $($variant:ident)*) => {
        const $all: &[&str] = &[$(stringify!($variant)),*];
        fn $function(value: &$type) -> &'static str {
            match value { $($type::$variant { .. } => stringify!($variant)),* }
        }
    };
}

names_of!(public_name, PUBLIC, PublicRoute: Home Style Root RenewalInfo Calendar Metrics Issuer Issuers Crl CrlFile Log Inventory);
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
fn fault_table_has_every_route_and_challenge_type() {
    let fixture = Fixture::new();
    let all = cases(&fixture);
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

/// Runs `try_one` for each case in the order of names.
fn for_each_case(fixture: &Fixture, mut try_one: impl FnMut(&Case<'_>)) {
    for case in &cases(fixture) {
        try_one(case);
    }
}

/// Has each operation of each case go wrong in these ways, in turn. Gives all operations that were seen.
fn everywhere(faults: &[OperationFault]) -> BTreeSet<String> {
    let fixture = Fixture::new();
    let (mut seen, mut kinds, mut runs) = (BTreeSet::new(), 0, 0);
    for_each_case(&fixture, |case| {
        let trial = Trial { fixture: &fixture, case };
        for fault in faults {
            let mut n = 0;
            while trial.run(&[(n, *fault)], &mut seen) {
                n += 1;
            }
            runs += n;
        }
        kinds += 1;
    });
    println!("{kinds} kinds of request, {runs} times one operation gone wrong: {faults:?}");
    seen
}

#[test]
fn every_operation_of_every_request_fails_and_nothing_is_lost_or_stuck() {
    let seen = everywhere(&[OperationFault::Fails, OperationFault::FailsOn]);
    let called = |name: &&str| seen.iter().any(|line| line.ends_with(&format!(": call {name}")));
    // Test CAs have cases of their own, and so have backups into a bucket (`stored_backups`).
    let kinds = ASKS.iter().filter(|(kind, _)| !test_cas::KINDS.contains(kind) && *kind != "backups");
    let asks = kinds.flat_map(|(_, asks)| asks.iter().copied()).chain(["Post"]);
    let missing: BTreeSet<&str> = asks.filter(|name| !called(name)).collect();
    assert_eq!(missing, BTreeSet::new(), "asks that no partition was sent");
    for kind in ["get", "list", "apply", "purge", "sign", "verify", "look up", "converse", "deliver"] {
        assert!(seen.iter().any(|line| line.ends_with(&format!(": {kind}"))), "no {kind} in {seen:?}");
    }
}

#[test]
fn machine_crash_at_every_operation_loses_nothing() {
    everywhere(&[OperationFault::MachineDiesBefore, OperationFault::MachineDiesAfter]);
}

#[test]
fn partition_crash_at_every_operation_loses_nothing() {
    everywhere(&[OperationFault::PartitionDiesBefore, OperationFault::PartitionDiesAfter]);
}

/// Those that change what the others rest on.
const RIVALS: &[&str] = &["finalize", "keyChange", "account deactivation", "http-01 answer"];

#[test]
fn every_request_interleaved_with_relevant_ones_keeps_invariants() {
    let fixture = Fixture::new();
    let all = cases(&fixture);
    let mut runs = 0;
    for case in &all {
        let changes = changes_something(case);
        for rival in all.iter().filter(|rival| RIVALS.contains(&rival.name.as_str())) {
            runs += interrupt_everywhere(&fixture, case, rival);
            // Who only reads stands in nobody's way.
            if changes {
                runs += interrupt_everywhere(&fixture, rival, case);
            }
        }
    }
    println!("{} kinds of request, {runs} times one delayed by another", all.len());
}

#[test]
#[ignore = "minutes: every request delayed by every other"]
fn every_request_interleaved_with_every_other_keeps_invariants() {
    let fixture = Fixture::new();
    let all = cases(&fixture);
    for (case, rival) in all.iter().flat_map(|case| all.iter().map(move |rival| (case, rival))) {
        interrupt_everywhere(&fixture, case, rival);
    }
}

#[test]
#[ignore = "five minutes: all pairs of two faults, of two sorts each"]
fn any_two_faults_in_every_request_lose_nothing() {
    const SORTS: [OperationFault; 2] = [OperationFault::Fails, OperationFault::PartitionDiesAfter];
    let fixture = Fixture::new();
    for_each_case(&fixture, |case| {
        let trial = Trial { fixture: &fixture, case };
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
