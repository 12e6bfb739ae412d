//! Issuance policy: the identifiers, accounts and challenges that this CA issues for.
//!
//! A [`Policy`] is a document of the operator ([`Policy::read`]): one for the CA, and one for each external account key,
//! which narrows it. [`Rules`] combine the two and decide about one identifier at a time ([`Rules::decide`]): a
//! [`Grant`], or a [`Refusal`] that names the rule; [`Rules::explain`] gives the decision as a sentence.
//! [`Policy::read_text`] reads JSON text, [`Policy::document`] writes it. All functions are pure; the caller passes the
//! challenge types and profiles that exist ([`Known`]).
//!
//! docs/POLICY.md explains the members of a document to operators.

mod decide;
mod explain;
mod grounds;
pub mod pattern;
mod read;
#[cfg(test)]
mod testing;
mod text;
mod write;

pub use decide::{Grant, Refusal, Rule, Rules};
pub use explain::{ProfileVerdict, Verdict};
pub use grounds::{Grounds, Source};
pub use pattern::Pattern;
pub use read::PolicyFault;
pub use text::{MAX_TEXT, TextFault};

use crate::values::identifier::DnsName;
use core::time::Duration;

/// Limits on what the CA issues, in general or to one external account key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The only allowed identifiers, beside the pre-authorised ones; `None` for no such limit.
    pub allow: Option<Vec<Pattern>>,
    /// Identifiers that are refused even where another member allows them.
    pub deny: Vec<Pattern>,
    /// Identifiers whose authorizations are created valid (RFC 8555 §7.1.3, §7.4.1).
    pub preauthorized: Vec<Pattern>,
    /// Whether wildcards are issued.
    pub wildcards: bool,
    /// Whether names of a single label are issued for, as `localhost`.
    pub single_label_names: bool,
    /// Whether names outside the public DNS are issued for: see [`internal_suffix`].
    pub internal_names: bool,
    /// The challenge types that are offered; `None` for no such limit.
    pub challenges: Option<Vec<String>>,
    /// The profiles that may be requested; `None` for no such limit.
    pub profiles: Option<Vec<String>>,
    /// The maximum lifetime of a certificate; `None` for that of its profile.
    pub max_lifetime: Option<Duration>,
    /// Whether a certificate's subject has a common name; `None` for the default of its profile.
    pub common_name: Option<bool>,
}

impl Default for Policy {
    /// No limits, and nothing pre-authorised.
    fn default() -> Self {
        Self {
            allow: None,
            deny: Vec::new(),
            preauthorized: Vec::new(),
            wildcards: true,
            single_label_names: true,
            internal_names: true,
            challenges: None,
            profiles: None,
            max_lifetime: None,
            common_name: None,
        }
    }
}

/// The challenge types and profiles that a document may name.
#[derive(Clone, Debug)]
pub struct Known {
    /// All challenge types.
    pub challenges: Vec<&'static str>,
    /// Those that are offered by default.
    pub offered: Vec<&'static str>,
    /// All profiles.
    pub profiles: Vec<&'static str>,
}

/// Suffixes of names of private networks: RFC 6761 (`test`, `localhost`, `invalid`), RFC 6762 (`local`,
/// and the usual ones of its appendix G), RFC 8375 (`home.arpa`).
const INTERNAL: [&str; 11] =
    ["internal", "local", "localhost", "test", "invalid", "intranet", "private", "corp", "home", "lan", "home.arpa"];

/// Finds the suffix by which a name belongs to a private network.
///
/// `None` for a name of the public DNS. A single label is internal only if it is itself one of the suffixes.
pub fn internal_suffix(name: &DnsName) -> Option<&'static str> {
    INTERNAL.into_iter().find(|suffix| name.ends_in(suffix))
}
