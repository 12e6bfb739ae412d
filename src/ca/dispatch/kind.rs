//! The kind of a partition, from its id.

use crate::ca::account::kind::Account;
use crate::ca::ledger::kind::Ledger;
use crate::ca::partitions::client_address::ClientAddressLimit;
use crate::ca::partitions::compromised_keys::CompromisedKeys;
use crate::ca::partitions::external_key::ExternalKey;
use crate::ca::partitions::key_owner::Key;
use crate::ca::partitions::metrics::Metrics;
use crate::ca::partitions::nonce::NonceShard;
use crate::ca::partitions::operations::kind::Operations;
use crate::ca::partitions::roster::Roster;
use crate::ca::runtime::message::PartitionId;
use crate::ca::runtime::partition::Partition;
use std::rc::Rc;

/// A partition as the kind that its id determines.
pub enum Kind<P, K> {
    /// An account.
    Account(Account<P, K>),
    /// An account key.
    Key(Key<P, K>),
    /// Nonces without an account.
    Nonce(NonceShard<P, K>),
    /// A ledger.
    Ledger(Ledger<P, K>),
    /// The compromised keys.
    Compromised(CompromisedKeys<P, K>),
    /// An external account key.
    ExternalKey(ExternalKey<P, K>),
    /// A client address.
    Address(ClientAddressLimit<P, K>),
    /// Sums of counts.
    Metrics(Metrics<P, K>),
    /// The operators' decisions.
    Operations(Operations<P, K>),
    /// A list of accounts.
    Roster(Roster<P, K>),
}

impl<P, K> Kind<P, K> {
    /// Returns the kind of a partition.
    pub fn of(partition: Rc<Partition<P, K>>) -> Self {
        match partition.id.clone() {
            PartitionId::Account(id) => Self::Account(Account { partition, id }),
            PartitionId::Key(_) => Self::Key(Key { partition }),
            PartitionId::Nonce(_) => Self::Nonce(NonceShard { partition }),
            PartitionId::Ledger(issuer) => Self::Ledger(Ledger { partition, issuer }),
            PartitionId::Compromised => Self::Compromised(CompromisedKeys { partition }),
            PartitionId::Eab(kid) => Self::ExternalKey(ExternalKey { partition, kid }),
            PartitionId::Address(_) => Self::Address(ClientAddressLimit { partition }),
            PartitionId::Metrics(_) => Self::Metrics(Metrics { partition }),
            PartitionId::Operations => Self::Operations(Operations { partition }),
            PartitionId::Roster(_) => Self::Roster(Roster { partition }),
        }
    }
}
