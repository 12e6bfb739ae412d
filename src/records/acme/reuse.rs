//! What an account has already: proofs that other orders may rest on, and orders that are asked for again.
//!
//! Each is one small record that names the thing itself, so that newOrder looks up a key for each name and never scans.

use crate::store::{Record, Table};
use crate::values::{Id, Identifier, Time};
use core::time::Duration;
use serde::{Deserialize, Serialize};

/// How much of its life an authorization or order needs to have left to be used again: enough for a client that takes
/// its time, so that nothing ends under its hands.
pub const MARGIN: Duration = Duration::from_secs(3600);

/// The authorization that last proved a name, or that was last asked for by itself; stored as `proof/{type}:{value}`,
/// where a wildcard has its `*.`. It points; what the authorization is worth, the authorization says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorizationByIdentifier {
    /// The authorization.
    pub authorization: Id,
    /// When the authorization is over.
    pub expires: Time,
}

impl Record for AuthorizationByIdentifier {
    const PREFIX: &'static str = "proof";
    const TABLE: Table = Table::Expiring;

    fn expires(&self) -> Option<Time> {
        Some(self.expires)
    }
}

/// The id of the [`AuthorizationByIdentifier`] of an authorization's identifier.
pub fn identifier_id(identifier: &Identifier, wildcard: bool) -> String {
    let star = if wildcard { "*." } else { "" };
    format!("{}:{star}{}", identifier.kind(), identifier.value())
}

/// The order that was last made for a request, stored as `placed/{digest}` under the digest of all that the request
/// asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderByRequest {
    /// The order.
    pub order: Id,
    /// When the order is over.
    pub expires: Time,
}

impl Record for OrderByRequest {
    const PREFIX: &'static str = "placed";
    const TABLE: Table = Table::Expiring;

    fn expires(&self) -> Option<Time> {
        Some(self.expires)
    }
}

#[cfg(test)]
mod tests {
    use crate::records::acme::reuse::*;

    #[test]
    fn o06_a_proof_is_named_by_type_value_and_wildcard() {
        let name = Identifier::dns("*.a.test").unwrap();
        assert_eq!(identifier_id(&name.base(), name.is_wildcard()), "dns:*.a.test");
        assert_eq!(identifier_id(&name.base(), false), "dns:a.test");
        let address = Identifier::ip("2001:db8::1").unwrap();
        assert_eq!(identifier_id(&address, false), "ip:2001:db8::1");
    }
}
