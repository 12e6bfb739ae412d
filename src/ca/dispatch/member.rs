//! How partitions learn of their CA's clock, and how it learns of them.

use crate::ca::partitions::test_ca;
use crate::ca::partitions::test_ca::{JoinTestCa, TestCaAt};
use crate::ca::runtime::ask::Ask;
use crate::ca::runtime::message::{Message, PartitionId};
use crate::ca::runtime::partition::Partition;
use crate::ca::runtime::ports::{PartitionPorts, Ports};
use crate::ca::runtime::problems::ended;
use crate::ca::runtime::within::EndPartition;
use crate::records::Problem;
use crate::store::Kv;

/// Returns the host of a partition for its own CA.
///
/// `None` once the test CA has ended.
///
/// # Errors
/// `serverInternal` when the partition of the test CA does not answer.
pub async fn enter<P: Ports>(ports: P, id: &PartitionId) -> Result<Option<P>, Problem> {
    let ca = match id {
        PartitionId::Within(ca, _) => Some(ca),
        // They work in real time.
        PartitionId::TestCa(_) | PartitionId::TestCas => return Ok(Some(ports)),
        _ if !ports.settings().test_machine.clock => return Ok(Some(ports)),
        _ => None,
    };
    Ok(test_ca::hosted(&ports, ca).await?.map(|hosted| ports.at_hosted(hosted)))
}

/// Whether a message needs the CA of its partition. The end of a test CA does not.
pub fn needs_hosted(message: &Message) -> bool {
    message.ask != EndPartition::NAME
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Partition<P, K> {
    /// Tells the CA of a partition that it was written.
    ///
    /// It does so once while the partition is in memory.
    ///
    /// # Errors
    /// 410 once the test CA has ended: the partition is empty then. `serverInternal` when it does not answer.
    pub(in crate::ca) async fn join_if_written(&self) -> Result<(), Problem> {
        let Some(hosted) = self.ports.hosted() else { return Ok(()) };
        if self.running.joined.get() || self.running.ended.get() || self.with_storage(|kv| kv.is_empty())? {
            return Ok(());
        }
        let ca = hosted.ca.clone();
        if self.ports.ask(&TestCaAt(ca.clone()), &JoinTestCa(self.id.name())).await? {
            self.running.joined.set(true);
            return Ok(());
        }
        self.end_within()?;
        Err(ended(ca.as_ref()))
    }
}
