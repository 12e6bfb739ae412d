//! The policies that a request is under: what operators put in force, and what they gave an external account key.
//!
//! Both stand in partitions of their own. Whoever decides asks for them, and remembers the answer for some seconds: a change
//! holds everywhere within that time, at once where it was made, and costs a call now and then instead of one with each
//! order.

use crate::ca::config::policy;
use crate::ca::config::policy::known;
use crate::ca::config::settings::Settings;
use crate::ca::partitions::external_key::{ExternalKeyAt, ShowKey};
use crate::ca::partitions::operations::kind::OperationsAt;
use crate::ca::partitions::operations::policies::PoliciesInForce;
use crate::ca::runtime::policy_cache::{InForce, KeyRule, REMEMBERED};
use crate::ca::runtime::ports::Ports;
use crate::policy::{Policy, Rules};
use crate::records::operations::external_key::ExternalKeyRecord;
use crate::records::{AccountRecord, Kind, Problem};
use core::time::Duration;
use std::rc::Rc;

/// How long the last known policy decides while nobody answers who knows better.
const STALE: Duration = Duration::from_secs(600);

/// All that an account's requests are under.
#[derive(Clone, Debug, Default)]
pub struct Governing {
    /// The CA's policies.
    pub in_force: Rc<InForce>,
    /// The external account key of the account, and what it gives.
    pub key: Option<(String, Rc<KeyRule>)>,
}

impl Governing {
    /// The rules that decide about an account's orders.
    ///
    /// # Errors
    /// `unauthorized` for an account whose external account key is not good any more: taking a key away ends what accounts
    /// made with it can order.
    pub fn rules<'a>(&'a self, settings: &'a Settings) -> Result<Rules<'a>, Problem> {
        self.rules_under(self.in_force.policy(settings), settings)
    }

    /// As [`Governing::rules`], with another policy of the CA.
    ///
    /// # Errors
    /// As [`Governing::rules`].
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
        // Anybody can have an account without external binding; only a test machine trusts it with names unproven.
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

/// What an account is under.
///
/// # Errors
/// `serverInternal` when it cannot be found out.
pub async fn governing<P: Ports>(ports: &P, account: &AccountRecord) -> Result<Governing, Problem> {
    of_key(ports, account.external.as_ref().map(|bound| (bound.kid.as_str(), bound.made))).await
}

/// What an account would be under that was made without an external account key, or with the one of this kid, which is one
/// that an operator `made` or one of the configuration.
///
/// # Errors
/// `serverInternal` when it cannot be found out.
pub async fn of_key<P: Ports>(ports: &P, key: Option<(&str, bool)>) -> Result<Governing, Problem> {
    let in_force = in_force(ports).await?;
    let key = match key {
        None => None,
        Some((kid, made)) => Some((kid.to_owned(), key_rule(ports, kid, made).await?)),
    };
    Ok(Governing { in_force, key })
}

/// The policies that are in force.
///
/// # Errors
/// `serverInternal` when they cannot be found out, and are not remembered from minutes ago.
pub async fn in_force<P: Ports>(ports: &P) -> Result<Rc<InForce>, Problem> {
    let (memory, now) = (ports.memory(), ports.now());
    let known = memory.policies();
    if let Some((at, found)) = &known
        && now < at.plus(REMEMBERED)
    {
        return Ok(found.clone());
    }
    let asked = async {
        let documents = ports.ask(&OperationsAt, &PoliciesInForce).await?;
        InForce::read(&documents).map(Rc::new)
    };
    match (asked.await, known) {
        (Ok(found), _) => {
            memory.keep_policies(found.clone(), now);
            Ok(found)
        }
        (Err(problem), Some((at, found))) if now < at.plus(STALE) => {
            ports.log(&format!("the policy of {} decides still: {}", at.rfc3339(), problem.log.unwrap_or_default()));
            Ok(found)
        }
        (Err(problem), _) => Err(problem),
    }
}

/// What an external account key gives its accounts. A kid of the configuration is that of no other key, and the accounts of
/// a key never become those of another one with the same kid.
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
/// `serverInternal` for one that cannot be read any more.
pub fn policy_of(record: &ExternalKeyRecord) -> Result<Policy, Problem> {
    let path = format!("the policy of external account key {:?}", record.kid);
    let policy = record.policy.as_ref().map(|document| policy::read_policy(&path, document));
    policy.transpose().map(Option::unwrap_or_default).map_err(Problem::internal)
}
