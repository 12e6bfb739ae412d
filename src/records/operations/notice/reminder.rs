//! When the operator is reminded of something that ends.

use crate::values::Time;
use core::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

/// How many days before an issuer's turn there is a notice of it, the earliest first.
const DAYS: [u32; 4] = [90, 30, 7, 1];

/// When to remind of a certificate that was not renewed: a sixth of its lifetime before its end. That is 15 days for 90,
/// 8 for 47 and 28 hours for 7 days.
///
/// The window that RFC 9773 suggests is over by then, in the middle of the lifetime or after two thirds of it (see
/// [`Renewable::window`](crate::records::Renewable::window)), so whoever is reminded has a client that does not work.
pub fn remind_at(not_before: Time, not_after: Time) -> Time {
    not_after.minus(not_before.until(not_after) / 6)
}

/// Which turn an issuer comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum IssuerTurn {
    /// From then on a certificate of the longest profile would outlive it: a further issuer has to be there.
    LastFullLength,
    /// It ends.
    End,
}

impl IssuerTurn {
    /// Its name in the data of a notice.
    pub fn name(self) -> &'static str {
        match self {
            Self::LastFullLength => "last_full_length",
            Self::End => "end",
        }
    }
}

/// What decides when there are notices of an issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IssuerDates {
    /// When its certificate ends.
    pub not_after: Time,
    /// The lifetime of the longest profile that it issues.
    pub longest: Duration,
}

impl IssuerDates {
    /// When it comes to this turn.
    pub fn at(&self, turn: IssuerTurn) -> Time {
        match turn {
            IssuerTurn::LastFullLength => self.not_after.minus(self.longest),
            IssuerTurn::End => self.not_after,
        }
    }

    /// Every instant at which there is something to tell, in no order.
    fn notices(&self) -> impl Iterator<Item = (Time, IssuerNotice)> {
        let dates = *self;
        [IssuerTurn::LastFullLength, IssuerTurn::End].into_iter().flat_map(move |turn| {
            let at = dates.at(turn);
            DAYS.into_iter().map(move |days| (at.minus(DAY * days), IssuerNotice { turn, at, days }))
        })
    }
}

/// That an issuer comes to a turn soon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IssuerNotice {
    /// Which one.
    pub turn: IssuerTurn,
    /// When.
    pub at: Time,
    /// Which of the notices of it this is: that so many days are left at the most. Less are left when it comes late.
    pub days: u32,
}

/// The notices of an issuer that are due at `now`: for each turn the most urgent one of those that have become due since
/// `last_noted`, when this was asked the last time, or ever when it never was. So nothing is told twice, and who comes
/// late is told once.
///
/// Nothing is told of an issuer that has ended. Whether another issuer has taken its place already is the caller's
/// business.
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

/// When [`issuer_notices_due`] has something new to say after `now`; `None` when it has not.
pub fn issuer_notice_next(now: Time, dates: &IssuerDates) -> Option<Time> {
    dates.notices().map(|(from, _)| from).filter(|from| *from > now).min()
}
