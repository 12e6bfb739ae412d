//! Signed notes and the keys that sign them.

mod key;
#[cfg(test)]
mod tests;

pub use key::{KeyFault, KeyId, KeyKind, VerifierKey, is_name};

use crate::values::{b64, quote};
use core::fmt;

/// Maximum number of signatures: more than a policy's 32 logs and 32 witnesses have.
pub const MAX_SIGNATURES: usize = 100;

/// Maximum length of a note, in octets.
pub const MAX_LEN: usize = 1 << 20;

/// Beginning of a signature's line: an em dash and a space.
const DASH: &str = "\u{2014} ";

/// A text with signatures; as text in the form of C2SP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<Signature>,
}

/// A signature of a note: as text its line, without the line feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The name of its key.
    pub name: String,
    /// The id of its key.
    pub id: KeyId,
    /// What follows the id: the signature, with a time in front in some kinds.
    pub octets: Vec<u8>,
}

/// Reason why a text is not a note; a clause without a full stop.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteFault {
    /// It is too long, or has too many signatures.
    #[error("it has {found} {unit}; at most {most} are read")]
    TooMuch {
        /// The number found.
        found: usize,
        /// What was counted.
        unit: &'static str,
        /// The maximum.
        most: usize,
    },
    /// It has a control character, or does not end with a line feed.
    #[error("it has a control character, or does not end with a line feed")]
    Text,
    /// No empty line is before signatures.
    #[error("it has no empty line followed by signatures")]
    NoSignatures,
    /// A line after the empty line is not a signature.
    #[error("the line {0} is not a signature")]
    Signature(String),
}

impl Note {
    /// A note without signatures. `None` unless the text is not empty, ends with a line feed, and has no other control
    /// characters.
    pub fn unsigned(text: impl Into<String>) -> Option<Self> {
        let text = text.into();
        is_text(&text).then_some(Self { text, signatures: Vec::new() })
    }

    /// Reads a note.
    ///
    /// # Errors
    /// A [`NoteFault`]; a note without a signature has one, too.
    pub fn parse(note: &str) -> Result<Self, NoteFault> {
        if note.len() > MAX_LEN {
            return Err(NoteFault::TooMuch { found: note.len(), unit: "bytes", most: MAX_LEN });
        }
        if !is_text(note) {
            return Err(NoteFault::Text);
        }
        let end = note.rfind("\n\n").ok_or(NoteFault::NoSignatures)?;
        let (text, lines) = note.split_at_checked(end.saturating_add(1)).ok_or(NoteFault::NoSignatures)?;
        let lines = lines.trim_start_matches('\n');
        let count = lines.lines().count();
        if count == 0 || !is_text(text) {
            return Err(NoteFault::NoSignatures);
        }
        if count > MAX_SIGNATURES {
            return Err(NoteFault::TooMuch { found: count, unit: "signatures", most: MAX_SIGNATURES });
        }
        let read = |line: &str| Signature::parse(line).ok_or_else(|| NoteFault::Signature(quote::quote(line)));
        let signatures = lines.split_terminator('\n').map(read).collect::<Result<_, _>>()?;
        Ok(Self { text: text.to_owned(), signatures })
    }

    /// The text that is signed, with its last line feed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signatures, in their order.
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// The signatures that claim to be by this key.
    pub fn by<'a>(&'a self, key: &'a VerifierKey) -> impl Iterator<Item = &'a Signature> {
        self.signatures.iter().filter(|signature| signature.is_by(key))
    }

    /// Adds a signature; one of the same key is replaced.
    pub fn sign(&mut self, signature: Signature) {
        self.signatures.retain(|found| (&found.name, found.id) != (&signature.name, signature.id));
        self.signatures.push(signature);
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|signature| writeln!(f, "{signature}"))
    }
}

impl Signature {
    /// A signature by a key.
    pub fn of(key: &VerifierKey, octets: Vec<u8>) -> Self {
        Self { name: key.name().to_owned(), id: key.id(), octets }
    }

    /// Whether it claims to be by this key.
    pub fn is_by(&self, key: &VerifierKey) -> bool {
        self.id == key.id() && self.name == key.name()
    }

    /// Reads a line, without its line feed.
    pub fn parse(line: &str) -> Option<Self> {
        let (name, signature) = line.strip_prefix(DASH)?.split_once(' ')?;
        let octets = b64::decode_padded(signature)?;
        let (id, octets) = octets.split_first_chunk::<4>()?;
        (is_name(name) && !octets.is_empty()).then(|| Self { name: name.to_owned(), id: *id, octets: octets.to_vec() })
    }

    /// Reads lines, each with its line feed: what a witness answers with. `None` when one is not a signature.
    pub fn parse_lines(lines: &str) -> Option<Vec<Self>> {
        let lines = lines.strip_suffix('\n')?;
        lines.split('\n').take(MAX_SIGNATURES).map(Self::parse).collect()
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{DASH}{} {}", self.name, b64::encode_padded(&[&self.id[..], &self.octets].concat()))
    }
}

/// Whether a note may have this text: whole lines without control characters.
fn is_text(text: &str) -> bool {
    text.ends_with('\n') && !text.bytes().any(|octet| octet < b' ' && octet != b'\n')
}
