//! The `issue-value` of [RFC 8659 §4.2](https://www.rfc-editor.org/rfc/rfc8659#section-4.2): an issuer's domain name
//! and parameters.
//!
//! CAA records and TXT records of dns-persist-01 have it.

use std::collections::BTreeSet;

/// An issue-value that follows the grammar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssueValue<'a> {
    /// The unchanged domain name of the issuer; `None` if empty, which permits no issuer.
    pub issuer: Option<&'a str>,
    /// Unchanged tags and values in order.
    pub parameters: Vec<(&'a str, &'a str)>,
}

/// A duplicate parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RepeatedParameter;

impl IssueValue<'_> {
    /// Whether the issuer is one of `names`, which are in lower case without trailing dots.
    pub fn names_any(&self, names: &[String]) -> bool {
        self.issuer.is_some_and(|issuer| names.iter().any(|name| issuer.eq_ignore_ascii_case(name)))
    }

    /// The value of the parameter `tag` (in lower case), if present.
    ///
    /// # Errors
    /// [`RepeatedParameter`].
    pub fn parameter(&self, tag: &str) -> Result<Option<&str>, RepeatedParameter> {
        let mut found = self.parameters.iter().filter(|(name, _)| name.eq_ignore_ascii_case(tag));
        let first = found.next().map(|(_, value)| *value);
        if found.next().is_some() { Err(RepeatedParameter) } else { Ok(first) }
    }

    /// Whether any parameter is duplicated.
    pub fn repeats(&self) -> bool {
        let mut seen = BTreeSet::new();
        !self.parameters.iter().all(|(tag, _)| seen.insert(tag.to_ascii_lowercase()))
    }
}

/// Parses an issue-value; `None` for syntax errors.
///
/// Strict: a trailing `;` or dot, or white space within a value, is a syntax error.
pub fn issue_value(bytes: &[u8]) -> Option<IssueValue<'_>> {
    let text = str::from_utf8(bytes).ok()?;
    // No part can contain a semicolon.
    let (issuer, rest) = text.split_once(';').map_or((text, None), |(issuer, rest)| (issuer, Some(rest)));
    let issuer = Some(trim(issuer)).filter(|issuer| !issuer.is_empty());
    if issuer.is_some_and(|name| !name.split('.').all(is_word)) {
        return None;
    }
    let mut parameters = Vec::new();
    if let Some(rest) = rest.filter(|rest| !trim(rest).is_empty()) {
        for part in rest.split(';') {
            let (tag, value) = part.split_once('=')?;
            let (tag, value) = (trim(tag), trim(value));
            if !is_word(tag) || !value.bytes().all(|b| b.is_ascii_graphic()) {
                return None;
            }
            parameters.push((tag, value));
        }
    }
    Some(IssueValue { issuer, parameters })
}

/// The trimmed text before the first semicolon: the intended issuer of a malformed value.
pub fn addressee(bytes: &[u8]) -> &[u8] {
    bytes.split(|b| *b == b';').next().unwrap_or_default().trim_ascii()
}

/// `WSP` of RFC 5234: space and tab.
fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// A `label` or `tag`: letters, digits and inner hyphens.
fn is_word(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !text.is_empty()
        && !text.starts_with('-')
        && !text.ends_with('-')
}

#[cfg(test)]
mod tests;
