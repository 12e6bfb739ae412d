//! Authorizations ([RFC 8555 §7.5](https://www.rfc-editor.org/rfc/rfc8555#section-7.5)).

use super::kind::Account;
use super::request::{Admitted, payload};
use crate::ca::http::message::{Answer, Response};
use crate::ca::runtime::ports::PartitionPorts;
use crate::policy::Grant;
use crate::records::acme::authorization::{AuthorizationStatus, ChallengeStatus};
use crate::records::acme::new_order::NewAuthorization;
use crate::records::{AuthorizationRecord, Kind, Problem};
use crate::store::{Kv, Txn};
use crate::values::Id;
use serde::Deserialize;

/// How long a client should wait between polls while a validation runs, in seconds.
pub const VALIDATION_RETRY: u64 = 2;

#[derive(Deserialize)]
struct Update {
    status: Option<String>,
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Account<P, K> {
    /// Returns the authorization with this id.
    ///
    /// # Errors
    /// 404 `malformed`.
    pub fn authorization(&self, txn: &Txn<'_, K>, id: &Id) -> Result<AuthorizationRecord, Problem> {
        self.find_authorization(txn, id)?.ok_or_else(|| Problem::not_found("authorization"))
    }

    /// Creates an authorization without an order: newAuthz
    /// ([RFC 8555 §7.4.1](https://www.rfc-editor.org/rfc/rfc8555#section-7.4.1)). Once it is valid, orders may use it.
    /// An existing one, valid or pending from an earlier newAuthz, is returned with 200.
    ///
    /// # Errors
    /// `malformed`, also for a wildcard; `unsupportedIdentifier`; 403 `rejectedIdentifier` for an identifier that the
    /// CA would not certify; `rateLimited`.
    pub fn post_new_authorization(&self, admitted: &Admitted) -> Answer {
        self.transact_as_account(admitted, |txn, _account| {
            let wanted: NewAuthorization = payload(admitted)?;
            let identifier = wanted.checked()?;
            // Unlike newOrder, newAuthz refuses with 403.
            let unwilling = |problem: Problem| match problem.kind {
                Kind::RejectedIdentifier => problem.with_status(403),
                _ => problem,
            };
            let permits = self.permits(&admitted.governing, core::slice::from_ref(&identifier)).map_err(unwilling)?;
            let permit = permits.of(&identifier)?;
            let noted = self
                .indexed_authorization(txn, &identifier)?
                .filter(|noted| self.is_reusable_preauthorization(noted, permit));
            if let Some(authorization) = noted {
                return Ok(self.authorization_response(200, &authorization));
            }
            self.count_authorization(txn, &identifier)?;
            let authorization = self.authorization_for(txn, &identifier, self.fresh_id()?, permit)?;
            txn.put(authorization.id.as_str(), &authorization)?;
            self.index_authorization(txn, &authorization)?;
            Ok(self.authorization_response(201, &authorization))
        })
    }

    /// Whether a further newAuthz is answered with this authorization. It must be a reusable proof, a pre-authorisation
    /// that still applies, or a pending one without an order whose challenge types are all still permitted.
    fn is_reusable_preauthorization(&self, authorization: &AuthorizationRecord, permit: &Grant) -> bool {
        let granted = authorization.challenges.is_empty();
        match authorization.status(self.ports.now()) {
            AuthorizationStatus::Valid if granted || permit.preauthorized => granted && permit.preauthorized,
            AuthorizationStatus::Valid => self.is_reusable(authorization, permit),
            AuthorizationStatus::Pending => {
                let open = authorization.challenges.iter().all(|challenge| permit.may_offer(&challenge.kind));
                authorization.order.is_none() && open && !permit.preauthorized
            }
            AuthorizationStatus::Invalid | AuthorizationStatus::Deactivated | AuthorizationStatus::Expired => false,
        }
    }

    /// Handles POST-as-GET of an authorization, or its deactivation (RFC 8555 §7.5.2).
    ///
    /// # Errors
    /// 404 for an unknown id, `malformed` for any other payload.
    pub fn post_authorization(&self, admitted: &Admitted, id: &Id) -> Answer {
        self.transact_as_account(admitted, |txn, _account| {
            let mut authorization = self.authorization(txn, id)?;
            if !admitted.jws.is_post_as_get() {
                let update: Update = payload(admitted)?;
                if update.status.as_deref() != Some("deactivated") {
                    let detail = "An authorization can be read (payload: the empty string) or deactivated (payload: \
                                  {\"status\":\"deactivated\"}); the request does neither.";
                    return Err(Problem::malformed(detail));
                }
                self.deactivate(txn, &mut authorization)?;
            }
            Ok(self.authorization_response(200, &authorization))
        })
    }

    /// Deactivates an authorization unless its state is final (RFC 8555 §7.1.6). Deactivation during a validation
    /// counts as a failed validation: otherwise a client could keep every failing try from being counted.
    fn deactivate(&self, txn: &mut Txn<'_, K>, authorization: &mut AuthorizationRecord) -> Result<(), Problem> {
        let open = [AuthorizationStatus::Pending, AuthorizationStatus::Valid];
        let before = authorization.status(self.ports.now());
        let running = authorization.challenges.iter().any(|challenge| challenge.status == ChallengeStatus::Processing);
        if before == AuthorizationStatus::Pending && running {
            self.count_failure(txn, &authorization.identifier)?;
        }
        if open.contains(&before) {
            authorization.state = AuthorizationStatus::Deactivated;
            txn.put(authorization.id.as_str(), authorization)?;
        }
        Ok(())
    }

    fn authorization_response(&self, status: u16, authorization: &AuthorizationRecord) -> Response {
        let urls = &self.ports.settings().urls;
        let object = authorization.wire(self.ports.now(), |kind| urls.challenge(&authorization.id, kind));
        let response = Response::json(status, &object).located(&urls.authorization(&authorization.id));
        let running = authorization.challenges.iter().any(|c| c.status == ChallengeStatus::Processing);
        if running && authorization.state == AuthorizationStatus::Pending {
            response.retry_after(VALIDATION_RETRY)
        } else {
            response
        }
    }
}
