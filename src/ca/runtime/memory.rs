//! What is counted in memory. Memory is a cache: it is one isolate's, and may be lost at any time. So it holds only
//! limits that are there to keep load away, counts on their way to the partition that sums them, and for a moment CRLs,
//! the policies in force, and the keys of the Access team.

use super::policy_cache::{InForce, KeyRule, REMEMBERED};
use crate::jose::access::KeyCache;
use crate::records::ledger::crl::CrlRecord;
use crate::records::operations::limit::Limit;
use crate::records::operations::metrics;
use crate::records::operations::metrics::Counts;
use crate::values::Time;
use core::time::Duration;
use serde_json::Value;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

/// How many of those who are counted are remembered: a megabyte or so.
const MOST: usize = 10_000;

/// How long counts wait for others before they are sent, at least.
const FLUSH: Duration = Duration::from_secs(10);

/// How long a CRL is kept: far shorter than the caches on the way may.
const KEPT: Duration = Duration::from_secs(1);

/// How many characters of CRLs are kept at most.
const LISTS: usize = 4 << 20;

/// The longest file of all CRLs that is kept, in octets: some 300,000 revocations.
const BUNDLE: usize = 16 << 20;

/// How many external account keys are remembered.
const KEYS: usize = 1_000;

/// How long it is remembered that there is nothing of some name.
const ABSENT: Duration = Duration::from_secs(60);

/// How many such names are remembered.
const ABSENTEES: usize = 5_000;

/// The memory of one isolate.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    policies: RefCell<Option<(Time, Rc<InForce>)>>,
    key_rules: RefCell<BTreeMap<String, (Time, Rc<KeyRule>)>>,
    tats: RefCell<BTreeMap<String, Time>>,
    counts: RefCell<Counts>,
    flushed: Cell<Option<Time>>,
    lists: RefCell<BTreeMap<(String, u16), KeptList>>,
    bundle: RefCell<Option<(Time, String)>>,
    overview: RefCell<Option<(Time, Value)>>,
    access_keys: RefCell<KeyCache>,
    absent: RefCell<BTreeMap<String, Time>>,
}

/// A CRL, or that there is none, and since when that is kept.
type KeptList = (Time, Option<CrlRecord>);

impl Memory {
    /// Counts one of `who`, if the limit allows.
    ///
    /// # Errors
    /// When there may be one.
    pub fn take(&self, limit: Limit, who: &str, now: Time) -> Result<(), Time> {
        let tat = limit.take(self.tat(who), now)?;
        self.put(who, tat, now);
        Ok(())
    }

    /// Whether the limit allows one of `who`; nothing is counted.
    ///
    /// # Errors
    /// When there may be one.
    pub fn look(&self, limit: Limit, who: &str, now: Time) -> Result<(), Time> {
        limit.take(self.tat(who), now).map(|_| ())
    }

    /// Counts one of `who` that has happened.
    pub fn count(&self, limit: Limit, who: &str, now: Time) {
        self.put(who, limit.count(self.tat(who), now), now);
    }

    fn tat(&self, who: &str) -> Option<Time> {
        self.tats.borrow().get(who).copied()
    }

    /// When it is full, those are forgotten whose limits are full again, and if they are few, the half that has used the
    /// least.
    fn put(&self, who: &str, tat: Time, now: Time) {
        let mut tats = self.tats.borrow_mut();
        if tats.len() >= MOST {
            tats.retain(|_, tat| *tat > now);
            if tats.len() > MOST / 2 {
                let mut all: Vec<Time> = tats.values().copied().collect();
                let middle = all.len() / 2;
                let median = *all.select_nth_unstable(middle).1;
                // Of those with the same instant any may go.
                let mut excess = tats.len().saturating_sub(MOST / 2);
                tats.retain(|_, tat| {
                    let goes = excess > 0 && *tat <= median;
                    excess -= usize::from(goes);
                    !goes
                });
            }
        }
        tats.insert(who.to_owned(), tat);
    }

    /// Counts one more of a series.
    pub fn tally(&self, series: String) {
        let mut counts = self.counts.borrow_mut();
        let n = counts.entry(series).or_default();
        *n = n.saturating_add(1);
    }

    /// Whether counts have waited for long enough. Whoever is told so is to send them.
    pub fn flush_is_due(&self, now: Time) -> bool {
        let due = self.flushed.get().is_none_or(|at| now >= at.plus(FLUSH)) && !self.counts.borrow().is_empty();
        if due {
            self.flushed.set(Some(now));
        }
        due
    }

    /// The CRL of this issuer's shard, or that there is none, if it was asked for just now: a crowd that verifies
    /// certificates at the same time does not reach the ledger.
    pub fn list(&self, issuer: &str, shard: u16, now: Time) -> Option<Option<CrlRecord>> {
        let lists = self.lists.borrow();
        let (at, list) = lists.get(&(issuer.to_owned(), shard))?;
        (now < at.plus(KEPT)).then(|| list.clone())
    }

    /// Keeps the CRL of this issuer's shard, or that there is none, for a moment.
    pub fn keep_list(&self, issuer: &str, shard: u16, list: Option<&CrlRecord>, now: Time) {
        let mut lists = self.lists.borrow_mut();
        lists.retain(|_, (at, _)| now < at.plus(KEPT));
        let length = |list: Option<&CrlRecord>| list.map_or(0, |list| list.der.len());
        let size: usize = lists.values().map(|(_, list)| length(list.as_ref())).sum();
        if size + length(list) <= LISTS {
            lists.insert((issuer.to_owned(), shard), (now, list.cloned()));
        }
    }

