//! Reading a policy document, member by member, so that each fault is told with the path of what is wrong.

#[cfg(test)]
mod tests;

use super::{Known, Pattern, Policy, Rule};
use core::time::Duration;
use serde_json::{Map, Value};
use std::fmt;

/// The members of a document, in the order in which docs/POLICY.md explains them.
const MEMBERS: [&str; 9] = [
    "allow",
    "deny",
    "preauthorized",
    "wildcards",
    "single_label_names",
    "internal_names",
    "challenges",
    "profiles",
    "max_lifetime",
];

/// What is wrong with a document; one fault refuses the whole of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyFault {
    /// Where: `POLICY.allow[2]`.
    pub path: String,
    /// What was found and what to write, a clause that follows the path.
    pub why: String,
}

impl fmt::Display for PolicyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.path, self.why)
    }
}

type Read<T> = Result<T, PolicyFault>;

fn fault<T>(path: impl Into<String>, why: impl Into<String>) -> Read<T> {
    Err(PolicyFault { path: path.into(), why: why.into() })
}

impl Policy {
    /// Reads the document that is called `path` in faults.
    ///
    /// # Errors
    /// The first [`PolicyFault`]: a member that is unknown or of another type, a pattern that is none, a challenge
    /// type or profile that does not exist, or members that contradict each other.
    pub fn read(path: &str, value: &Value, known: &Known) -> Result<Self, PolicyFault> {
        let Value::Object(members) = value else {
            return fault(path, format!("is {}; it has to be an object with members like \"allow\"", type_name(value)));
        };
        if let Some(odd) = members.keys().find(|name| !MEMBERS.contains(&name.as_str())) {
            let odd: String = odd.chars().take(40).collect();
            return fault(
                path,
                format!("has the member {odd:?}, which means nothing; there are {}", MEMBERS.join(", ")),
            );
        }
        let document = Document { path, members };
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
        };
        policy.check(path)?;
        Ok(policy)
    }

    /// Refuses what contradicts itself.
    fn check(&self, path: &str) -> Result<(), PolicyFault> {
        let lists = [("allow", self.allow.as_deref().unwrap_or_default()), ("preauthorized", &self.preauthorized[..])];
        for (list, patterns) in lists {
            for (n, pattern) in patterns.iter().enumerate() {
                self.check_use(&format!("{path}.{list}[{n}]"), pattern)?;
            }
        }
        if self.profiles.as_ref().is_some_and(Vec::is_empty) {
            return fault(format!("{path}.profiles"), "is empty, so that no order could be placed; name one at least");
        }
        if self.challenges.as_ref().is_some_and(Vec::is_empty) && self.preauthorized.is_empty() {
            let why = "is empty, and so is preauthorized: nothing could ever be issued. Leave challenges out to offer \
                       all types, or say what needs none in preauthorized";
            return fault(format!("{path}.challenges"), why);
        }
        Ok(())
    }

    /// Refuses a pattern that allows what another member forbids altogether.
    fn check_use(&self, path: &str, pattern: &Pattern) -> Result<(), PolicyFault> {
        if let Some(denied) = self.deny.iter().find(|denied| denied.includes(pattern)) {
            let why = format!("is \"{pattern}\", all of which deny \"{denied}\" forbids; take one of them out");
            return fault(path, why);
        }
        let Some(name) = pattern.name() else { return Ok(()) };
        let forbidden = match (pattern, self.forbids_form(name)) {
            // Names below a single label have two.
            (Pattern::Below(_), Some(Rule::SingleLabel)) | (_, None) => return Ok(()),
            (_, Some(rule)) => rule,
        };
        fault(path, format!("is \"{pattern}\", which {forbidden} forbids; take one of them out"))
    }

    /// Refuses the policy of an external account key, called `path`, that leaves nothing together with the CA's.
    ///
    /// # Errors
    /// The member of which nothing is left.
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
                return fault(format!("{path}.{member}"), why);
            }
        }
        Ok(())
    }
}

/// A document whose members are known.
struct Document<'a> {
    path: &'a str,
    members: &'a Map<String, Value>,
}

impl Document<'_> {
    fn path(&self, member: &str) -> String {
        format!("{}.{member}", self.path)
    }

    fn flag(&self, member: &str, default: bool) -> Read<bool> {
        match self.members.get(member) {
            None => Ok(default),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(other) => fault(self.path(member), format!("is {}; it has to be true or false", type_name(other))),
        }
    }

    /// The texts of a list, with the path of each.
    fn texts(&self, member: &str) -> Read<Option<Vec<(String, &str)>>> {
        let path = self.path(member);
        let list = match self.members.get(member) {
            None => return Ok(None),
            Some(Value::Array(list)) => list,
            Some(other) => return fault(path, format!("is {}; it has to be a list of texts", type_name(other))),
        };
        let text = |(n, item): (usize, &'_ Value)| match item {
            Value::String(_) => Ok(format!("{path}[{n}]")),
            other => fault(format!("{path}[{n}]"), format!("is {}; it has to be a text", type_name(other))),
        };
        let paths: Vec<String> = list.iter().enumerate().map(text).collect::<Read<_>>()?;
        Ok(Some(paths.into_iter().zip(list.iter().filter_map(Value::as_str)).collect()))
    }

    fn patterns(&self, member: &str) -> Read<Option<Vec<Pattern>>> {
        let Some(texts) = self.texts(member)? else { return Ok(None) };
        let read = |(path, text): (String, &str)| {
            Pattern::parse(text).or_else(|why| fault(path, format!("is {text:?}, which {why}")))
        };
        texts.into_iter().map(read).collect::<Read<_>>().map(Some)
    }

    fn names(&self, member: &str, what: &str, known: &[&str]) -> Read<Option<Vec<String>>> {
        let Some(texts) = self.texts(member)? else { return Ok(None) };
        let read = |(path, text): (String, &str)| {
            if known.contains(&text) {
                return Ok(text.to_owned());
            }
            fault(path, format!("is {text:?}, which is no {what} of this CA; there are {}", known.join(", ")))
        };
        texts.into_iter().map(read).collect::<Read<_>>().map(Some)
    }

    fn lifetime(&self, member: &str) -> Read<Option<Duration>> {
        let path = self.path(member);
        let text = match self.members.get(member) {
            None => return Ok(None),
            Some(Value::String(text)) => text.as_str(),
            Some(other) => {
                let why = format!("is {}; it has to be a text like \"90d\" or \"12h\"", type_name(other));
                return fault(path, why);
            }
        };
        let hours = match (text.strip_suffix('d'), text.strip_suffix('h')) {
            (Some(days), _) => days.parse::<u32>().ok().map(|days| u64::from(days) * 24),
            (None, Some(hours)) => hours.parse::<u32>().ok().map(u64::from),
            (None, None) => None,
        };
        match hours {
            Some(hours) if hours > 0 => Ok(Some(Duration::from_secs(hours * 3600))),
            _ => fault(path, format!("is {text:?}; it has to be whole days or hours, like \"90d\" or \"12h\"")),
        }
    }
}

/// What JSON calls the type of `value`, with its article: of secrets this may be told.
pub fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
