//! Events made of what the authority knows.

use super::{Category, Event, Start};
use crate::values::{Time, unicode};

/// How many names of a certificate are written out.
const NAMES: usize = 10;

/// The most characters of one name, or of another text that is quoted.
const LENGTH: usize = 253;

/// How many days before it there is a reminder of an issuer's day, where something is to be done for it.
const AHEAD: u32 = 30;

/// A certificate that is near its end and was not renewed.
#[derive(Clone, Debug)]
pub struct Ending {
    /// Its serial number in hex.
    pub serial: String,
    /// The names in it.
    pub names: Vec<String>,
    /// When it ends.
    pub not_after: Time,
    /// The account that it was issued to.
    pub account: String,
    /// Its profile, if that is known.
    pub profile: Option<String>,
}

/// A certificate that was revoked.
#[derive(Clone, Debug)]
pub struct Revoked {
    /// Its serial number in hex.
    pub serial: String,
    /// The names in it.
    pub names: Vec<String>,
    /// When.
    pub at: Time,
    /// The CRLReason (RFC 5280 §5.3.1), if one was given.
    pub reason: Option<u8>,
}

/// What happens to an issuer or the root on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It issues from then on.
    TakesOver,
    /// From then on a certificate of the longest profile would outlive it.
    LastFullLength,
    /// It ends.
    Ends,
    /// The root ends, and with it everything.
    RootEnds,
}

/// A day of an issuer or of the root.
#[derive(Clone, Debug)]
pub struct IssuerDay {
    /// The issuer's id, or another name that no other issuer has.
    pub id: String,
    /// Its name in its certificate.
    pub name: String,
    /// What happens.
    pub turn: Turn,
    /// When.
    pub at: Time,
}

/// The event of a certificate that ends without a renewal, at the instant of its end, with a reminder a day ahead.
pub fn ending(certificate: &Ending) -> Event {
    let mut lines = vec![
        "No certificate with the same names ends later.".to_owned(),
        format!("Names: {}", names(&certificate.names, NAMES)),
        format!("Ends: {}", certificate.not_after.rfc3339()),
        format!("Serial number: {}", short(&certificate.serial)),
        format!("Account: {}", short(&certificate.account)),
    ];
    lines.extend(certificate.profile.as_ref().map(|profile| format!("Profile: {}", short(profile))));
    Event {
        uid: format!("ending-{}", token(&certificate.serial)),
        start: Start::At(certificate.not_after),
        summary: format!("Certificate ends: {}", names(&certificate.names, 1)),
        description: lines.join("\n"),
        category: Category::Certificates,
        alarm: Some(1),
    }
}

/// The event of a revocation, at its instant.
pub fn revoked(revocation: &Revoked) -> Event {
    let lines = [
        format!("Names: {}", names(&revocation.names, NAMES)),
        format!("Revoked: {}", revocation.at.rfc3339()),
        format!("Reason: {}", revocation.reason.map_or_else(|| "none given".to_owned(), reason)),
        format!("Serial number: {}", short(&revocation.serial)),
    ];
    Event {
        uid: format!("revoked-{}", token(&revocation.serial)),
        start: Start::At(revocation.at),
        summary: format!("Certificate revoked: {}", names(&revocation.names, 1)),
        description: lines.join("\n"),
        category: Category::Revocations,
        alarm: None,
    }
}

/// The event of an issuer's day, all day long: it is for planning.
pub fn issuer_day(day: &IssuerDay) -> Event {
    let name = short(&day.name);
    let (kind, summary, what, alarm) = match day.turn {
        Turn::TakesOver => ("takes-over", "Issuer takes over", "It signs new certificates from then on.", None),
        Turn::LastFullLength => (
            "last-full-length",
            "Issuer can issue no full-length certificates any more",
            "A certificate of the longest profile would outlive it: a further issuer has to be there before.",
            Some(AHEAD),
        ),
        Turn::Ends => ("ends", "Issuer ends", "No certificate of it is valid after that.", Some(AHEAD)),
        Turn::RootEnds => (
            "root-ends",
            "Root ends",
            "Nothing is trusted by it after that: clients need another root well before.",
            Some(AHEAD),
        ),
    };
    Event {
        uid: format!("{kind}-{}", token(&day.id)),
        start: Start::Day(day.at),
        summary: format!("{summary}: {name}"),
        description: format!("{what}\nAt: {}\nId: {}", day.at.rfc3339(), short(&day.id)),
        category: Category::Issuers,
        alarm,
    }
}

/// The first names of a certificate, and how many there are more.
fn names(names: &[String], most: usize) -> String {
    let first: Vec<String> = names.iter().take(most).map(|name| short(&unicode::both(name))).collect();
    match names.len().saturating_sub(most) {
        _ if names.is_empty() => "(no names)".to_owned(),
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

/// The name of a CRLReason (RFC 5280 §5.3.1).
fn reason(code: u8) -> String {
    let name = match code {
        0 => "unspecified",
        1 => "keyCompromise",
        2 => "cACompromise",
        3 => "affiliationChanged",
        4 => "superseded",
        5 => "cessationOfOperation",
        6 => "certificateHold",
        8 => "removeFromCRL",
        9 => "privilegeWithdrawn",
        10 => "aACompromise",
        other => return other.to_string(),
    };
    name.to_owned()
}

fn short(text: &str) -> String {
    text.chars().take(LENGTH).collect()
}

/// What of a text may stand in a UID, whatever reads it.
fn token(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).take(LENGTH).collect()
}
