//! The name constraints of a chain ([RFC 5280 §4.2.1.10](https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.10)): which
//! names its leaves, and the CAs in it, may have. A name outside of them would be refused by every verifier, so no leaf
//! is issued for it.

mod base;
mod directory;

use super::fault::IssuerFault;
use super::outside::Outside;
use super::path_fault::{At, PathFault, Rule};
use crate::values::Identifier;
use crate::values::x509::Parts;
use base::{Base, Tested};
use x509_cert::ext::pkix::NameConstraints;
use x509_cert::ext::pkix::name::GeneralName;

/// The constraints of every certificate of a chain that has any: a name has to keep to each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::pki) struct Constraints(Vec<(At, Subtrees)>);

/// What one certificate constrains.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Subtrees {
    permitted: Vec<Base>,
    excluded: Vec<Base>,
}

/// How many subtrees a refusal names.
const SHOWN: usize = 5;

impl Constraints {
    /// Adds those of another certificate.
    ///
    /// # Errors
    /// [`IssuerFault::Path`] for constraints that RFC 5280 does not know, which verifiers refuse.
    pub(in crate::pki) fn add(&mut self, at: At, parts: &Parts<'_>) -> Result<(), IssuerFault> {
        let found: Option<NameConstraints> = parts.extension().map_err(|error| at.unreadable(&error))?;
        if let Some(found) = found {
            let broken = |what| IssuerFault::Path(PathFault { at, rule: Rule::Constraint(what) });
            self.0.push((at, Subtrees::read(&found).map_err(broken)?));
        }
        Ok(())
    }

    /// Whether any of them is about directory names, and thereby about subjects that are not empty.
    pub(in crate::pki) fn are_about_subjects(&self) -> bool {
        let mut bases = self.0.iter().flat_map(|(_, subtrees)| subtrees.permitted.iter().chain(&subtrees.excluded));
        bases.any(|base| matches!(base, Base::Directory(_)))
    }

    /// Where permitted subtrees of DNS names begin, without the dot that some have before them.
    pub(in crate::pki) fn permitted_dns(&self) -> impl Iterator<Item = String> + '_ {
        self.0.iter().flat_map(|(_, subtrees)| &subtrees.permitted).filter_map(|base| match base {
            Base::Dns(name) => Some(name.trim_start_matches('.').to_owned()),
            _ => None,
        })
    }

    /// Those on names that leaves have, as a clause: what is permitted, then what is not.
    pub(in crate::pki) fn text(&self) -> Option<String> {
        let list = |bases: &[&Base]| {
            let more = if bases.len() > SHOWN { ", …" } else { "" };
            let bases = bases.iter().take(SHOWN).map(ToString::to_string).collect::<Vec<_>>();
            format!("{}{more}", bases.join(", "))
        };
        let clause = |subtrees: &Subtrees| match (
            of_leaves(&subtrees.permitted).as_slice(),
            of_leaves(&subtrees.excluded).as_slice(),
        ) {
            ([], []) => None,
            (permitted, []) => Some(format!("{} and what is below", list(permitted))),
            ([], excluded) => Some(format!("all but {}", list(excluded))),
            (permitted, excluded) => Some(format!("{} and what is below, but not {}", list(permitted), list(excluded))),
        };
        let clauses: Vec<String> = self.0.iter().filter_map(|(_, subtrees)| clause(subtrees)).collect();
        (!clauses.is_empty()).then(|| clauses.join("; and within that "))
    }

    /// Whether all certificates let a leaf have this name.
    ///
    /// # Errors
    /// [`Outside`].
    pub(in crate::pki) fn check(&self, name: &Identifier) -> Result<(), Outside> {
        self.check_all(&Tested::from(name)).map_err(|(_, outside)| outside)
    }

    /// Whether all certificates let a CA have this name.
    ///
    /// # Errors
    /// Which certificate does not, and why.
    pub(in crate::pki) fn check_ca(&self, name: &GeneralName) -> Result<(), (At, Outside)> {
        self.check_all(&Tested::from(name))
    }

    fn check_all(&self, name: &Tested) -> Result<(), (At, Outside)> {
        self.0.iter().try_for_each(|(at, subtrees)| subtrees.check(name).map_err(|outside| (*at, outside)))
    }

    /// Whether there is any name that a leaf can have.
    pub(in crate::pki) fn leave_any(&self) -> bool {
        self.samples().iter().any(|name| self.check(name).is_ok())
    }

    /// A name from every permitted subtree, and some from none: where subtrees of several certificates meet, one of them
    /// begins within the other.
    fn samples(&self) -> Vec<Identifier> {
        let bases = self.0.iter().flat_map(|(_, subtrees)| &subtrees.permitted);
        let others = ["sample.invalid", "192.0.2.1", "2001:db8::1"].into_iter();
        let others = others.filter_map(|text| Identifier::ip(text).or_else(|_| Identifier::dns(text)).ok());
        bases.flat_map(Base::samples).chain(others).collect()
    }
}

/// The bases that are for names which leaves have.
fn of_leaves(bases: &[Base]) -> Vec<&Base> {
    bases.iter().filter(|base| matches!(base, Base::Dns(_) | Base::Ip(..))).collect()
}

impl Subtrees {
    /// Reads the extension of a certificate.
    ///
    /// # Errors
    /// What is wrong with it, as a clause about "the constraint".
    fn read(found: &NameConstraints) -> Result<Self, String> {
        let (permitted, excluded) = (&found.permitted_subtrees, &found.excluded_subtrees);
        if permitted.is_none() && excluded.is_none() {
            return Err("has neither permitted nor excluded subtrees".to_owned());
        }
        if [permitted, excluded].into_iter().flatten().any(Vec::is_empty) {
            return Err("has an empty list of subtrees".to_owned());
        }
        if permitted.iter().chain(excluded).flatten().any(|tree| tree.minimum != 0 || tree.maximum.is_some()) {
            return Err("has a minimum or a maximum, which are 0 and absent".to_owned());
        }
        let bases = |trees: &Option<Vec<x509_cert::ext::pkix::constraints::name::GeneralSubtree>>| {
            trees.iter().flatten().map(|tree| Base::read(&tree.base)).collect::<Result<Vec<_>, _>>()
        };
        Ok(Self { permitted: bases(permitted)?, excluded: bases(excluded)? })
    }

    fn check(&self, name: &Tested) -> Result<(), Outside> {
        if let Some(base) = self.excluded.iter().find(|base| base.could_have(name)) {
            return Err(Outside::Excluded(name.to_string(), base.to_string()));
        }
        let same_kind: Vec<&Base> = self.permitted.iter().filter(|base| base.is_for(name)).collect();
        // What is not constrained is allowed.
        if same_kind.is_empty() || same_kind.iter().any(|base| base.has(name)) {
            return Ok(());
        }
        let permitted = same_kind.iter().map(ToString::to_string).collect();
        Err(Outside::NotPermitted(name.to_string(), permitted))
    }
}

#[cfg(test)]
mod tests;
