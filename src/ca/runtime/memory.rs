//! The memory cache of an isolate, which may be lost at any time. It contains only limits against load, the numbers of the
//! nonces without an account, counts and failures on their way to their partitions, and, for a short time, CRLs, the
//! overview of issuers, policies, absent names, that no fault is on, and the keys of the Access team.

use super::failure_queue::FailureQueue;
use super::faultless::Faultless;
use super::policy_cache::{InForce, KeyRule, POLICY_AGE, PolicyDigest};
use super::request_ids::RequestIds;
use crate::jose::access::KeyCache;
use crate::records::acme::nonce::{NonceNumber, NonceSeries};
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

/// Maximum number of rate-limit entries: about a megabyte.
const MAX_LIMITS: usize = 10_000;

/// Minimum time between two sendings of counts.
const FLUSH_INTERVAL: Duration = Duration::from_secs(10);

/// How long a CRL is cached: far shorter than HTTP caches may keep it.
const CRL_AGE: Duration = Duration::from_secs(1);

/// How long the gauges of the metrics are cached.
const GAUGES_AGE: Duration = Duration::from_secs(10);

/// Maximum size of all cached CRLs, in characters.
const MAX_CRL_SIZE: usize = 4 << 20;

/// Maximum size of the cached file of all CRLs, in octets: about 300,000 revocations.
const MAX_BUNDLE_SIZE: usize = 16 << 20;

/// Maximum number of cached external account keys.
const MAX_KEYS: usize = 1_000;

/// How long a name is remembered as absent.
const ABSENCE_AGE: Duration = Duration::from_secs(60);

/// Maximum number of names remembered as absent.
const MAX_ABSENT: usize = 5_000;

/// The memory of one isolate.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// Failures on their way to their partition.
    pub failures: FailureQueue,
    /// When no fault of a test CA was on.
    pub faultless: Faultless,
    /// The ids of the requests to this isolate.
    pub requests: RequestIds,
    /// The hash of the policy.
    pub policy_digest: PolicyDigest,
    policies: RefCell<Option<(Time, Rc<InForce>)>>,
    key_rules: RefCell<BTreeMap<String, (Time, Rc<KeyRule>)>>,
    tats: RefCell<BTreeMap<String, Time>>,
    counts: RefCell<Counts>,
    flushed: Cell<Option<Time>>,
    lists: RefCell<BTreeMap<(String, u16), KeptList>>,
    bundle: RefCell<Option<(Time, String)>>,
    overview: RefCell<Option<(Time, Value)>>,
    gauges: RefCell<Option<(Time, String)>>,
    access_keys: RefCell<KeyCache>,
    absent: RefCell<BTreeMap<String, Time>>,
    /// The numbers of the nonces without an account, by shard.
    nonces: RefCell<BTreeMap<u8, NonceSeries>>,
}

/// The time of caching, and the CRL; `None` for a missing CRL.
type KeptList = (Time, Option<CrlRecord>);

impl Memory {
    /// Counts one for `who`, if the limit allows it.
    ///
    /// # Errors
    /// The first instant at which the limit allows one.
    pub fn take(&self, limit: Limit, who: &str, now: Time) -> Result<(), Time> {
        let tat = limit.take(self.tat(who), now)?;
        self.put(who, tat, now);
        Ok(())
    }

    /// Checks that the limit allows one for `who`, without counting it.
    ///
    /// # Errors
    /// The first instant at which the limit allows one.
    pub fn look(&self, limit: Limit, who: &str, now: Time) -> Result<(), Time> {
        limit.take(self.tat(who), now).map(|_| ())
    }

    /// Counts one for `who` that has happened.
    pub fn count(&self, limit: Limit, who: &str, now: Time) {
        self.put(who, limit.count(self.tat(who), now), now);
    }

    fn tat(&self, who: &str) -> Option<Time> {
        self.tats.borrow().get(who).copied()
    }

