//! Path validation ([RFC 5280 §6.1](https://www.rfc-editor.org/rfc/rfc5280#section-6.1)) of a chain for a leaf that is
//! issued below it: what a verifier would refuse is refused before anything is issued.
//!
//! Signatures are [`Issuer::check_signatures`](super::Issuer::check_signatures)'s, times
//! [`Chain::check_time`](super::chain::Chain::check_time)'s. The root is a trust anchor: of what it says of itself counts
//! its name, its key, and what it demands of those below it; its own signature counts for nothing (§6.1.1 d).

use super::basic_constraints::BasicConstraints;
use super::constraints::Constraints;
use super::fault::IssuerFault;
use super::path_fault::{At, PathFault, Rule};
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

/// The extensions that verifiers know in CA certificates: others may not be critical.
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

/// What validation finds out about a path whose links fit.
pub(in crate::pki) struct Walked {
    /// The name constraints that a leaf has to keep to, as far as they can be read.
    pub constraints: Constraints,
    /// What verifiers refuse leaves below it for, from the top down.
    pub faults: Vec<IssuerFault>,
}

/// Checks a chain, the issuer's certificate first, for a leaf below it; from the root on, where that is known.
///
/// # Errors
/// [`IssuerFault::Order`], [`IssuerFault::NotByRoot`] and [`Rule::KeyId`]: it is another path than the one given.
pub(in crate::pki) fn walk(chain: &[Parts<'_>], root: Option<&Parts<'_>>) -> Result<Walked, IssuerFault> {
    let mut constraints = Constraints::default();
    let mut faults = Vec::new();
    // §6.1.2: as if the trust anchor demanded nothing; a root certificate may demand something all the same.
    let mut lengths: Vec<(At, u32, u32)> = Vec::new();
    let mut explicit: Option<(At, u32)> = None;
    if let Some(root) = root {
        faults.extend(check_extensions(At::Root, root).err());
        faults.extend(constraints.add(At::Root, root).err());
        lengths.extend(kept(path_length(At::Root, root), &mut faults).flatten());
    }
    for (at, parts) in chain.iter().enumerate().rev() {
        let here = At::Chain(at + 1);
        faults.extend(check_extensions(here, parts).err());
        let link = match (chain.get(at + 1), root) {
            (Some(above), _) => check_link(at + 1, parts, (At::Chain(at + 2), above)),
            (None, Some(root)) => check_link(at + 1, parts, (At::Root, root)),
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
                // The first that is too many; those after it say nothing new.
                if allowed.checked_add(1) == Some(*below) {
                    let rule = Rule::PathLength(*allowed, below_all(chain, *of));
                    faults.push(IssuerFault::Path(PathFault { at: *of, rule }));
                }
            }
            explicit = explicit.map(|(of, skip)| (of, skip.saturating_sub(1)));
        }
        faults.extend(constraints.add(here, parts).err());
        lengths.extend(kept(path_length(here, parts), &mut faults).flatten());
        let required = kept(stricter(explicit, here, parts), &mut faults);
        explicit = required.unwrap_or(explicit);
    }
    // §6.1.5 (a) and (g): a leaf has no policies, so none may be required of it.
    if let Some((at, 0 | 1)) = explicit {
        faults.push(IssuerFault::Path(PathFault { at, rule: Rule::Policy }));
    }
    if !constraints.leave_any() {
        faults.push(IssuerFault::Path(PathFault { at: At::Chain(1), rule: Rule::NoNames }));
    }
    Ok(Walked { constraints, faults })
}

/// Whether the certificates do not belong together, by name or key, so that the path was never one.
fn is_other_path(fault: &IssuerFault) -> bool {
    match fault {
        IssuerFault::Order(_) | IssuerFault::NotByRoot(_) => true,
        IssuerFault::Path(fault) => matches!(fault.rule, Rule::KeyId(..)),
        _ => false,
    }
}

/// What was read; a fault goes to the others.
fn kept<T>(read: Result<T, IssuerFault>, faults: &mut Vec<IssuerFault>) -> Option<T> {
    read.map_err(|fault| faults.push(fault)).ok()
}

