//! Index records that let newOrder reuse valid authorizations.
//!
//! newOrder reads one key for each name and never scans.

use super::authorization::GRACE;
use crate::store::{Layout, Record, Table, pooled_row};
use crate::values::{Id, Identifier, Time};
use core::time::Duration;
use serde::{Deserialize, Serialize};

/// Minimum remaining lifetime of a reused authorization or order, enough for a slow client.
pub const MARGIN: Duration = Duration::from_secs(3600);

/// The latest valid or pre-created authorization of an identifier. Stored as `proof/{type}:{value}`, with `*.` for
/// wildcards. The authorization itself has the status.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorizationByIdentifier {
    /// The authorization.
    pub authorization: Id,
    /// Expiry of the authorization.
    pub expires: Time,
}

impl Record for AuthorizationByIdentifier {
    const PREFIX: &'static str = "proof";
    const TABLE: Table = Table::Expiring;
    const LAYOUT: Layout = Layout::Pooled;

    fn row(id: &str) -> String {
        pooled_row(id)
    }

    fn expires(&self) -> Option<Time> {
        // With the authorization, so that both share a purge.
        Some(self.expires.plus(GRACE))
    }
}

/// The id of the [`AuthorizationByIdentifier`] of an identifier.
pub fn identifier_id(identifier: &Identifier, wildcard: bool) -> String {
    let star = if wildcard { "*." } else { "" };
    format!("{}:{star}{}", identifier.kind(), identifier.value())
}

#[cfg(test)]
mod tests {
    use crate::records::acme::reuse::*;

    #[test]
    fn o06_index_id_has_type_value_and_wildcard() {
        let name = Identifier::dns("*.a.test").unwrap();
        assert_eq!(identifier_id(&name.base(), name.is_wildcard()), "dns:*.a.test");
        assert_eq!(identifier_id(&name.base(), false), "dns:a.test");
        let address = Identifier::ip("2001:db8::1").unwrap();
        assert_eq!(identifier_id(&address, false), "ip:2001:db8::1");
    }
}
