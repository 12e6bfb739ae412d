//! Reading of what Cloudflare's API returned.

use serde_json::Value;

use super::api::Refusal;
use super::check::Finding;

/// A member that is a text.
pub fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value.get(member).and_then(Value::as_str).unwrap_or_default()
}

/// The elements of an array.
pub fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// The warning about something that the token may not read.
pub fn unknown(what: &str, refusal: &Refusal, permission: &str) -> Finding {
    Finding::warning(
        format!("{what} is unknown: Cloudflare refused (status {}): {}", refusal.status, refusal.said),
        format!("Give the token the permission {permission}, to have it checked before the upload"),
    )
}
