//! Failures for the operators, queued beside log lines and counts. Without operators nothing is queued.

use super::events::without_proofs;
use crate::ca::runtime::failure_queue::{PER_OWNER, PauseChange, WITHOUT_ACCOUNT};
use crate::ca::runtime::ports::Ports;
use crate::records::operations::failure::{Failure, FailureRecord, Origin, PausedRecord};
use crate::records::{Kind, Problem};
use crate::values::Id;

/// Queues a failure that `complete` completes.
pub fn failed<P: Ports>(
    ports: &P,
    (origin, step): (Origin, &str),
    problem: &Problem,
    complete: impl FnOnce(Failure) -> Failure,
) {
    // Clients get this in the normal course, and repeat their request.
    if !ports.settings().operations_on() || problem.kind == Kind::BadNonce {
        return;
    }
    let clean = |text: &str| without_proofs(text, &ports.settings().urls);
    let (memory, now) = (ports.memory(), ports.now());
    let record = FailureRecord::of(complete(Failure::new(origin, step, problem, clean)), now);
    memory.failures.push(record, |owner| {
        let strangers = origin != Origin::Account;
        memory.take(PER_OWNER, &format!("failures/{owner}"), now).is_ok()
            && (!strangers || memory.take(WITHOUT_ACCOUNT, "failures", now).is_ok())
    });
}

/// Queues that a name is paused.
pub fn paused<P: Ports>(ports: &P, record: PausedRecord) {
    if ports.settings().operations_on() {
        let (account, subject) = (record.account.clone(), record.subject.clone());
        ports.memory().failures.change_pause(&account, &subject, PauseChange::Paused(record));
    }
}

/// Queues that a name is not paused any more.
pub fn resumed<P: Ports>(ports: &P, account: &Id, subject: &str) {
    if ports.settings().operations_on() {
        ports.memory().failures.change_pause(account, subject, PauseChange::Ended);
    }
}