    /// Stores a TAT. When full, drops entries with unused limits, then, down to half, the least used.
    fn put(&self, who: &str, tat: Time, now: Time) {
        let mut tats = self.tats.borrow_mut();
        if tats.len() >= MAX_LIMITS {
            tats.retain(|_, tat| *tat > now);
            if tats.len() > MAX_LIMITS / 2 {
                let mut all: Vec<Time> = tats.values().copied().collect();
                let middle = all.len() / 2;
                let median = *all.select_nth_unstable(middle).1;
                // Among equal instants, any may be dropped.
                let mut excess = tats.len().saturating_sub(MAX_LIMITS / 2);
                tats.retain(|_, tat| {
                    let goes = excess > 0 && *tat <= median;
                    excess -= usize::from(goes);
                    !goes
                });
            }
        }
        tats.insert(who.to_owned(), tat);
    }

    /// Counts one in a series.
    pub fn tally(&self, series: String) {
        self.tally_many(series, 1);
    }

    /// Counts so many in a series.
    pub fn tally_many(&self, series: String, more: u64) {
        let mut counts = self.counts.borrow_mut();
        let n = counts.entry(series).or_default();
        *n = n.saturating_add(more);
    }

    /// Whether counts or failures are due to be sent. After `true` the caller must send them.
    pub fn flush_is_due(&self, now: Time) -> bool {
        let due = self.flushed.get().is_none_or(|at| !at.is_within(FLUSH_INTERVAL, now)) && self.has_counts();
        if due {
            self.flushed.set(Some(now));
        }
        // Failures follow at once, up to a limit.
        self.failures.is_due(now) || due
    }

    /// Whether there are counts to send.
    pub fn has_counts(&self) -> bool {
        !self.counts.borrow().is_empty()
    }

    /// Returns the cached CRL of this issuer's shard; `Some(None)` for a missing CRL. Many simultaneous requests for a
    /// CRL thus reach the ledger only once.
    pub fn list(&self, issuer: &str, shard: u16, now: Time) -> Option<Option<CrlRecord>> {
        let lists = self.lists.borrow();
        let (at, list) = lists.get(&(issuer.to_owned(), shard))?;
        (at.is_within(CRL_AGE, now)).then(|| list.clone())
    }

    /// Caches the CRL of this issuer's shard, or its absence, for a second. Skipped when the cache is full.
    pub fn keep_list(&self, issuer: &str, shard: u16, list: Option<&CrlRecord>, now: Time) {
        let mut lists = self.lists.borrow_mut();
        lists.retain(|_, (at, _)| at.is_within(CRL_AGE, now));
        let length = |list: Option<&CrlRecord>| list.map_or(0, |list| list.der.len());
        let size: usize = lists.values().map(|(_, list)| length(list.as_ref())).sum();
        if size + length(list) <= MAX_CRL_SIZE {
            lists.insert((issuer.to_owned(), shard), (now, list.cloned()));
        }
    }

    /// Returns the next number of a shard's nonces. `random` draws a series.
    ///
    /// # Errors
    /// That of `random`.
    pub fn next_nonce<E>(&self, shard: u8, random: impl FnOnce() -> Result<[u8; 8], E>) -> Result<NonceNumber, E> {
        self.nonces.borrow_mut().entry(shard).or_default().next(random)
    }

    /// Whether a name was found absent less than a minute ago.
    pub fn is_absent(&self, name: &str, now: Time) -> bool {
        self.absent.borrow().get(name).is_some_and(|at| at.is_within(ABSENCE_AGE, now))
    }

    /// Remembers a name as absent for a minute. Only for names that cannot be guessed before they exist: one created
    /// during this minute is not found.
    pub fn keep_absent(&self, name: String, now: Time) {
        let mut absent = self.absent.borrow_mut();
        if absent.len() >= MAX_ABSENT {
            absent.retain(|_, at| at.is_within(ABSENCE_AGE, now));
        }
        if absent.len() < MAX_ABSENT {
            absent.insert(name, now);
        }
    }

