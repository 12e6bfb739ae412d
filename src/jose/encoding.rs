//! Reading base64url so that a refusal can say what is wrong with it.

use crate::values::b64;
use std::fmt;

/// What is wrong with a base64url text; its [`fmt::Display`] is a clause that follows the field's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// It ends with `=`, which [RFC 8555 §6.1](https://www.rfc-editor.org/rfc/rfc8555#section-6.1) says to refuse.
    Padded,
    /// Another character, an impossible length, or bits set after the last byte.
    Loose,
}

/// The bytes that `text` stands for in canonical unpadded base64url.
pub(super) fn decode(text: &str) -> Result<Vec<u8>, Encoding> {
    b64::decode(text).ok_or(if text.ends_with('=') { Encoding::Padded } else { Encoding::Loose })
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Padded => "ends with `=`; base64url is written without padding here (RFC 8555 section 6.1)",
            Self::Loose => "is not base64url (A-Z a-z 0-9 - _, no line breaks, unused bits zero)",
        })
    }
}
