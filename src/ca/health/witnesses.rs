//! Findings about the witnesses of a transparency log.

use super::finding::{Finding, Severity};
use crate::values::Time;

/// What is wrong with a witness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WitnessTrouble {
    /// It has another tree than the log.
    Forked,
    /// It does not know the log.
    Refused,
    /// It answers something wrong.
    Wrong,
    /// It does not answer.
    Silent,
}

/// The witnesses of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WitnessFacts {
    /// Origin of the log.
    pub origin: String,
    /// Number of witnesses that have cosigned the present checkpoint, and of all that are asked.
    pub cosigned: (u64, u64),
    /// The size of the newest checkpoint with a quorum, and when it was chosen.
    pub witnessed: Option<(u64, Time)>,
    /// The faulty witnesses: what, their names, the facts, and since when.
    pub faults: Vec<(WitnessTrouble, String, String, Time)>,
    /// Since when a quorum is missing, if for long.
    pub missing: Option<Time>,
    /// Whether nothing is issued without a quorum.
    pub required: bool,
}

/// Returns the findings about the witnesses of a log.
pub fn findings(log: &WitnessFacts) -> Vec<Finding> {
    let mut found: Vec<Finding> = log.faults.iter().map(|fault| about(&log.origin, fault)).collect();
    if let Some(since) = log.missing {
        let (severity, effect) = match log.required {
            true => (Severity::Wrong, ": nothing is issued"),
            false => (Severity::Due, ""),
        };
        let what = format!("too few witnesses have cosigned the log {} since {}{effect}", log.origin, since.rfc3339());
        let todo = "see the findings about its witnesses; add further ones to LOG_POLICY, then `selvedge deploy`";
        found.push(Finding::new("log-quorum-missing", severity, what, todo));
    }
    found
}

fn about(origin: &str, (trouble, witness, what, since): &(WitnessTrouble, String, String, Time)) -> Finding {
    let (id, severity, todo) = match trouble {
        WitnessTrouble::Forked => (
            "log-forked",
            Severity::Wrong,
            "find out which certificates each history has, and who can have signed the other; see docs/TRANSPARENCY.md, \"A \
             fork\"",
        ),
        WitnessTrouble::Refused => (
            "log-witness-refused",
            Severity::Due,
            "give its operator the log's verifier key, as GET /log/ISSUER shows it",
        ),
        WitnessTrouble::Wrong => (
            "log-witness-wrong",
            Severity::Due,
            "compare its key in LOG_POLICY with the one it publishes, and ask its operator",
        ),
        WitnessTrouble::Silent => {
            ("log-witness-silent", Severity::Note, "it is tried again by itself; check its URL in LOG_POLICY")
        }
    };
    let what = format!("the witness {witness} of the log {origin}, since {}: {what}", since.rfc3339());
    Finding::new(id, severity, what, todo)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> WitnessFacts {
        let origin = "ca/log".to_owned();
        WitnessFacts { origin, cosigned: (1, 1), witnessed: None, faults: Vec::new(), missing: None, required: false }
    }

    #[test]
    fn each_trouble_has_its_finding_and_severity() {
        let at = Time::from_secs(1_800_000_000);
        let of = |trouble| {
            let faults = vec![(trouble, "w".to_owned(), "it is so".to_owned(), at)];
            let log = WitnessFacts { faults, ..good() };
            let found = findings(&log).remove(0);
            assert!(found.what.contains("the witness w of the log ca/log") && found.what.ends_with("it is so"));
            (found.id, found.severity)
        };
        assert_eq!(of(WitnessTrouble::Forked), ("log-forked".to_owned(), Severity::Wrong));
        assert_eq!(of(WitnessTrouble::Refused), ("log-witness-refused".to_owned(), Severity::Due));
        assert_eq!(of(WitnessTrouble::Wrong), ("log-witness-wrong".to_owned(), Severity::Due));
        assert_eq!(of(WitnessTrouble::Silent), ("log-witness-silent".to_owned(), Severity::Note));
        for (required, severity) in [(false, Severity::Due), (true, Severity::Wrong)] {
            let log = WitnessFacts { missing: Some(at), required, ..good() };
            let found = findings(&log);
            assert_eq!(found.len(), 1);
            assert_eq!((found[0].id.as_str(), found[0].severity), ("log-quorum-missing", severity));
        }
    }
}
