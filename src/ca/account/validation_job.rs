//! The validation of a challenge, as a job: each try, and the recorded result
//! ([RFC 8555 §7.5.1](https://www.rfc-editor.org/rfc/rfc8555#section-7.5.1)).

use super::kind::Account;
use crate::ca::runtime::jobs::{JobRecord, Try, Work};
use crate::ca::runtime::ports::PartitionPorts;
use crate::ca::telemetry::events;
use crate::ca::telemetry::events::{AttemptOutcome, ValidationAttempt};
use crate::records::acme::authorization::{AuthorizationStatus, ChallengeStatus};
use crate::records::{AccountStatus, AuthorizationRecord, Kind, Problem};
use crate::store::{Kv, Txn};
use crate::validation;
use crate::validation::ExpectedRecord;
use crate::validation::{Failure, FailureKind, Method, Outcome};
use crate::values::{Id, Identifier, Time};

/// The input of a validation.
struct Question {
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
    pub async fn validate(&self, id: &Id, kind: &str, this_try: Try) -> Result<(), Problem> {
        let work = Work::Validate(id.clone(), kind.to_owned());
        let question = self.transact(|txn| {
            let question = self.question(txn, id, kind)?;
            if question.is_none() {
                txn.delete::<JobRecord>(&work.name());
            }
            Ok(question)
        })?;
        let (Some(question), Some(method)) = (question, Method::from_name(kind)) else { return Ok(()) };
        let begun = self.ports.now();
        let outcome = if this_try.exhausted { Err(cut_off()) } else { self.attempt(&question, method).await? };
        let outcome = self.transact(|txn| self.conclude(txn, &work, id, method, this_try, outcome))?;
        let (kind, attempt) = (method.name(), this_try.number);
        let tried = ValidationAttempt { identifier: &question.identifier, kind, attempt, begun, outcome };
        events::validated(&self.ports, &self.id, &tried);
        Ok(())
    }

    /// Validates control, then checks CAA.
    async fn attempt(&self, question: &Question, method: Method) -> Result<Result<Proof, Unproven>, Problem> {
        let settings = self.ports.settings();
        let account = settings.urls.account(&self.id);
        let subject = validation::Subject {
            identifier: &question.identifier,
            wildcard: question.wildcard,
            token: &question.token,
            key_authorization: &question.key_authorization,
            account: &account,
            persist: ExpectedRecord {
                issuers: &question.issuers,
                hash_prefix: &settings.urls.account_hash_prefix(),
                thumbprints: &question.thumbprints,
            },
        };
        let until = match validation::validate(&self.ports, &settings.validation, method, &subject).await {
            Outcome::Valid => None,
            Outcome::ValidUntil(until) => Some(until),
            Outcome::Failed(failure) => return Ok(Err(failure.into())),
        };
        let looked = self.look_after_validation(&question.identifier, question.wildcard, &account, method).await;
        Ok(looked.map(|caa_checked| Proof { until, caa_checked }).map_err(Unproven::from))
    }

    /// Returns the input of the validation; `None` if the challenge was decided or deactivated meanwhile.
    fn question(&self, txn: &Txn<'_, K>, id: &Id, kind: &str) -> Result<Option<Question>, Problem> {
        let Some(authorization) = txn.get::<AuthorizationRecord>(id.as_str())? else { return Ok(None) };
        let challenge = authorization.challenge(kind).filter(|c| c.status == ChallengeStatus::Processing);
        let Some(challenge) = challenge.cloned() else { return Ok(None) };
        let offer = challenge.persistent;
        let thumbprints = if offer.is_some() { self.account(txn)?.thumbprints() } else { Vec::new() };
        Ok(Some(Question {
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
        this_try: Try,
        outcome: Result<Proof, Unproven>,
    ) -> Result<AttemptOutcome, Problem> {
        let (now, kind) = (self.ports.now(), method.name());
        // A proof counts only if the account is valid now (draft-ietf-acme-dns-persist-02 §4.2).
        let alive = self.account(txn)?.status == AccountStatus::Valid;
        let outcome = if alive { outcome } else { Err(deactivated()) };
        let again = matches!(&outcome, Err(failure) if failure.retry && this_try.again);
        let pause = self.ports.settings().validation.pause;
        if again {
            self.schedule(txn, work.clone(), now.plus(pause))?;
        } else {
            txn.delete::<JobRecord>(&work.name());
        }
        let tried = match &outcome {
            Ok(_) => AttemptOutcome::Valid,
            Err(failure) if again => AttemptOutcome::Retry(failure.problem.clone()),
            Err(failure) => AttemptOutcome::Invalid(failure.problem.clone()),
        };
        let Some(mut authorization) = txn.get::<AuthorizationRecord>(id.as_str())? else { return Ok(tried) };
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
            self.note_authorization(txn, &authorization)?;
        }
        txn.put(id.as_str(), &authorization)?;
        Ok(tried)
    }
}

fn deactivated() -> Unproven {
    let detail = "the account was deactivated while this was validated";
    Unproven { problem: Problem::new(Kind::Unauthorized, detail), retry: false }
}

/// The failure of a validation that was interrupted too often.
fn cut_off() -> Unproven {
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
