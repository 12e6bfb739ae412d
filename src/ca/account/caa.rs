//! CAA at work: which names the configuration has records looked for, and the look before a certificate is issued.
//!
//! A validation looks for the records itself. What it found holds for some hours; an authorization that is used after
//! that, or that came about without a validation, is looked after when the order is finalized.

use super::kind::Account;
use super::request::Admitted;
use crate::ca::runtime::ports::PartitionPorts;
use crate::records::acme::order::OrderStatus;
use crate::records::{AuthorizationRecord, Kind, OrderRecord, Problem};
use crate::store::{Kv, Txn};
use crate::validation::caa::CaaQuery;
use crate::validation::probe::Probe;
use crate::validation::{Failure, FailureKind, Method, caa};
use crate::values::{Id, Identifier, Time};
use core::time::Duration;

/// For how long a look holds. The Baseline Requirements (§3.2.2.8) say eight hours; the certificate is signed some time
/// after the look.
const FRESH: Duration = Duration::from_secs(7 * 3600);

/// How often records are looked for within one finalize request while the resolver has trouble.
const TRIES: u32 = 3;

/// Between two of them.
const PAUSE: Duration = Duration::from_millis(500);

/// For one of them. Together with the issuance that follows it has to fit into what the request may take.
const BUDGET: Duration = Duration::from_secs(4);

/// How long a client should wait when the resolver goes on having trouble, in seconds.
const RETRY: u32 = 30;

impl<P: PartitionPorts + 'static, K: Kv + 'static> Account<P, K> {
    /// Whether an authorization has to be looked after before it is used.
    fn is_due(&self, authorization: &AuthorizationRecord) -> bool {
        let now = self.ports.now();
        self.ports.settings().caa.applies_to(&authorization.identifier)
            && authorization.caa_checked.is_none_or(|at| at.plus(FRESH) <= now)
    }

    /// Those of an order's authorizations that are to be looked after before it is finalized.
    pub fn due_for_caa(
        &self,
        order: &OrderRecord,
        mut authorizations: Vec<AuthorizationRecord>,
    ) -> Vec<AuthorizationRecord> {
        if order.status(&authorizations, self.ports.now()) != OrderStatus::Ready {
            return Vec::new();
        }
        authorizations.retain(|authorization| self.is_due(authorization));
        authorizations
    }

    /// Looks for the CAA records of authorizations that are due, of an order for so many names as `asked` says. Gives those
    /// that they allow to use, for [`Account::note_caa`]. When that is not all of them, what was found of the others is kept, so
    /// that the next finalize request goes on from there: a Worker may make a bounded number of look-ups in each.
    ///
    /// # Errors
    /// `caa`, or `dns` with Retry-After where the resolver is at fault.
    pub async fn look_for_caa(
        &self,
        admitted: &Admitted,
        mut due: Vec<AuthorizationRecord>,
        asked: usize,
    ) -> Result<Vec<Id>, Problem> {
        let account = self.ports.settings().urls.account(&admitted.account);
        let mut looked = Vec::new();
        for tries in 1.. {
            let questions: Vec<CaaQuery<'_>> = due.iter().filter_map(|due| question(due, &account)).collect();
            let probe = Probe::within(&self.ports, &self.ports.settings().validation, BUDGET);
            let answers = caa::check(&probe, &self.ports.settings().caa.identities, &questions).await;
            let mut failures = Vec::new();
            // The questions are as many: only names are due.
            for (authorization, answer) in due.into_iter().zip(answers) {
                match answer {
                    Ok(()) => looked.push(authorization.id),
                    Err(failure) => failures.push((authorization, failure)),
                }
            }
            if failures.is_empty() {
                break;
            }
            if tries == TRIES || failures.iter().any(|(_, failure)| !failure.retry) {
                self.keep_looks(&looked)?;
                return Err(refusal(failures, asked));
            }
            due = failures.into_iter().map(|(authorization, _)| authorization).collect();
            self.ports.sleep(PAUSE).await;
        }
        Ok(looked)
    }

