//! The roles of operators.

use serde::{Deserialize, Serialize};

/// The role of an operator. A greater one may do all that a smaller one may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Reads all, changes nothing.
    Auditor,
    /// Revokes and replaces certificates too.
    Revoker,
    /// Does the daily work too: keys, accounts, notices.
    Operator,
    /// Does everything: the policy, backups.
    Owner,
}

impl Role {
    /// All roles, the greatest first.
    pub const ALL: [Self; 4] = [Self::Owner, Self::Operator, Self::Revoker, Self::Auditor];

    /// Its name in settings and on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auditor => "auditor",
            Self::Revoker => "revoker",
            Self::Operator => "operator",
            Self::Owner => "owner",
        }
    }

    /// Parses a name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == text)
    }

    /// The names of all, for messages.
    pub fn names() -> String {
        Self::ALL.map(Self::name).join(", ")
    }
}
