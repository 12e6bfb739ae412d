//! Strict reader of the members of a JSON object that an operator wrote.
//!
//! Not serde's `deny_unknown_fields`: its errors name neither the path of a member nor the expected value.

use super::quote::quote;
use serde_json::{Map, Value};
use std::fmt;

/// Names the JSON type of `value`, with its article. Messages about secret values may contain it.
pub fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// Lists the `known` names, as the end of a message about an unknown one.
pub fn expected(known: &[&str]) -> String {
    match known {
        [] => "none is expected".to_owned(),
        [one] => format!("only {one} is expected"),
        _ => format!("expected are {}", known.join(", ")),
    }
}

/// The members of a JSON object.
#[derive(Clone, Copy, Debug)]
pub struct Members<'a>(&'a Map<String, Value>);

/// A fault of an object, of a member or of an element. [`MemberFault::below`] makes a message of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberFault {
    /// The part of the object that is wrong.
    pub path: MemberPath,
    /// What was found and what is expected. A clause that follows the path, without a full stop.
    pub why: String,
}

/// A part of a JSON object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MemberPath {
    /// The object itself.
    Object,
    /// A member of an unknown name.
    Unknown(String),
    /// A member.
    Member(&'static str),
    /// An element of a member that is an array, counted from 0.
    Element(&'static str, usize),
}

impl<'a> Members<'a> {
    /// Takes the members of `value`, all of whose names have to be `known`.
    ///
    /// `like` describes what is expected in place of another type: `an object with "key"`.
    ///
    /// # Errors
    /// A value of another type, and the first unknown member.
    pub fn of(value: &'a Value, known: &[&str], like: &str) -> Result<Self, MemberFault> {
        match value {
            Value::Object(members) => Self(members).only(known),
            other => Err(MemberFault::wrong_type(MemberPath::Object, other, like)),
        }
    }

    /// Takes members whatever their names.
    pub fn any(members: &'a Map<String, Value>) -> Self {
        Self(members)
    }

    /// Refuses members whose names are not `known`.
    ///
    /// # Errors
    /// The first of them.
    pub fn only(self, known: &[&str]) -> Result<Self, MemberFault> {
        match self.0.keys().find(|name| !known.contains(&name.as_str())) {
            None => Ok(self),
            Some(unknown) => Err(MemberFault::unknown(unknown, known)),
        }
    }

    /// The value of a member.
    pub fn get(self, name: &str) -> Option<&'a Value> {
        self.0.get(name)
    }

    /// A member that is `true` or `false`.
    ///
    /// # Errors
    /// Another type.
    pub fn flag(self, name: &'static str) -> Result<Option<bool>, MemberFault> {
        self.typed(name, "true or false", Value::as_bool)
    }

    /// A member that is a string; `like` describes the expected string.
    ///
    /// # Errors
    /// Another type.
    pub fn string(self, name: &'static str, like: &str) -> Result<Option<&'a str>, MemberFault> {
        self.typed(name, like, Value::as_str)
    }

    /// A member that is a whole number.
    ///
    /// # Errors
    /// Another type, a fraction, and a number outside of `i64`.
    pub fn integer(self, name: &'static str) -> Result<Option<i64>, MemberFault> {
        self.typed(name, "a whole number", Value::as_i64)
    }

    /// A member that is an array; `like` describes the expected array.
    ///
    /// # Errors
    /// Another type.
    pub fn array(self, name: &'static str, like: &str) -> Result<Option<&'a [Value]>, MemberFault> {
        self.typed(name, like, |value| value.as_array().map(Vec::as_slice))
    }

    /// A member that is a string in the form that `read` parses. `like` describes the expected form.
    ///
    /// # Errors
    /// Another type, and a string that `read` refuses.
    pub fn parsed<T>(
        self,
        name: &'static str,
        like: &str,
        read: impl FnOnce(&'a str) -> Option<T>,
    ) -> Result<Option<T>, MemberFault> {
        let Some(text) = self.string(name, like)? else { return Ok(None) };
        let fault = || MemberFault::new(MemberPath::Member(name), format!("is {}; it has to be {like}", quote(text)));
        read(text).map(Some).ok_or_else(fault)
    }

    fn typed<T>(
        self,
        name: &'static str,
        like: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, MemberFault> {
        let Some(value) = self.0.get(name) else { return Ok(None) };
        read(value).map(Some).ok_or_else(|| MemberFault::wrong_type(MemberPath::Member(name), value, like))
    }
}

impl MemberFault {
    /// A fault at `path`.
    pub fn new(path: MemberPath, why: impl Into<String>) -> Self {
        Self { path, why: why.into() }
    }

    /// A value of another type than the expected one, which `like` describes.
    pub fn wrong_type(path: MemberPath, found: &Value, like: &str) -> Self {
        Self::new(path, format!("is {}; it has to be {like}", type_name(found)))
    }

    /// A member whose name is not among the `known` ones.
    pub fn unknown(name: &str, known: &[&str]) -> Self {
        let why = format!("has the unknown member {}; {}", quote(name), expected(known));
        Self::new(MemberPath::Unknown(name.to_owned()), why)
    }

    /// The message, for an object at `root`: `EAB_KEYS.a.uses is a number; …`, without a full stop.
    pub fn below(&self, root: &str) -> String {
        match &self.path {
            MemberPath::Object | MemberPath::Unknown(_) => format!("{root} {}", self.why),
            MemberPath::Member(_) | MemberPath::Element(..) => format!("{root}.{} {}", self.path, self.why),
        }
    }
}

impl fmt::Display for MemberPath {
    /// Writes the path within the object. Empty for the object itself, whose fault names an unknown member.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Object | Self::Unknown(_) => Ok(()),
            Self::Member(member) => f.write_str(member),
            Self::Element(member, n) => write!(f, "{member}[{n}]"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn members_of_the_right_type_are_read() {
        let value = json!({ "flag": false, "text": "x", "number": -7, "list": [1], "null": null });
        let members = Members::of(&value, &["flag", "text", "number", "list", "null"], "an object").unwrap();
        assert_eq!(members.flag("flag"), Ok(Some(false)));
        assert_eq!(members.string("text", "a string"), Ok(Some("x")));
        assert_eq!(members.integer("number"), Ok(Some(-7)));
        assert_eq!(members.array("list", "an array"), Ok(Some(&[json!(1)][..])));
        assert_eq!(members.parsed("text", "a letter", |text| text.chars().next()), Ok(Some('x')));
        assert_eq!(members.get("null"), Some(&Value::Null));
        assert_eq!((members.flag("other"), members.integer("other")), (Ok(None), Ok(None)));
    }

    #[test]
    fn a_fault_names_its_path_and_what_is_expected() {
        let value = json!({ "flag": "no", "number": 1.5, "list": {}, "null": null, "word": "\n" });
        let members = Members::any(value.as_object().unwrap());
        let of = |fault: MemberFault| fault.below("A.b");
        assert_eq!(of(members.flag("flag").unwrap_err()), "A.b.flag is a string; it has to be true or false");
        assert_eq!(of(members.integer("number").unwrap_err()), "A.b.number is a number; it has to be a whole number");
        assert_eq!(of(members.array("list", "a list").unwrap_err()), "A.b.list is an object; it has to be a list");
        assert_eq!(of(members.string("null", "a name").unwrap_err()), "A.b.null is null; it has to be a name");
        let parsed = members.parsed("word", "a day", |_| None::<()>);
        assert_eq!(of(parsed.unwrap_err()), "A.b.word is \"\\n\"; it has to be a day");
        let unknown = members.only(&["flag", "number", "list", "null"]).unwrap_err();
        assert_eq!(unknown.path, MemberPath::Unknown("word".to_owned()));
        assert_eq!(of(unknown), "A.b has the unknown member \"word\"; expected are flag, number, list, null");
        assert!(of(members.only(&[]).unwrap_err()).ends_with("; none is expected"));
        let other = Members::of(&json!([]), &[], "an object").unwrap_err();
        assert_eq!(of(other), "A.b is an array; it has to be an object");
        assert_eq!(of(MemberFault::new(MemberPath::Element("list", 2), "is wrong")), "A.b.list[2] is wrong");
    }
}
