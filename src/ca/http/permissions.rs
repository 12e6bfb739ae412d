//! The permission table of the operations API, by route and role.

use super::operator_routes::AdminRoute;
use crate::records::operations::role::Role;

/// A permission of operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// Reads everything; tests a policy without a change.
    Read,
    /// Revokes certificates.
    Revoke,
    /// Has clients replace certificates.
    Replace,
    /// Confirms or rejects what another operator asked for, where its role may do that itself.
    Approve,
    /// Makes, changes and disables external account keys.
    Keys,
    /// Deactivates accounts, resumes paused names.
    Accounts,
    /// Sends a test notice.
    Notices,
    /// Moves the calendar to another URL.
    Calendar,
    /// Sets and clears faults of a test CA, and sets its clock.
    Faults,
    /// Makes and ends test CAs.
    TestCas,
    /// Sets the shadow policy.
    Shadow,
    /// Puts a policy in force.
    Policy,
    /// Reads all partitions for a backup, restores one, and recovers a partition.
    Backups,
    /// Takes certificates of other programs into the inventory.
    Import,
}

/// Each permission with its name and the least role that has it.
const TABLE: [(Permission, &str, Role); 14] = [
    (Permission::Read, "read", Role::Auditor),
    (Permission::Revoke, "revoke", Role::Revoker),
    (Permission::Replace, "replace", Role::Revoker),
    (Permission::Approve, "approve", Role::Revoker),
    (Permission::Keys, "keys", Role::Operator),
    (Permission::Accounts, "accounts", Role::Operator),
    (Permission::Notices, "notices", Role::Operator),
    (Permission::Calendar, "calendar", Role::Operator),
    (Permission::Faults, "faults", Role::Operator),
    (Permission::TestCas, "test-cas", Role::Operator),
    (Permission::Shadow, "shadow", Role::Operator),
    (Permission::Policy, "policy", Role::Owner),
    (Permission::Backups, "backups", Role::Owner),
    (Permission::Import, "import", Role::Owner),
];

impl Permission {
    /// All permissions.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.into_iter().map(|(permission, ..)| permission)
    }

    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// The least role that has it.
    pub fn least(self) -> Role {
        self.row().2
    }

    /// Whether a role has it.
    pub fn is_of(self, role: Role) -> bool {
        role >= self.least()
    }

    fn row(self) -> (Self, &'static str, Role) {
        let found = TABLE.into_iter().find(|(permission, ..)| *permission == self);
        // A permission without a row is the owner's.
        found.unwrap_or((self, "owner", Role::Owner))
    }
}

impl AdminRoute {
    /// The permission for a request with this method.
    pub fn permission(&self, method: &str) -> Permission {
        if method != "POST" {
            return Permission::Read;
        }
        match self {
            Self::ExternalAccounts | Self::ExternalAccount(_) => Permission::Keys,
            Self::Revoke(_) | Self::Revocations => Permission::Revoke,
            Self::Replacements | Self::Withdraw(_) => Permission::Replace,
            Self::Deactivate(_) | Self::Resume(_) => Permission::Accounts,
            Self::Confirm(_) | Self::Reject(_) => Permission::Approve,
            Self::Policy | Self::Restore => Permission::Policy,
            Self::Shadow => Permission::Shadow,
            Self::Import => Permission::Import,
            Self::TestNotice => Permission::Notices,
            Self::Calendar => Permission::Calendar,
            Self::Faults | Self::ClearFaults | Self::Clock => Permission::Faults,
            Self::TestCas | Self::EndTestCa => Permission::TestCas,
            Self::Backups
            | Self::BackupRows
            | Self::BackupObjects
            | Self::Recovery
            | Self::Restoration
            | Self::RestoredRows
            | Self::RestorationEnd
            | Self::RestorationUndo => Permission::Backups,
            // A dry run changes nothing; the others have no POST.
            Self::Check
            | Self::Status
            | Self::Me
            | Self::Health
            | Self::Overview
            | Self::Certificates
            | Self::Certificate(_)
            | Self::Pem(_)
            | Self::Accounts
            | Self::Account(_)
            | Self::Failures
            | Self::Paused
            | Self::Audit
            | Self::Approvals
            | Self::Approval(_)
            | Self::Notices => Permission::Read,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_permission_has_its_row_and_a_greater_role_has_all_of_a_smaller_one() {
        for permission in Permission::all() {
            assert_ne!(permission.name(), "owner");
            assert!(permission.is_of(Role::Owner));
            for (greater, smaller) in Role::ALL.iter().zip(Role::ALL.iter().skip(1)) {
                assert!(greater > smaller && (permission.is_of(*greater) || !permission.is_of(*smaller)));
            }
        }
        assert!(Permission::all().filter(|one| one.is_of(Role::Auditor)).eq([Permission::Read]));
    }
}
