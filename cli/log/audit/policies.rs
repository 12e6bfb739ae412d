//! The policies of a log: which one is in force at which certificate.

use std::collections::BTreeMap;
use std::time::Duration;

use selvedge::ca::config::policy::read_policy_text;
use selvedge::policy::Policy;
use selvedge::tlog::entry::LoggedPolicy;
use selvedge::values::{Time, hex};
use sha2::{Digest, Sha256};

/// How long parts of a CA may still have the policy before the newest.
const SPREADING: Duration = Duration::from_secs(5 * 60);

/// What the entries of policies have said so far.
#[derive(Default)]
pub struct Policies {
    /// The policy of the last entry, if that has its text.
    present: Option<Policy>,
    /// The revision of the last entry.
    revision: Option<u64>,
    /// The texts by revision.
    texts: BTreeMap<u64, Policy>,
    /// When certificates under a revision were first prepared, as far as entries say it.
    begun: BTreeMap<u64, Option<Time>>,
    /// Number of certificates under the last entry, if that is of an earlier revision.
    late: Option<u64>,
}

impl Policies {
    /// The policy in force, if its text is known.
    pub fn present(&self) -> Option<&Policy> {
        self.present.as_ref()
    }

    /// The revision in force; `None` if its text is not known.
    pub fn revision(&self) -> Option<u64> {
        self.present.as_ref().and(self.revision)
    }

    /// Reads the next policy.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn entry(&mut self, found: &LoggedPolicy) -> Result<(), String> {
        (self.revision, self.present, self.late) = (Some(found.revision), None, None);
        if let Some(text) = &found.policy {
            let hash = hex::encode(&Sha256::digest(text));
            if hash != found.sha256 {
                return Err(format!("its text has the hash {hash}, not {}", found.sha256));
            }
            let (policy, _) = read_policy_text(text).map_err(|fault| format!("its text is not a policy: {fault}"))?;
            self.present = Some(policy);
        }
        let in_time = self.order(found);
        let begun = self.begun.entry(found.revision).or_default();
        *begun = begun.iter().chain(&found.prepared).min().copied();
        in_time.and_then(|()| self.compare(found.revision))
    }

    /// Notes a certificate under the last policy.
    ///
    /// # Errors
    /// When the policy is an earlier one, and had a certificate already.
    pub fn certificate(&mut self) -> Result<(), String> {
        let Some(count) = &mut self.late else { return Ok(()) };
        *count = count.saturating_add(1);
        match (*count, self.revision) {
            (2.., Some(revision)) => {
                Err(format!("the earlier revision {revision} is in force for a second certificate"))
            }
            _ => Ok(()),
        }
    }

    /// Checks that a policy follows those before it.
    ///
    /// An earlier one is for an order that was prepared before.
    /// The setting `POLICY` has no revisions of its own, and changes as it likes.
    fn order(&mut self, found: &LoggedPolicy) -> Result<(), String> {
        let newer = self.begun.range(found.revision.saturating_add(1)..);
        let Some((highest, _)) = newer.clone().next_back() else { return Ok(()) };
        self.late = Some(0);
        let first = newer.filter_map(|(_, begun)| *begun).min();
        let (Some(first), Some(prepared)) = (first, found.prepared) else {
            return Err(format!("revision {} follows {highest}: revisions have to rise", found.revision));
        };
        if prepared > first.plus(SPREADING) {
            let (prepared, first) = (prepared.rfc3339(), first.rfc3339());
            return Err(format!(
                "revision {} is in force for a certificate of {prepared}, and a later one since {first}: revisions have \
                 to rise",
                found.revision
            ));
        }
        Ok(())
    }

    /// Checks that a revision has one policy. That of revision 0, the setting, may change.
    fn compare(&mut self, revision: u64) -> Result<(), String> {
        let Some(policy) = self.present.clone().filter(|_| revision > 0) else { return Ok(()) };
        match self.texts.insert(revision, policy) {
            Some(before) if Some(&before) != self.present.as_ref() => {
                Err(format!("revision {revision} was another policy before"))
            }
            _ => Ok(()),
        }
    }
}
