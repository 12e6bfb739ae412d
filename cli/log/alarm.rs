//! Alarms: what a log must never show.

/// Kind of an alarm; its name is that in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The checkpoint is not one of this log.
    Checkpoint,
    /// Too few witnesses cosigned.
    Quorum,
    /// Two checkpoints are of no common tree.
    Fork,
    /// The log became smaller.
    Rewound,
    /// A tile is missing, or does not fit the tree.
    Tree,
    /// An entry is missing, or is not what the tree has.
    Entry,
    /// An entry breaks a rule of a CA.
    Rule,
    /// A proof does not prove its certificate.
    Proof,
}

impl Kind {
    /// Its name in JSON and in text.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Checkpoint => "checkpoint",
            Self::Quorum => "quorum",
            Self::Fork => "fork",
            Self::Rewound => "rewound",
            Self::Tree => "tree",
            Self::Entry => "entry",
            Self::Rule => "rule",
            Self::Proof => "proof",
        }
    }
}

/// An alarm, with a sentence about what was found.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{text}")]
pub struct Alarm {
    /// Its kind.
    pub kind: Kind,
    /// What was asked, and what was found.
    pub text: String,
}

impl Alarm {
    /// An alarm.
    pub fn new(kind: Kind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into() }
    }
}
