//! The flattened JSON serialization, before verification.

use super::encoding;
use super::fault::JwsFault;
use super::json;
use crate::values::members::type_name;
use serde_json::{Map, Value};

/// The parts of a flattened JWS.
#[derive(Clone, Debug)]
pub(super) struct Flattened {
    /// The protected header's members.
    pub protected: Map<String, Value>,
    /// The decoded payload.
    pub payload: Vec<u8>,
    /// The decoded signature or MAC.
    pub signature: Vec<u8>,
    /// The signing input: the protected header and the payload as sent, with a dot between.
    pub signing_input: Vec<u8>,
}

impl Flattened {
    /// Reads a text, called `part` in errors.
    pub fn from_text(part: &'static str, text: &[u8]) -> Result<Self, JwsFault> {
        if is_compact(text) {
            return Err(JwsFault::Compact);
        }
        let members = json::parse_members(text).map_err(|fault| JwsFault::of_json(part, fault))?;
        Self::from_members(part, &members)
    }

    /// Reads a JSON object, called `part` in errors
    /// ([RFC 7515 §7.2.2](https://www.rfc-editor.org/rfc/rfc7515#section-7.2.2)).
    ///
    /// Members that RFC 7515 does not define are ignored (§7.2.1); nothing signed depends on them.
    pub fn from_members(part: &'static str, members: &Map<String, Value>) -> Result<Self, JwsFault> {
        if members.contains_key("signatures") {
            return Err(JwsFault::General);
        }
        if members.contains_key("header") {
            return Err(JwsFault::UnprotectedHeader);
        }
        let protected = text(part, members, "protected")?;
        let payload = text(part, members, "payload")?;
        let signature = text(part, members, "signature")?;
        Ok(Self {
            protected: json::parse_members(&decode("protected", protected)?)
                .map_err(|fault| JwsFault::of_json("the protected header", fault))?,
            payload: decode("payload", payload)?,
            signature: decode("signature", signature)?,
            signing_input: [protected.as_bytes(), b".", payload.as_bytes()].concat(),
        })
    }
}

/// Reads a required string member.
pub(super) fn text<'a>(
    part: &'static str,
    members: &'a Map<String, Value>,
    member: &'static str,
) -> Result<&'a str, JwsFault> {
    optional_text(part, members, member)?.ok_or(JwsFault::MissingMember { part, member })
}

/// Reads an optional string member.
pub(super) fn optional_text<'a>(
    part: &'static str,
    members: &'a Map<String, Value>,
    member: &'static str,
) -> Result<Option<&'a str>, JwsFault> {
    match members.get(member) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(JwsFault::NotAString { part, member, found: type_name(other) }),
    }
}

fn decode(field: &'static str, text: &str) -> Result<Vec<u8>, JwsFault> {
    encoding::decode(text).map_err(|fault| JwsFault::Base64 { field, fault })
}

/// Recognises the compact serialization: three base64url texts with dots between
/// ([RFC 7515 §7.1](https://www.rfc-editor.org/rfc/rfc7515#section-7.1)).
fn is_compact(body: &[u8]) -> bool {
    let text = body.trim_ascii();
    let in_alphabet = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'=');
    text.iter().all(in_alphabet) && text.iter().filter(|byte| **byte == b'.').count() == 2
}
