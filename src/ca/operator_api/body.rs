//! Queries and JSON bodies of operators' requests: bounded, without unknown members.

use crate::ca::http::message::{Request, max_body};
use crate::ca::http::operator_routes::PREFIX;
use crate::jose;
use crate::records::Problem;
use crate::values::Time;
use crate::values::members::{MemberFault, Members, expected};
use crate::values::quote::quote;
use serde_json::{Map, Value};

/// Maximum length of a query value or a parsed text in a body, in characters.
pub const MAX_VALUE: usize = 255;

/// Maximum number of entries in a page of a list.
const MAX_PAGE_SIZE: usize = 200;

/// Number of entries in a page of a list by default.
const DEFAULT_PAGE_SIZE: usize = 50;

/// The members of a JSON body, or the parameters of a query as strings.
pub struct Input(Map<String, Value>);

impl Input {
    /// Reads the query. An empty value counts as a missing parameter. Refuses names not in `known`.
    ///
    /// # Errors
    /// `malformed`, with the fault and the allowed names.
    pub fn query(request: &Request, known: &[&str]) -> Result<Self, Problem> {
        let query = request.path.split_once('?').map_or("", |(_, query)| query);
        let mut parameters = Map::new();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            if !known.contains(&&*name) {
                let detail = format!("The query has the unknown parameter {}; {}.", quote(&name), expected(known));
                return Err(Problem::malformed(detail));
            }
            if value.chars().count() > MAX_VALUE {
                return Err(too_long(&name, MAX_VALUE));
            }
            if parameters.insert(name.to_string(), value.into()).is_some() {
                return Err(Problem::malformed(format!("The query has the parameter {name} twice.")));
            }
        }
        parameters.retain(|_, value| value != "");
        Ok(Self(parameters))
    }

    /// Reads the JSON body, empty for no members. Refuses members not in `known`, and a query.
    ///
    /// # Errors
    /// As [`text`]; `malformed`, with the fault and the allowed names.
    pub fn body(request: &Request, known: &[&str]) -> Result<Self, Problem> {
        let text = text(request)?;
        Self::query(request, &[])?;
        if text.trim().is_empty() {
            return Ok(Self(Map::new()));
        }
        let body = Self(jose::read_object("the body", text).map_err(|fault| Problem::malformed(format!("{fault}.")))?);
        body.members().only(known).map_err(|fault| Problem::malformed(format!("{}.", fault.below("The body"))))?;
        Ok(body)
    }

    fn members(&self) -> Members<'_> {
        Members::any(&self.0)
    }

    /// Returns the value of this name; `None` if it is missing.
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// Returns a text of at most `most` characters.
    ///
    /// # Errors
    /// `malformed`.
    pub fn text(&self, name: &'static str, most: usize) -> Result<Option<&str>, Problem> {
        match self.members().string(name, "a string").map_err(refused)? {
            Some(text) if text.chars().count() > most => Err(too_long(name, most)),
            text => Ok(text),
        }
    }

    /// Returns a text, parsed by `read`. `like` describes the expected value in the error.
    ///
    /// # Errors
    /// `malformed`.
    pub fn parsed<T>(
        &self,
        name: &'static str,
        like: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Problem> {
        self.text(name, MAX_VALUE)?;
        self.members().parsed(name, like, read).map_err(refused)
    }

    /// Returns a time.
    ///
    /// # Errors
    /// `malformed`.
    pub fn time(&self, name: &'static str) -> Result<Option<Time>, Problem> {
        self.parsed(name, "a time like 2027-01-31T00:00:00Z", Time::parse_rfc3339)
    }

    /// Returns the page size in a query.
    ///
    /// # Errors
    /// `malformed`.
    pub fn page_size(&self) -> Result<usize, Problem> {
        let like = format!("a whole number from 1 to {MAX_PAGE_SIZE}");
        let found =
            self.parsed("limit", &like, |text| text.parse().ok().filter(|n| (1..=MAX_PAGE_SIZE).contains(n)))?;
        Ok(found.unwrap_or(DEFAULT_PAGE_SIZE))
    }

    /// Returns a flag in a body.
    ///
    /// # Errors
    /// `malformed`.
    pub fn flag(&self, name: &'static str) -> Result<Option<bool>, Problem> {
        self.members().flag(name).map_err(refused)
    }

    /// Returns a whole number in a body.
    ///
    /// # Errors
    /// `malformed`.
    pub fn number(&self, name: &'static str) -> Result<Option<i64>, Problem> {
        self.members().integer(name).map_err(refused)
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
        let most = max_body(&request.path) / 1024;
        return Err(Problem::malformed(format!("The body is longer than {most} kB.")).with_status(413));
    };
    core::str::from_utf8(body).map_err(|_| Problem::malformed("The body is not UTF-8."))
}

fn refused(fault: MemberFault) -> Problem {
    Problem::malformed(format!("{} {}.", fault.path, fault.why))
}

fn too_long(name: &str, most: usize) -> Problem {
    Problem::malformed(format!("{name} is longer than {most} characters."))
}

/// Returns the path for display: no query, at most 100 characters.
pub fn place(request: &Request) -> String {
    let path = request.path.split('?').next().unwrap_or_default();
    path.strip_prefix(PREFIX).unwrap_or(path).chars().take(100).collect()
}
