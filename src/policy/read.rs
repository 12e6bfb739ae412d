//! Reading of policy documents; each fault names the path of the wrong member.

#[cfg(test)]
mod tests;

use super::{Known, Pattern, Policy, Rule};
use crate::values::members::{MemberFault, MemberPath, Members};
use crate::values::quote::quote;
use core::time::Duration;
use serde_json::Value;

/// The members of a document, in the order in which docs/POLICY.md explains them.
const MEMBERS: [&str; 10] = [
    "allow",
    "deny",
    "preauthorized",
    "wildcards",
    "single_label_names",
    "internal_names",
    "challenges",
    "profiles",
    "max_lifetime",
    "common_name",
];

/// Maximum length of a list: each order is matched against all its patterns.
const MAX_ELEMENTS: usize = 1000;

/// Fault of a document; one fault refuses the whole document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", fault.below(document))]
pub struct PolicyFault {
    /// Name of the document: `POLICY`.
    pub document: String,
    /// The part that is wrong, and why.
    pub fault: MemberFault,
}

type Read<T> = Result<T, MemberFault>;

fn fault<T>(path: MemberPath, why: impl Into<String>) -> Read<T> {
    Err(MemberFault::new(path, why))
}

impl Policy {
    /// Reads a document, called `path` in faults.
    ///
    /// # Errors
    /// The first [`PolicyFault`]: a member that is unknown or of another type, a list that is too long, an invalid
    /// pattern, an unknown challenge type or profile, or members that contradict each other.
    pub fn read(path: &str, value: &Value, known: &Known) -> Result<Self, PolicyFault> {
        Self::read_unnamed(value, known).map_err(|fault| PolicyFault { document: path.to_owned(), fault })
    }

    fn read_unnamed(value: &Value, known: &Known) -> Read<Self> {
        let members = Members::of(value, &MEMBERS, "an object with members like \"allow\"")?;
        let document = Document { members };
        let open = Self::default();
        let policy = Self {
            allow: document.patterns("allow")?,
            deny: document.patterns("deny")?.unwrap_or_default(),
            preauthorized: document.patterns("preauthorized")?.unwrap_or_default(),
            wildcards: document.flag("wildcards", open.wildcards)?,
            single_label_names: document.flag("single_label_names", open.single_label_names)?,
            internal_names: document.flag("internal_names", open.internal_names)?,
            challenges: document.names("challenges", "challenge type", &known.challenges)?,
            profiles: document.names("profiles", "profile", &known.profiles)?,
            max_lifetime: document.lifetime("max_lifetime")?,
            common_name: members.flag("common_name")?,
        };
        policy.check()?;
        Ok(policy)
    }

    /// Refuses members that contradict each other.
    fn check(&self) -> Read<()> {
        let lists = [("allow", self.allow.as_deref().unwrap_or_default()), ("preauthorized", &self.preauthorized[..])];
        for (list, patterns) in lists {
            for (n, pattern) in patterns.iter().enumerate() {
                self.check_use(pattern).or_else(|why| fault(MemberPath::Element(list, n), why))?;
            }
        }
        if self.profiles.as_ref().is_some_and(Vec::is_empty) {
            let why = "is empty, so that no order could be placed; name one at least";
            return fault(MemberPath::Member("profiles"), why);
        }
        if self.challenges.as_ref().is_some_and(Vec::is_empty) && self.preauthorized.is_empty() {
            let why = "is empty, and so is preauthorized: nothing could ever be issued. Leave challenges out to offer \
                       all types, or say what needs none in preauthorized";
            return fault(MemberPath::Member("challenges"), why);
        }
        Ok(())
    }

