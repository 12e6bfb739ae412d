//! Decisions about identifiers, by the policies of the CA and of an external account key.

#[cfg(test)]
mod tests;

use super::{Grounds, Known, Pattern, Policy, Source, internal_suffix};
use crate::values::Identifier;
use crate::values::identifier::DnsName;
use core::time::Duration;
use std::fmt;

/// Effective policy of an account: the CA's, with that of its external account key.
///
/// The key's policy narrows the CA's: both must allow, and either can deny. A key adds two things: identifiers that it
/// pre-authorises need not be in the CA's `allow`, and challenge types that it names are offered even if they are not
/// offered by default.
#[derive(Clone, Debug)]
pub struct Rules<'a> {
    /// The CA's policy.
    pub ca: &'a Policy,
    /// The external account key of the account, with its policy.
    pub key: Option<(&'a str, &'a Policy)>,
    /// Whether the CA's `preauthorized` applies to this account.
    pub trusted: bool,
    /// Challenge types and profiles.
    pub known: Known,
}

/// Decision for an identifier: the challenges that may prove it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The challenge types that are offered for it.
    pub challenges: Vec<String>,
    /// The challenge types that no policy excludes. The caller may offer those that are not offered, too.
    pub possible: Vec<String>,
    /// Whether its authorization is created valid.
    pub preauthorized: bool,
    /// The rules by which it is permitted.
    pub grounds: Grounds,
}

impl Grant {
    /// Checks whether a challenge type is offered.
    pub fn offers(&self, challenge: &str) -> bool {
        self.challenges.iter().any(|offered| offered == challenge)
    }

    /// Checks whether a challenge type may be offered, by default or not.
    pub fn may_offer(&self, challenge: &str) -> bool {
        self.possible.iter().any(|possible| possible == challenge)
    }
}

/// Rule that refuses an identifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// `deny` has this pattern.
    Deny(Pattern),
    /// `allow` does not list it.
    NotAllowed,
    /// `wildcards` is false.
    Wildcards,
    /// `single_label_names` is false.
    SingleLabel,
    /// `internal_names` is false, and the name has this suffix.
    Internal(&'static str),
    /// `challenges` leaves none, and it is not pre-authorised.
    NoChallenge,
}

/// Refusal of an identifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The requested identifier.
    pub identifier: Identifier,
    /// The deciding rule.
    pub rule: Rule,
    /// The policy with that rule.
    pub source: Source,
}

impl<'a> Rules<'a> {
    /// Decides about an identifier.
    ///
    /// # Errors
    /// The rule that forbids it; of several the first of: denied, its form, not allowed, no challenge type.
    pub fn decide(&self, identifier: &Identifier) -> Result<Grant, Refusal> {
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
        // A policy that names challenge types replaces the default.
        let named = self.both().any(|(_, policy)| policy.challenges.is_some());
        let challenges = if named { possible.clone() } else { self.within(&self.known.offered) };
        let preauthorized = grounds.preauthorized.is_some();
        if challenges.is_empty() && !preauthorized {
            let closed = |policy: &Policy| policy.challenges.as_ref().is_some_and(Vec::is_empty);
            let source = self.both().find(|(_, policy)| closed(policy)).map_or(Source::Ca, |(source, _)| source);
            return refuse(Rule::NoChallenge, source);
        }
        Ok(Grant { challenges, possible, preauthorized, grounds })
    }

    /// Checks whether certificates of a profile are issued.
    pub fn profile_allowed(&self, name: &str) -> bool {
        self.check_profile(name).is_ok()
    }

    /// Finds the policies whose `profiles` list a profile. A policy without the member allows every profile.
    ///
    /// # Errors
    /// The policy whose list lacks it; `None` for an unknown profile.
    pub(super) fn check_profile(&self, name: &str) -> Result<Vec<Source>, Option<Source>> {
        if !self.known.profiles.contains(&name) {
            return Err(None);
        }
        let listed = self.both().filter_map(|(source, policy)| Some((source, policy.profiles.as_ref()?)));
        listed
            .map(|(source, list)| if list.iter().any(|one| one == name) { Ok(source) } else { Err(Some(source)) })
            .collect()
    }

    /// The maximum lifetime of a certificate; `None` for that of its profile.
    pub fn max_lifetime(&self) -> Option<Duration> {
        self.shortest_limit().map(|(longest, _)| longest)
    }

    /// The maximum lifetime and the policy that sets it; of two equal ones, the CA's.
    pub fn shortest_limit(&self) -> Option<(Duration, Source)> {
        let limits = self.both().filter_map(|(source, policy)| Some((policy.max_lifetime?, source)));
        limits.min_by_key(|(longest, _)| *longest)
    }

    /// Decides whether certificates have a common name; `usual` is the default of the profile.
    ///
    /// Either policy can forbid it; otherwise either can request it.
    pub fn common_name(&self, usual: bool) -> bool {
        let said: Vec<bool> = self.both().filter_map(|(_, policy)| policy.common_name).collect();
        if said.is_empty() { usual } else { said.iter().all(|wanted| *wanted) }
    }

    /// Filters challenge types: those that no policy excludes.
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
    /// Finds the rule that forbids an identifier regardless of `allow`.
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

    /// Finds the rule that forbids names of this form. A wildcard is treated like the names it covers.
    pub(super) fn forbids_form(&self, name: &DnsName) -> Option<Rule> {
        if !self.single_label_names && !name.as_str().contains('.') {
            return Some(Rule::SingleLabel);
        }
        if self.internal_names { None } else { internal_suffix(&name.base()).map(Rule::Internal) }
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
