//! Decisions: what the CA's policy and that of an external account key make of an identifier.

#[cfg(test)]
mod tests;

use super::{Grounds, Known, Pattern, Policy, internal_suffix};
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
    /// The rules by which it is permitted.
    pub grounds: Grounds,
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
        let find = |list: &[Pattern]| list.iter().find(|pattern| pattern.covers(identifier)).cloned();
        for (source, policy) in self.both() {
            if let Some(rule) = policy.forbids(identifier) {
                return refuse(rule, source);
            }
        }
        let by_key =
            self.key.and_then(|(kid, policy)| Some((find(&policy.preauthorized)?, Source::Key(kid.to_owned()))));
        let by_ca = if self.trusted { find(&self.ca.preauthorized) } else { None };
        let mut allowed = Vec::new();
        for (source, policy) in self.both() {
            let granted = by_key.is_some() || (by_ca.is_some() && source == Source::Ca);
            let Some(list) = policy.allow.as_deref().filter(|_| !granted) else { continue };
            match find(list) {
                Some(pattern) => allowed.push((pattern, source)),
                None => return refuse(Rule::NotAllowed, source),
            }
        }
        let grounds = Grounds { preauthorized: by_key.or_else(|| Some((by_ca?, Source::Ca))), allowed };
        let possible = self.within(&self.known.challenges);
        // What a policy names is offered; where none names any, what is offered by default.
        let named = self.both().any(|(_, policy)| policy.challenges.is_some());
        let challenges = if named { possible.clone() } else { self.within(&self.known.offered) };
        let preauthorized = grounds.preauthorized.is_some();
        if challenges.is_empty() && !preauthorized {
            let closed = |policy: &Policy| policy.challenges.as_ref().is_some_and(Vec::is_empty);
            let source = self.both().find(|(_, policy)| closed(policy)).map_or(Source::Ca, |(source, _)| source);
            return refuse(Rule::NoChallenge, source);
        }
        Ok(Permit { challenges, possible, preauthorized, grounds })
    }

    /// Whether certificates of this profile are issued.
    pub fn profile_allowed(&self, name: &str) -> bool {
        self.check_profile(name).is_ok()
    }

    /// Whose lists have this profile; where there are none, every profile is issued.
    ///
    /// # Errors
    /// Whose list leaves it out; `None` for a profile that does not exist.
    pub(super) fn check_profile(&self, name: &str) -> Result<Vec<Source>, Option<Source>> {
        if !self.known.profiles.contains(&name) {
            return Err(None);
        }
        let listed = self.both().filter_map(|(source, policy)| Some((source, policy.profiles.as_ref()?)));
        listed
            .map(|(source, list)| if list.iter().any(|one| one == name) { Ok(source) } else { Err(Some(source)) })
            .collect()
    }

    /// The longest life of a certificate; `None` for that of its profile.
    pub fn max_lifetime(&self) -> Option<Duration> {
        self.shortest_limit().map(|(longest, _)| longest)
    }

    /// The longest life of a certificate, and who says so; of two that say the same, the CA.
    pub fn shortest_limit(&self) -> Option<(Duration, Source)> {
        let limits = self.both().filter_map(|(source, policy)| Some((policy.max_lifetime?, source)));
        limits.min_by_key(|(longest, _)| *longest)
    }

    /// Whether certificates of a profile have a common name; `usual` is what the profile says. Either policy can have it
    /// left out; else either can ask for it.
    pub fn common_name(&self, usual: bool) -> bool {
        let said: Vec<bool> = self.both().filter_map(|(_, policy)| policy.common_name).collect();
        if said.is_empty() { usual } else { said.iter().all(|wanted| *wanted) }
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
