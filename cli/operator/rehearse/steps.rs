//! The steps of a rehearsal, in their order; docs/OPERATIONS.md follows it.

/// A step of a rehearsal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Id {
    SetUp,
    Issue,
    Revoke,
    Rotate,
    BackUp,
    Lose,
    Restore,
    CertificateKey,
    AccountKey,
    NonceKey,
    ExternalKey,
    ConfiguredKey,
    AdminToken,
    Calendar,
    MetricsToken,
    LogKey,
    IssuerKey,
    RootKey,
}

/// A step with the operator's own backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OfBackup {
    Read,
    Restore,
    Compare,
    Sign,
}

/// What a step is about.
#[derive(Clone, Copy, Debug)]
pub struct Step<I = Id> {
    /// Which it is.
    pub id: I,
    /// Its title.
    pub title: &'static str,
    /// The section of docs/OPERATIONS.md.
    pub section: &'static str,
    /// What an operator does for real.
    pub real: &'static str,
}

/// All steps.
pub const STEPS: [Step; 18] = [
    Step {
        id: Id::SetUp,
        title: "set up a CA",
        section: "Setting it up",
        real: "`init` on the machine that keeps the root's key, then `deploy` or `serve`",
    },
    Step {
        id: Id::Issue,
        title: "issue a certificate",
        section: "Setting it up",
        real: "`eab create` for each client, which then orders by itself",
    },
    Step {
        id: Id::Revoke,
        title: "revoke a certificate",
        section: "Revocation",
        real: "the client revokes, or `certs revoke`",
    },
    Step {
        id: Id::Rotate,
        title: "rotate the issuer",
        section: "Every few years: the next issuer",
        real: "`issuer new --takes-over` a month ahead, then `deploy`, or restart `serve`",
    },
    Step {
        id: Id::BackUp,
        title: "back up",
        section: "Backup and restore",
        real: "`backup` every day by cron, kept elsewhere, with ca/ and wrangler.toml beside it",
    },
    Step {
        id: Id::Lose,
        title: "lose the store",
        section: "Loss",
        real: "nothing: clients cannot renew until the restore, so begin it at once",
    },
    Step {
        id: Id::Restore,
        title: "restore",
        section: "Restore",
        real: "CLOSED, `restore`, open again; then revoke again what was revoked since the backup",
    },
    Step {
        id: Id::CertificateKey,
        title: "a certificate's key",
        section: "Compromise",
        real: "`certs revoke --reason keyCompromise`, and a new key at its host",
    },
    Step {
        id: Id::AccountKey,
        title: "an account key",
        section: "Compromise",
        real: "`certs revoke --account`, then `accounts deactivate`, and another account for the client",
    },
    Step {
        id: Id::NonceKey,
        title: "`NONCE_KEY`",
        section: "Compromise",
        real: "`nonce-key new --stolen`, `deploy --emergency`; hand out new external account keys",
    },
    Step {
        id: Id::ExternalKey,
        title: "an external account key",
        section: "Compromise",
        real: "`eab disable`, and a look at its accounts with `eab show`",
    },
    Step {
        id: Id::ConfiguredKey,
        title: "a key of `EAB_KEYS`",
        section: "Compromise",
        real: "another value in the secret, `deploy --emergency`; deactivate the accounts that are not its holder's",
    },
    Step {
        id: Id::AdminToken,
        title: "an admin token",
        section: "Compromise",
        real: "`token new`, `token remove`, `deploy --emergency`; then `audit list` for what the thief did",
    },
    Step {
        id: Id::Calendar,
        title: "the calendar's URL",
        section: "Compromise",
        real: "`calendar --move`, and the new URL to its readers",
    },
    Step {
        id: Id::MetricsToken,
        title: "`METRICS_TOKEN`",
        section: "Compromise",
        real: "another value of the secret, and at Prometheus",
    },
    Step {
        id: Id::LogKey,
        title: "`LOG_KEY`",
        section: "Compromise",
        real: "`log verify --state`, another ca/log.key, `deploy --emergency`; hand out the policy with the new log's key",
    },
    Step {
        id: Id::IssuerKey,
        title: "an issuer key",
        section: "Compromise",
        real: "the next issuer at once, `issuer revoke`, `deploy --emergency`, `certs replace`, then `certs revoke`",
    },
    Step {
        id: Id::RootKey,
        title: "the root key",
        section: "Compromise",
        real: "a new CA in another folder, and its root to all clients in place of the old one",
    },
];

