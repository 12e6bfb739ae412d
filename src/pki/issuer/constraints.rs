//! The name constraints of a chain ([RFC 5280 §4.2.1.10](https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.10)): the
//! names permitted to its leaves and CAs. Verifiers refuse a name outside of them, so no leaf is issued for it.

mod base;
mod directory;

use super::fault::IssuerFault;
use super::outside::NameConstraintFault;
use super::path_fault::{PathFault, PathPosition, PathRule};
use crate::values::Identifier;
use crate::values::x509::Parts;
use base::{ConstrainedName, SubtreeBase};
use x509_cert::ext::pkix::NameConstraints;
use x509_cert::ext::pkix::name::GeneralName;

/// The constraints of all certificates of a chain; a name must satisfy each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::pki) struct Constraints(Vec<(PathPosition, Subtrees)>);

/// The constraints of one certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Subtrees {
    permitted: Vec<SubtreeBase>,
    excluded: Vec<SubtreeBase>,
}

/// Maximum number of subtrees in a text.
const MAX_LISTED: usize = 5;

impl Constraints {
    /// Adds the constraints of another certificate.
    ///
    /// # Errors
    /// [`IssuerFault::Path`] for constraints of a form unknown to RFC 5280, which verifiers refuse.
    pub(in crate::pki) fn add(&mut self, at: PathPosition, parts: &Parts<'_>) -> Result<(), IssuerFault> {
        let found: Option<NameConstraints> = parts.extension().map_err(|error| at.unreadable(&error))?;
        if let Some(found) = found {
            let broken = |what| IssuerFault::Path(PathFault { at, rule: PathRule::Constraint(what) });
            self.0.push((at, Subtrees::read(&found).map_err(broken)?));
        }
        Ok(())
    }

    /// Whether any constraint covers directory names, and thereby non-empty subjects.
    pub(in crate::pki) fn constrain_subjects(&self) -> bool {
        let mut bases = self.0.iter().flat_map(|(_, subtrees)| subtrees.permitted.iter().chain(&subtrees.excluded));
        bases.any(|base| matches!(base, SubtreeBase::Directory(_)))
    }

    /// The bases of permitted DNS subtrees, without leading dots.
    pub(in crate::pki) fn permitted_dns(&self) -> impl Iterator<Item = String> + '_ {
        self.0.iter().flat_map(|(_, subtrees)| &subtrees.permitted).filter_map(|base| match base {
            SubtreeBase::Dns(name) => Some(name.trim_start_matches('.').to_owned()),
            _ => None,
        })
    }

    /// The constraints on DNS names and IP addresses as text: permitted, then excluded.
    pub(in crate::pki) fn text(&self) -> Option<String> {
        let list = |bases: &[&SubtreeBase]| {
            let more = if bases.len() > MAX_LISTED { ", …" } else { "" };
            let bases = bases.iter().take(MAX_LISTED).map(ToString::to_string).collect::<Vec<_>>();
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

    /// Checks a leaf's name against every certificate's constraints.
    ///
    /// # Errors
    /// [`NameConstraintFault`].
    pub(in crate::pki) fn check(&self, name: &Identifier) -> Result<(), NameConstraintFault> {
        self.check_all(&ConstrainedName::from(name)).map_err(|(_, outside)| outside)
    }

    /// Checks a CA's name against every certificate's constraints.
    ///
    /// # Errors
    /// The certificate that excludes the name, and the reason.
    pub(in crate::pki) fn check_ca(&self, name: &GeneralName) -> Result<(), (PathPosition, NameConstraintFault)> {
        self.check_all(&ConstrainedName::from(name))
    }

    fn check_all(&self, name: &ConstrainedName) -> Result<(), (PathPosition, NameConstraintFault)> {
        self.0.iter().try_for_each(|(at, subtrees)| subtrees.check(name).map_err(|outside| (*at, outside)))
    }

    /// Whether any name remains that a leaf can have.
    pub(in crate::pki) fn permit_any(&self) -> bool {
        self.samples().iter().any(|name| self.check(name).is_ok())
    }

    /// Names from every permitted subtree, and some from none.
    ///
    /// Intersecting subtrees are nested, so one of the samples is in the intersection.
    fn samples(&self) -> Vec<Identifier> {
        let bases = self.0.iter().flat_map(|(_, subtrees)| &subtrees.permitted);
        let others = ["sample.invalid", "192.0.2.1", "2001:db8::1"].into_iter();
        let others = others.filter_map(|text| Identifier::parse(text).ok());
        bases.flat_map(SubtreeBase::samples).chain(others).collect()
    }
}

/// The bases of DNS names and IP addresses, the kinds of names in leaves.
fn of_leaves(bases: &[SubtreeBase]) -> Vec<&SubtreeBase> {
    bases.iter().filter(|base| matches!(base, SubtreeBase::Dns(_) | SubtreeBase::Ip(..))).collect()
}

impl Subtrees {
    /// Reads the extension of a certificate.
    ///
    /// # Errors
    /// The fault, as a clause about "the constraint".
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
            trees.iter().flatten().map(|tree| SubtreeBase::read(&tree.base)).collect::<Result<Vec<_>, _>>()
        };
        Ok(Self { permitted: bases(permitted)?, excluded: bases(excluded)? })
    }

    fn check(&self, name: &ConstrainedName) -> Result<(), NameConstraintFault> {
        if let Some(base) = self.excluded.iter().find(|base| base.may_contain(name)) {
            return Err(NameConstraintFault::Excluded(name.to_string(), base.to_string()));
        }
        let same_kind: Vec<&SubtreeBase> = self.permitted.iter().filter(|base| base.is_same_kind(name)).collect();
        // What is not constrained is allowed.
        if same_kind.is_empty() || same_kind.iter().any(|base| base.contains(name)) {
            return Ok(());
        }
        let permitted = same_kind.iter().map(ToString::to_string).collect();
        Err(NameConstraintFault::NotPermitted(name.to_string(), permitted))
    }
}

#[cfg(test)]
mod tests;
