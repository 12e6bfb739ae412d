//! Filters of certificates, and the scan that applies them.

use super::index::remind_of;
use super::replacements::covers;
use super::view::FoundEntry;
use crate::pki::{Serial, profile};
use crate::policy::Pattern;
use crate::records::Problem;
use crate::records::ledger::entry::LedgerEntry;
use crate::records::ledger::inventory::Selection;
use crate::store::{Kv, Txn};
use crate::values::{Time, unicode};
use core::ops::ControlFlow;
use core::time::Duration;
use serde::{Deserialize, Serialize};

/// The state of the certificates that a query finds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// Not expired.
    #[default]
    Current,
    /// Neither expired nor revoked.
    Valid,
    /// Valid, in the last sixth of the lifetime, and not renewed.
    Unrenewed,
    /// Revoked and not expired.
    Revoked,
    /// Expired.
    Expired,
    /// All of them.
    All,
}

impl Standing {
    /// Checks whether the renewal of a matching certificate fits this state.
    pub fn accepts(self, found: &FoundEntry) -> bool {
        self != Self::Unrenewed || !found.is("renewed")
    }
}

/// The origin of the certificates that a query finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// Issued here.
    Issued,
    /// Issued by another program, and imported.
    Imported,
    /// Imported, and of another CA.
    Foreign,
}

impl Origin {
    fn is_of(self, entry: &LedgerEntry) -> bool {
        match self {
            Self::Issued => entry.imported.is_none(),
            Self::Imported => entry.imported.is_some(),
            Self::Foreign => entry.foreign().is_some(),
        }
    }
}

/// Searches certificates.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Query {
    /// Part of a name in A-labels or U-labels. From eight characters on, also of the serial number or account id.
    pub text: Option<String>,
    /// The serial number in hex.
    pub serial: Option<String>,
    /// The issuer, profile, account or name.
    pub selection: Selection,
    /// Their state.
    pub standing: Standing,
    /// Their origin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// The earliest expiry.
    pub ends_after: Option<Time>,
    /// The time before which they expire.
    pub ends_before: Option<Time>,
    /// The time before which they were issued.
    pub issued_before: Option<Time>,
    /// The cursor, in the order of expiry: a serial number.
    pub after: Option<String>,
    /// Maximum number of certificates.
    pub limit: usize,
}

/// Number of certificates scanned for one page. It takes some tens of milliseconds.
const MAX_SCANNED: usize = 2_000;

/// Number of records per read.
const PAGE: usize = 250;

/// More than what profiles backdate, and what a sixth of that adds.
const BACKDATED: Duration = Duration::from_secs(86_400);

/// Minimum characters of a text that is compared with serial numbers and account ids.
const MIN_TEXT: usize = 8;

/// A parsed query, to compare entries with.
pub struct Filter<'a> {
    /// The query.
    pub query: &'a Query,
    pattern: Option<Pattern>,
    text: Option<Text>,
    now: Time,
}

/// Progress of a scan.
pub struct Scanned {
    /// Cursor of the last scanned certificate, in the order of expiry.
    pub reached: String,
    /// Whether the scan has reached the end.
    pub complete: bool,
}

/// A search text in the forms that are compared.
struct Text {
    /// Part of a name in A-labels, an address or an account id.
    plain: String,
    /// Part of a name in U-labels.
    unicode: String,
    /// Part of a serial number in hex. `None` if it is shorter than [`MIN_TEXT`] or not hex.
    serial: Option<String>,
}

impl Text {
    fn of(text: &str) -> Self {
        let hex = text.trim().to_ascii_lowercase().replace([':', ' '], "");
        let hex = hex.strip_prefix("0x").unwrap_or(&hex).to_owned();
        let is_serial = hex.len() >= MIN_TEXT && hex.bytes().all(|b| b.is_ascii_hexdigit());
        Self {
            plain: text.trim().to_lowercase(),
            unicode: unicode::for_search(text.trim()),
            serial: Some(hex).filter(|_| is_serial),
        }
    }

