//! The partition of a test CA's faults: rules, and what requests meet.
//!
//! One partition has all rules, so that counts and rates are exact over all isolates.

use crate::ca::runtime::ask::Address;
use crate::ca::runtime::kind::{asks, partition_kind};
use crate::ca::runtime::message::PartitionId;
use crate::ca::runtime::ports::{PartitionPorts, Ports};
use crate::records::Problem;
use crate::records::operations::fault::{
    DrawnFault, Encounter, Endpoint, Fault, FaultRecord, FaultRule, MAX_FAULTS, draw,
};
use crate::store::{Kv, Txn};
use crate::values::{Id, Identifier};
use serde::{Deserialize, Serialize};

partition_kind! {
    /// The partition of the faults of a test CA.
    Faults {}
}

/// The address of the only such partition.
#[derive(Clone, Copy, Debug)]
pub struct FaultsAt;

impl Address for FaultsAt {
    fn partition(&self) -> PartitionId {
        PartitionId::Faults
    }
}

/// Adds a rule; replies its record.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AddFault(pub FaultRule);

/// Lists the rules that are on, in the order of their numbers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ListFaults;

/// Removes a rule, or all; replies the removed ones.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ClearFaults {
    /// The number of the rule; `None` for all.
    pub number: Option<u32>,
}

/// Draws what a request meets.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DrawFault(pub Encounter);

asks! {
    Faults at FaultsAt, |faults, ask|
    AddFault -> FaultRecord = faults.add(ask.0);
    ListFaults -> Vec<FaultRecord> = faults.list();
    ClearFaults -> Vec<FaultRecord> = faults.clear(ask.number);
    DrawFault -> DrawnFault = faults.draw(&ask.0);
}

/// Draws what a request meets. While the isolate knows that no fault is on, nothing is asked.
///
/// # Errors
/// `serverInternal` when the partition does not answer.
pub async fn drawn<P: Ports>(ports: &P, met: &Encounter) -> Result<DrawnFault, Problem> {
    let faultless = &ports.memory().faultless;
    let Some(asked) = faultless.ask(ports.now()) else { return Ok(DrawnFault::NoRule) };
    let drawn = ports.ask(&FaultsAt, &DrawFault(met.clone())).await?;
    if drawn == DrawnFault::NoRule {
        faultless.keep(asked, ports.now());
    }
    Ok(drawn)
}

/// Returns the fault that the validation of a name meets. Without the setting nothing is asked.
///
/// # Errors
/// `serverInternal` when the partition does not answer.
pub async fn of_validation<P: Ports>(
    ports: &P,
    account: &Id,
    identifier: &Identifier,
    wildcard: bool,
) -> Result<Option<Fault>, Problem> {
    if !ports.settings().test_machine.faults {
        return Ok(None);
    }
    let name = if wildcard { format!("*.{identifier}") } else { identifier.to_string() };
    let endpoint = Endpoint::Validation;
    let met = Encounter { endpoint, account: Some(account.clone()), names: Some(vec![name]), answered: None };
    match drawn(ports, &met).await? {
        DrawnFault::Acts(fault) => Ok(Some(fault)),
        DrawnFault::NoRule | DrawnFault::Nothing | DrawnFault::NamesNeeded | DrawnFault::Afterwards => Ok(None),
    }
}

fn remove<K: Kv>(txn: &mut Txn<'_, K>, records: &[FaultRecord]) {
    for record in records {
        txn.delete::<FaultRecord>(&FaultRecord::id_of(record.number));
    }
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Faults<P, K> {
    /// Returns the rules that are on.
    fn rules(&self, txn: &Txn<'_, K>) -> Result<Vec<FaultRecord>, Problem> {
        Ok(self.stored(txn)?.0)
    }

    /// Returns the rules that are on, and those that have ended.
    fn stored(&self, txn: &Txn<'_, K>) -> Result<(Vec<FaultRecord>, Vec<FaultRecord>), Problem> {
        let now = self.ports.now();
        let all = txn.list::<FaultRecord>(None, MAX_FAULTS)?.into_iter().map(|(_, record)| record);
        Ok(all.partition(|record| record.is_on(now)))
    }

    /// Lists the rules that are on.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn list(&self) -> Result<Vec<FaultRecord>, Problem> {
        self.transact(|txn| self.rules(txn))
    }

    /// Adds a rule, and removes those that have ended.
    ///
    /// # Errors
    /// `malformed` for a rule whose parts exclude each other, or that an earlier rule excludes; 409 for too many.
    pub fn add(&self, rule: FaultRule) -> Result<FaultRecord, Problem> {
        rule.check().map_err(Problem::malformed)?;
        self.transact(|txn| {
            let (rules, ended) = self.stored(txn)?;
            remove(txn, &ended);
            if rules.len() >= MAX_FAULTS {
                let detail = format!("{MAX_FAULTS} faults are on, which is the maximum; clear some of them first.");
                return Err(Problem::malformed(detail).with_status(409));
            }
            let number = rules.last().map_or(0, |last| last.number).saturating_add(1);
            let record = FaultRecord::new(number, rule, self.ports.now());
            if let Some(first) = rules.iter().find(|first| first.excludes(&record.rule, record.until)) {
                return Err(Problem::malformed(format!(
                    "Fault {} ({}) takes every request that this one is about, so this one would never act; clear that \
                     one, or give it a count, a rate or a narrower scope.",
                    first.number,
                    first.rule.text()
                )));
            }
            txn.put(&FaultRecord::id_of(number), &record)?;
            Ok(record)
        })
    }

    /// Removes a rule, or all of them.
    ///
    /// # Errors
    /// 404 for a rule that is not on.
    pub fn clear(&self, number: Option<u32>) -> Result<Vec<FaultRecord>, Problem> {
        self.transact(|txn| {
            let (mut rules, mut ended) = self.stored(txn)?;
            for records in [&mut rules, &mut ended] {
                records.retain(|record| number.is_none_or(|number| record.number == number));
            }
            if let (Some(number), true) = (number, rules.is_empty()) {
                let detail = format!("Fault {number} is not on; list the faults to see which are.");
                return Err(Problem::malformed(detail).with_status(404));
            }
            remove(txn, &rules);
            remove(txn, &ended);
            Ok(rules)
        })
    }

    /// Draws what a request meets, and counts it.
    ///
    /// # Errors
    /// When the storage fails.
    pub fn draw(&self, met: &Encounter) -> Result<DrawnFault, Problem> {
        self.transact(|txn| {
            let mut rules = self.rules(txn)?;
            let before = rules.clone();
            let drawn = draw(&mut rules, met);
            for record in rules.iter().zip(&before).filter(|(now, before)| now != before).map(|(now, _)| now) {
                let id = FaultRecord::id_of(record.number);
                if record.left() == Some(0) {
                    txn.delete::<FaultRecord>(&id);
                } else {
                    txn.put(&id, record)?;
                }
            }
            Ok(drawn)
        })
    }
}
