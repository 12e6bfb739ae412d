//! Unpredictable names for accounts, orders and other resources with a URL.

use super::b64;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Random name of 128 bits, written as 22 characters of base64url.
///
/// A URL with it discloses nothing and cannot be guessed
/// ([RFC 8555 §10.5](https://www.rfc-editor.org/rfc/rfc8555#section-10.5)).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Id(String);

/// Length of an [`Id`] in bytes before encoding.
pub const ID_BYTES: usize = 16;

impl Id {
    /// Makes a name of random bytes.
    pub fn from_random(bytes: [u8; ID_BYTES]) -> Self {
        Self(b64::encode(&bytes))
    }

    /// Parses a name; `None` when `text` is not 22 characters of canonical base64url.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = (text.len() == 22).then(|| b64::decode(text))??;
        (bytes.len() == ID_BYTES).then(|| Self(text.to_owned()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of a group with this number: its last byte. Names of a group differ in nothing else.
    pub fn numbered(&self, number: u8) -> Self {
        let mut bytes = self.bytes();
        if let Some(last) = bytes.last_mut() {
            *last = number;
        }
        Self::from_random(bytes)
    }

    /// Its number within its group.
    pub fn number(&self) -> u8 {
        self.bytes().last().copied().unwrap_or_default()
    }

    /// Decodes the name to its 16 bytes.
    pub fn bytes(&self) -> [u8; ID_BYTES] {
        b64::decode(&self.0).and_then(|bytes| bytes.try_into().ok()).unwrap_or_default()
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Id> for String {
    fn from(id: Id) -> String {
        id.0
    }
}

impl TryFrom<String> for Id {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or_else(|| format!("{text:?} is not an id of 22 base64url characters"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbered_ids_differ_in_one_byte() {
        let id = Id::from_random([7; 16]);
        let other = id.numbered(9);
        assert_eq!((other.number(), other.numbered(7)), (9, id.clone()));
        assert_eq!((&other.bytes()[..15], other.numbered(0).number()), (&id.bytes()[..15], 0));
    }

    #[test]
    fn an_id_is_22_canonical_characters() {
        let id = Id::from_random([0xff; 16]);
        assert_eq!(id.as_str(), "_____________________w");
        assert_eq!(Id::parse(id.as_str()), Some(id.clone()));
        assert_eq!(id.bytes(), [0xff; 16]);
        for bad in
            ["", "______________________", "_____________________", "../../../../../../../x", "_____________________w="]
        {
            assert_eq!(Id::parse(bad), None, "{bad:?}");
        }
    }
}
