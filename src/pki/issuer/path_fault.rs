//! Broken rules of path validation.

use super::outside::NameConstraintFault;
use const_oid::ObjectIdentifier;
use core::fmt;

/// The position of a certificate in a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathPosition {
    /// One of the chain, counted from 1, the issuer's own.
    Chain(usize),
    /// The root.
    Root,
}

impl fmt::Display for PathPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chain(nth) => write!(f, "certificate {nth} of the issuer chain"),
            Self::Root => f.write_str("the root"),
        }
    }
}

/// A broken rule of path validation. The message names the certificate, the rule and its section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathFault {
    /// The certificate that breaks it.
    pub at: PathPosition,
    /// The broken rule.
    pub rule: PathRule,
}

/// The rules, with what was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathRule {
    /// An unreadable certificate; the parser's reason.
    Unreadable(String),
    /// An empty subject.
    NoSubject,
    /// A duplicate extension.
    Twice(ObjectIdentifier),
    /// A critical extension that verifiers do not process.
    Critical(ObjectIdentifier),
    /// Authority and subject key identifiers that differ: both, and the position above.
    KeyId(String, String, PathPosition),
    /// An authorityKeyIdentifier with another issuer and serial number than the certificate above.
    IssuerSerial(PathPosition),
    /// Too many CAs below: the number allowed, and the number found.
    PathLength(u32, usize),
    /// Name constraints of a form unknown to RFC 5280; a clause.
    Constraint(String),
    /// A name outside the constraints of a certificate above: its position, and the reason.
    Outside(PathPosition, NameConstraintFault),
    /// Constraints that exclude every name of leaves.
    NoNames,
    /// A requirement of certificate policies, which leaves do not have.
    Policy,
}

// Not derived: every sentence names the certificate.
impl fmt::Display for PathFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.at;
        match &self.rule {
            PathRule::Unreadable(reason) => write!(f, "{at} cannot be read: {reason}"),
            PathRule::NoSubject => write!(f, "{at} has an empty subject, which no CA may have (RFC 5280 §4.1.2.6)"),
            PathRule::Twice(oid) => write!(f, "{at} has the extension {oid} twice (RFC 5280 §4.2)"),
            PathRule::Critical(oid) => write!(
                f,
                "{at} has the critical extension {oid}, which verifiers do not know and so refuse (RFC 5280 §4.2)"
            ),
            PathRule::KeyId(wanted, found, above) => write!(
                f,
                "{at} names the key {wanted} as its issuer's (authorityKeyIdentifier), and the key of {above} is {found} \
                 (subjectKeyIdentifier; RFC 5280 §4.2.1.1)"
            ),
            PathRule::IssuerSerial(above) => write!(
                f,
                "{at} names as its issuer's a certificate of another issuer or serial number than those of {above} \
                 (authorityKeyIdentifier; RFC 5280 §4.2.1.1)"
            ),
            PathRule::PathLength(allowed, found) => {
                write!(f, "{at} allows {allowed} CAs below it (its pathLen), and there are {found} (RFC 5280 §4.2.1.9)")
            }
            PathRule::Constraint(what) => write!(f, "the name constraint of {at} {what} (RFC 5280 §4.2.1.10)"),
            PathRule::Outside(above, NameConstraintFault::NotPermitted(name, permitted)) => write!(
                f,
                "the name {name:?} of {at} is outside of what {above} permits: {} (RFC 5280 §4.2.1.10)",
                permitted.join(", ")
            ),
            PathRule::Outside(above, NameConstraintFault::Excluded(name, excluded)) => {
                write!(f, "the name {name:?} of {at} is among what {above} excludes: {excluded} (RFC 5280 §4.2.1.10)")
            }
            PathRule::NoNames => write!(
                f,
                "the name constraints of {at} and those above it leave no DNS name and no IP address that a certificate \
                 could be for (RFC 5280 §4.2.1.10)"
            ),
            PathRule::Policy => write!(
                f,
                "{at} requires certificate policies (policyConstraints), and certificates have none here \
                 (RFC 5280 §4.2.1.11)"
            ),
        }
    }
}