    /// Refuses a pattern that allows what another member forbids altogether.
    fn check_use(&self, pattern: &Pattern) -> Result<(), String> {
        if let Some(denied) = self.deny.iter().find(|denied| denied.includes(pattern)) {
            return Err(format!("is \"{pattern}\", all of which deny \"{denied}\" forbids; take one of them out"));
        }
        let Some(name) = pattern.name() else { return Ok(()) };
        let forbidden = match (pattern, self.forbids_form(name)) {
            // Names below a single label have two.
            (Pattern::Below(_), Some(Rule::SingleLabel)) | (_, None) => return Ok(()),
            (_, Some(rule)) => rule,
        };
        Err(format!("is \"{pattern}\", which {forbidden} forbids; take one of them out"))
    }

    /// Refuses a key's policy that has nothing in common with the CA's.
    ///
    /// `path` names the policy of the external account key in faults.
    ///
    /// # Errors
    /// The member whose intersection is empty.
    pub fn check_against(&self, ca: &Self, path: &str) -> Result<(), PolicyFault> {
        let members = [("challenges", &self.challenges, &ca.challenges), ("profiles", &self.profiles, &ca.profiles)];
        for (member, ours, theirs) in members {
            let (Some(ours), Some(theirs)) = (ours, theirs) else { continue };
            if !ours.is_empty() && !theirs.is_empty() && !ours.iter().any(|name| theirs.contains(name)) {
                let why = format!(
                    "has {}, and POLICY.{member} has {}: nothing is left, since a key's policy narrows the CA's",
                    ours.join(", "),
                    theirs.join(", ")
                );
                let fault = MemberFault::new(MemberPath::Member(member), why);
                return Err(PolicyFault { document: path.to_owned(), fault });
            }
        }
        Ok(())
    }
}

/// A document whose member names are known.
struct Document<'a> {
    members: Members<'a>,
}

impl<'a> Document<'a> {
    fn flag(&self, member: &'static str, default: bool) -> Read<bool> {
        Ok(self.members.flag(member)?.unwrap_or(default))
    }

    /// An array of strings, each read by `read`. The error of `read` is a clause that follows the string.
    fn list<T>(&self, member: &'static str, read: impl Fn(&'a str) -> Result<T, String>) -> Read<Option<Vec<T>>> {
        let Some(list) = self.members.array(member, "an array of strings")? else { return Ok(None) };
        if list.len() > MAX_ELEMENTS {
            let why = format!("has {} elements, and {MAX_ELEMENTS} are the most; write wider patterns", list.len());
            return fault(MemberPath::Member(member), why);
        }
        let element = |(n, item): (usize, &'a Value)| match item {
            Value::String(text) => read(text)
                .or_else(|why| fault(MemberPath::Element(member, n), format!("is {}, which {why}", quote(text)))),
            other => Err(MemberFault::wrong_type(MemberPath::Element(member, n), other, "a string")),
        };
        list.iter().enumerate().map(element).collect::<Read<_>>().map(Some)
    }

    fn patterns(&self, member: &'static str) -> Read<Option<Vec<Pattern>>> {
        self.list(member, Pattern::parse)
    }

    fn names(&self, member: &'static str, what: &str, known: &[&str]) -> Read<Option<Vec<String>>> {
        self.list(member, |text| {
            let unknown = || format!("is not a {what} of this CA; expected are {}", known.join(", "));
            if known.contains(&text) { Ok(text.to_owned()) } else { Err(unknown()) }
        })
    }

    fn lifetime(&self, member: &'static str) -> Read<Option<Duration>> {
        self.members.parsed(member, "whole days or hours, like \"90d\" or \"12h\"", lifetime)
    }
}

/// Reads a whole number of days or hours, not zero.
fn lifetime(text: &str) -> Option<Duration> {
    let hours = match (text.strip_suffix('d'), text.strip_suffix('h')) {
        (Some(days), _) => days.parse::<u32>().ok().map(|days| u64::from(days) * 24),
        (None, Some(hours)) => hours.parse::<u32>().ok().map(u64::from),
        (None, None) => None,
    };
    hours.filter(|hours| *hours > 0).map(|hours| Duration::from_secs(hours * 3600))
}
