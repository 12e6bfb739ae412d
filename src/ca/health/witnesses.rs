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

/// A transparency log that takes entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFacts {
    /// The number of its issuer.
    pub issuer: u8,
    /// Its origin.
    pub origin: String,
    /// Number of its entries.
    pub size: u64,
    /// The size of its newest checkpoint, and when it was signed.
    pub checkpoint: Option<(u64, Time)>,
    /// The work of its witnesses, with `LOG_POLICY`.
    pub cosigning: Option<CosigningFacts>,
}

/// The work of the witnesses of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CosigningFacts {
    /// The name of the policy's quorum.
    pub quorum: String,
    /// The size of the checkpoint that witnesses are to cosign, and when it was chosen.
    pub target: Option<(u64, Time)>,
    /// The size of the newest checkpoint with a quorum, and when it was chosen.
    pub witnessed: Option<(u64, Time)>,
    /// Since when a quorum is missing, if for long.
    pub missing: Option<Time>,
    /// Whether nothing is issued without a quorum.
    pub required: bool,
    /// The witnesses.
    pub witnesses: Vec<WitnessFacts>,
}

/// A witness of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WitnessFacts {
    /// Its name.
    pub name: String,
    /// The size of its newest checkpoint, as far as known.
    pub size: u64,
    /// Whether it has cosigned the checkpoint that it is asked for.
    pub cosigned: bool,
    /// When it cosigned last.
    pub last: Option<Time>,
    /// What is wrong: the kind, the fact, and since when.
    pub fault: Option<(WitnessTrouble, String, Time)>,
}

impl WitnessTrouble {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Forked => "forked",
            Self::Refused => "refused",
            Self::Wrong => "wrong",
            Self::Silent => "silent",
        }
    }
}

impl CosigningFacts {
    /// Whether the checkpoint that witnesses are asked for has a quorum.
    pub fn is_met(&self) -> bool {
        self.target.is_some() && self.target == self.witnessed
    }
}

/// Returns the findings about the witnesses of a log.
pub fn findings(log: &LogFacts) -> Vec<Finding> {
    let Some(cosigning) = &log.cosigning else { return Vec::new() };
    let mut found: Vec<Finding> =
        cosigning.witnesses.iter().filter_map(|witness| about(&log.origin, witness)).collect();
    if let Some(since) = cosigning.missing {
        let (severity, effect) = match cosigning.required {
            true => (Severity::Wrong, ": nothing is issued"),
            false => (Severity::Due, ""),
        };
        let what = format!("too few witnesses have cosigned the log {} since {}{effect}", log.origin, since.rfc3339());
        let todo = "see the findings about its witnesses; add further ones to LOG_POLICY, then `selvedge deploy`";
        found.push(Finding::new("log-quorum-missing", severity, what, todo));
    }
    found
}

/// The finding about a witness, if something is wrong with it.
fn about(origin: &str, witness: &WitnessFacts) -> Option<Finding> {
    let (trouble, what, since) = witness.fault.as_ref()?;
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
    let what = format!("the witness {} of the log {origin}, since {}: {what}", witness.name, since.rfc3339());
    Some(Finding::new(id, severity, what, todo))
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Time = Time::from_secs(1_800_000_000);

    fn witness(fault: Option<(WitnessTrouble, String, Time)>) -> WitnessFacts {
        WitnessFacts { name: "w".to_owned(), size: 1, cosigned: fault.is_none(), last: None, fault }
    }

    fn cosigning(witnesses: Vec<WitnessFacts>) -> CosigningFacts {
        let quorum = "w".to_owned();
        CosigningFacts { quorum, target: None, witnessed: None, missing: None, required: false, witnesses }
    }

    fn log(cosigning: Option<CosigningFacts>) -> LogFacts {
        LogFacts { issuer: 1, origin: "ca/log".to_owned(), size: 1, checkpoint: None, cosigning }
    }

    #[test]
    fn each_trouble_has_its_finding_and_severity() {
        let of = |trouble: WitnessTrouble| {
            let faulty = witness(Some((trouble, "it is so".to_owned(), AT)));
            let found = findings(&log(Some(cosigning(vec![witness(None), faulty]))));
            assert_eq!(found.len(), 1);
            assert!(found[0].what.contains("the witness w of the log ca/log") && found[0].what.ends_with("it is so"));
            assert_eq!(found[0].id.rsplit('-').next(), Some(trouble.name()));
            (found[0].id.clone(), found[0].severity)
        };
        assert_eq!(of(WitnessTrouble::Forked), ("log-forked".to_owned(), Severity::Wrong));
        assert_eq!(of(WitnessTrouble::Refused), ("log-witness-refused".to_owned(), Severity::Due));
        assert_eq!(of(WitnessTrouble::Wrong), ("log-witness-wrong".to_owned(), Severity::Due));
        assert_eq!(of(WitnessTrouble::Silent), ("log-witness-silent".to_owned(), Severity::Note));
        for (required, severity) in [(false, Severity::Due), (true, Severity::Wrong)] {
            let found = findings(&log(Some(CosigningFacts { missing: Some(AT), required, ..cosigning(Vec::new()) })));
            assert_eq!(found.len(), 1);
            assert_eq!((found[0].id.as_str(), found[0].severity), ("log-quorum-missing", severity));
        }
        assert_eq!(findings(&log(None)), []);
    }

    #[test]
    fn quorum_is_met_by_the_present_checkpoint_only() {
        let of = |target, witnessed| CosigningFacts { target, witnessed, ..cosigning(Vec::new()) }.is_met();
        assert!(of(Some((3, AT)), Some((3, AT))));
        assert!(!of(None, None) && !of(Some((3, AT)), None) && !of(Some((3, AT)), Some((2, AT))));
    }
}
