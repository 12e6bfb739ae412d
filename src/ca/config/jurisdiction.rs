//! The platform's jurisdiction of all partitions: `JURISDICTION`.

use super::values::{Values, invalid};

/// The jurisdictions of Cloudflare's Durable Objects (reference/data-location).
const JURISDICTIONS: [&str; 3] = ["eu", "fedramp", "us"];

/// Reads the jurisdiction; `None` for anywhere.
///
/// # Errors
/// A sentence that names the variable.
pub(super) fn jurisdiction(value: Values<'_>) -> Result<Option<String>, String> {
    match value("JURISDICTION") {
        Some(other) if !JURISDICTIONS.contains(&other.as_str()) => {
            Err(invalid("JURISDICTION", &other, "\"eu\", \"fedramp\" or \"us\", or unset for no limit"))
        }
        known => Ok(known),
    }
}
