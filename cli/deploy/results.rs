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

/// The bindings in the settings of a deployed Worker.
pub fn bindings(settings: &Value) -> impl Iterator<Item = &Value> {
    settings.get("bindings").into_iter().flat_map(list)
}

/// A plain variable in the settings of a deployed Worker.
pub fn deployed_var<'a>(settings: &'a Value, name: &str) -> Option<&'a str> {
    bindings(settings).find(|one| text(one, "name") == name).map(|one| text(one, "text"))
}

/// The warning about something that the token may not read.
pub fn unknown(what: &str, refusal: &Refusal, permission: &str) -> Finding {
    Finding::warning(
        format!("{what} is unknown: Cloudflare refused (status {}): {}", refusal.status, refusal.said),
        format!("Give the token the permission {permission}, to have it checked before the upload"),
    )
}
