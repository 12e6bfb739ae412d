//! Pauses for names whose validations always fail, and their end at a person's request.

use super::kind::Account;
use crate::ca::config::rate_limits::PAUSED;
use crate::ca::config::settings::Settings;
use crate::ca::http::pause_link::Pause;
use crate::ca::runtime::ports::PartitionPorts;
use crate::ca::runtime::problems::dead_account;
use crate::ca::telemetry::failures;
use crate::records::operations::limit::FailingRecord;
use crate::records::operations::proof;
use crate::records::operations::proof::Purpose;
use crate::records::{AccountRecord, AccountStatus, Kind, Problem};
use crate::store::Kv;
use crate::values::{Id, Time};
use serde::{Deserialize, Serialize};

/// Ends the pause of a name, at a person's request.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Unpause {
    /// The name, as `{type}:{value}`.
    pub subject: String,
    /// The time when the pause began.
    pub since: Time,
}

/// Ends the pause of a name, for an operator. The reply says whether it was paused.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ResumeName {
    /// The name, as `{type}:{value}`.
    pub subject: String,
}

/// How long a client should wait with a paused name, in seconds. A day, since a person has to act first.
const RETRY_AFTER: u32 = 86_400;

/// Returns the URL of the page where a person ends this pause.
pub fn page_of(settings: &Settings, account: &Id, subject: &str, since: Time) -> String {
    let pause = Pause { account: account.clone(), subject: subject.to_owned(), since };
    let proof = proof::proof(&settings.nonce_key, Purpose::Resume, account, &pause.what());
    settings.urls.resumption(&pause, &proof)
}

/// The refusal of an order for a paused name.
pub fn paused(settings: &Settings, account: &Id, subject: &str, since: Time, record: &FailingRecord) -> Problem {
    let page = page_of(settings, account, subject, since);
    let name = subject.split_once(':').map_or(subject, |(_, name)| name);
    let detail = format!(
        "\"{name}\" is paused for this account since {}: {} validations of it have failed, and none has succeeded since \
         {}. Find out why (the last order's authorization has the error) or take the name out of your client; then go on \
         at {page} with a web browser, or ask the operator of this CA to.",
        since.rfc3339(),
        record.streak,
        record.since.rfc3339(),
    );
    Problem {
        retry_after: Some(RETRY_AFTER),
        limit: Some(PAUSED.to_owned()),
        instance: Some(page.clone()),
        help: Some(page),
        ..Problem::new(Kind::RateLimited, detail)
    }
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Account<P, K> {
    /// Ends this pause of a name. If it has ended, or another pause has begun, nothing changes.
    ///
    /// # Errors
    /// 404 if the account does not exist, `unauthorized` with 401 if it is deactivated or revoked.
    pub fn unpause(&self, subject: &str, since: Time) -> Result<(), Problem> {
        self.resume(subject, Some(since)).map(|_| ())
    }

    /// Ends any pause of a name. Returns whether it was paused.
    ///
    /// # Errors
    /// As [`Account::unpause`].
    pub(in crate::ca) fn resume_name(&self, subject: &str) -> Result<bool, Problem> {
        self.resume(subject, None)
    }

    /// Ends the pause of a name that began at a time; any pause for `None`.
    fn resume(&self, subject: &str, since: Option<Time>) -> Result<bool, Problem> {
        let (was_paused, is_paused) = self.transact(|txn| {
            let account = txn.get::<AccountRecord>("")?.ok_or_else(|| Problem::not_found("account"))?;
            if account.status != AccountStatus::Valid {
                return Err(dead_account());
            }
            let paused = txn.get::<FailingRecord>(subject)?.and_then(|record| record.paused);
            let ends = paused.is_some() && (since.is_none() || since == paused);
            if ends {
                txn.delete::<FailingRecord>(subject);
            }
            Ok((paused.is_some(), paused.is_some() && !ends))
        })?;
        if !is_paused {
            failures::resumed(&self.ports, &self.id, subject);
        }
        Ok(was_paused)
    }
}
