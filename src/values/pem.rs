//! Lax PEM reader ([RFC 7468 §2](https://www.rfc-editor.org/rfc/rfc7468#section-2)).
//!
//! Text around the blocks, white space within them and the length of lines are ignored.

use super::b64;
use core::fmt;
use data_encoding::Specification;
use zeroize::Zeroizing;

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";

/// The white space of the lax grammar (RFC 7468 §3, figure 2).
const WHITE: &str = " \t\r\n\x0b\x0c";

/// Longest label, in bytes: several times the longest registered one.
const MAX_LABEL: usize = 64;

/// Suffix of the labels of private keys in any form.
const PRIVATE_KEY: &str = "PRIVATE KEY";

/// Fault of a block; the message is a clause that names the block.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlockFault {
    /// A BEGIN line without a label that ends with five dashes.
    #[error("a \"-----BEGIN \" in it is not followed by a label and \"-----\"")]
    Boundary,
    /// No END line of the same label before the next block; the label.
    #[error("the {0:?} in it has no \"END {0}\"")]
    End(String),
    /// Headers, as in the older form of encrypted keys (RFC 1421); the label.
    #[error("the {0:?} in it has headers (RFC 1421), as encrypted keys of the older form do; PKCS#8 has none")]
    Headers(String),
    /// Not base64; the label and the reason.
    #[error("the {0:?} in it is not base64: {1}")]
    Base64(String, String),
}

/// Block with its label and the text between its boundaries.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Block<'a> {
    label: &'a str,
    body: &'a str,
}

impl fmt::Debug for Block<'_> {
    /// Without the body, which may be a key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Block").field("label", &self.label).finish_non_exhaustive()
    }
}

impl<'a> Block<'a> {
    /// The label.
    pub fn label(&self) -> &'a str {
        self.label
    }

    /// Checks for the headers of RFC 1421.
    pub fn has_headers(&self) -> bool {
        self.body.contains(':')
    }

    /// Decodes the base64; a private key in constant time.
    ///
    /// # Errors
    /// [`BlockFault::Headers`] and [`BlockFault::Base64`].
    pub fn der(&self) -> Result<Vec<u8>, BlockFault> {
        if self.has_headers() {
            return Err(BlockFault::Headers(self.label.to_owned()));
        }
        let fault = |reason: &dyn fmt::Display| BlockFault::Base64(self.label.to_owned(), reason.to_string());
        let body = self.body.trim_matches(|c| WHITE.contains(c));
        // Padding ends the text, but the lax decoder continues after it.
        let behind = body.split_once('=').map_or("", |(_, behind)| behind);
        if behind.chars().any(|c| c != '=' && !WHITE.contains(c)) {
            return Err(fault(&"something follows its padding"));
        }
        let der = match self.label.ends_with(PRIVATE_KEY) {
            true => b64::decode_padded_secret(&without_white(body)).ok_or_else(|| fault(&"invalid base64"))?,
            false => lax().map_err(|e| fault(&e))?.decode(body.as_bytes()).map_err(|e| fault(&e))?,
        };
        if der.is_empty() { Err(fault(&"it is empty")) } else { Ok(der) }
    }
}

/// `text` without white space, wiped from memory after use.
fn without_white(text: &str) -> Zeroizing<String> {
    // With all the room at once: growing would leave copies behind.
    let mut kept = Zeroizing::new(String::with_capacity(text.len()));
    kept.extend(text.chars().filter(|c| !WHITE.contains(*c)));
    kept
}

/// Base64 with padding and with white space between its characters.
fn lax() -> Result<data_encoding::Encoding, data_encoding::SpecificationError> {
    let mut specification: Specification = data_encoding::BASE64.specification();
    specification.ignore.push_str(WHITE);
    specification.encoding()
}

/// Iterates over the blocks of a text; ends after the first fault.
pub fn blocks(text: &str) -> Blocks<'_> {
    Blocks { rest: text }
}

/// The iterator of [`blocks`].
#[derive(Clone, Debug)]
pub struct Blocks<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Blocks<'a> {
    type Item = Result<Block<'a>, BlockFault>;

    fn next(&mut self) -> Option<Self::Item> {
        let (_, after) = self.rest.split_once(BEGIN)?;
        let found = split(after);
        self.rest = found.as_ref().map_or("", |(_, rest)| rest);
        Some(found.map(|(block, _)| block))
    }
}

/// Splits off the block that begins with its label.
fn split(after: &str) -> Result<(Block<'_>, &str), BlockFault> {
    let (label, body) = after.split_once(DASHES).filter(|(label, _)| is_label(label)).ok_or(BlockFault::Boundary)?;
    let no_end = || BlockFault::End(label.to_owned());
    let (body, behind) = body.split_once(END).ok_or_else(no_end)?;
    if body.contains(BEGIN) {
        return Err(no_end());
    }
    let rest = behind.strip_prefix(label).and_then(|rest| rest.strip_prefix(DASHES)).ok_or_else(no_end)?;
    Ok((Block { label, body }, rest))
}

/// Checks a label: printable characters with single blanks and hyphens between them (RFC 7468 §3).
fn is_label(text: &str) -> bool {
    let parts = || text.split([' ', '-']);
    (1..=MAX_LABEL).contains(&text.len())
        && parts().all(|part| part.bytes().all(|b| b.is_ascii_graphic()) && !part.is_empty())
}

/// Fault of a text that has to be one private key. The message is a clause about the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyBlockFault {
    /// No private key; the label of the first block.
    #[error("{}", no_key(.0.as_deref()))]
    None(Option<String>),
    /// More than one private key.
    #[error("there is more than one private key in it")]
    Several,
    /// A block cannot be read.
    #[error(transparent)]
    Block(BlockFault),
}

fn no_key(label: Option<&str>) -> String {
    match label {
        None => "there is no \"BEGIN PRIVATE KEY\" in it".to_owned(),
        Some(label) => format!("there is a PEM {label:?} in it, and no \"PRIVATE KEY\" (PKCS#8)"),
    }
}

/// Finds the only private key of a text, in any form.
///
/// Other blocks (`EC PARAMETERS`, its certificate) are skipped.
///
/// # Errors
/// [`KeyBlockFault`].
pub fn private_key(text: &str) -> Result<Block<'_>, KeyBlockFault> {
    let (mut key, mut other) = (None, None);
    for block in blocks(text) {
        let block = block.map_err(KeyBlockFault::Block)?;
        match block.label.ends_with(PRIVATE_KEY) {
            true if key.is_some() => return Err(KeyBlockFault::Several),
            true => key = Some(block),
            false => {
                other.get_or_insert(block.label);
            }
        }
    }
    key.ok_or_else(|| KeyBlockFault::None(other.map(str::to_owned)))
}

#[cfg(test)]
mod tests;
