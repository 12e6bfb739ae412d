//! Readers of single values.

use crate::values::quote::quote;
use core::fmt::Display;
use core::ops::RangeInclusive;
use core::time::Duration;
use url::Url;

/// Returns the value of a variable or secret.
pub type Values<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The refusal of a variable with this text.
pub(in crate::ca) fn invalid(name: &str, text: &str, expected: impl Display) -> String {
    format!("{name} is {}; it has to be {expected}.", quote(text))
}

/// Reads a URL that is an origin only, from the text of this variable. `like` is an example; `allowed` checks the
/// scheme.
///
/// # Errors
/// A sentence that names the variable.
pub(in crate::ca) fn origin(
    name: &str,
    text: &str,
    like: &str,
    allowed: impl FnOnce(&str) -> Result<(), &'static str>,
) -> Result<String, String> {
    let says = |what: &str| format!("{name} is {}; {what}, like {like}.", quote(text));
    let url = Url::parse(text).map_err(|e| says(&format!("it has to be a URL ({e})")))?;
    allowed(url.scheme()).map_err(says)?;
    let origin = url.origin().ascii_serialization();
    if text.trim_end_matches('/') != origin {
        return Err(says("it has to be scheme, host and optional port in lower case, and nothing more"));
    }
    Ok(origin)
}

pub(in crate::ca) fn port(value: Values<'_>, name: &str, default: u16) -> Result<u16, String> {
    let Some(text) = value(name) else { return Ok(default) };
    let port = text.parse().ok().filter(|port| *port != 0);
    port.ok_or_else(|| invalid(name, &text, "a port between 1 and 65535"))
}

/// Reads a whole number in this range, if set.
pub(in crate::ca) fn number(value: Values<'_>, name: &str, range: RangeInclusive<u32>) -> Result<Option<u32>, String> {
    let Some(text) = value(name) else { return Ok(None) };
    let found = text.parse().ok().filter(|number| range.contains(number));
    found
        .map(Some)
        .ok_or_else(|| invalid(name, &text, format_args!("a whole number, {} to {}", range.start(), range.end())))
}

/// Reads a whole number of seconds in this range, with a default.
pub(in crate::ca) fn seconds(
    value: Values<'_>,
    name: &str,
    usual: Duration,
    range: RangeInclusive<u32>,
) -> Result<Duration, String> {
    Ok(number(value, name, range)?.map_or(usual, |seconds| Duration::from_secs(seconds.into())))
}

/// Reads `true` or `false`; the default is `false`.
pub(in crate::ca) fn flag(value: Values<'_>, name: &str) -> Result<bool, String> {
    match value(name).as_deref() {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(other) => Err(invalid(name, other, "\"true\" or \"false\"")),
    }
}

pub(in crate::ca) fn page(value: Values<'_>, name: &str) -> Result<Option<String>, String> {
    let is_page = |text: &str| Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "https" | "http"));
    match value(name) {
        Some(text) if !is_page(&text) => {
            Err(invalid(name, &text, "the URL of a web page, like https://example.org/page"))
        }
        other => Ok(other),
    }
}
