//! Settings of a test machine, refused in production.

use super::values::{Values, flag, invalid, number};
use crate::ca::http::routes::Style;
use crate::jose;
use crate::pki::{Profile, leaf, pem, profile};
use crate::values::quote::quote;
use crate::values::x509::Parts;
use core::time::Duration;
use serde_json::{Map, Value};

/// Maximum length of a profile's name or description.
const MAX_TEXT: usize = 200;

/// Longest lifetime of a profile, in seconds: 100 years.
const MAX_LIFETIME: u64 = 100 * 365 * 24 * 3600;

/// What a test machine does differently.
#[derive(Clone, Debug, Default)]
pub struct TestMachine {
    /// Whether every validation succeeds, without a look-up.
    pub always_valid: bool,
    /// Percentage of valid authorizations that new orders use. Open orders are then never returned for new ones.
    pub reuse: Option<u8>,
    /// The spelling of paths.
    pub style: Style,
    /// Whether operators may set faults.
    pub faults: bool,
    /// Whether operators may set the clock.
    pub clock: bool,
    /// Expired certificates of issuers (DER), for the fault of an expired intermediate.
    pub expired_issuers: Vec<Vec<u8>>,
    /// What a certificate takes from its CSR.
    pub csr_style: CsrStyle,
    /// The number of orders per page of an account's list.
    pub orders_per_page: Option<usize>,
}

/// What a certificate takes from its CSR beside the key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CsrStyle {
    /// Nothing: the names are sorted.
    #[default]
    Own,
    /// The order of the names, and must-staple.
    Pebble,
}

impl TestMachine {
    /// Reads these settings.
    ///
    /// # Errors
    /// A sentence for the operator; any of these settings in production.
    pub fn read(value: Values<'_>, dev: bool) -> Result<Self, String> {
        let names = [
            "ALWAYS_VALID",
            "AUTHORIZATION_REUSE",
            "CSR_STYLE",
            "EXPIRED_ISSUERS",
            "FAULTS",
            "ORDERS_PER_PAGE",
            "TEST_CLOCK",
            "URL_STYLE",
        ];
        for name in names {
            only_for_tests(value, name, dev)?;
        }
        let style = match value("URL_STYLE").as_deref() {
            None | Some("own") => Style::Own,
            Some("pebble") => Style::Pebble,
            Some(other) => return Err(invalid("URL_STYLE", other, "\"own\" or \"pebble\"")),
        };
        let csr_style = match value("CSR_STYLE").as_deref() {
            None | Some("own") => CsrStyle::Own,
            Some("pebble") => CsrStyle::Pebble,
            Some(other) => return Err(invalid("CSR_STYLE", other, "\"own\" or \"pebble\"")),
        };
        let per_page = number(value, "ORDERS_PER_PAGE", 1..=1000)?;
        let reuse = number(value, "AUTHORIZATION_REUSE", 0..=100)?;
        Ok(Self {
            always_valid: flag(value, "ALWAYS_VALID")?,
            reuse: reuse.and_then(|percent| percent.try_into().ok()),
            style,
            faults: flag(value, "FAULTS")?,
            clock: flag(value, "TEST_CLOCK")?,
            expired_issuers: expired_issuers(value)?,
            csr_style,
            orders_per_page: per_page.and_then(|count| count.try_into().ok()),
        })
    }
}

/// Reads `EXPIRED_ISSUERS`, certificates in PEM.
fn expired_issuers(value: Values<'_>) -> Result<Vec<Vec<u8>>, String> {
    let Some(text) = value("EXPIRED_ISSUERS") else { return Ok(Vec::new()) };
    let unusable = |why: &str| format!("EXPIRED_ISSUERS has to be certificates of issuers in PEM ({why}).");
    let ders = pem::read_certificates(&text).map_err(|fault| unusable(&fault.to_string()))?;
    for der in &ders {
        Parts::read(der).map_err(|error| unusable(&error.to_string()))?;
    }
    Ok(ders)
}

/// Reads `OCSP_URL`, the URL of an OCSP responder in certificates.
///
/// # Errors
/// A sentence for the operator; the setting in production.
pub(super) fn ocsp(value: Values<'_>, dev: bool) -> Result<Option<String>, String> {
    only_for_tests(value, "OCSP_URL", dev)?;
    match value("OCSP_URL") {
        Some(url) if !leaf::is_http(&url) => Err(invalid("OCSP_URL", &url, "an http URL in ASCII")),
        url => Ok(url),
    }
}

/// Refuses a setting for tests where the CA is in production.
pub(in crate::ca) fn only_for_tests(value: Values<'_>, name: &str, dev: bool) -> Result<(), String> {
    if dev || value(name).is_none() {
        return Ok(());
    }
    Err(format!("{name} is for tests of clients; remove it where MODE is \"production\"."))
}

/// Reads `PROFILES`, the profiles in place of the built-in ones; `None` without it.
///
/// It is a JSON object from names to `{"description", "seconds", "common_name"}`. A profile named `default` becomes the
/// first. Each call keeps its names in memory until the process ends: a configuration is read once.
///
/// # Errors
/// A sentence for the operator; the setting in production.
pub fn profiles(value: Values<'_>) -> Result<Option<Vec<Profile>>, String> {
    only_for_tests(value, "PROFILES", value("MODE").as_deref() == Some("dev"))?;
    let Some(text) = value("PROFILES") else { return Ok(None) };
    let entries = jose::read_object("PROFILES", &text).map_err(|fault| format!("{fault}."))?;
    let mut found = entries.iter().map(|(name, entry)| profile_of(name, entry)).collect::<Result<Vec<_>, _>>()?;
    if found.is_empty() {
        return Err("PROFILES is {}; it has to have one profile or more.".to_owned());
    }
    found.sort_by_key(|profile| profile.name != "default");
    Ok(Some(found))
}

fn profile_of(name: &str, entry: &Value) -> Result<Profile, String> {
    let says = |what: &str| format!("The profile {} of PROFILES {what}.", quote(name));
    let none = Map::new();
    let entry = entry.as_object().unwrap_or(&none);
    let description = entry.get("description").and_then(Value::as_str).unwrap_or(name);
    if name.is_empty() || name.len() > MAX_TEXT || description.len() > MAX_TEXT {
        return Err(says(&format!("has a name or description of other than 1 to {MAX_TEXT} bytes")));
    }
    let seconds = entry.get("seconds").and_then(Value::as_u64).filter(|seconds| (1..=MAX_LIFETIME).contains(seconds));
    let seconds =
        seconds.ok_or_else(|| says(&format!("needs \"seconds\", a whole number from 1 to {MAX_LIFETIME}")))?;
    Ok(Profile {
        name: Box::leak(name.to_owned().into_boxed_str()),
        description: Box::leak(description.to_owned().into_boxed_str()),
        validity: Duration::from_secs(seconds),
        // On one machine no clock is late.
        backdate: Duration::ZERO,
        common_name: entry.get("common_name").and_then(Value::as_bool).unwrap_or_default(),
        ..profile::default_profile().clone()
    })
}
