//! Queries and JSON bodies of operators' requests: bounded, without unknown members.

use crate::ca::http::message::Request;
use crate::ca::http::operator_routes::PREFIX;
use crate::jose;
use crate::records::Problem;
use crate::values::Time;
use crate::values::members::type_name;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Maximum length of a query value or a parsed text in a body, in characters.
const MAX_VALUE: usize = 255;

/// The query of a request: names and values.
pub struct Query(BTreeMap<String, String>);

impl Query {
    /// Reads the query. Refuses names not in `known`.
    ///
    /// # Errors
    /// `malformed`, with the fault and the allowed names.
    pub fn read(request: &Request, known: &[&str]) -> Result<Self, Problem> {
        let query = request.path.split_once('?').map_or("", |(_, query)| query);
        let mut members = BTreeMap::new();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            if !known.contains(&&*name) {
                let shown = crate::values::quote::quote(&name);
                let there = if known.is_empty() { "there is none here".to_owned() } else { known.join(", ") };
                return Err(Problem::malformed(format!("The query has {shown}, which means nothing: {there}.")));
            }
            if value.chars().count() > MAX_VALUE {
                let detail = format!("{name} in the query is longer than {MAX_VALUE} characters.");
                return Err(Problem::malformed(detail));
            }
            if members.insert(name.to_string(), value.to_string()).is_some() {
                return Err(Problem::malformed(format!("{name} stands in the query twice.")));
            }
        }
        Ok(Self(members))
    }

    /// Returns the value of this name; `None` if it is missing or empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Returns the value of this name, parsed by `read`. `what` names the expected value in the error.
    ///
    /// # Errors
    /// `malformed`.
    pub fn parsed<T>(
        &self,
        name: &str,
        what: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Problem> {
        let Some(text) = self.get(name) else { return Ok(None) };
        read(text).map(Some).ok_or_else(|| unread(name, text, what))
    }

    /// Returns a time.
    ///
    /// # Errors
    /// `malformed`.
    pub fn time(&self, name: &str) -> Result<Option<Time>, Problem> {
        self.parsed(name, "a time like 2027-01-31T00:00:00Z", Time::parse_rfc3339)
    }

    /// Returns the page size: 1 to `most`, by default `usual`.
    ///
    /// # Errors
    /// `malformed`.
    pub fn limit(&self, most: usize, usual: usize) -> Result<usize, Problem> {
        let what = format!("a whole number from 1 to {most}");
        let found = self.parsed("limit", &what, |text| text.parse().ok().filter(|n| (1..=most).contains(n)))?;
        Ok(found.unwrap_or(usual))
    }
}

/// Returns the text of a JSON body.
///
/// # Errors
/// 415 for another content type: a page of another origin cannot send this one. 413 for too long a body; `malformed`.
pub fn text(request: &Request) -> Result<&str, Problem> {
    let media_type = request.content_type.as_deref().unwrap_or_default().split(';').next().unwrap_or_default();
    if !media_type.trim().eq_ignore_ascii_case("application/json") {
        let detail = "Operations take a body of the content type application/json.";
        return Err(Problem::malformed(detail).with_status(415));
    }
    let Some(body) = request.body.as_deref() else {
        return Err(Problem::malformed("The body is longer than 64 kB.").with_status(413));
    };
    core::str::from_utf8(body).map_err(|_| Problem::malformed("The body is not UTF-8."))
}

/// The members of a JSON body. An empty body counts as an empty object.
pub struct Members(Map<String, Value>);

impl Members {
    /// Reads the body. Refuses members not in `known`, and a query.
    ///
    /// # Errors
    /// As [`text`]; `malformed`, with the fault and the allowed names.
    pub fn read(request: &Request, known: &[&str]) -> Result<Self, Problem> {
        let text = text(request)?;
        Query::read(request, &[])?;
        if text.trim().is_empty() {
            return Ok(Self(Map::new()));
        }
        let members = jose::read_object("the body", text).map_err(|fault| Problem::malformed(format!("{fault}.")))?;
        if let Some(odd) = members.keys().find(|name| !known.contains(&name.as_str())) {
            let shown = crate::values::quote::quote(odd);
            let there = if known.is_empty() { "there is none here".to_owned() } else { known.join(", ") };
            return Err(Problem::malformed(format!("The body has {shown}, which means nothing: {there}.")));
        }
        Ok(Self(members))
    }

    /// Returns the value of this name; `None` if it is missing.
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// Returns a text of at most `most` characters.
    ///
    /// # Errors
    /// `malformed`.
    pub fn text(&self, name: &str, most: usize) -> Result<Option<&str>, Problem> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::String(text)) if text.chars().count() <= most => Ok(Some(text)),
            Some(Value::String(_)) => Err(Problem::malformed(format!("{name} is longer than {most} characters."))),
            Some(other) => Err(wrong(name, other, "a string")),
        }
    }

    /// Returns a text, parsed by `read`. `what` names the expected value in the error.
    ///
    /// # Errors
    /// `malformed`.
    pub fn parsed<T>(
        &self,
        name: &str,
        what: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Problem> {
        let Some(text) = self.text(name, MAX_VALUE)? else { return Ok(None) };
        read(text).map(Some).ok_or_else(|| unread(name, text, what))
    }

    /// Returns a flag.
    ///
    /// # Errors
    /// `malformed`.
    pub fn flag(&self, name: &str) -> Result<Option<bool>, Problem> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(other) => Err(wrong(name, other, "true or false")),
        }
    }

    /// Returns a whole number.
    ///
    /// # Errors
    /// `malformed`.
    pub fn number(&self, name: &str) -> Result<Option<i64>, Problem> {
        match self.0.get(name) {
            None => Ok(None),
            Some(value) => value.as_i64().map(Some).ok_or_else(|| wrong(name, value, "a whole number")),
        }
    }
}

fn wrong(name: &str, found: &Value, wanted: &str) -> Problem {
    Problem::malformed(format!("{name} is {}; it has to be {wanted}.", type_name(found)))
}

fn unread(name: &str, text: &str, what: &str) -> Problem {
    Problem::malformed(format!("{name} is {}; it has to be {what}.", crate::values::quote::quote(text)))
}

/// Returns the path for display: no query, at most 100 characters.
pub fn place(request: &Request) -> String {
    let path = request.path.split('?').next().unwrap_or_default();
    path.strip_prefix(PREFIX).unwrap_or(path).chars().take(100).collect()
}
