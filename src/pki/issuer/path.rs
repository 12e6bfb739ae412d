//! Path validation ([RFC 5280 §6.1](https://www.rfc-editor.org/rfc/rfc5280#section-6.1)) of a chain for
//! leaves below it.
//!
//! A chain that verifiers refuse is refused before anything is issued. Signatures are checked by
//! [`Issuer::check_signatures`](super::Issuer::check_signatures), times by
//! [`Chain::check_time`](super::chain::Chain::check_time). The root is a trust anchor: its name, its key and its
//! constraints count; its own signature is ignored (§6.1.1 d).

use super::basic_constraints::BasicConstraints;
use super::constraints::Constraints;
use super::fault::IssuerFault;
use super::path_fault::{PathFault, PathPosition, PathRule};
use crate::values::hex::encode as hex;
use crate::values::x509::Parts;
use const_oid::ObjectIdentifier;
use const_oid::db::rfc5280::{
    ID_CE_AUTHORITY_KEY_IDENTIFIER, ID_CE_BASIC_CONSTRAINTS, ID_CE_CERTIFICATE_POLICIES, ID_CE_CRL_DISTRIBUTION_POINTS,
    ID_CE_EXT_KEY_USAGE, ID_CE_INHIBIT_ANY_POLICY, ID_CE_ISSUER_ALT_NAME, ID_CE_KEY_USAGE, ID_CE_NAME_CONSTRAINTS,
    ID_CE_POLICY_CONSTRAINTS, ID_CE_POLICY_MAPPINGS, ID_CE_SUBJECT_ALT_NAME, ID_CE_SUBJECT_KEY_IDENTIFIER,
    ID_PE_AUTHORITY_INFO_ACCESS,
};
use der::Decode;
use std::collections::BTreeSet;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{AuthorityKeyIdentifier, PolicyConstraints, SubjectAltName, SubjectKeyIdentifier};
use x509_cert::name::Name;

/// Extensions of CA certificates that verifiers process; others must not be critical.
const KNOWN: &[ObjectIdentifier] = &[
    ID_CE_AUTHORITY_KEY_IDENTIFIER,
    ID_CE_BASIC_CONSTRAINTS,
    ID_CE_CERTIFICATE_POLICIES,
    ID_CE_CRL_DISTRIBUTION_POINTS,
    ID_CE_EXT_KEY_USAGE,
    ID_CE_INHIBIT_ANY_POLICY,
    ID_CE_ISSUER_ALT_NAME,
    ID_CE_KEY_USAGE,
    ID_CE_NAME_CONSTRAINTS,
    ID_CE_POLICY_CONSTRAINTS,
    ID_CE_POLICY_MAPPINGS,
    ID_CE_SUBJECT_ALT_NAME,
    ID_CE_SUBJECT_KEY_IDENTIFIER,
    ID_PE_AUTHORITY_INFO_ACCESS,
];

/// The result of validating a path whose links match.
pub(in crate::pki) struct PathResult {
    /// The readable name constraints on leaves.
    pub constraints: Constraints,
    /// Reasons for which verifiers refuse leaves below it, from the top down.
    pub faults: Vec<IssuerFault>,
}

