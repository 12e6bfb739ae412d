//! Calendar events from certificates, revocations and issuers.

use super::{Category, Event, Start};
use crate::values::{Time, unicode};

/// Maximum number of names listed for a certificate.
const MAX_NAMES: usize = 10;

/// Maximum length of a name or another quoted text, in characters.
const MAX_TEXT: usize = 253;

/// Reminder for an issuer's day that needs action, in days before it.
const REMINDER_DAYS: u32 = 30;

/// A certificate that expires soon and was not renewed.
#[derive(Clone, Debug)]
pub struct Ending {
    /// Serial number in hex.
    pub serial: String,
    /// Names.
    pub names: Vec<String>,
    /// Expiry.
    pub not_after: Time,
    /// Account that it was issued to; `None` for an imported one.
    pub account: Option<String>,
    /// Profile, if known.
    pub profile: Option<String>,
}

/// A revoked certificate.
#[derive(Clone, Debug)]
pub struct Revoked {
    /// Serial number in hex.
    pub serial: String,
    /// Names.
    pub names: Vec<String>,
    /// Time of the revocation.
    pub at: Time,
    /// CRLReason (RFC 5280 §5.3.1), if given.
    pub reason: Option<u8>,
}

/// A change of an issuer or of the root on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It becomes the active issuer.
    TakesOver,
    /// From this day a certificate of the longest profile would outlive it.
    LastFullLength,
    /// It expires.
    Ends,
    /// The root expires, and with it the whole chain.
    RootEnds,
    /// The root's CRL expires.
    RootListEnds,
}

/// A day of an issuer or of the root.
#[derive(Clone, Debug)]
pub struct IssuerDay {
    /// The issuer's id, or another unique name.
    pub id: String,
    /// Name in its certificate.
    pub name: String,
    /// The change.
    pub turn: Turn,
    /// Time.
    pub at: Time,
}

/// A day on which a thing ends that the CA's operation depends on.
#[derive(Clone, Debug)]
pub struct Deadline {
    /// A unique name.
    pub id: String,
    /// The thing, as in "admin token ada".
    pub thing: String,
    /// What to do before.
    pub todo: String,
    /// Time.
    pub at: Time,
}

/// Returns the event of a deadline. All day, since it is for planning.
pub fn deadline(day: &Deadline) -> Event {
    let mut thing = short(&day.thing);
    if let Some(first) = thing.get(..1).map(str::to_ascii_uppercase) {
        thing.replace_range(..1, &first);
    }
    Event {
        uid: format!("deadline-{}", token(&day.id)),
        start: Start::Day(day.at),
        summary: format!("{thing} ends"),
        description: format!("What to do: {}\nAt: {}", day.todo, day.at.rfc3339()),
        category: Category::Operation,
        alarm: Some(REMINDER_DAYS),
    }
}

/// Returns the event of an unrenewed certificate's expiry, with a reminder one day before.
pub fn ending(certificate: &Ending) -> Event {
    let mut lines = vec![
        "No certificate with the same names expires later.".to_owned(),
        format!("Names: {}", names(&certificate.names, MAX_NAMES)),
        format!("Expires: {}", certificate.not_after.rfc3339()),
        format!("Serial number: {}", short(&certificate.serial)),
    ];
    lines.push(match &certificate.account {
        Some(account) => format!("Account: {}", short(account)),
        None => "Imported: another program issued it and has to renew it, or a client of this CA".to_owned(),
    });
    lines.extend(certificate.profile.as_ref().map(|profile| format!("Profile: {}", short(profile))));
    Event {
        uid: format!("ending-{}", token(&certificate.serial)),
        start: Start::At(certificate.not_after),
        summary: format!("Certificate expires: {}", names(&certificate.names, 1)),
        description: lines.join("\n"),
        category: Category::Certificates,
        alarm: Some(1),
    }
}

/// Returns the event of a revocation, at its instant.
pub fn revoked(revocation: &Revoked) -> Event {
    let lines = [
        format!("Names: {}", names(&revocation.names, MAX_NAMES)),
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

/// Returns the event of an issuer's day. All day, since it is for planning.
pub fn issuer_day(day: &IssuerDay) -> Event {
    let name = short(&day.name);
    let (kind, summary, what, alarm) = match day.turn {
        Turn::TakesOver => (
            "takes-over",
            "Issuer takes over",
            "It signs new certificates from then on. `selvedge deploy` before, with its key.",
            None,
        ),
        Turn::LastFullLength => (
            "last-full-length",
            "Issuer can no longer issue full-length certificates",
            "A certificate of the longest profile would outlive it: the next issuer has to take over before. Create it with \
             `selvedge issuer new`, then `selvedge deploy`.",
            Some(REMINDER_DAYS),
        ),
        Turn::Ends => (
            "ends",
            "Issuer expires",
            "None of its certificates is valid after that. Create the next one in time: `selvedge issuer new`, then \
             `selvedge deploy`.",
            Some(REMINDER_DAYS),
        ),
        Turn::RootEnds => (
            "root-ends",
            "Root expires",
            "It is not trusted after that: clients need another root well before. Create it with `selvedge init` in another \
             folder, and distribute it to all clients.",
            Some(REMINDER_DAYS),
        ),
        Turn::RootListEnds => (
            "root-crl-ends",
            "The root's CRL expires",
            "Verifiers that check issuers refuse everything after that. Sign another with `selvedge issuer crl`, where the \
             root's key is, then `selvedge deploy`.",
            Some(REMINDER_DAYS),
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

/// Returns the first `most` names and the number of further ones.
fn names(names: &[String], most: usize) -> String {
    let first: Vec<String> = names.iter().take(most).map(|name| short(&unicode::both(name))).collect();
    match names.len().saturating_sub(most) {
        _ if names.is_empty() => "(no names)".to_owned(),
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

/// Returns the name of a CRLReason (RFC 5280 §5.3.1).
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
    text.chars().take(MAX_TEXT).collect()
}

/// Returns the characters of a text that every UID reader accepts.
fn token(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')).take(MAX_TEXT).collect()
}
