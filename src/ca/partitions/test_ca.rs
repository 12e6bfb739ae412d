//! The partition of a test CA: its certificates, keys, clock and end.
//!
//! It has a list of the partitions within the CA. It works in real time. The one of the main CA has only a clock, and the partitions that follow it.

use super::test_cas::{ReleaseTestCa, TestCasAt};
use crate::ca::runtime::ask::Address;
use crate::ca::runtime::hosted::{HostedCa, Standing};
use crate::ca::runtime::kind::{asks, partition_kind};
use crate::ca::runtime::message::PartitionId;
use crate::ca::runtime::ports::{PartitionPorts, Ports};
use crate::ca::runtime::problems::ended;
use crate::ca::runtime::within::{EndPartition, FollowClock};
use crate::pki::test_hierarchy::{TestHierarchy, seal};
use crate::records::Problem;
use crate::records::operations::test_ca::{Clock, ClockChange, ClockRecord, TestAuthority, TestCaRecord, WithinRecord};
use crate::store::Kv;
use crate::values::{CryptoFailure, Id, Time, b64};
use core::time::Duration;
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use std::rc::Rc;

/// Delay before a failed end, or change of a clock, is tried again.
const RETRY: Duration = Duration::from_secs(5);

/// Number of partitions that are asked at a time.
const TOGETHER: usize = 6;

/// Number of partitions that are listed at a time.
const PAGE: usize = 200;

partition_kind! {
    /// A test CA, or the clock of the main CA.
    TestCa {
        /// The id; `None` for the main CA.
        ca: Option<Id>,
    }
}

/// The address of a test CA's partition; for `None` that of the main CA's clock.
#[derive(Clone, Debug)]
pub struct TestCaAt(pub Option<Id>);

impl Address for TestCaAt {
    fn partition(&self) -> PartitionId {
        PartitionId::TestCa(self.0.clone())
    }
}

/// Makes the test CA, with new keys.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FoundTestCa {
    /// When it was asked for.
    pub made: Time,
    /// When it ends.
    pub ends: Time,
    /// Whether every validation succeeds.
    pub always_valid: bool,
}

/// Asks how the CA stands; replies `None` once it has ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ShowStanding;

/// Signs with the key of the test CA's intermediate. The message and the reply are in base64url.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SignForTestCa(pub String);

/// Enters a partition that was written; replies whether the CA goes on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct JoinTestCa(pub String);

/// Changes the clock; replies the new one.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ChangeClock(pub ClockChange);

/// Ends the test CA: deletes all of it. It is idempotent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EndTestCa;

asks! {
    TestCa at TestCaAt, |this, ask|
    FoundTestCa -> TestAuthority = this.found(ask).await;
    ShowStanding -> Option<Standing> = this.standing();
    SignForTestCa -> String = this.sign_for(&ask.0).await;
    JoinTestCa -> bool = this.join(&ask.0);
    ChangeClock -> Clock = this.change_clock(ask.0).await;
    EndTestCa -> () = this.end().await;
}

/// Returns a test CA, or the main CA with a clock, for a host.
///
/// `None` for a test CA that has ended.
///
/// # Errors
/// `serverInternal` when its partition does not answer.
pub async fn hosted<P: Ports>(ports: &P, ca: Option<&Id>) -> Result<Option<Rc<HostedCa>>, Problem> {
    let standing = ports.ask(&TestCaAt(ca.cloned()), &ShowStanding).await?;
    let Some(standing) = standing else { return Ok(None) };
    ports.hosted_cas().of(ports.settings(), ca, &standing).map(Some).map_err(Problem::internal)
}

/// Signs for a test CA, whose partition has the key.
///
/// # Errors
/// When that does not answer, or the CA has ended.
pub async fn sign<P: Ports>(ports: &P, ca: &Id, message: &[u8]) -> Result<Vec<u8>, CryptoFailure> {
    let failed = |problem: Problem| CryptoFailure(problem.log.unwrap_or(problem.detail));
    let signature = ports.ask(&TestCaAt(Some(ca.clone())), &SignForTestCa(b64::encode(message))).await;
    b64::decode(&signature.map_err(failed)?).ok_or_else(|| CryptoFailure("its signature is broken".to_owned()))
}

