//! CAA: which names are checked, and the check before issuance.
//!
//! Each validation checks CAA itself, and its result stays valid for some hours. An authorization that is used later,
//! or that became valid without a validation, is checked when the order is finalized.

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

/// How long a CAA check stays valid. The Baseline Requirements (§3.2.2.8) allow eight hours; the certificate is signed
/// some time after the check.
const MAX_CAA_AGE: Duration = Duration::from_secs(7 * 3600);

/// How many times CAA is checked within one finalize request while the resolver has trouble.
const TRIES: u32 = 3;

/// The pause between two tries.
const PAUSE: Duration = Duration::from_millis(500);

/// The time budget of one try. Together with the issuance that follows, it must fit into the duration of the request.
const BUDGET: Duration = Duration::from_secs(4);

/// How long a client should wait if the resolver trouble persists, in seconds.
const RETRY_AFTER: u32 = 30;

impl<P: PartitionPorts + 'static, K: Kv + 'static> Account<P, K> {
    /// Whether an authorization needs a CAA check before use.
    fn is_due(&self, authorization: &AuthorizationRecord) -> bool {
        let now = self.ports.now();
        self.ports.settings().caa.applies_to(&authorization.identifier)
            && authorization.caa_checked.is_none_or(|at| !at.is_within(MAX_CAA_AGE, now))
    }

    /// Returns the authorizations of an order that need a CAA check before it is finalized.
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

    /// Checks CAA for the authorizations that are due. `identifiers` is the number of identifiers in the order.
    ///
    /// Returns the authorizations whose use CAA permits, for [`Account::record_caa_checks`]. On failure, the successful
    /// checks are stored, so that the next finalize request continues from there: a Worker may make a bounded number of
    /// look-ups in each request.
    ///
    /// # Errors
    /// `caa`, or `dns` with Retry-After if the resolver is at fault.
    pub async fn check_caa(
        &self,
        admitted: &Admitted,
        mut due: Vec<AuthorizationRecord>,
        identifiers: usize,
    ) -> Result<Vec<Id>, Problem> {
        let account = self.ports.settings().urls.account(&admitted.account);
        let mut checked = Vec::new();
        for tries in 1.. {
            let queries: Vec<CaaQuery<'_>> = due.iter().filter_map(|due| query(due, &account)).collect();
            let probe = Probe::within(&self.ports, &self.ports.settings().validation, BUDGET);
            let answers = caa::check(&probe, &self.ports.settings().caa.identities, &queries).await;
            let mut failures = Vec::new();
            // The numbers are equal: only DNS names are due.
            for (authorization, answer) in due.into_iter().zip(answers) {
                match answer {
                    Ok(()) => checked.push(authorization.id),
                    Err(failure) => failures.push((authorization, failure)),
                }
            }
            if failures.is_empty() {
                break;
            }
            if tries == TRIES || failures.iter().any(|(_, failure)| !failure.retry) {
                self.store_caa_checks(&checked)?;
                return Err(refusal(failures, identifiers));
            }
            due = failures.into_iter().map(|(authorization, _)| authorization).collect();
            self.ports.sleep(PAUSE).await;
        }
        Ok(checked)
    }

    /// Stores the time of the check for these authorizations, when the check of others failed.
    fn store_caa_checks(&self, checked: &[Id]) -> Result<(), Problem> {
        let caa_checked = Some(self.ports.now());
        self.transact(|txn| {
            for id in checked {
                if let Some(found) = self.find_authorization(txn, id)? {
                    txn.put(id.as_str(), &AuthorizationRecord { caa_checked, ..found })?;
                }
            }
            Ok(())
        })
    }

    /// The refusal of a name with too many labels: `rejectedIdentifier`. CAA is queried at each label, so such an order
    /// could make this CA send many queries.
    pub fn too_deep(&self, identifier: &Identifier) -> Option<Problem> {
        let deep = self.ports.settings().caa.is_too_deep(identifier);
        deep.then(|| {
            let most = caa::MAX_LABELS;
            let detail = format!(
                "\"{identifier}\" is refused: it has more than {most} labels, at each of which CAA records would have to be \
                 queried (RFC 8659 section 3)."
            );
            Problem::new(Kind::RejectedIdentifier, detail)
        })
    }

    /// Records the CAA checks of an order's authorizations.
    ///
    /// # Errors
    /// `caa` for a due authorization that was not checked because it or the order became ready meanwhile.
    pub fn record_caa_checks(
        &self,
        txn: &mut Txn<'_, K>,
        authorizations: &[AuthorizationRecord],
        checked: &[Id],
    ) -> Result<(), Problem> {
        for authorization in authorizations.iter().filter(|authorization| self.is_due(authorization)) {
            if !checked.contains(&authorization.id) {
                let detail = "The order became ready during this request, and the names' CAA records have not been \
                              checked yet. Finalize again.";
                return Err(Problem { retry_after: Some(1), ..Problem::new(Kind::Caa, detail) });
            }
            let checked = AuthorizationRecord { caa_checked: Some(self.ports.now()), ..authorization.clone() };
            txn.put(authorization.id.as_str(), &checked)?;
        }
        Ok(())
    }

    /// Checks CAA for a name just proven by `method`. Returns the time of the check, if one was made.
    ///
    /// # Errors
    /// The failure, as one of the validation.
    pub async fn check_caa_after_validation(
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
        let query = CaaQuery { name, wildcard, account, method: Some(method) };
        let probe = Probe::start(&self.ports, &settings.validation);
        let answers = caa::check(&probe, &settings.caa.identities, &[query]).await;
        answers.into_iter().collect::<Result<Vec<()>, Failure>>().map(|_| Some(at))
    }
}

/// The CAA query for an authorization; `None` for an IP address.
fn query<'a>(authorization: &'a AuthorizationRecord, account: &'a str) -> Option<CaaQuery<'a>> {
    let Identifier::Dns(name) = &authorization.identifier else { return None };
    let method = authorization.proof().and_then(Method::from_name);
    Some(CaaQuery { name, wildcard: authorization.wildcard, account, method })
}

/// The refusal of a finalize request, which leaves the order ready.
fn refusal(failures: Vec<(AuthorizationRecord, Failure)>, identifiers: usize) -> Problem {
    let passing = failures.iter().all(|(_, failure)| failure.retry);
    let advice = if passing { "Finalize again later" } else { "Change them and finalize again" };
    let problems = failures.into_iter().map(|(authorization, failure)| {
        let kind = if failure.kind == FailureKind::Dns { Kind::Dns } else { Kind::Caa };
        let problem = Problem::new(kind, format!("No certificate: {}. {advice}.", failure.detail));
        (authorization.named(), problem)
    });
    let problem = Problem::join(problems.collect(), identifiers)
        .unwrap_or_else(|| Problem::internal("a refusal without a reason"));
    Problem { retry_after: passing.then_some(RETRY_AFTER), ..problem }
}
