//! The validation of a challenge, as a job: each try, and the recorded result
//! ([RFC 8555 §7.5.1](https://www.rfc-editor.org/rfc/rfc8555#section-7.5.1)).

use super::kind::Account;
use crate::ca::partitions::faults;
use crate::ca::runtime::jobs::{Attempt, Work};
use crate::ca::runtime::ports::PartitionPorts;
use crate::ca::telemetry::events;
use crate::ca::telemetry::events::{AttemptOutcome, ValidationAttempt};
use crate::records::acme::authorization::{AuthorizationStatus, ChallengeStatus};
use crate::records::operations::fault::Fault;
use crate::records::{AccountStatus, Kind, Problem};
use crate::store::{Kv, Txn};
use crate::validation;
use crate::validation::ExpectedRecord;
use crate::validation::{Failure, FailureKind, Method, Outcome};
use crate::values::{Id, Identifier, Time};

/// The input of a validation.
struct ValidationInput {
    identifier: Identifier,
    wildcard: bool,
    token: String,
    key_authorization: String,
    /// The issuers that the record may name, for a challenge without a token. `thumbprints` are those of the account.
    issuers: Vec<String>,
    thumbprints: Vec<String>,
}

/// The result of a successful validation.
struct Proof {
    /// The end of the proof's validity, if it has one.
    until: Option<Time>,
    /// The time of the CAA check, if one was made.
    caa_checked: Option<Time>,
}

/// The result of a failed validation.
struct Unproven {
    problem: Problem,
    /// Whether another try may succeed.
    retry: bool,
}

