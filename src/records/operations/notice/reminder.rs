//! Times of notices about expiring certificates and issuers.

use crate::values::Time;
use core::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

/// Days before an issuer's date at which a notice is sent.
const DAYS: [u32; 4] = [90, 30, 7, 1];

/// Time of the notice about a certificate that was not renewed.
///
/// It is a sixth of the lifetime before the end: 15 days for 90, 8 for 47 and 28 hours for 7 days. The renewal window
/// of RFC 9773 has passed by then ([`Renewable::window`](crate::records::Renewable::window)), so the client does not
/// work.
pub fn remind_at(not_before: Time, not_after: Time) -> Time {
    not_after.minus(not_before.until(not_after) / 6)
}

/// A date in an issuer's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum IssuerTurn {
    /// The last day on which certificates of the longest profile fit. Afterwards another issuer is needed.
    LastFullLength,
    /// It expires.
    End,
}

impl IssuerTurn {
    /// Its name in a notice's data.
    pub fn name(self) -> &'static str {
        match self {
            Self::LastFullLength => "last_full_length",
            Self::End => "end",
        }
    }
}

/// The data that determine an issuer's notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IssuerDates {
    /// Expiry of its certificate.
    pub not_after: Time,
    /// Lifetime of its longest profile.
    pub longest: Duration,
}

impl IssuerDates {
    /// The instant of this date.
    pub fn at(&self, turn: IssuerTurn) -> Time {
        match turn {
            IssuerTurn::LastFullLength => self.not_after.minus(self.longest),
            IssuerTurn::End => self.not_after,
        }
    }

    /// All notices with their times, unordered.
    fn notices(&self) -> impl Iterator<Item = (Time, IssuerNotice)> {
        let dates = *self;
        [IssuerTurn::LastFullLength, IssuerTurn::End].into_iter().flat_map(move |turn| {
            let at = dates.at(turn);
            DAYS.into_iter().map(move |days| (at.minus(DAY * days), IssuerNotice { turn, at, days }))
        })
    }
}

/// A notice about an upcoming date of an issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IssuerNotice {
    /// The date.
    pub turn: IssuerTurn,
    /// The instant.
    pub at: Time,
    /// Days before the date at which this notice is due. Fewer are left if it is late.
    pub days: u32,
}

/// The notices of an issuer that are due at `now`.
///
/// For each date it is the most urgent one since `last_noted`, so no notice is sent twice, and a late scan sends one.
/// An expired issuer has none. The caller checks whether another issuer has replaced it.
pub fn issuer_notices_due(last_noted: Option<Time>, now: Time, dates: &IssuerDates) -> Vec<IssuerNotice> {
    if now > dates.not_after {
        return Vec::new();
    }
    let mut due: Vec<IssuerNotice> = Vec::new();
    let new = |from: Time| from <= now && last_noted.is_none_or(|last| from > last);
    for (_, notice) in dates.notices().filter(|(from, _)| new(*from)) {
        match due.iter_mut().find(|other| other.turn == notice.turn) {
            Some(other) if notice.days < other.days => *other = notice,
            Some(_) => {}
            None => due.push(notice),
        }
    }
    due
}

/// Time of the next notice after `now`.
pub fn issuer_notice_next(now: Time, dates: &IssuerDates) -> Option<Time> {
    dates.notices().map(|(from, _)| from).filter(|from| *from > now).min()
}
