//! All issuers of a CA.
//!
//! The active one signs leaves. The others sign CRLs for theirs.

use super::issuer::{Issuer, IssuerFault};
use crate::values::Time;

/// An issuer with its number and activation time.
#[derive(Clone, Debug)]
pub struct IssuerSlot {
    /// The number in the names of its settings.
    pub number: u8,
    /// The issuer.
    pub issuer: Issuer,
    /// The time from which it signs new leaves, until the next issuer is active.
    pub active_from: Time,
}

impl IssuerSlot {
    /// The time from which it signs new leaves. `None`: it is active from the beginning.
    pub fn activation(&self) -> Option<Time> {
        Some(self.active_from).filter(|at| *at > Time::from_millis(0))
    }
}

/// The issuers in the order of their activation; at least one.
#[derive(Clone, Debug)]
pub struct Issuers {
    first: IssuerSlot,
    later: Vec<IssuerSlot>,
}

/// Why several issuers cannot serve one CA; the text is a sentence for the operator.
///
/// Numbers are those of [`IssuerSlot::number`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IssuersFault {
    /// No issuer at all.
    #[error("no issuer is configured")]
    None,
    /// No issuer is active yet: the number of the first to be, and its time.
    #[error("no issuer is active yet: the first is number {0}, from {at}", at = .1.rfc3339())]
    NotYet(u8, Time),
    /// Two issuers have the same key or key identifier.
    #[error(
        "the issuers {0} and {1} have the same key; put another certificate of a key into the alternate chains of its \
         issuer"
    )]
    Same(u8, u8),
    /// Two issuers become active at the same time.
    #[error("the issuers {0} and {1} become active at the same time")]
    Together(u8, u8),
    /// The active issuer cannot sign.
    #[error("{1}")]
    Unusable(u8, IssuerFault),
    /// An issuer becomes active outside the validity of its chain, which is given.
    #[error(
        "issuer {0} becomes active when its chain is not valid; the chain is valid from {from} until {until}",
        from = .1.rfc3339(),
        until = .2.rfc3339()
    )]
    Outside(u8, Time, Time),
}

impl Issuers {
    /// Sorts the issuers by activation and checks them at `now`.
    ///
    /// # Errors
    /// The first [`IssuersFault`] found.
    pub fn new(mut slots: Vec<IssuerSlot>, now: Time) -> Result<Self, IssuersFault> {
        slots.sort_by_key(|slot| slot.active_from);
        for (at, one) in slots.iter().enumerate() {
            for other in slots.iter().skip(at + 1) {
                if one.issuer.id() == other.issuer.id() || one.issuer.key_id() == other.issuer.key_id() {
                    return Err(IssuersFault::Same(one.number, other.number));
                }
                if one.active_from == other.active_from {
                    return Err(IssuersFault::Together(one.number, other.number));
                }
            }
        }
        let mut slots = slots.into_iter();
        let all = Self { first: slots.next().ok_or(IssuersFault::None)?, later: slots.collect() };
        if all.first.active_from > now {
            return Err(IssuersFault::NotYet(all.first.number, all.first.active_from));
        }
        let active = all.active_slot(now);
        active.issuer.check_time(now).map_err(|fault| IssuersFault::Unusable(active.number, fault))?;
        let ahead = all.later.iter().filter(|slot| slot.active_from > now);
        for IssuerSlot { number, issuer, active_from } in ahead {
            if issuer.check_time(*active_from).is_err() {
                return Err(IssuersFault::Outside(*number, issuer.not_before(), issuer.not_after()));
            }
        }
        Ok(all)
    }

    /// A single issuer, active from the beginning.
    pub fn one(issuer: Issuer) -> Self {
        Self { first: IssuerSlot { number: 1, issuer, active_from: Time::from_millis(0) }, later: Vec::new() }
    }

    /// All issuers in the order of their activation.
    pub fn slots(&self) -> impl Iterator<Item = &IssuerSlot> {
        core::iter::once(&self.first).chain(&self.later)
    }

    /// As [`Issuers::slots`], mutable; callers keep keys and activation times.
    pub(crate) fn slots_mut(&mut self) -> impl Iterator<Item = &mut IssuerSlot> {
        core::iter::once(&mut self.first).chain(&mut self.later)
    }

    /// The issuer that signs new leaves at `now`: the last activated one.
    pub fn active_slot(&self, now: Time) -> &IssuerSlot {
        self.later.iter().rev().find(|slot| slot.active_from <= now).unwrap_or(&self.first)
    }