/// How many CAs below this one count for its path length: all that are not self-issued.
fn below_all(chain: &[Parts<'_>], of: At) -> usize {
    let below = match of {
        At::Root => chain.len(),
        At::Chain(nth) => nth.saturating_sub(1),
    };
    chain.iter().take(below).filter(|parts| parts.issuer != parts.subject).count()
}

/// The path length of a certificate, with no CA counted below it yet.
fn path_length(at: At, parts: &Parts<'_>) -> Result<Option<(At, u32, u32)>, IssuerFault> {
    let constraints: Option<BasicConstraints> = parts.extension().map_err(|error| at.unreadable(&error))?;
    Ok(constraints.and_then(|constraints| constraints.path_length).map(|allowed| (at, allowed, 0)))
}

/// §6.1.4 (i): the lesser of two demands for explicit policies.
fn stricter(present: Option<(At, u32)>, at: At, parts: &Parts<'_>) -> Result<Option<(At, u32)>, IssuerFault> {
    let found: Option<PolicyConstraints> = parts.extension().map_err(|error| at.unreadable(&error))?;
    let required = found.and_then(|found| found.require_explicit_policy);
    Ok(match (present, required) {
        (Some((_, skip)), Some(required)) if required < skip => Some((at, required)),
        (None, Some(required)) => Some((at, required)),
        _ => present,
    })
}

/// Each extension once, and none critical that verifiers do not know.
fn check_extensions(at: At, parts: &Parts<'_>) -> Result<(), IssuerFault> {
    let broken = |rule| Err(IssuerFault::Path(PathFault { at, rule }));
    if Name::from_der(parts.subject).map_err(|error| at.unreadable(&error))?.is_empty() {
        return broken(Rule::NoSubject);
    }
    let mut seen = BTreeSet::new();
    for extension in &parts.extensions {
        if !seen.insert(extension.extn_id) {
            return broken(Rule::Twice(extension.extn_id));
        }
        if extension.critical && !KNOWN.contains(&extension.extn_id) {
            return broken(Rule::Critical(extension.extn_id));
        }
    }
    Ok(())
}

/// Whether `above` is, by name and by key identifier, the issuer of `below`, the `nth` certificate (§6.1.3 (a) (4), §4.2.1.1).
fn check_link(nth: usize, below: &Parts<'_>, (of, above): (At, &Parts<'_>)) -> Result<(), IssuerFault> {
    let at = At::Chain(nth);
    if below.issuer != above.subject {
        return Err(if of == At::Root { IssuerFault::NotByRoot(nth) } else { IssuerFault::Order(nth) });
    }
    let broken = |rule| Err(IssuerFault::Path(PathFault { at, rule }));
    let authority: Option<AuthorityKeyIdentifier> = below.extension().map_err(|error| at.unreadable(&error))?;
    let Some(authority) = authority else { return Ok(()) };
    let key_id: Option<SubjectKeyIdentifier> = above.extension().map_err(|error| of.unreadable(&error))?;
    if let (Some(wanted), Some(found)) = (&authority.key_identifier, &key_id)
        && *wanted != found.0
    {
        return broken(Rule::KeyId(hex(wanted.as_bytes()), hex(found.0.as_bytes()), of));
    }
    let issuer = Name::from_der(above.issuer).map_err(|error| of.unreadable(&error))?;
    let mut named = authority.authority_cert_issuer.iter().flatten().filter_map(|name| match name {
        GeneralName::DirectoryName(name) => Some(name),
        _ => None,
    });
    let serial = authority.authority_cert_serial_number.as_ref();
    let other_serial = serial.is_some_and(|serial| strip(serial.as_bytes()) != strip(above.serial));
    if named.next().is_some_and(|name| *name != issuer) || other_serial {
        return broken(Rule::IssuerSerial(of));
    }
    Ok(())
}

/// An INTEGER's octets without the zeros before it.
fn strip(octets: &[u8]) -> &[u8] {
    let zeros = octets.iter().take_while(|octet| **octet == 0).count();
    octets.get(zeros..).unwrap_or_default()
}

/// §6.1.3 (b) and (c): the names of a CA, within the constraints of those above it.
fn check_names(at: At, parts: &Parts<'_>, above: &Constraints) -> Result<(), IssuerFault> {
    let unreadable = |error: der::Error| at.unreadable(&error);
    let subject = Name::from_der(parts.subject).map_err(unreadable)?;
    let others: Option<SubjectAltName> = parts.extension().map_err(unreadable)?;
    // A mailbox in the subject counts where there is none among the alternative names (§4.2.1.10).
    let mailbox = subject.email_address().ok().flatten().map(|mailbox| GeneralName::Rfc822Name(mailbox.into()));
    let mut names = vec![GeneralName::DirectoryName(subject.clone())];
    match others {
        Some(SubjectAltName(others)) => names.extend(others),
        None => names.extend(mailbox),
    }
    for name in &names {
        if let Err((of, outside)) = above.check_ca(name) {
            return Err(IssuerFault::Path(PathFault { at, rule: Rule::Outside(of, outside) }));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
