//! Policy: for which identifiers this CA issues, to whom, on which proof.
//!
//! A [`Policy`] is a document that an operator writes ([`Policy::read`]); there is one for the whole CA and, within
//! it, one for each external account key. [`Rules`] are the two together, and decide ([`Rules::permit`]) about one
//! identifier at a time: a [`Permit`], or a [`Refusal`] that names the rule; [`Rules::explain`] tells it in a sentence.
//! [`Policy::read_text`] reads what a person sends, and [`Policy::document`] writes it. Everything here is values in,
//! values out: which challenge types and profiles there are, the caller says ([`Known`]).
//!
//! What the members of a document mean for operators is told in docs/POLICY.md.

mod decide;
mod explain;
pub mod pattern;
mod read;
#[cfg(test)]
mod testing;
mod text;
mod write;

pub use decide::{Permit, Refusal, Rule, Rules, Source};
pub use explain::{Grounds, ProfileVerdict, Verdict};
pub use pattern::Pattern;
pub use read::PolicyFault;
pub use text::{MAX_TEXT, TextFault};

use crate::values::identifier::DnsName;
use core::time::Duration;

/// What the CA issues, or what the holder of one external account key gets of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The only identifiers that are issued for, beside the pre-authorised ones; `None` for no such limit.
    pub allow: Option<Vec<Pattern>>,
    /// Identifiers that are not issued for, whatever else allows them.
    pub deny: Vec<Pattern>,
    /// Identifiers whose authorizations are born valid (RFC 8555 §7.1.3, §7.4.1).
    pub preauthorized: Vec<Pattern>,
    /// Whether wildcards are issued.
    pub wildcards: bool,
    /// Whether names of a single label are issued for, `localhost` say.
    pub single_label_names: bool,
    /// Whether names are issued for that the public DNS does not know: see [`internal_suffix`].
    pub internal_names: bool,
    /// The challenge types that are offered; `None` for no such limit.
    pub challenges: Option<Vec<String>>,
    /// The profiles that may be asked for; `None` for no such limit.
    pub profiles: Option<Vec<String>>,
    /// The longest life of a certificate; `None` for that of its profile.
    pub max_lifetime: Option<Duration>,
    /// Whether a certificate's subject has a common name, one of its names; `None` for what its profile says.
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

/// What a document may name.
#[derive(Clone, Debug)]
pub struct Known {
    /// All challenge types.
    pub challenges: Vec<&'static str>,
    /// Those of them that are offered where no policy says which.
    pub offered: Vec<&'static str>,
    /// All profiles.
    pub profiles: Vec<&'static str>,
}

/// Endings of names that only a private network knows: RFC 6761 (`test`, `localhost`, `invalid`), RFC 6762 (`local`,
/// and the usual ones of its appendix G), RFC 8375 (`home.arpa`).
const INTERNAL: [&str; 11] =
    ["internal", "local", "localhost", "test", "invalid", "intranet", "private", "corp", "home", "lan", "home.arpa"];

/// The ending by which a name belongs to a private network; `None` for a name of the public DNS. A name of a single
/// label is not judged by it, unless it is such an ending.
pub fn internal_suffix(name: &DnsName) -> Option<&'static str> {
    INTERNAL.into_iter().find(|suffix| name.ends_in(suffix))
}
