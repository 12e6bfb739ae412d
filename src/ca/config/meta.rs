//! The settings of the directory's `meta`, and of changed terms of service.

use super::values::{Values, invalid, page};

/// Effect of terms of service that an account has not agreed to (RFC 8555 §7.3.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TermsChange {
    /// None. Clients run unattended, and a change must not stop them by surprise.
    #[default]
    Accept,
    /// Its requests are refused until a person agrees.
    Refuse,
}

/// Members of the directory's `meta` object (RFC 8555 §9.7.6).
#[derive(Clone, Debug, Default)]
pub struct Meta {
    /// URL of the terms of service; if set, new accounts must agree.
    pub terms_of_service: Option<String>,
    /// URL of a page about this CA.
    pub website: Option<String>,
}

/// Reads `TERMS_CHANGE`.
///
/// # Errors
/// A sentence for the operator.
pub(in crate::ca) fn terms_change(value: Values<'_>) -> Result<TermsChange, String> {
    match value("TERMS_CHANGE").as_deref() {
        None | Some("accept") => Ok(TermsChange::Accept),
        Some("refuse") if value("TERMS_OF_SERVICE").is_some() => Ok(TermsChange::Refuse),
        Some("refuse") => Err("TERMS_CHANGE is \"refuse\", but TERMS_OF_SERVICE is not set.".to_owned()),
        Some(other) => Err(invalid("TERMS_CHANGE", other, "\"accept\" or \"refuse\"")),
    }
}

/// Reads `TERMS_OF_SERVICE` and `WEBSITE`.
///
/// # Errors
/// A sentence for the operator.
pub(in crate::ca) fn meta(value: Values<'_>, dev: bool) -> Result<Meta, String> {
    // Pebble's terms are a `data:` URL.
    let in_place = value("TERMS_OF_SERVICE").filter(|text| dev && text.starts_with("data:text/plain,"));
    let terms_of_service = in_place.map_or_else(|| page(value, "TERMS_OF_SERVICE"), |terms| Ok(Some(terms)))?;
    Ok(Meta { terms_of_service, website: page(value, "WEBSITE")? })
}
