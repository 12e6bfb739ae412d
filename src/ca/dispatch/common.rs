//! The asks that partitions of every kind handle alike: for backups, restores and test CAs.

use crate::ca::runtime::ask::Ask;
use crate::ca::runtime::copying::CopyRows;
use crate::ca::runtime::message::{InBackup, Message, write_json};
use crate::ca::runtime::partition::Partition;
use crate::ca::runtime::ports::PartitionPorts;
use crate::ca::runtime::recovering::{CarryRows, CopyHeld, GoTo, HoldPartition, HoldRecovered, ShowRecovery};
use crate::ca::runtime::restoring::{EndRestore, ImportRows, MarkRestore, ShowRestore, UndoRestore, restoring};
use crate::ca::runtime::schema::ShowSchema;
use crate::ca::runtime::within::{EndPartition, FollowClock};
use crate::records::Problem;
use crate::store::Kv;
use serde_json::value::RawValue;

impl<P: PartitionPorts + 'static, K: Kv + 'static> Partition<P, K> {
    /// Answers an ask that partitions of every kind handle; `None` for others.
    ///
    /// A partition that is being restored refuses the others.
    /// So does one that a newer release has stored, but for its schema number.
    pub(in crate::ca) fn handle_common(&self, message: &Message) -> Option<Result<Box<RawValue>, Problem>> {
        if message.ask == ShowSchema::NAME {
            return Some(self.schema().and_then(|state| write_json(&state)));
        }
        if let Some(refusal) = self.refusal() {
            return Some(Err(refusal));
        }
        let done = match message.ask.as_str() {
            ShowRestore::NAME => self.restore_state().and_then(|state| write_json(&state)),
            MarkRestore::NAME => done(message.read(), |MarkRestore(record)| self.mark_restore(&record)),
            ImportRows::NAME => done(message.read(), |ask| self.import_rows(ask)),
            UndoRestore::NAME => done(message.read(), |ask: UndoRestore| self.undo_restore(&ask)),
            HoldRecovered::NAME => done(message.read(), |ask: HoldRecovered| self.hold_recovered(&ask)),
            ShowRecovery::NAME => self.last_recovery().and_then(|id| write_json(&id)),
            CarryRows::NAME => done(message.read(), |ask| self.carry_rows(ask)),
            CopyHeld::NAME => message.read().and_then(|ask| self.copy_held(ask)).and_then(|page| write_json(&page)),
            // They depend on the kind, or on the host.
            EndRestore::NAME | HoldPartition::NAME | GoTo::NAME => return None,
            EndPartition::NAME => self.end_within().and_then(|()| write_json(&())),
            FollowClock::NAME => self.follow_clock().and_then(|()| write_json(&())),
            _ if self.running.restoring.get() => Err(restoring()),
            CopyRows::NAME if self.id.backup() != InBackup::Saved => Err(message.misdirected(&self.id)),
            CopyRows::NAME => message.read().and_then(|ask| self.copy_rows(ask)).and_then(|page| write_json(&page)),
            _ => return None,
        };
        Some(done)
    }
}

/// Does what an ask wants.
fn done<A>(ask: Result<A, Problem>, act: impl FnOnce(A) -> Result<(), Problem>) -> Result<Box<RawValue>, Problem> {
    ask.and_then(act).and_then(|()| write_json(&()))
}
