//! The ask of a ledger to accounts to delete certificates that expired long ago.

use crate::ca::runtime::ask::{Address, Ask};
use crate::ca::runtime::message::PartitionId;
use crate::values::{Id, Time};
use serde::{Deserialize, Serialize};

/// The account with this id, as the holder of certificates.
#[derive(Clone, Debug)]
pub struct HolderAt(pub Id);

impl Address for HolderAt {
    fn partition(&self) -> PartitionId {
        PartitionId::Account(self.0.clone())
    }
}

/// Deletes certificates of an account. It is idempotent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ForgetCertificates {
    /// Their serial numbers in hex.
    pub serials: Vec<String>,
    /// The time before which they expired. Others are not deleted.
    pub before: Time,
}

impl Ask for ForgetCertificates {
    type At = HolderAt;
    type Reply = ();
    const NAME: &'static str = "ForgetCertificates";
}
