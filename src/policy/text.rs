//! Reading of policies from JSON text; each fault names its line.

mod places;
#[cfg(test)]
mod tests;

use super::{Known, Policy, PolicyFault};
use crate::values::members::MemberPath;
use places::Places;
use serde_json::Value;

/// Maximum length of a document, in octets.
pub const MAX_TEXT: usize = 64 * 1024;

/// Fault of the text of a document; one fault refuses the whole document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct TextFault {
    /// The line, from 1.
    pub line: usize,
    /// The character in the line, from 1.
    pub column: usize,
    /// What was found and what to write, a clause without a full stop.
    pub why: String,
}

impl Policy {
    /// Reads the text of a document; returns the policy and the document as written.
    ///
    /// # Errors
    /// The first [`TextFault`]: a text that is too long or not JSON, a member that occurs twice, or as [`Policy::read`].
    pub fn read_text(text: &str, known: &Known) -> Result<(Self, Value), TextFault> {
        if text.len() > MAX_TEXT {
            let why = format!("the document has {} bytes; the maximum is {MAX_TEXT}", text.len());
            return Err(TextFault { line: 1, column: 1, why });
        }
        let document: Value = serde_json::from_str(text).map_err(|error| no_json(text, &error))?;
        let places = Places::of(text);
        if document.is_object()
            && let Some((first, second)) = places.twice()
        {
            let (name, line) = (&second.name, position(text, first.at).0);
            let why = format!("the member {name:?} is a duplicate (first in line {line}); remove one of them");
            return Err(fault(text, second.at, why));
        }
        match Self::read("POLICY", &document, known) {
            Ok(policy) => Ok((policy, document)),
            Err(PolicyFault { fault: found, .. }) => {
                let why = match &found.path {
                    MemberPath::Object | MemberPath::Unknown(_) => format!("the document {}", found.why),
                    path => format!("{path} {}", found.why),
                };
                Err(fault(text, places.find(&found.path), why))
            }
        }
    }
}

fn fault(text: &str, at: usize, why: String) -> TextFault {
    let (line, column) = position(text, at);
    TextFault { line, column, why }
}

/// Line and character of a byte of the text, both from 1.
fn position(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let begun = before.rsplit('\n').next().unwrap_or_default();
    (before.matches('\n').count() + 1, begun.chars().count() + 1)
}

/// The fault of a text that is not JSON; serde_json counts octets, people count characters.
fn no_json(text: &str, error: &serde_json::Error) -> TextFault {
    // Column 0 is after the end of a line: the fault is that end, as of an unclosed string.
    let (line, bytes) = match (error.line(), error.column()) {
        (line, 0) if line > 1 => (line - 1, usize::MAX),
        (line, column) => (line.max(1), column),
    };
    let whole = text.split('\n').nth(line - 1).unwrap_or_default();
    let column = whole.char_indices().take_while(|(at, _)| *at < bytes).count().max(1);
    let said = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let reason = said.strip_suffix(&place).unwrap_or(&said);
    TextFault { line, column, why: format!("the text is not JSON from character {column} on: {reason}") }
}
