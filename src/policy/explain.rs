//! Decisions as sentences for operators, which name the deciding rule.

#[cfg(test)]
mod tests;

use super::grounds::join;
use super::{Grant, Rules};
use crate::values::Identifier;
use serde::Serialize;

/// Decision about an identifier, for the operations API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// The identifier.
    pub identifier: String,
    /// Whether an order for it is accepted.
    pub allowed: bool,
    /// Whether it needs no challenge.
    pub preauthorized: bool,
    /// The offered challenge types; empty if it needs no challenge.
    pub challenges: Vec<String>,
    /// The deciding rule, a sentence.
    pub rule: String,
}

impl Verdict {
    /// Builds the verdict; a refusal is the sentence that the client gets.
    pub fn of(identifier: &Identifier, decided: Result<Grant, String>) -> Self {
        let (allowed, preauthorized) = (decided.is_ok(), decided.as_ref().is_ok_and(|grant| grant.preauthorized));
        let (challenges, rule) = match decided {
            Ok(grant) => (grant.challenges, format!("\"{identifier}\" {}.", grant.grounds)),
            Err(why) => (Vec::new(), why),
        };
        let challenges = if preauthorized { Vec::new() } else { challenges };
        Self { identifier: identifier.to_string(), allowed, preauthorized, challenges, rule }
    }
}

/// Decision about a profile, for the operations API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProfileVerdict {
    /// The profile.
    pub name: String,
    /// Whether it is issued.
    pub allowed: bool,
    /// The deciding rule, a sentence.
    pub rule: String,
}

impl Rules<'_> {
    /// As [`Rules::decide`], with a sentence.
    pub fn explain(&self, identifier: &Identifier) -> Verdict {
        Verdict::of(identifier, self.decide(identifier).map_err(|refusal| format!("{refusal}.")))
    }

    /// As [`Rules::profile_allowed`], with a sentence.
    pub fn explain_profile(&self, name: &str) -> ProfileVerdict {
        let checked = self.check_profile(name);
        let allowed = checked.is_ok();
        let clause = match checked {
            Ok(listed) if listed.is_empty() => "is allowed: no rule is against it".to_owned(),
            Ok(listed) => {
                format!("is allowed by {}", join(listed.iter().map(|source| format!("profiles of {source}"))))
            }
            Err(Some(source)) => format!("is refused by profiles, which does not list it, of {source}"),
            Err(None) => format!("does not exist; expected are {}", self.known.profiles.join(", ")),
        };
        ProfileVerdict { name: name.to_owned(), allowed, rule: format!("The profile {name:?} {clause}.") }
    }
}