    /// Whether it was found lately that there is nothing of this name, which nothing can have come to be since.
    pub fn is_absent(&self, name: &str, now: Time) -> bool {
        self.absent.borrow().get(name).is_some_and(|at| now < at.plus(ABSENT))
    }

    /// Remembers for a minute that there is nothing of this name. Only for names that cannot be guessed before there is
    /// something: what comes to be meanwhile is not seen.
    pub fn keep_absent(&self, name: String, now: Time) {
        let mut absent = self.absent.borrow_mut();
        if absent.len() >= ABSENTEES {
            absent.retain(|_, at| now < at.plus(ABSENT));
        }
        if absent.len() < ABSENTEES {
            absent.insert(name, now);
        }
    }

    /// The overview of issuers, if it was made just now.
    pub fn overview(&self, now: Time) -> Option<Value> {
        self.overview.borrow().as_ref().filter(|(at, _)| now < at.plus(KEPT)).map(|(_, overview)| overview.clone())
    }

    /// Keeps the overview of issuers for a moment: crowds of strangers who ask for it do not reach the ledgers.
    pub fn keep_overview(&self, overview: Value, now: Time) {
        self.overview.replace(Some((now, overview)));
    }

    /// The file of all CRLs, if it was made just now.
    pub fn bundle(&self, now: Time) -> Option<String> {
        self.bundle.borrow().as_ref().filter(|(at, _)| now < at.plus(KEPT)).map(|(_, text)| text.clone())
    }

    /// Keeps the file of all CRLs for a moment, unless it is too long for that.
    pub fn keep_bundle(&self, text: &str, now: Time) {
        self.bundle.replace((text.len() <= BUNDLE).then(|| (now, text.to_owned())));
    }

    /// The policies in force, as they were known when.
    pub fn policies(&self) -> Option<(Time, Rc<InForce>)> {
        self.policies.borrow().clone()
    }

    /// Remembers the policies in force.
    pub fn keep_policies(&self, found: Rc<InForce>, now: Time) {
        self.policies.replace(Some((now, found)));
    }

    /// Forgets the policies in force: they have just changed.
    pub fn forget_policies(&self) {
        self.policies.take();
    }

    /// What an external account key gives, if that was asked lately.
    pub fn key_rule(&self, kid: &str, now: Time) -> Option<Rc<KeyRule>> {
        let rules = self.key_rules.borrow();
        rules.get(kid).filter(|(at, _)| now < at.plus(REMEMBERED)).map(|(_, rule)| rule.clone())
    }

    /// Remembers what an external account key gives.
    pub fn keep_key_rule(&self, kid: &str, rule: Rc<KeyRule>, now: Time) {
        let mut rules = self.key_rules.borrow_mut();
        if rules.len() >= KEYS {
            rules.retain(|_, (at, _)| now < at.plus(REMEMBERED));
        }
        if rules.len() < KEYS {
            rules.insert(kid.to_owned(), (now, rule));
        }
    }

    /// Forgets what an external account key gives: it has just changed.
    pub fn forget_key_rule(&self, kid: &str) {
        self.key_rules.borrow_mut().remove(kid);
    }

    /// Looks into, or changes, the keys of the Access team.
    pub fn access_keys<T>(&self, act: impl FnOnce(&mut KeyCache) -> T) -> T {
        act(&mut self.access_keys.borrow_mut())
    }

    /// Takes the counts, to be sent.
    pub fn take_counts(&self) -> Counts {
        self.counts.take()
    }

    /// Puts back counts that could not be sent.
    pub fn put_back(&self, counts: &Counts) {
        metrics::add(&mut self.counts.borrow_mut(), counts);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time::from_secs(1_800_000_000);

    #[test]
    fn s02_memory_is_bounded_and_forgets_first_who_used_least() {
        let (memory, limit) = (Memory::default(), Limit { count: 3, period: Duration::from_secs(30) });
        for _ in 0..3 {
            memory.take(limit, "busy", NOW).unwrap();
        }
        for n in 0..30_000 {
            memory.count(limit, &format!("idle{n}"), NOW);
            assert!(memory.tats.borrow().len() <= MOST);
        }
        assert_eq!(memory.take(limit, "busy", NOW), Err(NOW.plus(Duration::from_secs(10))), "it is remembered");
        let later = NOW.plus(Duration::from_secs(31));
        for n in 0..MOST {
            memory.count(limit, &format!("new{n}"), later);
        }
        assert!(!memory.tats.borrow().contains_key("busy"), "what says nothing any more is forgotten");
    }

    #[test]
    fn counts_are_sent_every_ten_seconds_at_most_and_come_back_when_that_fails() {
        let memory = Memory::default();
        assert!(!memory.flush_is_due(NOW), "there is nothing to send");
        memory.tally("a".to_owned());
        assert!(memory.flush_is_due(NOW));
        let sent = memory.take_counts();
        memory.tally("a".to_owned());
        assert!(!memory.flush_is_due(NOW.plus(Duration::from_millis(9_999))));
        memory.put_back(&sent);
        assert!(memory.flush_is_due(NOW.plus(FLUSH)));
        assert_eq!(memory.take_counts()["a"], 2);
    }
}
