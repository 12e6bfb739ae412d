//! Policies that say which logs and witnesses make a checkpoint valid (<https://c2sp.org/tlog-policy>).

mod judge;
mod read;
#[cfg(test)]
mod tests;

pub use judge::{NoteChecks, SignatureCheck, Signer, Verdict, VerdictFault};
pub use read::PolicyFault;

use super::note::VerifierKey;

/// Maximum length of a policy, in octets.
pub const MAX_LEN: usize = 1 << 20;

/// The name for no quorum at all.
const NONE: &str = "none";

/// A policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The logs: one of them has to have signed.
    pub logs: Vec<Log>,
    /// The witnesses.
    pub witnesses: Vec<Witness>,
    /// Groups of witnesses and groups, each after those that it names.
    groups: Vec<Group>,
    /// What has to have cosigned; `None` when nothing has to.
    quorum: Option<Member>,
}

/// A log of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// Its key, whose name is the log's origin.
    pub key: VerifierKey,
    /// Its URL.
    pub url: Option<String>,
}

/// A witness of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witness {
    /// Its name in the policy.
    pub name: String,
    /// Its key.
    pub key: VerifierKey,
    /// The prefix of the URLs at which it takes checkpoints.
    pub url: Option<String>,
}

/// A group of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Group {
    name: String,
    /// The least number of members that have to have cosigned.
    least: usize,
    members: Vec<Member>,
}

/// Place of a witness or a group in its list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Member {
    Witness(usize),
    Group(usize),
}

impl Policy {
    /// Whether these cosignatures are enough; `cosigned` has an element for each witness, in their order.
    pub fn is_quorum(&self, cosigned: &[bool]) -> bool {
        let mut groups: Vec<bool> = Vec::with_capacity(self.groups.len());
        let counts = |groups: &[bool], member: &Member| {
            let found = match *member {
                Member::Witness(at) => cosigned.get(at),
                Member::Group(at) => groups.get(at),
            };
            found.copied().unwrap_or(false)
        };
        for group in &self.groups {
            let count = group.members.iter().filter(|member| counts(&groups, member)).count();
            groups.push(count >= group.least);
        }
        self.quorum.is_none_or(|quorum| counts(&groups, &quorum))
    }

    /// Whether a checkpoint without any cosignature is enough.
    pub const fn needs_no_witness(&self) -> bool {
        self.quorum.is_none()
    }

    /// The name of the quorum's witness or group; `none` when nothing has to cosign.
    pub fn quorum(&self) -> &str {
        let name = match self.quorum {
            Some(Member::Witness(at)) => self.witnesses.get(at).map(|witness| witness.name.as_str()),
            Some(Member::Group(at)) => self.groups.get(at).map(|group| group.name.as_str()),
            None => None,
        };
        name.unwrap_or(NONE)
    }

    /// The keys of this origin.
    pub fn log_keys<'a>(&'a self, origin: &'a str) -> impl Iterator<Item = &'a VerifierKey> {
        self.logs.iter().map(|log| &log.key).filter(move |key| key.name() == origin)
    }
}