fn refused(fault: impl core::fmt::Display) -> Problem {
    Problem::internal(fault.to_string())
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> TestCa<P, K> {
    /// Makes the CA, unless it was made before.
    ///
    /// # Errors
    /// `serverInternal` when the crypto provider or the storage fails.
    pub async fn found(&self, ask: FoundTestCa) -> Result<TestAuthority, Problem> {
        let Some(id) = &self.ca else { return Err(Problem::internal("the main CA is no test CA")) };
        if let Some(known) = self.record()? {
            return Ok(known.authority);
        }
        let (root_key, issuer_key) = (self.ports.new_key().await?, self.ports.new_key().await?);
        let plan = TestHierarchy::new(id, &root_key.spki, &issuer_key.spki, ask.made).map_err(refused)?;
        let mut signed = Vec::new();
        for tbs in [
            plan.root(self.ports.random()?),
            plan.issuer(self.ports.random()?),
            plan.expired_issuer(self.ports.random()?),
        ] {
            let tbs = tbs.map_err(refused)?;
            // The root's key is dropped after these: nothing else is ever signed with it.
            let signature = self.ports.sign_with(&root_key.pkcs8, &tbs).await?;
            signed.push(seal(&tbs, &signature).map_err(refused)?);
        }
        let Ok([root, issuer, expired]) = <[String; 3]>::try_from(signed) else {
            return Err(Problem::internal("a test CA has three certificates"));
        };
        let FoundTestCa { made, ends, always_valid } = ask;
        let authority = TestAuthority { root, issuer, expired, made, ends, always_valid };
        let record = TestCaRecord {
            authority: authority.clone(),
            key: b64::encode(&issuer_key.pkcs8),
            not_before: plan.not_before,
            not_after: plan.not_after,
            ending: false,
        };
        // Before it is stored, so that no crash leaves it without an end.
        self.ports.wake_at(ends);
        self.transact(|txn| Ok(txn.put("", &record)?))?;
        Ok(authority)
    }

    fn record(&self) -> Result<Option<TestCaRecord>, Problem> {
        self.transact(|txn| Ok(txn.get::<TestCaRecord>("")?))
    }

    /// The record while the CA goes on.
    fn going_on(&self) -> Result<Option<TestCaRecord>, Problem> {
        let now = self.ports.now();
        Ok(self.record()?.filter(|record| !record.ending && now < record.authority.ends))
    }

    fn standing(&self) -> Result<Option<Standing>, Problem> {
        let clock = self.transact(|txn| Ok(txn.get::<ClockRecord>("")?))?.unwrap_or_default().clock;
        if self.ca.is_none() {
            return Ok(Some(Standing { clock, authority: None }));
        }
        Ok(self.going_on()?.map(|record| Standing { clock, authority: Some(record.authority) }))
    }

    async fn sign_for(&self, message: &str) -> Result<String, Problem> {
        let record = self.going_on()?.ok_or_else(|| ended(self.ca.as_ref()))?;
        let broken = || Problem::internal("a message or a key to sign with is broken");
        let (key, message) = (b64::decode_secret(&record.key), b64::decode(message));
        let (Some(key), Some(message)) = (key, message) else { return Err(broken()) };
        Ok(b64::encode(&self.ports.sign_with(&key, &message).await?))
    }

    fn join(&self, partition: &str) -> Result<bool, Problem> {
        if self.ca.is_some() && self.going_on()?.is_none() {
            return Ok(false);
        }
        let since = self.ports.now();
        self.transact(|txn| {
            if !txn.has::<WithinRecord>(partition)? {
                txn.put(partition, &WithinRecord { since })?;
            }
            Ok(true)
        })
    }

    /// Checks the bounds of the clock: the times at which the issuer can sign.
    fn check_time(&self, now: Time) -> Result<(), Problem> {
        let (from, until) = match self.record()? {
            Some(record) => (record.not_before, record.not_after),
            None => {
                let issuers = || self.ports.settings().issuers.slots().map(|slot| &slot.issuer);
                let from = issuers().map(|issuer| issuer.not_before()).min();
                let until = issuers().map(|issuer| issuer.not_after()).max();
                (from.unwrap_or(Time::from_millis(0)), until.unwrap_or(now))
            }
        };
        let which = match (now < from, now > until) {
            (true, _) => format!("before the CA's own certificates begin, {}; set a later time", from.rfc3339()),
            (_, true) => format!("after the CA's own certificates end, {}; set an earlier time", until.rfc3339()),
            _ => return Ok(()),
        };
        Err(Problem::malformed(format!("The clock was to show {}, which is {which}.", now.rfc3339())))
    }

    /// Changes the clock. When it returns, the alarms within the CA follow it.
    ///
    /// # Errors
    /// `malformed` for a time outside of the CA's certificates; 410 once the CA has ended.
    pub async fn change_clock(&self, change: ClockChange) -> Result<Clock, Problem> {
        if self.ca.is_some() && self.going_on()?.is_none() {
            return Err(ended(self.ca.as_ref()));
        }
        let real = self.ports.now();
        let known = self.transact(|txn| Ok(txn.get::<ClockRecord>("")?))?.unwrap_or_default();
        let clock = known.clock.changed(change, real);
        self.check_time(clock.at(real))?;
        self.transact(|txn| {
            txn.put("", &ClockRecord { clock, following: true })?;
            txn.wake_at(real.plus(RETRY));
            Ok(())
        })?;
        if let Err(problem) = self.let_follow().await {
            // The alarm tries again.
            self.log(&problem);
        }
        Ok(clock)
    }

    /// Has the alarms of all partitions within follow the clock.
    async fn let_follow(&self) -> Result<(), Problem> {
        let mut after = None;
        loop {
            let names = self.within(after.as_deref())?;
            self.ask_each(&names, &FollowClock).await?;
            match names.last() {
                Some(last) => after = Some(last.clone()),
                None => break,
            }
        }
        self.transact(|txn| {
            if let Some(record) = txn.get::<ClockRecord>("")? {
                txn.put("", &ClockRecord { following: false, ..record })?;
            }
            Ok(())
        })
    }

    /// The next names of partitions within the CA.
    fn within(&self, after: Option<&str>) -> Result<Vec<String>, Problem> {
        self.transact(|txn| {
            let found = txn.list::<WithinRecord>(after, PAGE)?;
            Ok(found.into_iter().map(|(name, _)| name).collect())
        })
    }

    async fn ask_each<A>(&self, names: &[String], ask: &A) -> Result<(), Problem>
    where
        A: crate::ca::runtime::ask::Ask<At = PartitionId, Reply = ()>,
    {
        let partition = |name: &String| {
            let id = PartitionId::parse(name)?;
            Some(self.ca.as_ref().map_or(id.clone(), |ca| id.within(ca)))
        };
        let ids: Vec<PartitionId> = names.iter().filter_map(partition).collect();
        for some in ids.chunks(TOGETHER) {
            join_all(some.iter().map(|id| self.ports.ask(id, ask))).await.into_iter().collect::<Result<(), _>>()?;
        }
        Ok(())
    }

    /// Ends the CA: deletes all of it, this partition last.
    ///
    /// # Errors
    /// `serverInternal` when a partition does not answer: the alarm then goes on.
    pub async fn end(&self) -> Result<(), Problem> {
        let Some(id) = &self.ca else { return Err(Problem::internal("the main CA is no test CA")) };
        let Some(record) = self.record()? else { return Ok(()) };
        self.transact(|txn| {
            txn.put("", &TestCaRecord { ending: true, ..record })?;
            txn.wake_at(self.ports.now().plus(RETRY));
            Ok(())
        })?;
        loop {
            let names = self.within(None)?;
            if names.is_empty() {
                break;
            }
            self.ask_each(&names, &EndPartition).await?;
            self.transact(|txn| {
                names.iter().for_each(|name| txn.delete::<WithinRecord>(name));
                Ok(())
            })?;
        }
        self.ports.ask(&TestCasAt, &ReleaseTestCa(id.clone())).await?;
        self.transact(|txn| {
            txn.delete::<ClockRecord>("");
            txn.delete::<TestCaRecord>("");
            Ok(())
        })
    }

    /// Does what is due of the CA itself. Returns the time of the next alarm.
    ///
    /// # Errors
    /// As [`TestCa::end`].
    pub async fn do_due_of_ca(&self) -> Result<Option<Time>, Problem> {
        let record = self.record()?;
        if record.is_some() && self.going_on()?.is_none() {
            self.end().await?;
            return Ok(None);
        }
        let clock = self.transact(|txn| Ok(txn.get::<ClockRecord>("")?))?;
        if clock.is_some_and(|clock| clock.following) {
            self.let_follow().await?;
        }
        Ok(record.map(|record| record.authority.ends))
    }
}
