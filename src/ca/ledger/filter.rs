//! Which certificates are looked for, and the walk through those of a ledger.

use super::replacements::covers;
use crate::policy::Pattern;
use crate::records::Problem;
use crate::records::ledger::entry::LedgerEntry;
use crate::records::ledger::inventory::{ExpiryIndex, Selection, expiry_id, parse_expiry_id};
use crate::store::{Kv, Txn};
use crate::values::{Time, unicode};
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
    /// Revoked and not expired.
    Revoked,
    /// Expired.
    Expired,
    /// All of them.
    All,
}

/// Searches certificates.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Query {
    /// A part of a name in either of its forms, or from eight characters on of the serial number or the account's id.
    pub text: Option<String>,
    /// The serial number in hex.
    pub serial: Option<String>,
    /// The issuer, profile, account or name.
    pub selection: Selection,
    /// Their state.
    pub standing: Standing,
    /// The earliest expiry.
    pub ends_after: Option<Time>,
    /// The time before which they expire.
    pub ends_before: Option<Time>,
    /// The time before which they were issued.
    pub issued_before: Option<Time>,
    /// The cursor, in the order of expiry: see [`crate::records::ledger::inventory::expiry_id`].
    pub after: Option<String>,
    /// The largest number of certificates.
    pub limit: usize,
}

/// How many certificates are looked at for one page: some tens of milliseconds.
const SCAN: usize = 2_000;

/// How many records are read in one go.
const PAGE: usize = 250;

/// From how many characters on a text may be a part of a serial number or of an account's id.
const LEAST: usize = 8;

/// A query, ready to be held against entries.
pub struct Filter<'a> {
    /// The query.
    pub query: &'a Query,
    pattern: Option<Pattern>,
    text: Option<Text>,
    now: Time,
}

/// Whether a walk through certificates goes on behind the present one, or stops before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Walk {
    /// It does.
    GoesOn,
    /// It stops.
    Stops,
}

/// How far a walk has come.
pub struct Walked {
    /// The last certificate that it came to, in the order of their ends.
    pub reached: String,
    /// Whether that was all.
    pub complete: bool,
}

/// A text that is searched for, in the forms in which it may be found.
struct Text {
    /// As a part of a name in A-labels, an address, or an account's id.
    plain: String,
    /// As a part of a name in U-labels.
    unicode: String,
    /// As a part of a serial number in hex, where it is one that is long enough to mean one.
    serial: Option<String>,
}

impl Text {
    fn of(text: &str) -> Self {
        let hex = text.trim().to_ascii_lowercase().replace([':', ' '], "");
        let hex = hex.strip_prefix("0x").unwrap_or(&hex).to_owned();
        let is_serial = hex.len() >= LEAST && hex.bytes().all(|b| b.is_ascii_hexdigit());
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
        // Serial numbers and ids are random: any two letters are in one of some dozens.
        entry.names.iter().any(named)
            || self.serial.as_ref().is_some_and(|part| serial.contains(part.as_str()))
            || (self.plain.len() >= LEAST && entry.account.as_str().to_ascii_lowercase().contains(&self.plain))
    }
}

impl<'a> Filter<'a> {
    /// The filter of a query at `now`.
    ///
    /// # Errors
    /// `malformed` for a pattern that is none.
    pub fn new(query: &'a Query, now: Time) -> Result<Self, Problem> {
        let pattern = query.selection.name.as_deref().map(Pattern::parse).transpose();
        let pattern = pattern.map_err(|why| Problem::malformed(format!("name {why}.")))?;
        Ok(Self { query, pattern, text: query.text.as_deref().map(Text::of), now })
    }

    /// Whether a certificate is one of those that are looked for.
    pub fn fits(&self, serial: &str, entry: &LedgerEntry) -> bool {
        let expired = entry.not_after < self.now;
        let stands = match self.query.standing {
            Standing::All => true,
            Standing::Current => !expired,
            Standing::Valid => !expired && entry.revoked.is_none(),
            Standing::Revoked => !expired && entry.revoked.is_some(),
            Standing::Expired => expired,
        };
        stands
            && self.query.issued_before.is_none_or(|before| entry.recorded < before)
            && self.query.selection.fits(entry)
            && self.text.as_ref().is_none_or(|text| text.is_in(serial, entry))
            && self.pattern.as_ref().is_none_or(|pattern| covers(pattern, &entry.names))
    }

    /// From when the ends lie that are looked for.
    pub fn from(&self) -> Time {
        let expired = matches!(self.query.standing, Standing::All | Standing::Expired);
        let from = self.query.ends_after.unwrap_or(Time::from_secs(0));
        if expired { from } else { from.max(self.now) }
    }

    /// Walks through the certificates whose ends lie there, in the order of their ends, as far as one go comes.
    ///
    /// # Errors
    /// What `each` returns; when the storage fails.
    pub fn walk<K: Kv>(
        &self,
        txn: &mut Txn<'_, K>,
        mut each: impl FnMut(&mut Txn<'_, K>, &str, &str, &LedgerEntry) -> Result<Walk, Problem>,
    ) -> Result<Walked, Problem> {
        let first = expiry_id(self.from(), "");
        let mut at = self.query.after.clone().filter(|after| *after > first).unwrap_or(first);
        let mut seen = 0;
        loop {
            let page = txn.list::<ExpiryIndex>(Some(&at), PAGE)?;
            let more = page.len() == PAGE;
            for (id, ExpiryIndex {}) in page {
                let Some((end, serial)) = parse_expiry_id(&id) else { continue };
                if end >= self.before() {
                    return Ok(Walked { reached: at, complete: true });
                }
                if let Some(entry) = txn.get::<LedgerEntry>(serial)?
                    && each(txn, &id, serial, &entry)? == Walk::Stops
                {
                    return Ok(Walked { reached: at, complete: false });
                }
                seen += 1;
                at = id;
            }
            if !more || seen >= SCAN {
                return Ok(Walked { reached: at, complete: !more });
            }
        }
    }

    /// Before when they lie.
    pub fn before(&self) -> Time {
        let before = self.query.ends_before.unwrap_or(Time::from_millis(u64::MAX));
        if self.query.standing == Standing::Expired { before.min(self.now) } else { before }
    }
}
