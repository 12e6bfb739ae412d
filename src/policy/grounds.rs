//! Rules that a decision rests on, and the policies that they are from.

use super::Pattern;
use std::fmt;

/// Policy that a rule is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The policy of the CA.
    Ca,
    /// The policy of the external account key of this name.
    Key(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ca => f.write_str("the policy of this CA"),
            Self::Key(kid) => write!(f, "the policy of external account key {kid:?}"),
        }
    }
}

/// Rules that allow an identifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grounds {
    /// The pattern that pre-authorises it, with its policy.
    pub preauthorized: Option<(Pattern, Source)>,
    /// The pattern that allows it, of each policy with an `allow` that applies.
    pub allowed: Vec<(Pattern, Source)>,
}

impl fmt::Display for Grounds {
    /// A clause that follows the identifier.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let allowed = || join(self.allowed.iter().map(|(pattern, source)| format!("allow \"{pattern}\" of {source}")));
        match (&self.preauthorized, self.allowed.is_empty()) {
            (None, true) => f.write_str("is allowed: no rule is against it"),
            (None, false) => write!(f, "is allowed by {}", allowed()),
            (Some((pattern, source)), true) => write!(f, "is pre-authorised by \"{pattern}\" of {source}"),
            (Some((pattern, source)), false) => {
                write!(f, "is pre-authorised by \"{pattern}\" of {source}, and allowed by {}", allowed())
            }
        }
    }
}

pub(super) fn join(rules: impl Iterator<Item = String>) -> String {
    rules.collect::<Vec<_>>().join(" and by ")
}