impl From<Failure> for Unproven {
    fn from(failure: Failure) -> Self {
        Self { retry: failure.retry, problem: problem_of(failure) }
    }
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Account<P, K> {
    /// Runs one try of a validation and records the result.
    ///
    /// # Errors
    /// When the storage fails.
    pub async fn validate(&self, id: &Id, kind: &str, this_attempt: Attempt) -> Result<(), Problem> {
        let work = Work::Validate(id.clone(), kind.to_owned());
        let input = self.transact(|txn| {
            let input = self.input(txn, id, kind)?;
            if input.is_none() {
                self.end(txn, &work)?;
            }
            Ok(input)
        })?;
        let (Some(input), Some(method)) = (input, Method::from_name(kind)) else { return Ok(()) };
        let begun = self.ports.now();
        let outcome =
            if this_attempt.exhausted { Err(attempts_exhausted()) } else { self.attempt(&input, method).await? };
        let outcome = self.transact(|txn| self.conclude(txn, &work, id, method, this_attempt, outcome))?;
        if let AttemptOutcome::Invalid(problem) = &outcome {
            self.report_validation(&input.identifier, problem);
        }
        let (kind, attempt) = (method.name(), this_attempt.number);
        let tried = ValidationAttempt { identifier: &input.identifier, kind, attempt, begun, outcome };
        events::validated(&self.ports, &self.id, &tried);
        Ok(())
    }

    /// Validates control, then checks CAA.
    async fn attempt(&self, input: &ValidationInput, method: Method) -> Result<Result<Proof, Unproven>, Problem> {
        if let Some(fault) = faults::of_validation(&self.ports, &self.id, &input.identifier, input.wildcard).await? {
            return Ok(Err(on_purpose(&fault)));
        }
        let settings = self.ports.settings();
        if settings.test_machine.always_valid {
            return Ok(Ok(Proof { until: None, caa_checked: Some(self.ports.now()) }));
        }
        let account = settings.urls.account(&self.id);
        let subject = validation::Subject {
            identifier: &input.identifier,
            wildcard: input.wildcard,
            token: &input.token,
            key_authorization: &input.key_authorization,
            account: &account,
            persist: ExpectedRecord {
                issuers: &input.issuers,
                hash_prefix: &settings.urls.account_hash_prefix(),
                thumbprints: &input.thumbprints,
            },
        };
        let until = match validation::validate(&self.ports, &settings.validation, method, &subject).await {
            Outcome::Valid => None,
            Outcome::ValidUntil(until) => Some(until),
            Outcome::Failed(failure) => return Ok(Err(failure.into())),
        };
        let checked = self.check_caa_after_validation(&input.identifier, input.wildcard, &account, method).await;
        Ok(checked.map(|caa_checked| Proof { until, caa_checked }).map_err(Unproven::from))
    }

    /// Returns the input of the validation; `None` if the challenge was decided or deactivated meanwhile.
    fn input(&self, txn: &Txn<'_, K>, id: &Id, kind: &str) -> Result<Option<ValidationInput>, Problem> {
        let Some(authorization) = self.find_authorization(txn, id)? else { return Ok(None) };
        let challenge = authorization.challenge(kind).filter(|c| c.status == ChallengeStatus::Processing);
        let Some(challenge) = challenge.cloned() else { return Ok(None) };
        let offer = challenge.persistent;
        let thumbprints = if offer.is_some() { self.account(txn)?.thumbprints() } else { Vec::new() };
        Ok(Some(ValidationInput {
            identifier: authorization.identifier,
            wildcard: authorization.wildcard,
            token: challenge.token,
            key_authorization: challenge.key_authorization.unwrap_or_default(),
            issuers: offer.map(|offer| offer.issuer_domain_names).unwrap_or_default(),
            thumbprints,
        }))
    }

    /// Records the result of a try.
    fn conclude(
        &self,
        txn: &mut Txn<'_, K>,
        work: &Work,
        id: &Id,
        method: Method,
        this_attempt: Attempt,
        outcome: Result<Proof, Unproven>,
    ) -> Result<AttemptOutcome, Problem> {
        let (now, kind) = (self.ports.now(), method.name());
        // A proof counts only if the account is valid now (draft-ietf-acme-dns-persist-02 §4.2).
        let alive = self.account(txn)?.status == AccountStatus::Valid;
        let outcome = if alive { outcome } else { Err(deactivated()) };
        let again = matches!(&outcome, Err(failure) if failure.retry && this_attempt.again);
        let pause = self.ports.settings().validation.pause;
        if again {
            self.retry(txn, work.clone(), this_attempt, now.plus(pause))?;
        } else {
            self.end(txn, work)?;
        }
        let tried = match &outcome {
            Ok(_) => AttemptOutcome::Valid,
            Err(failure) if again => AttemptOutcome::Retry(failure.problem.clone()),
            Err(failure) => AttemptOutcome::Invalid(failure.problem.clone()),
        };
        let Some(mut authorization) = self.find_authorization(txn, id)? else { return Ok(tried) };
        match outcome {
            Ok(proof) => {
                if authorization.succeed(kind, now, self.proven_until(proof.until)) {
                    authorization.caa_checked = proof.caa_checked;
                    self.remember(txn, &authorization, method)?;
                    self.forget_failures(txn, &authorization.identifier)?;
                }
            }
            Err(failure) => {
                let open = authorization.state == AuthorizationStatus::Pending;
                authorization.fail(kind, failure.problem, !again);
                if open && authorization.state == AuthorizationStatus::Invalid && alive {
                    self.count_failure(txn, &authorization.identifier)?;
                }
            }
        }
        if authorization.state == AuthorizationStatus::Valid && authorization.reusable() {
            self.index_authorization(txn, &authorization)?;
        }
        txn.put(id.as_str(), &authorization)?;
        Ok(tried)
    }
}

fn deactivated() -> Unproven {
    let detail = "the account was deactivated while this was validated";
    Unproven { problem: Problem::new(Kind::Unauthorized, detail), retry: false }
}

/// The failure of a validation that a test CA was asked for.
fn on_purpose(fault: &Fault) -> Unproven {
    let detail = format!("this test server fails this validation on purpose (fault {})", fault.number);
    Unproven { problem: Problem::new(fault.reason.unwrap_or(Kind::Unauthorized), detail), retry: false }
}

/// The failure of a validation that was interrupted too often.
fn attempts_exhausted() -> Unproven {
    let detail =
        "the validation was begun again and again, and each time the server ended before it did; place a new order";
    Unproven { problem: Problem::new(Kind::ServerInternal, detail), retry: false }
}

/// The ACME error type of a failed validation (RFC 8555 §6.7).
fn problem_of(failure: Failure) -> Problem {
    let kind = match failure.kind {
        FailureKind::Dns => Kind::Dns,
        FailureKind::Connection => Kind::Connection,
        FailureKind::Tls => Kind::Tls,
        FailureKind::IncorrectResponse => Kind::IncorrectResponse,
        FailureKind::Unauthorized => Kind::Unauthorized,
        FailureKind::Malformed => Kind::Malformed,
        FailureKind::Caa => Kind::Caa,
    };
    Problem::new(kind, failure.detail)
}
