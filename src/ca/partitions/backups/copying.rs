//! A step of a copy: the next pages of some partitions, as lines.
//!
//! Accounts come after the rosters that list them, and ledgers after accounts: so each certificate of the backup is in the
//! backup's ledger.

use super::head::{MAX_PARTS, head, issuers};
use super::kind::Backups;
use crate::ca::partitions::roster::{ListMembers, RosterAt};
use crate::ca::runtime::archive::{Line, Rows, Tally};
use crate::ca::runtime::ask::Page;
use crate::ca::runtime::copying::{CopiedRow, CopiedRows, CopyRows, Reached};
use crate::ca::runtime::message::{PartitionId, ROSTERS};
use crate::ca::runtime::ports::PartitionPorts;
use crate::records::ledger::compromise::SubscriberRecord;
use crate::records::operations::backup::{BackupKids, BackupRun, Place, Stage};
use crate::records::operations::external_key::ExternalKeyEntry;
use crate::records::{AccountRecord, Problem};
use crate::store::{Kv, Record};
use serde::de::DeserializeOwned;
use std::collections::BTreeSet;

/// Size at which a page takes no further row, in octets.
const PAGE: usize = 256 * 1024;

/// How often a partition may start over, because its object was moved or restarted.
const MAX_LOST: u32 = 20;

/// Maximum number of rows with found kids that are read at once.
const FOUND: usize = 100_000;

/// A step: the run with what it adds.
pub struct Copied {
    /// The run after the step.
    pub run: BackupRun,
    /// Its lines.
    pub lines: String,
    /// The kids that were found.
    pub kids: BTreeSet<String>,
    tally: Tally,
}

impl Copied {
    fn line(&mut self, line: &Line) -> Result<(), Problem> {
        self.lines.push_str(&self.tally.write(line).map_err(Problem::internal)?);
        Ok(())
    }

    /// Has these partitions copied next.
    fn next(&mut self, partitions: impl IntoIterator<Item = PartitionId>) {
        let place = |id: PartitionId| Place { partition: id.name(), copy: None, table: None, key: None, lost: 0 };
        self.run.queue.extend(partitions.into_iter().map(place));
    }

    fn turn_to(&mut self, stage: Stage) {
        (self.run.stage, self.run.cursor) = (stage, None);
    }

    /// Has the next of these names copied; `false` after the last.
    fn next_of(&mut self, names: &BTreeSet<String>, partition: impl Fn(String) -> PartitionId) -> bool {
        let cursor = self.run.cursor.take();
        let after = names.iter().filter(|name| cursor.as_ref().is_none_or(|cursor| *name > cursor));
        let next: Vec<String> = after.take(MAX_PARTS).cloned().collect();
        self.run.cursor = next.last().cloned();
        self.next(next.into_iter().map(partition));
        self.run.cursor.is_some()
    }

    /// Notes what a row says of other partitions.
    fn see(&mut self, row: &CopiedRow) -> Result<(), Problem> {
        if let Some(account) = record::<AccountRecord>(row)? {
            self.kids.extend(account.external.map(|bound| bound.kid));
        }
        if let Some(entry) = record::<ExternalKeyEntry>(row)? {
            self.kids.insert(entry.kid);
        }
        let subscriber = row.key.strip_prefix(SubscriberRecord::PREFIX).and_then(|id| id.strip_prefix('/'));
        if let Some(issuer) = subscriber.filter(|issuer| !self.run.ledgers.iter().any(|known| known == issuer)) {
            self.run.ledgers.push(issuer.to_owned());
        }
        Ok(())
    }

    /// Writes a page of the first partition in the queue. Returns whether that one goes on.
    fn page(&mut self, CopiedRows { rows, reached, lost }: CopiedRows) -> Result<bool, Problem> {
        let Some(place) = self.run.queue.first_mut() else { return Ok(false) };
        let partition = place.partition.clone();
        if lost {
            place.lost = place.lost.saturating_add(1);
            (place.copy, place.table, place.key) = (None, None, None);
            if place.lost > MAX_LOST {
                let why = format!("the copy of {partition} started over {MAX_LOST} times: do other backups run?");
                return Err(Problem::internal(why));
            }
            self.line(&Line::Again(partition))?;
            return Ok(true);
        }
        let goes_on = reached.is_some();
        match reached {
            Some(Reached { copy, table, key }) => (place.copy, place.table, place.key) = (Some(copy), table, key),
            None => drop(self.run.queue.remove(0)),
        }
        rows.iter().try_for_each(|row| self.see(row))?;
        if !rows.is_empty() {
            self.line(&Line::Rows(Rows { partition: partition.clone(), rows }))?;
        }
        if !goes_on {
            self.line(&Line::Whole(partition))?;
            self.run.partitions = self.run.partitions.saturating_add(1);
        }
        Ok(goes_on)
    }
}

