//! Decoding of base64url with a reason for refusals.

use crate::values::b64;

/// Fault of a base64url text; the message is a clause that follows the field's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Encoding {
    /// A trailing `=`, to be refused by [RFC 8555 §6.1](https://www.rfc-editor.org/rfc/rfc8555#section-6.1).
    #[error("ends with `=`; base64url is written without padding here (RFC 8555 section 6.1)")]
    Padded,
    /// Another character, an impossible length, or bits set after the last byte.
    #[error("is not base64url (A-Z a-z 0-9 - _, no line breaks, unused bits zero)")]
    Loose,
}

/// Decodes canonical unpadded base64url.
pub(super) fn decode(text: &str) -> Result<Vec<u8>, Encoding> {
    b64::decode(text).ok_or(if text.ends_with('=') { Encoding::Padded } else { Encoding::Loose })
}