    /// Returns the overview of issuers, if cached.
    pub fn overview(&self, now: Time) -> Option<Value> {
        self.overview
            .borrow()
            .as_ref()
            .filter(|(at, _)| at.is_within(CRL_AGE, now))
            .map(|(_, overview)| overview.clone())
    }

    /// Caches the overview of issuers for a second. Many anonymous requests then do not reach the ledgers.
    pub fn keep_overview(&self, overview: Value, now: Time) {
        self.overview.replace(Some((now, overview)));
    }

    /// Returns the text of the gauges, if cached.
    pub fn gauges(&self, now: Time) -> Option<String> {
        self.gauges.borrow().as_ref().filter(|(at, _)| at.is_within(GAUGES_AGE, now)).map(|(_, text)| text.clone())
    }

    /// Caches the text of the gauges for some seconds, however often they are read.
    pub fn keep_gauges(&self, text: &str, now: Time) {
        self.gauges.replace(Some((now, text.to_owned())));
    }

    /// Returns the file of all CRLs, if cached.
    pub fn bundle(&self, now: Time) -> Option<String> {
        self.bundle.borrow().as_ref().filter(|(at, _)| at.is_within(CRL_AGE, now)).map(|(_, text)| text.clone())
    }

    /// Caches the file of all CRLs for a second, unless it is too long.
    pub fn keep_bundle(&self, text: &str, now: Time) {
        self.bundle.replace((text.len() <= MAX_BUNDLE_SIZE).then(|| (now, text.to_owned())));
    }

    /// Returns the policies in force and the time of caching.
    pub fn policies(&self) -> Option<(Time, Rc<InForce>)> {
        self.policies.borrow().clone()
    }

    /// Caches the policies in force.
    pub fn keep_policies(&self, found: Rc<InForce>, now: Time) {
        self.policies.replace(Some((now, found)));
    }

    /// Drops the cached policies after a change.
    pub fn forget_policies(&self) {
        self.policies.take();
    }

    /// Returns the cached rule of an external account key.
    pub fn key_rule(&self, kid: &str, now: Time) -> Option<Rc<KeyRule>> {
        let rules = self.key_rules.borrow();
        rules.get(kid).filter(|(at, _)| at.is_within(POLICY_AGE, now)).map(|(_, rule)| rule.clone())
    }

    /// Caches the rule of an external account key.
    pub fn keep_key_rule(&self, kid: &str, rule: Rc<KeyRule>, now: Time) {
        let mut rules = self.key_rules.borrow_mut();
        if rules.len() >= MAX_KEYS {
            rules.retain(|_, (at, _)| at.is_within(POLICY_AGE, now));
        }
        if rules.len() < MAX_KEYS {
            rules.insert(kid.to_owned(), (now, rule));
        }
    }

    /// Drops the cached rule of an external account key after a change.
    pub fn forget_key_rule(&self, kid: &str) {
        self.key_rules.borrow_mut().remove(kid);
    }

    /// Reads or changes the cached keys of the Access team.
    pub fn access_keys<T>(&self, act: impl FnOnce(&mut KeyCache) -> T) -> T {
        act(&mut self.access_keys.borrow_mut())
    }

    /// Takes the counts, to send them.
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
    fn s02_memory_is_bounded_and_evicts_the_least_used() {
        let (memory, limit) = (Memory::default(), Limit { count: 3, period: Duration::from_secs(30) });
        for _ in 0..3 {
            memory.take(limit, "busy", NOW).unwrap();
        }
        for n in 0..30_000 {
            memory.count(limit, &format!("idle{n}"), NOW);
            assert!(memory.tats.borrow().len() <= MAX_LIMITS);
        }
        assert_eq!(memory.take(limit, "busy", NOW), Err(NOW.plus(Duration::from_secs(10))), "it is remembered");
        let later = NOW.plus(Duration::from_secs(31));
        for n in 0..MAX_LIMITS {
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
        assert!(memory.flush_is_due(NOW.plus(FLUSH_INTERVAL)));
        assert_eq!(memory.take_counts()["a"], 2);
    }
}
