//! Actions that wait for a second person, and the revocations that one person made.

use super::kind::Operations;
use crate::ca::runtime::ports::PartitionPorts;
use crate::records::operations::approval::{ApprovalRecord, Undecidable};
use crate::records::operations::audit::Actor;
use crate::records::operations::limit::{Limit, LimitRecord};
use crate::records::{Kind, Problem};
use crate::store::Kv;
use core::time::Duration;
use serde::{Deserialize, Serialize};

/// Stores an action that waits for a second person.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PutApproval(pub ApprovalRecord);

/// Lists the actions that wait or were decided, the latest first.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ListApprovals;

/// Decides an action; replies its record.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DecideApproval {
    /// Its id.
    pub id: String,
    /// Whether it is confirmed.
    pub confirmed: bool,
    /// The operator.
    pub by: Actor,
}

/// Counts revocations by one person, if the number in a day allows it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TakeRevocations {
    /// The person.
    pub who: String,
    /// The number in a day.
    pub most: u32,
    /// The revocations that have to fit.
    pub needs: u32,
    /// Those among them that are counted now.
    pub takes: u32,
}

/// Maximum number of actions that wait.
const MAX_PENDING: usize = 50;

/// Maximum number of records that are read.
const MAX_LISTED: usize = 500;

const DAY: Duration = Duration::from_secs(86_400);

impl<P: PartitionPorts + 'static, K: Kv + 'static> Operations<P, K> {
    /// Stores an action that waits.
    ///
    /// # Errors
    /// 409 when too many wait.
    pub(in crate::ca) fn put_approval(&self, record: &ApprovalRecord) -> Result<(), Problem> {
        let now = self.ports.now();
        self.transact(|txn| {
            let found = txn.list::<ApprovalRecord>(None, MAX_LISTED)?;
            let waiting = found.iter().filter(|(_, record)| record.state(now) == "pending").count();
            if waiting >= MAX_PENDING || found.len() >= MAX_LISTED {
                let detail =
                    format!("There are {waiting} actions that wait for a second person; confirm or reject some first.");
                return Err(Problem::malformed(detail).with_status(409));
            }
            txn.put(&record.id, record)?;
            Ok(())
        })
    }

    /// Returns the actions, the latest first.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn approvals(&self) -> Result<Vec<ApprovalRecord>, Problem> {
        self.transact(|txn| {
            let found = txn.list::<ApprovalRecord>(None, MAX_LISTED)?.into_iter().map(|(_, record)| record);
            let mut found: Vec<ApprovalRecord> = found.collect();
            found.sort_by_key(|record| core::cmp::Reverse(record.asked.at));
            Ok(found)
        })
    }

    /// Decides an action.
    ///
    /// # Errors
    /// 404 for an unknown one; 409 if it was decided or has ended; 403 for the person that asked for it.
    pub(in crate::ca) fn decide_approval(&self, decide: DecideApproval) -> Result<ApprovalRecord, Problem> {
        self.transact(|txn| {
            let found = txn.get::<ApprovalRecord>(&decide.id)?;
            let unknown = || Problem::malformed("This CA has no such approval.").with_status(404);
            let mut record = found.ok_or_else(unknown)?;
            let conflict = |detail: &str| Problem::malformed(detail).with_status(409);
            record.decide(decide.confirmed, decide.by).map_err(|why| match why {
                Undecidable::Decided => conflict("This action was confirmed or rejected before."),
                Undecidable::Ended => conflict("This action was not confirmed in its time; ask for it again."),
                Undecidable::SamePerson => {
                    let detail = format!(
                        "Refused: {} asked for this action, and another person has to confirm it. Nothing was changed.",
                        record.asked.by
                    );
                    Problem::new(Kind::Unauthorized, detail)
                }
            })?;
            txn.put(&record.id, &record)?;
            Ok(record)
        })
    }

    /// Counts revocations by one person. Returns whether they fit in the number for a day.
    ///
    /// # Errors
    /// When the storage fails.
    pub(in crate::ca) fn take_revocations(&self, take: &TakeRevocations) -> Result<bool, Problem> {
        let now = self.ports.now();
        let TakeRevocations { most, needs, takes, .. } = *take;
        if needs > most {
            return Ok(false);
        }
        let limit = Limit { count: most.max(1), period: DAY };
        let id = format!("revocations/{}", take.who.to_ascii_lowercase());
        self.transact(|txn| {
            let mut tat = txn.get::<LimitRecord>(&id)?.map(|record| record.tat);
            let mut counted = tat;
            for n in 1..=needs {
                match limit.take(tat, now) {
                    Ok(next) => tat = Some(next),
                    Err(_) => return Ok(false),
                }
                if n == takes {
                    counted = tat;
                }
            }
            if let Some(tat) = counted.filter(|_| takes > 0) {
                txn.put(&id, &LimitRecord { tat })?;
            }
            Ok(true)
        })
    }
}
