//! Authorizations ([RFC 8555 §7.5](https://www.rfc-editor.org/rfc/rfc8555#section-7.5)).

use super::account::payload;
use super::cell::{Admitted, Cell};
use super::http::{Answer, Response};
use super::ports::PartitionPorts;
use crate::acme::authorization::{AuthorizationStatus, ChallengeStatus};
use crate::acme::{AuthorizationRecord, Problem};
use crate::store::{Kv, Txn};
use crate::values::Id;
use serde::Deserialize;

/// How long a client should wait before it asks again while a validation runs, in seconds.
pub const VALIDATION_RETRY: u64 = 2;

#[derive(Deserialize)]
struct Update {
    status: Option<String>,
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Cell<P, K> {
    /// The authorization of this id.
    ///
    /// # Errors
    /// 404 `malformed`.
    pub fn authorization(&self, txn: &Txn<'_, K>, id: &Id) -> Result<AuthorizationRecord, Problem> {
        txn.get::<AuthorizationRecord>(id.as_str())?.ok_or_else(|| Problem::not_found("authorization"))
    }

    /// POST-as-GET of an authorization, or its deactivation (RFC 8555 §7.5.2).
    ///
    /// # Errors
    /// 404 for an unknown one, `malformed` for any other payload.
    pub fn post_authorization(&self, admitted: &Admitted, id: &Id) -> Answer {
        self.enter(admitted, |txn, _account| {
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
            Ok(self.authorization_response(&authorization))
        })
    }

    /// A final state is never left (RFC 8555 §7.1.6): deactivating what is over changes nothing.
    fn deactivate(&self, txn: &mut Txn<'_, K>, authorization: &mut AuthorizationRecord) -> Result<(), Problem> {
        let open = [AuthorizationStatus::Pending, AuthorizationStatus::Valid];
        if open.contains(&authorization.status(self.ports.now())) {
            authorization.state = AuthorizationStatus::Deactivated;
            txn.put(authorization.id.as_str(), authorization)?;
        }
        Ok(())
    }

    fn authorization_response(&self, authorization: &AuthorizationRecord) -> Response {
        let urls = &self.ports.settings().urls;
        let object = authorization.wire(self.ports.now(), |kind| urls.challenge(&authorization.id, kind));
        let response = Response::json(200, &object).located(&urls.authorization(&authorization.id));
        let running = authorization.challenges.iter().any(|c| c.status == ChallengeStatus::Processing);
        if running && authorization.state == AuthorizationStatus::Pending {
            response.retry_after(VALIDATION_RETRY)
        } else {
            response
        }
    }
}
