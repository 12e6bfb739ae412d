//! Members of JSON that an authority sent.

use selvedge::values::Time;
use serde::{Deserialize, Deserializer, de};

use super::web::plain;

fn parsed<E: de::Error>(text: &str) -> Result<Time, E> {
    Time::parse_rfc3339(text).ok_or_else(|| E::custom(format!("{:?} is not a time", plain(text))))
}

/// Reads a time.
///
/// # Errors
/// When it is not one.
pub fn time<'de, D: Deserializer<'de>>(from: D) -> Result<Time, D::Error> {
    parsed(&String::deserialize(from)?)
}

/// Reads a time that may be absent.
///
/// # Errors
/// When it is not one.
pub fn maybe_time<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Time>, D::Error> {
    Option::<String>::deserialize(from)?.as_deref().map(parsed).transpose()
}

/// Reads a text, which is shown on a terminal.
///
/// # Errors
/// When it is not one.
pub fn text<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    Ok(plain(&String::deserialize(from)?))
}

/// Reads texts, which are shown on a terminal.
///
/// # Errors
/// When they are not.
pub fn texts<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    Ok(Vec::<String>::deserialize(from)?.iter().map(|text| plain(text)).collect())
}
