//! The policy of a certificate in the log.
//!
//! An order keeps the revision of the policy that permitted it, and its hash. The ledger looks for the text when it first
//! meets a policy that the log does not have last; no other issuance needs it.
//!
//! An order that is retried may be under an earlier revision than others since. Its policy's entry says when it was
//! prepared, so that a reader sees that the earlier revision was in force then, and is in force for no other certificate.

use super::kind::Ledger;
use super::log::{OpenLog, json};
use crate::ca::config::policy::read_policy;
use crate::ca::partitions::operations::kind::OperationsAt;
use crate::ca::partitions::operations::policies::{ListPolicies, PoliciesInForce};
use crate::ca::runtime::policy_cache::{InForce, PolicyDigest};
use crate::ca::runtime::ports::PartitionPorts;
use crate::policy::Policy;
use crate::records::Problem;
use crate::records::ledger::log::LastPolicy;
use crate::store::{Kv, Txn};
use crate::tlog::entry::{Entry, Kind, LoggedPolicy};
use crate::values::{Time, b64};
use sha2::{Digest, Sha256};

/// Maximum length of a policy's text in the log, in octets.
const MAX_POLICY: usize = 16 * 1024;

/// The policy that permitted a certificate.
#[derive(Clone, Copy, Debug)]
pub(in crate::ca) struct PermittingPolicy<'a> {
    /// As it is logged; perhaps still without its text.
    pub policy: &'a LoggedPolicy,
    /// Whether it has its text, or that is not known.
    pub is_whole: bool,
    /// Preparation of the certificate.
    pub prepared: Time,
}

impl<'a> PermittingPolicy<'a> {
    /// The policy in an ask. Those of the release before have the text.
    pub fn asked(policy: &'a LoggedPolicy, prepared: Time) -> Self {
        Self { policy, is_whole: policy.policy.is_some(), prepared }
    }

    /// Adds the policy to the open log, unless it is the last one there.
    ///
    /// One of an earlier revision than another is added in any case.
    ///
    /// # Errors
    /// As [`OpenLog::put`].
    pub fn append_to<K: Kv>(self, txn: &mut Txn<'_, K>, log: &mut OpenLog) -> Result<(), Problem> {
        let policy = self.policy;
        let open = log.logs(txn)?.open();
        if open.is_some_and(|open| !open.wants_policy(policy)) {
            return Ok(());
        }
        let digest = |body: &[u8]| b64::encode(&Sha256::digest(body));
        // The release before has logged it, and did not note the revision.
        let before = digest(&json(policy)?);
        if open.is_some_and(|open| policy.revision >= open.highest_revision() && open.policy.as_ref() == Some(&before))
        {
            return note(txn, log, policy, before);
        }
        let body = json(&LoggedPolicy { prepared: Some(self.prepared), ..policy.clone() })?;
        note(txn, log, policy, digest(&body))?;
        log.put(txn, Entry { kind: Kind::Policy, body: &body }).map(drop)
    }
}

/// Notes the policy that the log has last, and the digest of its entry.
fn note<K: Kv>(txn: &mut Txn<'_, K>, log: &mut OpenLog, policy: &LoggedPolicy, entry: String) -> Result<(), Problem> {
    let (revision, sha256) = (policy.revision, policy.sha256.clone());
    log.change(txn, |state| {
        let highest = Some(state.highest_revision()).filter(|highest| *highest > revision);
        state.policy = Some(entry.clone());
        state.last_policy = Some(LastPolicy { revision, sha256, entry, highest });
    })
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Ledger<P, K> {
    /// Whether a policy is to be logged and still needs its text.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn wants_text(
        &self,
        txn: &Txn<'_, K>,
        log: &mut OpenLog,
        policy: PermittingPolicy<'_>,
    ) -> Result<bool, Problem> {
        if policy.is_whole || self.ports.settings().log.is_none() {
            return Ok(false);
        }
        let is_there = log.logs(txn)?.open().is_some_and(|open| !open.wants_policy(policy.policy));
        Ok(!is_there || !self.continues(txn, log)?)
    }

    /// Returns a policy with its text, if that is known and short enough.
    ///
    /// # Errors
    /// When the operations partition does not answer.
    pub(in crate::ca) async fn with_text(&self, policy: &LoggedPolicy) -> Result<LoggedPolicy, Problem> {
        let text = self.text_of(policy).await?.filter(|text| text.len() <= MAX_POLICY);
        Ok(LoggedPolicy { policy: text, ..policy.clone() })
    }

    /// Finds the text of a policy: in memory, or in the operations partition.
    async fn text_of(&self, wanted: &LoggedPolicy) -> Result<Option<String>, Problem> {
        let settings = self.ports.settings();
        let text = |policy: &Policy| {
            let (text, sha256) = PolicyDigest::compute(policy);
            (sha256 == wanted.sha256).then_some(text)
        };
        let of = |found: &InForce| match u64::from(found.version) == wanted.revision {
            true => text(found.policy(settings)),
            false => None,
        };
        let near = text(&settings.policy).or_else(|| of(&self.ports.memory().policies()?.1));
        if near.is_some() || wanted.revision == 0 {
            // The setting has changed if it is revision 0, and its earlier text is gone.
            return Ok(near);
        }
        let in_force = InForce::read(&self.ports.ask(&OperationsAt, &PoliciesInForce).await?);
        if let Some(found) = in_force.ok().and_then(|found| of(&found)) {
            return Ok(Some(found));
        }
        // Another one was put in force meanwhile.
        let versions = self.ports.ask(&OperationsAt, &ListPolicies).await?.versions;
        let found = versions.into_iter().find(|record| u64::from(record.version) == wanted.revision);
        let policy = found.and_then(|record| read_policy("the policy to log", &record.document?).ok());
        Ok(policy.as_ref().and_then(text))
    }
}
