//! A witness under crashes at each step and under each interleaving.
//!
//! It never cosigns two histories, and never goes back.

use crate::test_log::{Branch, TRUNK, TestLog};
use core::time::Duration;
use selvedge::ca::http::message::{Request, Response};
use selvedge::ca::testing::{START, TestWitness, poll_some};
use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

const FORK: Branch = Branch { from: 3, salt: 1 };

/// A submission: branch, old size, new size.
type Move = (Branch, u64, u64);

/// A request under way.
type Underway<'a> = Pin<Box<dyn Future<Output = Response> + 'a>>;

/// What left the witness, in that order: branch and size.
type Released = Vec<(Branch, u64)>;

fn pair() -> (TestWitness, TestLog) {
    let log = TestLog::new("ca.example.org/log/abc/0011aabb");
    (TestWitness::new("witness.example/w1", std::slice::from_ref(&log.vkey), START), log)
}

fn request(log: &TestLog, (branch, old, new): Move) -> Request {
    Request {
        method: "POST".to_owned(),
        path: "/witness/add-checkpoint".to_owned(),
        body: Some(log.body(branch, old, new).into_bytes()),
        ..Request::default()
    }
}

fn submit(witness: &TestWitness, log: &TestLog, what: Move) -> u16 {
    poll_some(witness.answer(&request(log, what)), 1_000).expect("it has an end").status
}

/// Whether two trees have a common history.
fn agree(one: (Branch, u64), other: (Branch, u64)) -> bool {
    one.0 == other.0 || one.1.min(other.1) <= FORK.from
}

/// Checks that all released cosignatures are of one history.
fn check(released: &Released, context: &str) {
    for (n, one) in released.iter().enumerate() {
        for other in &released[n + 1..] {
            assert!(agree(*one, *other), "{context}: {released:?}");
        }
    }
}

/// Checks what the witness still cosigns against what it released.
fn check_goes_on(witness: &TestWitness, log: &TestLog, mut released: Released, context: &str) {
    witness.pass(Duration::from_secs(100));
    let mut newest = 0;
    for branch in [TRUNK, FORK] {
        for old in 0..=8 {
            if submit(witness, log, (branch, old, 12)) == 200 {
                released.push((branch, 12));
                newest = old;
            }
        }
    }
    check(&released, context);
    let most = released.iter().map(|(_, size)| *size).max();
    assert_eq!(most, Some(12), "{context}: it goes on");
    let before = released.iter().map(|(_, size)| *size).filter(|size| *size < 12).max().unwrap_or(0);
    assert!(newest >= before, "{context}: it went back to {newest} from {before}");
}

#[test]
fn witness_dropped_at_any_step_neither_forks_nor_goes_back() {
    let moves: [Move; 3] = [(TRUNK, 0, 5), (TRUNK, 5, 8), (TRUNK, 8, 8)];
    let mut cut = 0;
    for at in 0..moves.len() {
        for polls in 0.. {
            let (witness, log) = pair();
            let mut released = Released::new();
            for done in &moves[..at] {
                assert_eq!(submit(&witness, &log, *done), 200);
                released.push((done.0, done.2));
                witness.pass(Duration::from_secs(100));
            }
            let ended = poll_some(witness.answer(&request(&log, moves[at])), polls);
            if let Some(answer) = &ended {
                assert_eq!(answer.status, 200);
                released.push((moves[at].0, moves[at].2));
            }
            cut += usize::from(ended.is_none());
            check_goes_on(&witness, &log, released, &format!("move {at} cut after {polls} polls"));
            if ended.is_some() {
                break;
            }
        }
    }
    assert!(cut > 3 * 4, "{cut}");
}

#[test]
fn witness_with_a_storage_that_fails_at_any_operation_neither_forks_nor_goes_back() {
    let mut struck = 0;
    for n in 0.. {
        let (witness, log) = pair();
        assert_eq!(submit(&witness, &log, (TRUNK, 0, 5)), 200);
        witness.pass(Duration::from_secs(100));
        let storage = witness.storage(log.vkey.name());
        storage.borrow_mut().fail_after(n);
        let status = submit(&witness, &log, (TRUNK, 5, 8));
        let healthy = storage.borrow().operations() <= n;
        storage.borrow_mut().heal();
        let mut released = vec![(TRUNK, 5)];
        if status == 200 {
            released.push((TRUNK, 8));
        }
        assert_eq!(status, if healthy { 200 } else { 503 }, "operation {n}");
        check_goes_on(&witness, &log, released, &format!("operation {n}"));
        struck += usize::from(!healthy);
        if healthy {
            break;
        }
    }
    assert!(struck >= 3, "{struck}");
}

/// Runs submissions in one order of steps. Returns the choices of that order with how many there were each time.
fn interleaved(moves: &[Move], prefix: &[usize]) -> (Vec<(usize, usize)>, Released, TestWitness, TestLog) {
    let (witness, log) = pair();
    assert_eq!(submit(&witness, &log, (TRUNK, 0, 4)), 200);
    witness.pass(Duration::from_secs(100));
    let requests: Vec<Request> = moves.iter().map(|what| request(&log, *what)).collect();
    let mut released = vec![(TRUNK, 4)];
    let mut taken = Vec::new();
    {
        let mut running: Vec<(Move, Underway<'_>)> = Vec::new();
        for (what, request) in moves.iter().zip(&requests) {
            running.push((*what, Box::pin(witness.answer(request))));
        }
        while !running.is_empty() {
            let choice = prefix.get(taken.len()).copied().unwrap_or(0);
            taken.push((choice, running.len()));
            let (what, future) = &mut running[choice];
            if let Poll::Ready(answer) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                if answer.status == 200 {
                    released.push((what.0, what.2));
                }
                drop(running.remove(choice));
            }
        }
    }
    (taken, released, witness, log)
}

/// The next order in depth-first order.
fn next(taken: &[(usize, usize)]) -> Option<Vec<usize>> {
    let at = taken.iter().rposition(|(choice, of)| choice + 1 < *of)?;
    Some(taken[..at].iter().map(|(choice, _)| *choice).chain([taken[at].0 + 1]).collect())
}

#[test]
fn two_submissions_at_once_end_as_one_after_the_other_in_every_interleaving() {
    let cases: [[Move; 2]; 4] = [
        // The race of the specification: the smaller one must not set the larger one back.
        [(TRUNK, 4, 5), (TRUNK, 4, 8)],
        [(TRUNK, 4, 5), (FORK, 4, 5)],
        [(TRUNK, 4, 8), (TRUNK, 5, 8)],
        [(TRUNK, 4, 4), (TRUNK, 4, 6)],
    ];
    for moves in cases {
        let (mut prefix, mut count, mut ends) = (Vec::new(), 0, BTreeSet::new());
        loop {
            let (taken, released, witness, log) = interleaved(&moves, &prefix);
            check(&released, &format!("{moves:?} {taken:?}"));
            let mut sizes: Vec<u64> = released.iter().map(|(_, size)| *size).collect();
            sizes.sort_unstable();
            ends.insert(sizes);
            // Each time in full would take minutes.
            if count % 16 == 0 {
                check_goes_on(&witness, &log, released, &format!("{moves:?} {taken:?}"));
            }
            count += 1;
            match next(&taken) {
                Some(more) => prefix = more,
                None => break,
            }
        }
        assert!(count > 50, "{moves:?}: {count}");
        eprintln!("{moves:?}: {count} interleavings, {ends:?}");
    }
}