/// The steps with a backup, before the others. The last one is taken with the issuers' keys only.
pub const WITH_BACKUP: [Step<OfBackup>; 4] = [
    Step {
        id: OfBackup::Read,
        title: "read your backup",
        section: "With your own backup",
        real: "`backup verify`, each time that a backup was stored elsewhere",
    },
    Step {
        id: OfBackup::Restore,
        title: "restore your backup",
        section: "Restore",
        real: "CLOSED, `restore` at the real address, with the keys in ca/",
    },
    Step {
        id: OfBackup::Compare,
        title: "compare the restored CA with it",
        section: "With your own backup",
        real: "`status`, `audit verify --known`, and a client that renews",
    },
    Step {
        id: OfBackup::Sign,
        title: "sign its CRLs with your keys",
        section: "With your own backup",
        real: "the CA signs all CRLs by itself, within seconds",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = include_str!("../../../docs/OPERATIONS.md");

    /// The lines of a section, down to the next heading.
    fn section(heading: &str) -> Vec<&'static str> {
        let is_heading = |line: &str| line.starts_with("## ") || line.starts_with("### ");
        let lines = PAGE.lines().skip_while(|line| line.trim_start_matches('#').trim() != heading || !is_heading(line));
        lines.skip(1).take_while(|line| !is_heading(line)).collect()
    }

    /// The first cells of the tables in a section.
    fn first_cells(heading: &str) -> Vec<String> {
        let rows = section(heading).into_iter().filter_map(|line| line.strip_prefix("| "));
        rows.filter_map(|row| row.split(" | ").next().map(str::to_owned)).collect()
    }

    #[test]
    fn page_and_command_have_the_same_steps_in_the_same_order() {
        let titles: Vec<String> = STEPS.iter().map(|step| step.title.to_owned()).collect();
        let listed: Vec<String> = first_cells("A rehearsal").into_iter().skip(1).collect();
        assert_eq!(listed, titles, "docs/OPERATIONS.md, \"A rehearsal\"");
        let with_backup: Vec<String> = WITH_BACKUP.iter().map(|step| step.title.to_owned()).collect();
        let listed: Vec<String> = first_cells("With your own backup").into_iter().skip(1).collect();
        assert_eq!(listed, with_backup, "docs/OPERATIONS.md, \"With your own backup\"");
        for step in STEPS {
            assert!(!section(step.section).is_empty(), "docs/OPERATIONS.md has no section {:?}", step.section);
        }
    }

    #[test]
    fn compromised_keys_have_their_rows_in_the_same_order() {
        let rows = first_cells("Compromise");
        let place = |step: &Step| {
            let found = rows.iter().position(|row| row.starts_with(step.title));
            found.unwrap_or_else(|| panic!("no row for {:?}: {rows:?}", step.title))
        };
        let places: Vec<usize> = STEPS.iter().filter(|step| step.section == "Compromise").map(place).collect();
        assert!(places.len() == 11 && places.is_sorted(), "{places:?}: {rows:?}");
    }

    #[test]
    fn each_secret_of_the_configuration_has_a_row() {
        let settings =
            include_str!("../../../docs/CONFIGURATION.md").lines().filter_map(|line| line.strip_prefix("| `"));
        let cells = settings.filter_map(|row| row.split_once(" | ")).filter(|(_, rest)| rest.starts_with("secret"));
        let secrets: Vec<&str> = cells.filter_map(|(names, _)| names.split('`').next()).collect();
        assert!(secrets.len() >= 12 && secrets.contains(&"LOG_KEY"), "{secrets:?}");
        let rows = first_cells("Compromise");
        for secret in secrets {
            let named = format!("`{secret}`");
            assert!(rows.iter().any(|row| row.contains(&named)), "{named} has no row in \"Compromise\": {rows:?}");
        }
    }

    #[test]
    fn sections_follow_the_steps() {
        let at = |step: &Step| PAGE.find(&format!("# {}\n", step.section));
        let real: Vec<_> = STEPS.iter().filter(|step| step.section != "Loss").map(at).collect();
        assert!(real.iter().all(Option::is_some), "{real:?}");
    }
}
