//! Explanations: the rule that decides, in a sentence, also where nothing is refused.

#[cfg(test)]
mod tests;

use super::write::lifetime_text;
use super::{Pattern, Permit, Rules, Source};
use crate::values::Identifier;
use serde::Serialize;
use std::fmt;

/// The rules by which an identifier is permitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grounds {
    /// What pre-authorises it, and whose that is.
    pub preauthorized: Option<(Pattern, Source)>,
    /// What allows it, of each policy that has a list of what is allowed and that was asked.
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

fn join(rules: impl Iterator<Item = String>) -> String {
    rules.collect::<Vec<_>>().join(" and by ")
}

/// What an order for an identifier would meet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// What was asked about.
    pub identifier: String,
    /// Whether an order for it is taken.
    pub allowed: bool,
    /// Whether it needs no challenge.
    pub preauthorized: bool,
    /// The challenge types that are offered: none for what needs none.
    pub challenges: Vec<String>,
    /// The rule that decides, a sentence.
    pub rule: String,
}

impl Verdict {
    /// What was decided about an identifier; a refusal is the sentence that the client gets.
    pub fn of(identifier: &Identifier, decided: Result<Permit, String>) -> Self {
        let (allowed, preauthorized) = (decided.is_ok(), decided.as_ref().is_ok_and(|permit| permit.preauthorized));
        let (challenges, rule) = match decided {
            Ok(permit) => (permit.challenges, format!("\"{identifier}\" {}.", permit.grounds)),
            Err(why) => (Vec::new(), why),
        };
        let challenges = if preauthorized { Vec::new() } else { challenges };
        Self { identifier: identifier.to_string(), allowed, preauthorized, challenges, rule }
    }
}

/// What an order for certificates of a profile would meet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProfileVerdict {
    /// The profile that was asked about.
    pub name: String,
    /// Whether it is issued.
    pub allowed: bool,
    /// The rule that decides, a sentence.
    pub rule: String,
}

impl Rules<'_> {
    /// As [`Rules::permit`], for people.
    pub fn explain(&self, identifier: &Identifier) -> Verdict {
        Verdict::of(identifier, self.permit(identifier).map_err(|refusal| format!("{refusal}.")))
    }

    /// As [`Rules::profile_allowed`], for people.
    pub fn explain_profile(&self, name: &str) -> ProfileVerdict {
        let checked = self.check_profile(name);
        let allowed = checked.is_ok();
        let clause = match checked {
            Ok(listed) if listed.is_empty() => "is allowed: no rule is against it".to_owned(),
            Ok(listed) => {
                format!("is allowed by {}", join(listed.iter().map(|source| format!("profiles of {source}"))))
            }
            Err(Some(source)) => format!("is refused by profiles, which does not list it, of {source}"),
            Err(None) => format!("does not exist; there are {}", self.known.profiles.join(", ")),
        };
        ProfileVerdict { name: name.to_owned(), allowed, rule: format!("The profile {name:?} {clause}.") }
    }

    /// As [`Rules::max_lifetime`], for people: a sentence that says whose limit it is.
    pub fn explain_lifetime(&self) -> String {
        match self.shortest_limit() {
            Some((longest, source)) => {
                format!("No certificate lives longer than max_lifetime \"{}\" of {source}.", lifetime_text(longest))
            }
            None => "Certificates live as long as their profile says: no policy has max_lifetime.".to_owned(),
        }
    }
}
