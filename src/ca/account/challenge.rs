//! Challenges: their resource and the client's response
//! ([RFC 8555 §7.5.1](https://www.rfc-editor.org/rfc/rfc8555#section-7.5.1)).

use super::activity::BegunJob;
use super::authorization::VALIDATION_RETRY;
use super::kind::Account;
use super::request::{Admitted, payload};
use crate::ca::http::message::{Answer, Response};
use crate::ca::runtime::jobs::{JobRecord, Work};
use crate::ca::runtime::ports::PartitionPorts;
use crate::jose::key_authorization;
use crate::records::acme::authorization::ChallengeStatus;
use crate::records::{AuthorizationRecord, Problem};
use crate::store::{Kv, Txn};
use crate::values::Id;
use core::time::Duration;
use serde_json::{Map, Value};

/// How long the response to a challenge request waits for the validation. Most validations finish within it, even under
/// load, and the client sees `valid` without a poll, which would be another request with its nonce. Clients wait as
/// long before their first poll.
const VALIDATION_WAIT: Duration = Duration::from_secs(3);

impl<P: PartitionPorts + 'static, K: Kv + 'static> Account<P, K> {
    /// Handles POST to a challenge: `""` reads it, `{}` answers it. If the challenge is being validated, an answer
    /// requests the next try now; if it is decided, an answer changes nothing.
    ///
    /// # Errors
    /// 404 for an unknown challenge; `malformed` for a payload that is not a JSON object; `rateLimited` for a name
    /// whose validations fail too often.
    pub async fn post_challenge(&self, admitted: &Admitted, id: &Id, kind: &str) -> Answer {
        let work = Work::Validate(id.clone(), kind.to_owned());
        let begun = self.transact_as_account(admitted, |txn, _account| {
            let mut authorization = self.authorization(txn, id)?;
            authorization.challenge(kind).ok_or_else(|| Problem::not_found("challenge"))?;
            if admitted.jws.is_post_as_get() {
                return Ok(None);
            }
            let _members: Map<String, Value> = payload(admitted)?;
            self.respond(txn, &mut authorization, &work, kind, admitted)
        })?;
        if let Some(job) = begun {
            self.run_begun(job, VALIDATION_WAIT).await;
        }
        self.transact(|txn| {
            let authorization = self.authorization(txn, id)?;
            self.challenge_response(&authorization, kind)
        })
    }

    /// Records the response, with the current key authorization. Returns the validation job to run, if any.
    fn respond(
        &self,
        txn: &mut Txn<'_, K>,
        authorization: &mut AuthorizationRecord,
        work: &Work,
        kind: &str,
        admitted: &Admitted,
    ) -> Result<Option<JobRecord>, Problem> {
        let now = self.ports.now();
        if authorization.awaits_response(kind, now) {
            self.may_validate(txn, &authorization.identifier)?;
        }
        let token = authorization.challenge(kind).map(|c| c.token.clone()).unwrap_or_default();
        let key_authorization = key_authorization(&token, admitted.jws.thumbprint());
        if authorization.respond(kind, key_authorization.clone(), now) {
            let job = BegunJob { work: work.clone(), key_authorization: Some(key_authorization) };
            return self.begin_unrecorded(txn, job).map(Some);
        }
        // The job waits for its next try, and the client is ready now. A running try is not interrupted.
        let waiting = txn.get::<JobRecord>(&work.name())?.filter(|job| job.waiting && job.due_at(now) > now);
        waiting.map(|job| self.hold(txn, job)).transpose()
    }

    fn challenge_response(&self, authorization: &AuthorizationRecord, kind: &str) -> Answer {
        let urls = &self.ports.settings().urls;
        let challenge = authorization.challenge(kind).ok_or_else(|| Problem::not_found("challenge"))?;
        let url = urls.challenge(&authorization.id, kind);
        // certbot takes the authorization's URL from `up`.
        let response = Response::json(200, &challenge.wire(&url))
            .located(&url)
            .linked(&urls.authorization(&authorization.id), "up");
        Ok(if challenge.status == ChallengeStatus::Processing {
            response.retry_after(VALIDATION_RETRY)
        } else {
            response
        })
    }
}