    /// Keeps that the records of these authorizations were looked for, though not those of all.
    fn keep_looks(&self, looked: &[Id]) -> Result<(), Problem> {
        let caa_checked = Some(self.ports.now());
        self.transact(|txn| {
            for id in looked {
                if let Some(found) = txn.get::<AuthorizationRecord>(id.as_str())? {
                    txn.put(id.as_str(), &AuthorizationRecord { caa_checked, ..found })?;
                }
            }
            Ok(())
        })
    }

    /// Why a name is refused at so many levels of which records would have to be looked for that an order would be a tool to
    /// have this CA ask, if it is: `rejectedIdentifier`.
    pub fn too_deep(&self, identifier: &Identifier) -> Option<Problem> {
        let deep = self.ports.settings().caa.is_too_deep(identifier);
        deep.then(|| {
            let most = caa::MAX_LABELS;
            let detail = format!(
                "\"{identifier}\" is refused: it has more than {most} labels, at each of which CAA records would have to be \
                 looked for (RFC 8659 section 3)."
            );
            Problem::new(Kind::RejectedIdentifier, detail)
        })
    }

    /// Notes that the records were looked for.
    ///
    /// # Errors
    /// `caa` when an authorization is due that was not looked after, as it or the order has become ready meanwhile.
    pub fn note_caa(
        &self,
        txn: &mut Txn<'_, K>,
        authorizations: &[AuthorizationRecord],
        looked: &[Id],
    ) -> Result<(), Problem> {
        for authorization in authorizations.iter().filter(|authorization| self.is_due(authorization)) {
            if !looked.contains(&authorization.id) {
                let detail = "The order became ready while this was looked into, and the names' CAA records have to be \
                              looked for yet. Finalize again.";
                return Err(Problem { retry_after: Some(1), ..Problem::new(Kind::Caa, detail) });
            }
            let checked = AuthorizationRecord { caa_checked: Some(self.ports.now()), ..authorization.clone() };
            txn.put(authorization.id.as_str(), &checked)?;
        }
        Ok(())
    }

    /// Looks for the CAA records of a name that was just proven by `method`. Gives the time of the look, if there was
    /// one.
    ///
    /// # Errors
    /// A failure of the validation.
    pub async fn look_after_validation(
        &self,
        identifier: &Identifier,
        wildcard: bool,
        account: &str,
        method: Method,
    ) -> Result<Option<Time>, Failure> {
        let settings = self.ports.settings();
        let Identifier::Dns(name) = identifier else { return Ok(None) };
        if !settings.caa.applies_to(identifier) {
            return Ok(None);
        }
        let at = self.ports.now();
        let question = CaaQuery { name, wildcard, account, method: Some(method) };
        let probe = Probe::start(&self.ports, &settings.validation);
        let answers = caa::check(&probe, &settings.caa.identities, &[question]).await;
        answers.into_iter().collect::<Result<Vec<()>, Failure>>().map(|_| Some(at))
    }
}

/// What CAA records are asked about an authorization.
fn question<'a>(authorization: &'a AuthorizationRecord, account: &'a str) -> Option<CaaQuery<'a>> {
    let Identifier::Dns(name) = &authorization.identifier else { return None };
    let method = authorization.proof().and_then(Method::from_name);
    Some(CaaQuery { name, wildcard: authorization.wildcard, account, method })
}

/// The order stays ready.
fn refusal(failures: Vec<(AuthorizationRecord, Failure)>, asked: usize) -> Problem {
    let passing = failures.iter().all(|(_, failure)| failure.retry);
    let advice = if passing { "Finalize again later" } else { "Change them and finalize again" };
    let problems = failures.into_iter().map(|(authorization, failure)| {
        let kind = if failure.kind == FailureKind::Dns { Kind::Dns } else { Kind::Caa };
        let problem = Problem::new(kind, format!("No certificate: {}. {advice}.", failure.detail));
        (authorization.named(), problem)
    });
    let problem =
        Problem::join(problems.collect(), asked).unwrap_or_else(|| Problem::internal("a refusal without a reason"));
    Problem { retry_after: passing.then_some(RETRY), ..problem }
}