    /// The issuer of [`Issuers::active_slot`].
    pub fn active(&self, now: Time) -> &Issuer {
        &self.active_slot(now).issuer
    }

    /// Finds the issuer with this [`Issuer::id`].
    pub fn find(&self, id: &str) -> Option<&Issuer> {
        self.slots().map(|slot| &slot.issuer).find(|issuer| issuer.id() == id)
    }

    /// Finds the issuer of a certificate by its authority key identifier, else by name.
    ///
    /// The name is in DER. Other programs may write another identifier of the same key, or none.
    pub fn of_leaf(&self, key_id: Option<&[u8]>, name: &[u8]) -> Option<&Issuer> {
        let by_name = || self.slots().map(|slot| &slot.issuer).find(|issuer| issuer.subject() == name);
        key_id.and_then(|id| self.with_key_id(id)).or_else(by_name)
    }

    /// Finds the issuer whose leaves have this authority key identifier.
    pub fn with_key_id(&self, key_id: &[u8]) -> Option<&Issuer> {
        self.slots().map(|slot| &slot.issuer).find(|issuer| issuer.key_id() == key_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::ceremony::{create_intermediate, create_root};
    use crate::pki::testing::NOW;
    use core::time::Duration;

    const DAY: Duration = Duration::from_secs(86_400);

    fn issuer() -> Issuer {
        let root = create_root("root", NOW, 10).unwrap();
        Issuer::from_pem_chain(&create_intermediate(&root, "issuer", NOW, 1).unwrap().certificate).unwrap()
    }

    fn slot(number: u8, issuer: &Issuer, active_from: Time) -> IssuerSlot {
        IssuerSlot { number, issuer: issuer.clone(), active_from }
    }

    #[test]
    fn active_issuer_is_the_last_activated() {
        let (old, new) = (issuer(), issuer());
        let tomorrow = NOW.plus(DAY);
        let slots = vec![slot(2, &new, tomorrow), slot(1, &old, Time::from_millis(0))];
        let issuers = Issuers::new(slots, NOW).unwrap();
        assert_eq!(issuers.active(NOW).id(), old.id());
        assert_eq!(issuers.active(tomorrow.minus(Duration::from_millis(1))).id(), old.id());
        assert_eq!(issuers.active_slot(tomorrow).number, 2);
        let shown: Vec<Option<Time>> = issuers.slots().map(IssuerSlot::activation).collect();
        assert_eq!(shown, [None, Some(tomorrow)], "the first has always been there");
        assert_eq!(issuers.find(new.id()).unwrap().key_id(), new.key_id());
        assert_eq!(issuers.with_key_id(old.key_id()).unwrap().id(), old.id());
        assert!(issuers.find("00").is_none() && issuers.with_key_id(&[1]).is_none());
    }

    #[test]
    fn issuers_in_conflict_are_refused() {
        let (old, new) = (issuer(), issuer());
        let fault = |slots| Issuers::new(slots, NOW).unwrap_err();
        let (day, year) = (NOW.plus(DAY), NOW.plus(DAY * 365));
        assert_eq!(fault(vec![]), IssuersFault::None);
        assert_eq!(fault(vec![slot(1, &old, day)]), IssuersFault::NotYet(1, day));
        assert_eq!(fault(vec![slot(1, &old, NOW), slot(2, &old, day)]), IssuersFault::Same(1, 2));
        assert_eq!(fault(vec![slot(1, &old, NOW), slot(2, &new, NOW)]), IssuersFault::Together(1, 2));
        let late = fault(vec![slot(1, &old, NOW), slot(3, &new, year)]);
        assert_eq!(late, IssuersFault::Outside(3, new.not_before(), new.not_after()));
        let over = Issuers::new(vec![slot(1, &old, NOW)], year).unwrap_err();
        assert!(matches!(over, IssuersFault::Unusable(1, IssuerFault::Expired(..))), "{over}");
        // An expired issuer is accepted once another is active.
        let root = create_root("root", NOW, 10).unwrap();
        let next = create_intermediate(&root, "next", year, 1).unwrap();
        let next = Issuer::from_pem_chain(&next.certificate).unwrap();
        assert!(Issuers::new(vec![slot(1, &old, NOW), slot(2, &next, year)], year.plus(DAY)).is_ok());
    }
}