/// The record in a row, if it is of this type.
fn record<R: Record + DeserializeOwned>(row: &CopiedRow) -> Result<Option<R>, Problem> {
    let of_type = row.key.split('/').next() == Some(R::PREFIX);
    let Some(value) = row.value.as_deref().filter(|_| of_type) else { return Ok(None) };
    let unreadable = |error| Problem::internal(format!("the row {:?} cannot be read: {error}", row.key));
    serde_json::from_str(value.get()).map(Some).map_err(unreadable)
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Backups<P, K> {
    /// Copies the next pages. The run has all lines once its stage is [`Stage::Sealed`].
    ///
    /// # Errors
    /// When a partition does not answer.
    pub(super) async fn copied(&self, run: &BackupRun) -> Result<Copied, Problem> {
        let tally = Tally::of(&run.digest, run.lines);
        let tally = tally.ok_or_else(|| Problem::internal("the digest of the backup under way cannot be read"))?;
        let mut step = Copied { run: run.clone(), lines: String::new(), kids: BTreeSet::new(), tally };
        if run.lines == 0 {
            let head = head(&self.ports, &run.id, run.begun).to_string();
            let head = serde_json::value::RawValue::from_string(head).map_err(|e| Problem::internal(e.to_string()))?;
            step.line(&Line::Head(head))?;
        }
        self.fill(&mut step).await?;
        self.pages(&mut step).await?;
        if step.run.queue.is_empty() && step.run.stage == Stage::End {
            let partitions = usize::try_from(step.run.partitions).unwrap_or(usize::MAX);
            let end = step.tally.end(partitions);
            step.line(&Line::End(end))?;
            step.turn_to(Stage::Sealed);
        }
        (step.run.lines, step.run.digest) = (step.tally.lines(), step.tally.state());
        Ok(step)
    }

    /// Has further partitions copied, when all so far are whole.
    async fn fill(&self, step: &mut Copied) -> Result<(), Problem> {
        while step.run.queue.is_empty() {
            match step.run.stage {
                Stage::Rosters => {
                    step.next((0..ROSTERS).map(PartitionId::Roster));
                    step.turn_to(Stage::Accounts);
                }
                Stage::Accounts => self.next_accounts(step).await?,
                Stage::Operations => {
                    step.next([PartitionId::Operations]);
                    step.turn_to(Stage::Keys);
                }
                Stage::Keys => {
                    let found = self.transact(|txn| Ok(txn.list::<BackupKids>(None, FOUND)?))?;
                    let mut kids: BTreeSet<String> = self.ports.settings().external.keys.keys().cloned().collect();
                    kids.extend(found.into_iter().flat_map(|(_, found)| found.kids));
                    if !step.next_of(&kids, PartitionId::Eab) {
                        step.turn_to(Stage::Compromised);
                    }
                }
                Stage::Compromised => {
                    // It names the ledgers of former issuers.
                    step.next([PartitionId::Compromised]);
                    step.turn_to(Stage::Ledgers);
                }
                Stage::Ledgers => {
                    let mut ledgers: BTreeSet<String> = issuers(&self.ports).into_iter().collect();
                    ledgers.extend(step.run.ledgers.iter().cloned());
                    if !step.next_of(&ledgers, PartitionId::Ledger) {
                        step.turn_to(Stage::Again);
                    }
                }
                Stage::Again => {
                    // Copied again after the ledgers: they tell it which keys are blocked.
                    step.line(&Line::Again(PartitionId::Compromised.name()))?;
                    step.run.partitions = step.run.partitions.saturating_sub(1);
                    step.next([PartitionId::Compromised]);
                    step.turn_to(Stage::End);
                }
                _ => return Ok(()),
            }
        }
        Ok(())
    }

    /// Has the next accounts copied. The cursor is the number of a roster, and its last account.
    async fn next_accounts(&self, step: &mut Copied) -> Result<(), Problem> {
        let cursor = step.run.cursor.clone().unwrap_or_default();
        let (roster, after) = cursor.split_once(' ').unwrap_or(("0", ""));
        let roster: u8 = roster.parse().unwrap_or_default();
        let after = (!after.is_empty()).then(|| after.to_owned());
        let members = self.ports.ask(&RosterAt(roster), &ListMembers(Page { after, limit: MAX_PARTS })).await?;
        match members.last() {
            Some(last) => {
                step.run.cursor = Some(format!("{roster} {}", last.id()));
                step.next(members.into_iter().map(|member| PartitionId::Account(member.account)));
            }
            None if roster.saturating_add(1) < ROSTERS => {
                step.run.cursor = Some(format!("{} ", roster.saturating_add(1)));
            }
            None => step.turn_to(Stage::Operations),
        }
        Ok(())
    }

    /// Copies pages of the partitions in the queue, as many as fit.
    async fn pages(&self, step: &mut Copied) -> Result<(), Problem> {
        let mut room = PAGE;
        for _ in 0..MAX_PARTS {
            let Some(place) = step.run.queue.first().filter(|_| room > 0) else { return Ok(()) };
            let unnamed = || Problem::internal(format!("{} is no partition", place.partition));
            let id = PartitionId::parse(&place.partition).ok_or_else(unnamed)?;
            let (table, key) = (place.table, place.key.clone());
            let reached = place.copy.clone().map(|copy| Reached { copy, table, key });
            let page = self.ports.ask(&id, &CopyRows { reached, octets: room }).await?;
            room = room.saturating_sub(page.rows.iter().map(CopiedRow::octets).sum());
            if step.page(page)? {
                // Only the last page of a copy can be asked for again.
                return Ok(());
            }
        }
        Ok(())
    }
}
