//! Failures of an account, reported to the operators.

use super::kind::Account;
use super::request::Admitted;
use crate::ca::config::rate_limits::PAUSED;
use crate::ca::http::routes::AccountRoute;
use crate::ca::runtime::ports::PartitionPorts;
use crate::ca::telemetry::failures;
use crate::records::acme::reuse::identifier_id;
use crate::records::operations::failure::{Origin, PausedRecord};
use crate::records::operations::limit::FailingRecord;
use crate::records::{AccountRecord, OrderRecord, Problem};
use crate::store::{Kv, Txn};
use crate::values::Identifier;
use serde_json::Value;

/// The names of a failed request, with the account's external account key.
#[derive(Default)]
struct Subject {
    external: Option<String>,
    names: Vec<String>,
}

/// The names in the payload of a request, as the client sent them.
fn sent_names(admitted: &Admitted) -> Vec<String> {
    let payload: Value = admitted.jws.payload_json().unwrap_or_default();
    let listed = payload.get("identifiers").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let sent = listed.iter().chain(payload.get("identifier"));
    sent.filter_map(|one| one.get("value")?.as_str().map(str::to_owned)).collect()
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Account<P, K> {
    /// Reports a request of this account that was refused.
    pub(in crate::ca) fn report_refusal(
        &self,
        route: &AccountRoute,
        admitted: Option<&Admitted>,
        problem: &Problem,
        request: &str,
    ) {
        if !self.ports.settings().operations_on() {
            return;
        }
        let sent = admitted.map(sent_names).unwrap_or_default();
        // Without storage, the failure is reported without its names.
        let subject = self.transact(|txn| self.subject(txn, route, sent)).unwrap_or_default();
        if problem.limit.as_deref() == Some(PAUSED) {
            self.report_pauses(&subject);
        }
        self.report((route.resource(), Some(request)), subject, problem);
    }

    /// Reports a validation that failed permanently.
    pub(in crate::ca) fn report_validation(&self, identifier: &Identifier, problem: &Problem) {
        self.report_job("validation", core::slice::from_ref(identifier), problem);
    }

    /// Reports an issuance that was abandoned.
    pub(in crate::ca) fn report_issuance(&self, order: &OrderRecord, problem: &Problem) {
        self.report_job("issuance", &order.identifiers, problem);
    }

    fn report_job(&self, step: &str, identifiers: &[Identifier], problem: &Problem) {
        if self.ports.settings().operations_on() {
            let external = self.transact(|txn| external_of(txn)).unwrap_or_default();
            let names = identifiers.iter().map(Identifier::to_string).collect();
            self.report((step, None), Subject { external, names }, problem);
        }
    }

    fn report(&self, (step, request): (&str, Option<&str>), subject: Subject, problem: &Problem) {
        failures::failed(&self.ports, (Origin::Account, step), problem, |failure| {
            let mut failure = failure.about_texts(subject.names.iter().map(String::as_str));
            failure.account = Some(self.id.clone());
            failure.external_account = subject.external;
            failure.request = request.filter(|id| !id.is_empty()).map(str::to_owned);
            failure
        });
    }

    /// Reports paused names once more, in case an earlier report was lost.
    fn report_pauses(&self, subject: &Subject) {
        for identifier in subject.names.iter().filter_map(|name| Identifier::parse(name).ok()) {
            let id = identifier_id(&identifier.base(), false);
            if let Ok(Some(record)) = self.transact(|txn| Ok(txn.get::<FailingRecord>(&id)?)) {
                self.report_pause(&id, &record, subject.external.clone());
            }
        }
    }

    /// Reports a name that is paused.
    pub(in crate::ca) fn report_pause(&self, subject: &str, record: &FailingRecord, external: Option<String>) {
        let Some(since) = record.paused else { return };
        let (account, subject) = (self.id.clone(), subject.to_owned());
        let paused = PausedRecord { account, external_account: external, subject, since, streak: record.streak };
        failures::paused(&self.ports, paused);
    }

    fn subject(&self, txn: &Txn<'_, K>, route: &AccountRoute, sent: Vec<String>) -> Result<Subject, Problem> {
        let names = match route {
            AccountRoute::Order(id) | AccountRoute::Finalize(id) => self
                .find_order(txn, id)?
                .map(|order| order.identifiers.iter().map(Identifier::to_string).collect())
                .unwrap_or_default(),
            AccountRoute::Authorization(id) | AccountRoute::Challenge(id, _) => {
                self.find_authorization(txn, id)?.iter().map(|found| found.identifier.to_string()).collect()
            }
            _ => sent.into_iter().map(|text| Identifier::parse(&text).map_or(text, |name| name.to_string())).collect(),
        };
        Ok(Subject { external: external_of(txn)?, names })
    }
}

/// The external account key of the account.
pub(in crate::ca) fn external_of<K: Kv>(txn: &Txn<'_, K>) -> Result<Option<String>, Problem> {
    Ok(txn.get::<AccountRecord>("")?.and_then(|account| account.external).map(|bound| bound.kid))
}
