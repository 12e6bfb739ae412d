//! Reading a policy document, member by member, so that each fault is told with the path of what is wrong.

#[cfg(test)]
mod tests;

use super::{Known, Pattern, Policy, Rule};
use core::time::Duration;
use serde_json::{Map, Value};
use std::fmt;

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

/// More patterns in one list are refused: each order asks every one of them about each of its names.
const MAX_ELEMENTS: usize = 1000;

/// What is wrong with a document; one fault refuses the whole of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyFault {
    /// What the document is called: `POLICY`.
    pub document: String,
    /// Which part of it is wrong.
    pub place: Place,
    /// What was found and what to write, a clause that follows the path.
    pub why: String,
}

/// A part of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// All of it.
    Document,
    /// A member that has no meaning, by its name.
    Odd(String),
    /// A member.
    Member(&'static str),
    /// An element of a member that is a list, counted from 0.
    Element(&'static str, usize),
}

impl fmt::Display for Place {
    /// The path within the document; of an odd member the document itself is at fault, and the reason names it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Document | Self::Odd(_) => Ok(()),
            Self::Member(member) => f.write_str(member),
            Self::Element(member, n) => write!(f, "{member}[{n}]"),
        }
    }
}

impl fmt::Display for PolicyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { document, place, why } = self;
        match place {
            Place::Document | Place::Odd(_) => write!(f, "{document} {why}"),
            Place::Member(_) | Place::Element(..) => write!(f, "{document}.{place} {why}"),
        }
    }
}

/// What is wrong with a document that has no name yet.
type Flaw = (Place, String);

type Read<T> = Result<T, Flaw>;

fn fault<T>(place: Place, why: impl Into<String>) -> Read<T> {
    Err((place, why.into()))
}

impl Policy {
    /// Reads the document that is called `path` in faults.
    ///
    /// # Errors
    /// The first [`PolicyFault`]: a member that is unknown or of another type, a list that is too long, a pattern that
    /// is none, a challenge type or profile that does not exist, or members that contradict each other.
    pub fn read(path: &str, value: &Value, known: &Known) -> Result<Self, PolicyFault> {
        Self::read_unnamed(value, known).map_err(|flaw| PolicyFault::named(path, flaw))
    }

    fn read_unnamed(value: &Value, known: &Known) -> Read<Self> {
        let Value::Object(members) = value else {
            let why = format!("is {}; it has to be an object with members like \"allow\"", type_name(value));
            return fault(Place::Document, why);
        };
        if let Some(odd) = members.keys().find(|name| !MEMBERS.contains(&name.as_str())) {
            let short: String = odd.chars().take(40).collect();
            let why = format!("has the member {short:?}, which means nothing; there are {}", MEMBERS.join(", "));
            return fault(Place::Odd(odd.clone()), why);
        }
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
            common_name: document.choice("common_name")?,
        };
        policy.check()?;
        Ok(policy)
    }

    /// Refuses what contradicts itself.
    fn check(&self) -> Read<()> {
        let lists = [("allow", self.allow.as_deref().unwrap_or_default()), ("preauthorized", &self.preauthorized[..])];
        for (list, patterns) in lists {
            for (n, pattern) in patterns.iter().enumerate() {
                self.check_use(pattern).or_else(|why| fault(Place::Element(list, n), why))?;
            }
        }
        if self.profiles.as_ref().is_some_and(Vec::is_empty) {
            let why = "is empty, so that no order could be placed; name one at least";
            return fault(Place::Member("profiles"), why);
        }
        if self.challenges.as_ref().is_some_and(Vec::is_empty) && self.preauthorized.is_empty() {
            let why = "is empty, and so is preauthorized: nothing could ever be issued. Leave challenges out to offer \
                       all types, or say what needs none in preauthorized";
            return fault(Place::Member("challenges"), why);
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
                return Err(PolicyFault::named(path, (Place::Member(member), why)));
            }
        }
        Ok(())
    }
}

impl PolicyFault {
    fn named(document: &str, (place, why): Flaw) -> Self {
        Self { document: document.to_owned(), place, why }
    }
}

/// A document whose members are known.
struct Document<'a> {
    members: &'a Map<String, Value>,
}

impl<'a> Document<'a> {
    fn flag(&self, member: &'static str, default: bool) -> Read<bool> {
        Ok(self.choice(member)?.unwrap_or(default))
    }

    fn choice(&self, member: &'static str) -> Read<Option<bool>> {
        match self.members.get(member) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(other) => fault(Place::Member(member), format!("is {}; it has to be true or false", type_name(other))),
        }
    }

    /// The elements of a list of texts, each read by `read`, which says what is wrong in a clause that follows the text.
    fn list<T>(&self, member: &'static str, read: impl Fn(&'a str) -> Result<T, String>) -> Read<Option<Vec<T>>> {
        let list = match self.members.get(member) {
            None => return Ok(None),
            Some(Value::Array(list)) => list,
            Some(other) => {
                let why = format!("is {}; it has to be a list of texts", type_name(other));
                return fault(Place::Member(member), why);
            }
        };
        if list.len() > MAX_ELEMENTS {
            let why = format!("has {} elements, and {MAX_ELEMENTS} are the most; write wider patterns", list.len());
            return fault(Place::Member(member), why);
        }
        let element = |(n, item): (usize, &'a Value)| match item {
            Value::String(text) => {
                read(text).or_else(|why| fault(Place::Element(member, n), format!("is {text:?}, which {why}")))
            }
            other => fault(Place::Element(member, n), format!("is {}; it has to be a text", type_name(other))),
        };
        list.iter().enumerate().map(element).collect::<Read<_>>().map(Some)
    }

    fn patterns(&self, member: &'static str) -> Read<Option<Vec<Pattern>>> {
        self.list(member, Pattern::parse)
    }

    fn names(&self, member: &'static str, what: &str, known: &[&str]) -> Read<Option<Vec<String>>> {
        self.list(member, |text| {
            let unknown = || format!("is no {what} of this CA; there are {}", known.join(", "));
            if known.contains(&text) { Ok(text.to_owned()) } else { Err(unknown()) }
        })
    }

    fn lifetime(&self, member: &'static str) -> Read<Option<Duration>> {
        let text = match self.members.get(member) {
            None => return Ok(None),
            Some(Value::String(text)) => text.as_str(),
            Some(other) => {
                let why = format!("is {}; it has to be a text like \"90d\" or \"12h\"", type_name(other));
                return fault(Place::Member(member), why);
            }
        };
        let hours = match (text.strip_suffix('d'), text.strip_suffix('h')) {
            (Some(days), _) => days.parse::<u32>().ok().map(|days| u64::from(days) * 24),
            (None, Some(hours)) => hours.parse::<u32>().ok().map(u64::from),
            (None, None) => None,
        };
        match hours {
            Some(hours) if hours > 0 => Ok(Some(Duration::from_secs(hours * 3600))),
            _ => {
                let why = format!("is {text:?}; it has to be whole days or hours, like \"90d\" or \"12h\"");
                fault(Place::Member(member), why)
            }
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
