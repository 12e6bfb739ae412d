//! Entries of an issuer's log: a line with the kind, and a body.

mod bodies;
mod bundle;
#[cfg(test)]
mod tests;

pub use bodies::{LoggedCrl, LoggedPolicy, LoggedPredecessor, LoggedRevocation};
pub use bundle::{bundle, entries};

use super::tree::{Hash, leaf_hash};
use core::fmt;

/// Maximum length of an entry, in octets: its length has two octets in a bundle.
pub const MAX_LEN: usize = 65_535;

/// Beginning of each entry.
const VERSION: &str = "selvedge/v1 ";

/// Kind of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A to-be-signed certificate, in DER: before the issuer signs it.
    Certificate,
    /// A [`LoggedRevocation`], in JSON.
    Revocation,
    /// A [`LoggedCrl`], in JSON.
    Crl,
    /// The issuer's own certificate, in DER.
    Issuer,
    /// A [`LoggedPolicy`], in JSON.
    Policy,
    /// A [`LoggedPredecessor`], in JSON: the log that this one continues.
    Predecessor,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Certificate, Self::Revocation, Self::Crl, Self::Issuer, Self::Policy, Self::Predecessor];

    /// Its name in an entry's line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Certificate => "certificate",
            Self::Revocation => "revocation",
            Self::Crl => "crl",
            Self::Issuer => "issuer",
            Self::Policy => "policy",
            Self::Predecessor => "predecessor",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An entry, read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Its kind.
    pub kind: Kind,
    /// What follows the line.
    pub body: &'a [u8],
}

impl<'a> Entry<'a> {
    /// Reads an entry; `None` for one of another version or kind.
    pub fn read(octets: &'a [u8]) -> Option<Self> {
        let end = octets.iter().position(|octet| *octet == b'\n')?;
        let (line, rest) = octets.split_at_checked(end)?;
        let name = line.strip_prefix(VERSION.as_bytes())?;
        let kind = Kind::ALL.into_iter().find(|kind| kind.name().as_bytes() == name)?;
        Some(Self { kind, body: rest.get(1..)? })
    }

    /// The octets of the entry: those of a leaf.
    pub fn octets(self) -> Vec<u8> {
        [VERSION.as_bytes(), self.kind.name().as_bytes(), b"\n", self.body].concat()
    }

    /// The hash of its leaf.
    pub fn hash(self) -> Hash {
        leaf_hash(&self.octets())
    }

    /// Whether it is short enough for a log.
    pub fn fits(self) -> bool {
        let line = VERSION.len().saturating_add(self.kind.name().len()).saturating_add(1);
        self.body.len().saturating_add(line) <= MAX_LEN
    }
}
