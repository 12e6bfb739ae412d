//! The names that a resource is about, for faults of a test CA.

use super::kind::Account;
use crate::ca::runtime::ports::PartitionPorts;
use crate::records::{CertificateRecord, Problem};
use crate::store::Kv;
use crate::values::{Id, Identifier};
use serde::{Deserialize, Serialize};

/// Asks for the names of a resource.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum NamesOf {
    /// An order.
    Order(Id),
    /// An authorization.
    Authorization(Id),
    /// The certificate with this serial number in hex.
    Certificate(String),
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Account<P, K> {
    /// Returns the names of a resource; empty for an unknown one.
    pub(in crate::ca) fn names_of(&self, resource: &NamesOf) -> Result<Vec<String>, Problem> {
        self.transact(|txn| {
            let order = match resource {
                NamesOf::Authorization(id) => {
                    let found = self.find_authorization(txn, id)?;
                    return Ok(found.map(|authorization| authorization.named().value).into_iter().collect());
                }
                NamesOf::Order(id) => Some(id.clone()),
                NamesOf::Certificate(serial) => txn.get::<CertificateRecord>(serial)?.map(|found| found.order),
            };
            let order = order.map(|id| self.find_order(txn, &id)).transpose()?.flatten();
            Ok(order.iter().flat_map(|order| &order.identifiers).map(Identifier::to_string).collect())
        })
    }
}