/// Validates a chain, the issuer first, from the root on if known.
///
/// # Errors
/// [`IssuerFault::Order`], [`IssuerFault::NotByRoot`] and [`PathRule::KeyId`]: it is another path than the one given.
pub(in crate::pki) fn validate(chain: &[Parts<'_>], root: Option<&Parts<'_>>) -> Result<PathResult, IssuerFault> {
    let mut constraints = Constraints::default();
    let mut faults = Vec::new();
    // §6.1.2 takes no constraints from the trust anchor; those of a root certificate are applied all the same.
    let mut lengths: Vec<(PathPosition, u32, u32)> = Vec::new();
    let mut explicit: Option<(PathPosition, u32)> = None;
    if let Some(root) = root {
        faults.extend(check_extensions(PathPosition::Root, root).err());
        faults.extend(constraints.add(PathPosition::Root, root).err());
        lengths.extend(record_fault(path_length(PathPosition::Root, root), &mut faults).flatten());
    }
    for (at, parts) in chain.iter().enumerate().rev() {
        let here = PathPosition::Chain(at + 1);
        faults.extend(check_extensions(here, parts).err());
        let link = match (chain.get(at + 1), root) {
            (Some(above), _) => check_link(at + 1, parts, (PathPosition::Chain(at + 2), above)),
            (None, Some(root)) => check_link(at + 1, parts, (PathPosition::Root, root)),
            (None, None) => Ok(()),
        };
        match link {
            Err(fault) if is_other_path(&fault) => return Err(fault),
            link => faults.extend(link.err()),
        }
        if parts.issuer != parts.subject {
            faults.extend(check_names(here, parts, &constraints).err());
            // §6.1.4 (l), and (h).
            for (of, allowed, below) in &mut lengths {
                *below = below.saturating_add(1);
                // Only the first excess CA is reported.
                if allowed.checked_add(1) == Some(*below) {
                    let rule = PathRule::PathLength(*allowed, below_all(chain, *of));
                    faults.push(IssuerFault::Path(PathFault { at: *of, rule }));
                }
            }
            explicit = explicit.map(|(of, skip)| (of, skip.saturating_sub(1)));
        }
        faults.extend(constraints.add(here, parts).err());
        lengths.extend(record_fault(path_length(here, parts), &mut faults).flatten());
        let required = record_fault(explicit_policy(explicit, here, parts), &mut faults);
        explicit = required.unwrap_or(explicit);
    }
    // §6.1.5 (a) and (g): a leaf has no policies, so none may be required of it.
    if let Some((at, 0 | 1)) = explicit {
        faults.push(IssuerFault::Path(PathFault { at, rule: PathRule::Policy }));
    }
    if !constraints.permit_any() {
        faults.push(IssuerFault::Path(PathFault { at: PathPosition::Chain(1), rule: PathRule::NoNames }));
    }
    Ok(PathResult { constraints, faults })
}

/// Whether names or keys do not match, so that the certificates form no path.
fn is_other_path(fault: &IssuerFault) -> bool {
    match fault {
        IssuerFault::Order(_) | IssuerFault::NotByRoot(_) => true,
        IssuerFault::Path(fault) => matches!(fault.rule, PathRule::KeyId(..)),
        _ => false,
    }
}

/// Keeps a value, or adds its fault to `faults`.
fn record_fault<T>(read: Result<T, IssuerFault>, faults: &mut Vec<IssuerFault>) -> Option<T> {
    read.map_err(|fault| faults.push(fault)).ok()
}

/// The number of CAs below this one, without self-issued ones (§4.2.1.9).
fn below_all(chain: &[Parts<'_>], of: PathPosition) -> usize {
    let below = match of {
        PathPosition::Root => chain.len(),
        PathPosition::Chain(nth) => nth.saturating_sub(1),
    };
    chain.iter().take(below).filter(|parts| parts.issuer != parts.subject).count()
}

/// The path length constraint of a certificate, with a counter of CAs below it.
fn path_length(at: PathPosition, parts: &Parts<'_>) -> Result<Option<(PathPosition, u32, u32)>, IssuerFault> {
    let constraints: Option<BasicConstraints> = parts.extension().map_err(|error| at.unreadable(&error))?;
    Ok(constraints.and_then(|constraints| constraints.path_length).map(|allowed| (at, allowed, 0)))
}

/// The smaller `explicit_policy` (§6.1.4 (i)).
fn explicit_policy(
    present: Option<(PathPosition, u32)>,
    at: PathPosition,
    parts: &Parts<'_>,
) -> Result<Option<(PathPosition, u32)>, IssuerFault> {
    let found: Option<PolicyConstraints> = parts.extension().map_err(|error| at.unreadable(&error))?;
    let required = found.and_then(|found| found.require_explicit_policy);
    Ok(match (present, required) {
        (Some((_, skip)), Some(required)) if required < skip => Some((at, required)),
        (None, Some(required)) => Some((at, required)),
        _ => present,
    })
}

/// Checks for duplicate extensions and unknown critical ones.
fn check_extensions(at: PathPosition, parts: &Parts<'_>) -> Result<(), IssuerFault> {
    let broken = |rule| Err(IssuerFault::Path(PathFault { at, rule }));
    if Name::from_der(parts.subject).map_err(|error| at.unreadable(&error))?.is_empty() {
        return broken(PathRule::NoSubject);
    }
    let mut seen = BTreeSet::new();
    for extension in &parts.extensions {
        if !seen.insert(extension.extn_id) {
            return broken(PathRule::Twice(extension.extn_id));
        }
        if extension.critical && !KNOWN.contains(&extension.extn_id) {
            return broken(PathRule::Critical(extension.extn_id));
        }
    }
    Ok(())
}

/// Checks that `above` issued `below`, the `nth` certificate, by name and key identifier (§6.1.3 (a) (4), §4.2.1.1).
fn check_link(nth: usize, below: &Parts<'_>, (of, above): (PathPosition, &Parts<'_>)) -> Result<(), IssuerFault> {
    let at = PathPosition::Chain(nth);
    if below.issuer != above.subject {
        return Err(if of == PathPosition::Root { IssuerFault::NotByRoot(nth) } else { IssuerFault::Order(nth) });
    }
    let broken = |rule| Err(IssuerFault::Path(PathFault { at, rule }));
    let authority: Option<AuthorityKeyIdentifier> = below.extension().map_err(|error| at.unreadable(&error))?;
    let Some(authority) = authority else { return Ok(()) };
    let key_id: Option<SubjectKeyIdentifier> = above.extension().map_err(|error| of.unreadable(&error))?;
    if let (Some(wanted), Some(found)) = (&authority.key_identifier, &key_id)
        && *wanted != found.0
    {
        return broken(PathRule::KeyId(hex(wanted.as_bytes()), hex(found.0.as_bytes()), of));
    }
    let issuer = Name::from_der(above.issuer).map_err(|error| of.unreadable(&error))?;
    let mut named = authority.authority_cert_issuer.iter().flatten().filter_map(|name| match name {
        GeneralName::DirectoryName(name) => Some(name),
        _ => None,
    });
    let serial = authority.authority_cert_serial_number.as_ref();
    let other_serial = serial.is_some_and(|serial| strip(serial.as_bytes()) != strip(above.serial));
    if named.next().is_some_and(|name| *name != issuer) || other_serial {
        return broken(PathRule::IssuerSerial(of));
    }
    Ok(())
}

/// An INTEGER's octets without leading zeros.
fn strip(octets: &[u8]) -> &[u8] {
    let zeros = octets.iter().take_while(|octet| **octet == 0).count();
    octets.get(zeros..).unwrap_or_default()
}

/// Checks the names of a CA against the constraints above it (§6.1.3 (b) and (c)).
fn check_names(at: PathPosition, parts: &Parts<'_>, above: &Constraints) -> Result<(), IssuerFault> {
    let unreadable = |error: der::Error| at.unreadable(&error);
    let subject = Name::from_der(parts.subject).map_err(unreadable)?;
    let others: Option<SubjectAltName> = parts.extension().map_err(unreadable)?;
    // A mailbox in the subject counts if the alternative names have none (§4.2.1.10).
    let mailbox = subject.email_address().ok().flatten().map(|mailbox| GeneralName::Rfc822Name(mailbox.into()));
    let mut names = vec![GeneralName::DirectoryName(subject.clone())];
    match others {
        Some(SubjectAltName(others)) => names.extend(others),
        None => names.extend(mailbox),
    }
    for name in &names {
        if let Err((of, outside)) = above.check_ca(name) {
            return Err(IssuerFault::Path(PathFault { at, rule: PathRule::Outside(of, outside) }));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
