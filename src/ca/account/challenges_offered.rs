//! New authorizations and the challenges that they offer.

use super::kind::Account;
use crate::ca::runtime::ports::PartitionPorts;
use crate::policy::Grant;
use crate::records::acme::authorization;
use crate::records::acme::authorization::AuthorizationStatus;
use crate::records::{AuthorizationRecord, Problem};
use crate::store::{Kv, Txn};
use crate::values::{Id, Identifier};

impl<P: PartitionPorts + 'static, K: Kv + 'static> Account<P, K> {
    /// Makes a new authorization with this id. A pre-authorised one is valid from the start and has no challenges, since
    /// none was validated (RFC 8555 §7.1.4).
    ///
    /// # Errors
    /// `serverInternal` without randomness.
    pub(in crate::ca) fn authorization_for(
        &self,
        txn: &Txn<'_, K>,
        identifier: &Identifier,
        id: Id,
        permit: &Grant,
    ) -> Result<AuthorizationRecord, Problem> {
        let mut challenges = Vec::new();
        for method in self.offered(txn, identifier, permit)? {
            challenges.push(self.challenge(method)?);
        }
        let (state, lifetime) = if permit.preauthorized {
            (AuthorizationStatus::Valid, authorization::VALID_LIFETIME)
        } else {
            (AuthorizationStatus::Pending, authorization::PENDING_LIFETIME)
        };
        let order = Some(id.numbered(0)).filter(|order| *order != id);
        Ok(AuthorizationRecord {
            id,
            identifier: identifier.base(),
            wildcard: identifier.is_wildcard(),
            state,
            expires: self.ports.now().plus(self.ports.settings().life(lifetime)),
            order,
            challenges,
            caa_checked: None,
        })
    }
}
