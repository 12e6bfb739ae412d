//! The list of test CAs, with the quotas of their makers.

use crate::ca::runtime::ask::Address;
use crate::ca::runtime::kind::{asks, partition_kind};
use crate::ca::runtime::message::PartitionId;
use crate::ca::runtime::ports::PartitionPorts;
use crate::records::operations::test_ca::MadeRecord;
use crate::records::{Kind, Problem};
use crate::store::Kv;
use crate::values::{Id, Time};
use core::time::Duration;
use serde::{Deserialize, Serialize};

/// Maximum number of test CAs of one operator at a time.
pub const OPERATOR_QUOTA: usize = 1_000;

/// Maximum number of test CAs of one client address at a time.
pub const ADDRESS_QUOTA: usize = 10;

/// Maximum number of test CAs at a time.
pub const TOTAL_QUOTA: usize = 2_000;

/// Maximum number of test CAs of all client addresses at a time.
pub const ANONYMOUS_QUOTA: usize = 500;

/// Maximum number of listed entries: a test CA may not have reported its end.
const MAX_LISTED: usize = 2 * TOTAL_QUOTA;

/// The first part of the owners that are client addresses.
pub(super) const ADDRESS: &str = "address/";

partition_kind! {
    /// The partition of the list of test CAs.
    TestCas {}
}

/// The address of the only such partition.
#[derive(Clone, Copy, Debug)]
pub struct TestCasAt;

impl Address for TestCasAt {
    fn partition(&self) -> PartitionId {
        PartitionId::TestCas
    }
}

/// Enters a test CA before it is made, within the quota of its owner.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReserveTestCa {
    /// Its id.
    pub id: Id,
    /// The owner: an operator or a client address.
    pub owner: String,
    /// Its lifetime.
    pub ttl: Duration,
}

/// Removes a test CA that has ended, or was not made.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReleaseTestCa(pub Id);

/// Lists the test CAs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ListTestCas;

asks! {
    TestCas at TestCasAt, |all, ask|
    ReserveTestCa -> MadeRecord = all.reserve(&ask);
    ReleaseTestCa -> () = all.release(&ask.0);
    ListTestCas -> Vec<(Id, MadeRecord)> = all.list();
}

fn exceeded(most: usize, whose: &str, free: Duration) -> Problem {
    let detail = format!(
        "There are {most} test CAs {whose}, which is the most at a time. End some that are done with (`selvedge ca end ID`), \
         or wait until one ends by itself."
    );
    let wait = u32::try_from(free.as_secs()).unwrap_or(u32::MAX).max(1);
    Problem { retry_after: Some(wait), ..Problem::new(Kind::RateLimited, detail) }
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> TestCas<P, K> {
    /// Enters a test CA.
    ///
    /// # Errors
    /// `rateLimited` over a quota.
    pub fn reserve(&self, ask: &ReserveTestCa) -> Result<MadeRecord, Problem> {
        let now = self.ports.now();
        let all = self.list()?;
        let anonymous = ask.owner.starts_with(ADDRESS);
        let most = if anonymous { ADDRESS_QUOTA } else { OPERATOR_QUOTA };
        let checks = [
            (most, "of this sender", all.iter().filter(|(_, made)| made.owner == ask.owner).collect::<Vec<_>>()),
            (
                if anonymous { ANONYMOUS_QUOTA } else { TOTAL_QUOTA },
                "of all senders",
                all.iter().filter(|(_, made)| !anonymous || made.owner.starts_with(ADDRESS)).collect(),
            ),
        ];
        for (most, whose, those) in checks {
            if those.len() >= most {
                let free = those.iter().map(|(_, made)| made.ends).min().unwrap_or(now);
                return Err(exceeded(most, whose, now.until(free)));
            }
        }
        let made = MadeRecord { owner: ask.owner.clone(), made: now, ends: now.plus(ask.ttl) };
        self.transact(|txn| {
            txn.put(ask.id.as_str(), &made)?;
            Ok(made.clone())
        })
    }

    /// Removes a test CA.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn release(&self, id: &Id) -> Result<(), Problem> {
        self.transact(|txn| {
            if txn.has::<MadeRecord>(id.as_str())? {
                txn.delete::<MadeRecord>(id.as_str());
            }
            Ok(())
        })
    }

    /// Lists the test CAs that have not ended.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn list(&self) -> Result<Vec<(Id, MadeRecord)>, Problem> {
        let now: Time = self.ports.now();
        let found = self.transact(|txn| Ok(txn.list::<MadeRecord>(None, MAX_LISTED)?))?;
        let known = |(id, made): (String, MadeRecord)| Some((Id::parse(&id)?, made));
        Ok(found.into_iter().filter_map(known).filter(|(_, made)| now < made.ends).collect())
    }
}
