//! Decisions: what the CA's policy and that of an external account key make of an identifier.

#[cfg(test)]
mod tests;

use super::{Known, Pattern, Policy, internal_suffix};
use crate::values::Identifier;
use crate::values::identifier::DnsName;
use core::time::Duration;
use std::fmt;

/// The CA's policy together with that of an external account key: what an account is under.
///
/// The key's policy narrows the CA's: both must allow. Two things a key adds: what it pre-authorises need not stand
/// in the CA's `allow`, and challenge types that it names are offered to it even if they are not offered by default.
/// What either denies is denied.
#[derive(Clone, Debug)]
pub struct Rules<'a> {
    /// The CA's policy.
    pub ca: &'a Policy,
    /// The external account key of the account, with its policy.
    pub key: Option<(&'a str, &'a Policy)>,
    /// Whether the CA's own `preauthorized` is for this account.
    pub trusted: bool,
    /// Challenge types and profiles.
    pub known: Known,
}

/// What an identifier may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permit {
    /// The challenge types that are offered for it.
    pub challenges: Vec<String>,
    /// The challenge types that no policy excludes: beside those that are offered, those that are not by default, which
    /// a caller may have a reason of its own to offer.
    pub possible: Vec<String>,
    /// Whether its authorization is born valid.
    pub preauthorized: bool,
}

impl Permit {
    /// Whether this challenge type is offered.
    pub fn offers(&self, challenge: &str) -> bool {
        self.challenges.iter().any(|offered| offered == challenge)
    }

    /// Whether this challenge type may be offered, though it need not be.
    pub fn allows(&self, challenge: &str) -> bool {
        self.possible.iter().any(|possible| possible == challenge)
    }
}

/// Whose rule it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The CA's.
    Ca,
    /// That of the external account key of this name.
    Key(String),
}

/// The rule that decided against an identifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// It is denied by this pattern.
    Deny(Pattern),
    /// There is a list of what is allowed, and it is not on it.
    NotAllowed,
    /// No wildcards.
    Wildcards,
    /// No names of a single label.
    SingleLabel,
    /// No names of private networks: it has this ending.
    Internal(&'static str),
    /// No challenge type is left, and it is not pre-authorised.
    NoChallenge,
}

/// Why an identifier is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What was asked for.
    pub identifier: Identifier,
    /// What decided.
    pub rule: Rule,
    /// Whose rule that is.
    pub source: Source,
}

impl<'a> Rules<'a> {
    /// Decides about an identifier.
    ///
    /// # Errors
    /// The rule that forbids it; of several the first of these: denied, its form, not allowed, no challenge type.
    pub fn permit(&self, identifier: &Identifier) -> Result<Permit, Refusal> {
        let refuse = |rule, source| Err(Refusal { identifier: identifier.clone(), rule, source });
        let covers = |list: &[Pattern]| list.iter().any(|pattern| pattern.covers(identifier));
        for (source, policy) in self.both() {
            if let Some(rule) = policy.forbids(identifier) {
                return refuse(rule, source);
            }
        }
        let by_key = self.key.is_some_and(|(_, policy)| covers(&policy.preauthorized));
        let by_ca = self.trusted && covers(&self.ca.preauthorized);
        for (source, policy) in self.both() {
            let granted = by_key || (by_ca && source == Source::Ca);
            if !granted && !policy.allow.as_deref().is_none_or(covers) {
                return refuse(Rule::NotAllowed, source);
            }
        }
        let possible = self.within(&self.known.challenges);
        // What a policy names is offered; where none names any, what is offered by default.
        let named = self.both().any(|(_, policy)| policy.challenges.is_some());
        let challenges = if named { possible.clone() } else { self.within(&self.known.offered) };
        let preauthorized = by_key || by_ca;
        if challenges.is_empty() && !preauthorized {
            let closed = |policy: &Policy| policy.challenges.as_ref().is_some_and(Vec::is_empty);
            let source = self.both().find(|(_, policy)| closed(policy)).map_or(Source::Ca, |(source, _)| source);
            return refuse(Rule::NoChallenge, source);
        }
        Ok(Permit { challenges, possible, preauthorized })
    }

    /// Whether certificates of this profile are issued.
    pub fn profile_allowed(&self, name: &str) -> bool {
        let allows = |policy: &Policy| policy.profiles.as_ref().is_none_or(|list| list.iter().any(|one| one == name));
        self.known.profiles.contains(&name) && self.both().all(|(_, policy)| allows(policy))
    }

    /// The longest life of a certificate; `None` for that of its profile.
    pub fn max_lifetime(&self) -> Option<Duration> {
        self.both().filter_map(|(_, policy)| policy.max_lifetime).min()
    }

    /// Those of these challenge types that no policy excludes.
    fn within(&self, names: &[&str]) -> Vec<String> {
        let allows = |policy: &Policy, name: &str| {
            policy.challenges.as_ref().is_none_or(|list| list.iter().any(|listed| listed == name))
        };
        let in_all = |name: &&&str| self.both().all(|(_, policy)| allows(policy, name));
        names.iter().filter(in_all).map(|name| (*name).to_owned()).collect()
    }

    fn both(&self) -> impl Iterator<Item = (Source, &'a Policy)> {
        let key = self.key.map(|(kid, policy)| (Source::Key(kid.to_owned()), policy));
        core::iter::once((Source::Ca, self.ca)).chain(key)
    }
}

impl Policy {
    /// The rule of this policy that forbids an identifier even where all is allowed.
    fn forbids(&self, identifier: &Identifier) -> Option<Rule> {
        if let Some(pattern) = self.deny.iter().find(|pattern| pattern.touches(identifier)) {
            return Some(Rule::Deny(pattern.clone()));
        }
        match identifier {
            Identifier::Dns(name) if name.is_wildcard() && !self.wildcards => Some(Rule::Wildcards),
            Identifier::Dns(name) => self.forbids_form(name),
            Identifier::Ip(_) => None,
        }
    }

    /// The rule that forbids names of this form. A wildcard is judged as the names that it stands for.
    pub(super) fn forbids_form(&self, name: &DnsName) -> Option<Rule> {
        if !self.single_label_names && !name.as_str().contains('.') {
            return Some(Rule::SingleLabel);
        }
        if self.internal_names { None } else { internal_suffix(&name.base()).map(Rule::Internal) }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ca => f.write_str("the policy of this CA"),
            Self::Key(kid) => write!(f, "the policy of external account key {kid:?}"),
        }
    }
}

impl fmt::Display for Rule {
    /// The rule as the document has it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deny(pattern) => write!(f, "deny \"{pattern}\""),
            Self::NotAllowed => f.write_str("allow, which does not list it,"),
            Self::Wildcards => f.write_str("wildcards = false"),
            Self::SingleLabel => f.write_str("single_label_names = false"),
            Self::Internal(suffix) => write!(f, "internal_names = false (it ends in {suffix:?})"),
            Self::NoChallenge => f.write_str("challenges, which leaves no way to prove it,"),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" is refused by {} of {}", self.identifier, self.rule, self.source)
    }
}
