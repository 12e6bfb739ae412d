//! What a certificate of a path breaks.

use super::outside::Outside;
use const_oid::ObjectIdentifier;
use core::fmt;

/// A certificate of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// One of the chain, counted from 1, the issuer's own.
    Chain(usize),
    /// The root.
    Root,
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chain(nth) => write!(f, "certificate {nth} of the issuer chain"),
            Self::Root => f.write_str("the root"),
        }
    }
}

/// What a certificate of a path breaks; [`fmt::Display`] is a sentence that names the certificate, the rule and its section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathFault {
    /// Which certificate.
    pub at: At,
    /// Which rule.
    pub rule: Rule,
}

/// A rule that is broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// It cannot be read; the parser's reason.
    Unreadable(String),
    /// A CA has an empty subject.
    NoSubject,
    /// It has this extension twice.
    Twice(ObjectIdentifier),
    /// It has a critical extension that verifiers do not know.
    Critical(ObjectIdentifier),
    /// Its authorityKeyIdentifier is not the subjectKeyIdentifier of the one above: both, and which one that is.
    KeyId(String, String, At),
    /// Its authorityKeyIdentifier names another issuer and serial number than those of the one above.
    IssuerSerial(At),
    /// It allows fewer CAs below it than there are: how many, and how many there are.
    PathLength(u32, usize),
    /// Its name constraints are not of a form that RFC 5280 has; a clause.
    Constraint(String),
    /// A name of it is outside of the name constraints of the one above: which, and why.
    Outside(At, Outside),
    /// Below this chain no name is permitted that a leaf could have.
    NoNames,
    /// It requires certificate policies, which leaves do not have here.
    Policy,
}

impl fmt::Display for PathFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.at;
        match &self.rule {
            Rule::Unreadable(reason) => write!(f, "{at} cannot be read: {reason}"),
            Rule::NoSubject => write!(f, "{at} has an empty subject, which no CA may have (RFC 5280 §4.1.2.6)"),
            Rule::Twice(oid) => write!(f, "{at} has the extension {oid} twice (RFC 5280 §4.2)"),
            Rule::Critical(oid) => write!(
                f,
                "{at} has the critical extension {oid}, which verifiers do not know and so refuse (RFC 5280 §4.2)"
            ),
            Rule::KeyId(wanted, found, above) => write!(
                f,
                "{at} names the key {wanted} as its issuer's (authorityKeyIdentifier), and the key of {above} is {found} \
                 (subjectKeyIdentifier; RFC 5280 §4.2.1.1)"
            ),
            Rule::IssuerSerial(above) => write!(
                f,
                "{at} names as its issuer's a certificate of another issuer or serial number than those of {above} \
                 (authorityKeyIdentifier; RFC 5280 §4.2.1.1)"
            ),
            Rule::PathLength(allowed, found) => {
                write!(f, "{at} allows {allowed} CAs below it (its pathLen), and there are {found} (RFC 5280 §4.2.1.9)")
            }
            Rule::Constraint(what) => write!(f, "the name constraint of {at} {what} (RFC 5280 §4.2.1.10)"),
            Rule::Outside(above, Outside::NotPermitted(name, permitted)) => write!(
                f,
                "the name {name:?} of {at} is outside of what {above} permits: {} (RFC 5280 §4.2.1.10)",
                permitted.join(", ")
            ),
            Rule::Outside(above, Outside::Excluded(name, excluded)) => {
                write!(f, "the name {name:?} of {at} is among what {above} excludes: {excluded} (RFC 5280 §4.2.1.10)")
            }
            Rule::NoNames => write!(
                f,
                "the name constraints of {at} and those above it leave no DNS name and no IP address that a certificate \
                 could be for (RFC 5280 §4.2.1.10)"
            ),
            Rule::Policy => write!(
                f,
                "{at} requires certificate policies (policyConstraints), and certificates have none here \
                 (RFC 5280 §4.2.1.11)"
            ),
        }
    }
}
