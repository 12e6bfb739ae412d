//! Reading of what Cloudflare's API returned.

use anyhow::Result;
use serde_json::Value;

use super::api::{Api, Refusal};
use super::check::Finding;

/// A member that is a text.
pub fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value.get(member).and_then(Value::as_str).unwrap_or_default()
}

/// The elements of an array.
pub fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// A plain variable of a deployed Worker.
///
/// `None` when it has none, or Cloudflare refuses to say.
///
/// # Errors
/// When Cloudflare does not answer.
pub fn deployed_var(api: &Api, worker: &str, name: &str) -> Result<Option<String>> {
    let settings = api.get(&format!("/accounts/{}/workers/scripts/{worker}/settings", api.account()))?;
    let Ok(settings) = settings else { return Ok(None) };
    let found = list(settings.get("bindings").unwrap_or(&Value::Null)).find(|one| text(one, "name") == name);
    Ok(found.map(|one| text(one, "text").to_owned()))
}

/// The warning about something that the token may not read.
pub fn unknown(what: &str, refusal: &Refusal, permission: &str) -> Finding {
    Finding::warning(
        format!("{what} is unknown: Cloudflare refused (status {}): {}", refusal.status, refusal.said),
        format!("Give the token the permission {permission}, to have it checked before the upload"),
    )
}
