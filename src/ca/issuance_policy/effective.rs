//! The effective policy: the policy in force with that of the account's external account key.
//!
//! Both are stored in other partitions and cached for some seconds: a change takes effect everywhere within that
//! time, at once where it was made, and orders rarely cost a call.

use crate::ca::config::policy;
use crate::ca::config::policy::known;
use crate::ca::config::settings::Settings;
use crate::ca::partitions::external_key::{ExternalKeyAt, ShowKey};
use crate::ca::partitions::operations::kind::OperationsAt;
use crate::ca::partitions::operations::policies::PoliciesInForce;
use crate::ca::runtime::policy_cache::{InForce, KeyRule, POLICY_AGE};
use crate::ca::runtime::ports::Ports;
use crate::policy::{Policy, Rules};
use crate::records::operations::external_key::ExternalKeyRecord;
use crate::records::{AccountRecord, Kind, Problem};
use core::time::Duration;
use std::rc::Rc;

/// Maximum age of a cached policy that decides while the operations partition does not answer.
const MAX_STALE_AGE: Duration = Duration::from_secs(600);

/// The effective policy of an account.
#[derive(Clone, Debug, Default)]
pub struct EffectivePolicy {
    /// The CA's policies.
    pub in_force: Rc<InForce>,
    /// The external account key of the account with its rule.
    pub key: Option<(String, Rc<KeyRule>)>,
}

impl EffectivePolicy {
    /// The rules for an account's orders.
    ///
    /// # Errors
    /// `unauthorized` for a disabled external account key: its accounts cannot order.
    pub fn rules<'a>(&'a self, settings: &'a Settings) -> Result<Rules<'a>, Problem> {
        self.rules_under(self.in_force.policy(settings), settings)
    }

    /// As [`EffectivePolicy::rules`], with another policy of the CA.
    ///
    /// # Errors
    /// As [`EffectivePolicy::rules`].
    pub fn rules_under<'a>(&'a self, ca: &'a Policy, settings: &'a Settings) -> Result<Rules<'a>, Problem> {
        let key = match &self.key {
            None => None,
            Some((kid, rule)) => {
                let policy = match &**rule {
                    KeyRule::Configured => settings.external.keys.get(kid).map(|key| &key.policy),
                    KeyRule::Made(policy) => Some(policy),
                    KeyRule::Gone => None,
                };
                Some((kid.as_str(), policy.ok_or_else(|| retired(kid))?))
            }
        };
        // Accounts without external binding are open to everyone; only a test machine trusts them with names
        // unproven.
        let trusted = key.is_some() || settings.dev;
        Ok(Rules { ca, key, trusted, known: known() })
    }
}

fn retired(kid: &str) -> Problem {
    let detail = format!(
        "This account was created with the external account key {kid:?}, which this CA does not accept any more, so it \
         can order nothing. Ask the operator for another key and create an account with it and a new account key."
    );
    Problem::new(Kind::Unauthorized, detail)
}

/// The effective policy of an account.
///
/// # Errors
/// `serverInternal` if a partition does not answer.
pub async fn for_account<P: Ports>(ports: &P, account: &AccountRecord) -> Result<EffectivePolicy, Problem> {
    for_external_key(ports, account.external.as_ref().map(|bound| (bound.kid.as_str(), bound.made))).await
}

/// The effective policy of an account with this external account key, or without one. `made`: whether an operator
/// created the key.
///
/// # Errors
/// `serverInternal` if a partition does not answer.
pub async fn for_external_key<P: Ports>(ports: &P, key: Option<(&str, bool)>) -> Result<EffectivePolicy, Problem> {
    let in_force = in_force(ports).await?;
    let key = match key {
        None => None,
        Some((kid, made)) => Some((kid.to_owned(), key_rule(ports, kid, made).await?)),
    };
    Ok(EffectivePolicy { in_force, key })
}

/// The policies in force.
///
/// # Errors
/// `serverInternal` if the operations partition does not answer and the cached ones are too old.
pub async fn in_force<P: Ports>(ports: &P) -> Result<Rc<InForce>, Problem> {
    let (memory, now) = (ports.memory(), ports.now());
    let asked = async {
        let documents = ports.ask(&OperationsAt, &PoliciesInForce).await?;
        InForce::read(&documents).map(Rc::new)
    };
    if ports.settings().closed {
        // A restore exchanges it, so what is cached may be of before.
        return asked.await;
    }
    let known = memory.policies();
    if let Some((at, found)) = &known
        && at.is_within(POLICY_AGE, now)
    {
        return Ok(found.clone());
    }
    match (asked.await, known) {
        (Ok(found), _) => {
            memory.keep_policies(found.clone(), now);
            Ok(found)
        }
        (Err(problem), Some((at, found))) if at.is_within(MAX_STALE_AGE, now) => {
            ports.log(&format!("the policy of {} decides still: {}", at.rfc3339(), problem.log.unwrap_or_default()));
            Ok(found)
        }
        (Err(problem), _) => Err(problem),
    }
}

/// The policies that public pages show. They decide nothing.
///
/// Those of a closed CA have the configured policy: they answer also while a restore exchanges what is in force.
///
/// # Errors
/// As [`in_force`].
pub async fn in_force_shown<P: Ports>(ports: &P) -> Result<Rc<InForce>, Problem> {
    if ports.settings().closed { Ok(Rc::default()) } else { in_force(ports).await }
}

/// The rule of an external account key. Configured and created keys do not share a kid, and accounts of a key never
/// move to another one with the same kid.
async fn key_rule<P: Ports>(ports: &P, kid: &str, made: bool) -> Result<Rc<KeyRule>, Problem> {
    match (ports.settings().external.keys.contains_key(kid), made) {
        (true, false) => return Ok(Rc::new(KeyRule::Configured)),
        (true, true) | (false, false) => return Ok(Rc::new(KeyRule::Gone)),
        (false, true) => {}
    }
    let (memory, now) = (ports.memory(), ports.now());
    if let Some(rule) = memory.key_rule(kid, now) {
        return Ok(rule);
    }
    let shown = ports.ask(&ExternalKeyAt(kid.to_owned()), &ShowKey).await?;
    let rule = Rc::new(match shown.record {
        Some(record) if record.disabled.is_none() => KeyRule::Made(policy_of(&record)?),
        Some(_) | None => KeyRule::Gone,
    });
    memory.keep_key_rule(kid, rule.clone(), now);
    Ok(rule)
}

/// The policy of an external account key.
///
/// # Errors
/// `serverInternal` if it cannot be parsed any more.
pub fn policy_of(record: &ExternalKeyRecord) -> Result<Policy, Problem> {
    let path = format!("the policy of external account key {:?}", record.kid);
    let policy = record.policy.as_ref().map(|document| policy::read_policy(&path, document));
    policy.transpose().map(Option::unwrap_or_default).map_err(Problem::internal)
}
