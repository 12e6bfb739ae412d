//! Why a name is outside of the name constraints.

use core::fmt;

/// How many subtrees a refusal names.
const SHOWN: usize = 5;

/// That a name is outside of an issuer's name constraints; [`fmt::Display`] is a sentence without its full stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outside {
    /// None of the permitted subtrees of its kind has it; those that there are.
    NotPermitted(String, Vec<String>),
    /// An excluded subtree has it, or could: which.
    Excluded(String, String),
}

impl fmt::Display for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotPermitted(name, permitted) => write!(
                f,
                "\"{name}\" is outside of what this CA's own certificate lets it issue for (name constraints: {}{})",
                permitted.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", "),
                if permitted.len() > SHOWN { ", …" } else { "" }
            ),
            Self::Excluded(name, excluded) => {
                write!(f, "\"{name}\" is among what this CA's own certificate excludes (name constraints: {excluded})")
            }
        }
    }
}

impl std::error::Error for Outside {}