    fn is_in(&self, serial: &str, entry: &LedgerEntry) -> bool {
        let named = |name: &String| {
            name.contains(&self.plain) || unicode::form(name).is_some_and(|form| form.contains(&self.unicode))
        };
        // Serial numbers and ids are random: one in some dozens contains any given two characters.
        entry.names.iter().any(named)
            || self.serial.as_ref().is_some_and(|part| entry.serial(serial).contains(part.as_str()))
            || (self.plain.len() >= MIN_TEXT
                && entry.owner().is_some_and(|id| id.as_str().to_ascii_lowercase().contains(&self.plain)))
    }
}

impl<'a> Filter<'a> {
    /// Creates the filter of a query at `now`.
    ///
    /// # Errors
    /// `malformed` for an invalid name pattern.
    pub fn new(query: &'a Query, now: Time) -> Result<Self, Problem> {
        let pattern = query.selection.name.as_deref().map(Pattern::parse).transpose();
        let pattern = pattern.map_err(|why| Problem::malformed(format!("name {why}.")))?;
        Ok(Self { query, pattern, text: query.text.as_deref().map(Text::of), now })
    }

    /// Checks whether a certificate matches the query. The caller compares expiry, serial number, cursor, and whether it
    /// was renewed.
    pub fn fits(&self, serial: &str, entry: &LedgerEntry) -> bool {
        let expired = entry.not_after < self.now;
        let stands = match self.query.standing {
            Standing::All => true,
            Standing::Current => !expired,
            Standing::Valid => !expired && entry.revoked.is_none(),
            Standing::Unrenewed => {
                let near = remind_of(entry) <= self.now;
                !expired && entry.revoked.is_none() && near
            }
            Standing::Revoked => !expired && entry.revoked.is_some(),
            Standing::Expired => expired,
        };
        stands
            && self.query.issued_before.is_none_or(|before| entry.recorded < before)
            && self.query.selection.fits(entry)
            && self.query.origin.is_none_or(|origin| origin.is_of(entry))
            && self.text.as_ref().is_none_or(|text| text.is_in(serial, entry))
            && self.pattern.as_ref().is_none_or(|pattern| covers(pattern, &entry.names))
    }

    /// Checks whether the renewal of a matching certificate fits the query.
    pub fn accepts(&self, found: &FoundEntry) -> bool {
        self.query.standing.accepts(found)
    }

    /// Returns the earliest matching expiry.
    pub fn from(&self) -> Time {
        let expired = matches!(self.query.standing, Standing::All | Standing::Expired);
        let from = self.query.ends_after.unwrap_or(Time::from_secs(0));
        if expired { from } else { from.max(self.now) }
    }

    /// Scans the certificates of the expiry range in order, with a limit per call. `each` may stop before one.
    ///
    /// # Errors
    /// The error of `each`; when the storage fails.
    pub fn scan<K: Kv>(
        &self,
        txn: &mut Txn<'_, K>,
        mut each: impl FnMut(&mut Txn<'_, K>, &str, &LedgerEntry) -> Result<ControlFlow<()>, Problem>,
    ) -> Result<Scanned, Problem> {
        let first = Serial::first_of(self.from());
        let mut at = self.query.after.clone().filter(|after| *after > first).unwrap_or(first);
        let mut seen = 0;
        loop {
            let page = txn.list::<LedgerEntry>(Some(&at), PAGE)?;
            let more = page.len() == PAGE;
            for (serial, entry) in page {
                if entry.not_after >= self.before() {
                    return Ok(Scanned { reached: at, complete: true });
                }
                if each(txn, &serial, &entry)?.is_break() {
                    return Ok(Scanned { reached: at, complete: false });
                }
                seen += 1;
                at = serial;
            }
            if !more || seen >= MAX_SCANNED {
                return Ok(Scanned { reached: at, complete: !more });
            }
        }
    }

    /// Returns the time before which matching certificates expire.
    pub fn before(&self) -> Time {
        let before = self.query.ends_before.unwrap_or(Time::from_millis(u64::MAX));
        match self.query.standing {
            Standing::Expired => before.min(self.now),
            // No certificate is longer in its last sixth than the longest profile allows.
            Standing::Unrenewed => before.min(self.now.plus(profile::longest() / 6).plus(BACKDATED)),
            Standing::Current | Standing::Valid | Standing::Revoked | Standing::All => before,
        }
    }
}
