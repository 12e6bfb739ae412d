//! A chain of CA certificates: each one issued by the next.

use super::issuer::IssuerFault;
use super::key::check_spki;
use super::pem::{self, PemFault};
use super::sigalg;
use crate::values::x509::Parts;
use crate::values::{Time, Verify};
use x509_cert::ext::pkix::{AuthorityKeyIdentifier, BasicConstraints, KeyUsage, SubjectKeyIdentifier};

/// A chain whose links fit by name and key identifier.
#[derive(Clone, Debug)]
pub struct Chain {
    links: Vec<Link>,
    pem: String,
}

/// One certificate of the chain.
#[derive(Clone, Debug)]
struct Link {
    der: Vec<u8>,
    not_before: Time,
    not_after: Time,
}

/// Whether a chain may end with a self-signed certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Root {
    /// It may not.
    Refused,
    /// It may.
    Allowed,
}

impl Chain {
    /// Reads a chain from its certificates in DER, the one that signs leaves first.
    ///
    /// # Errors
    /// The first [`IssuerFault`] found.
    pub(super) fn read(ders: &[Vec<u8>], root: Root) -> Result<Self, IssuerFault> {
        let last = ders.len();
        let parts = ders.iter().enumerate().map(|(at, der)| {
            let parts = read(at + 1, der)?;
            let ends = at > 0 && at + 1 == last && root == Root::Allowed;
            if parts.issuer == parts.subject && !ends { Err(IssuerFault::Root(at + 1)) } else { Ok(parts) }
        });
        let parts = parts.collect::<Result<Vec<_>, _>>()?;
        for (at, pair) in parts.windows(2).enumerate() {
            if let [below, above] = pair {
                check_link(at + 1, below, above)?;
            }
        }
        if parts.is_empty() {
            return Err(IssuerFault::Pem(PemFault::Empty(pem::CERTIFICATE)));
        }
        let pem = ders.iter().map(|der| pem::write_certificate(der)).collect::<Result<_, _>>();
        let links = parts.iter().zip(ders).map(|(parts, der)| Link {
            der: der.clone(),
            not_before: parts.not_before,
            not_after: parts.not_after,
        });
        Ok(Self { links: links.collect(), pem: pem.map_err(|e| IssuerFault::Unreadable(1, e.to_string()))? })
    }

    /// What follows each leaf, as strict PEM.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// The first certificate in DER.
    pub fn first_der(&self) -> &[u8] {
        self.links.first().map_or(&[], |link| &link.der)
    }

    /// The first second in which the whole chain is valid.
    pub fn not_before(&self) -> Time {
        self.links.iter().map(|link| link.not_before).max().unwrap_or(Time::from_millis(0))
    }

    /// The last second in which the whole chain is valid.
    pub fn not_after(&self) -> Time {
        self.links.iter().map(|link| link.not_after).min().unwrap_or(Time::from_millis(0))
    }

    /// Whether every certificate is valid at `now`.
    ///
    /// # Errors
    /// [`IssuerFault::NotYetValid`] or [`IssuerFault::Expired`].
    pub fn check_time(&self, now: Time) -> Result<(), IssuerFault> {
        for (at, link) in self.links.iter().enumerate() {
            if now < link.not_before {
                return Err(IssuerFault::NotYetValid(at + 1, link.not_before));
            }
            // notAfter is the last second in which it is valid.
            if now.secs() > link.not_after.secs() {
                return Err(IssuerFault::Expired(at + 1, link.not_after));
            }
        }
        Ok(())
    }

    /// Checks the signature of each certificate by the one after it.
    ///
    /// # Errors
    /// [`IssuerFault::Signature`], [`IssuerFault::Algorithm`], [`IssuerFault::Key`] or [`IssuerFault::Provider`].
    pub async fn check_signatures(&self, crypto: &impl Verify) -> Result<(), IssuerFault> {
        for (at, pair) in self.links.windows(2).enumerate() {
            let [below, above] = pair else { continue };
            let (below, above) = (read(at + 1, &below.der)?, read(at + 2, &above.der)?);
            let key = check_spki(above.spki).map_err(|fault| IssuerFault::Key(at + 2, fault))?;
            let alg =
                sigalg::read(&below.algorithm, key.kind()).map_err(|fault| IssuerFault::Algorithm(at + 1, fault))?;
            let raw = sigalg::from_x509(alg, below.signature).ok_or(IssuerFault::Signature(at + 1))?;
            if !crypto.verify(alg, above.spki, below.tbs, &raw).await.map_err(IssuerFault::Provider)? {
                return Err(IssuerFault::Signature(at + 1));
            }
        }
        Ok(())
    }
}

/// Reads the `nth` certificate and checks that it is a CA's.
fn read(nth: usize, der: &[u8]) -> Result<Parts<'_>, IssuerFault> {
    let unreadable = |error: der::Error| IssuerFault::Unreadable(nth, error.to_string());
    let parts = Parts::read(der).map_err(unreadable)?;
    let constraints: Option<BasicConstraints> = parts.extension().map_err(unreadable)?;
    if !constraints.is_some_and(|constraints| constraints.ca) {
        return Err(IssuerFault::NotCa(nth));
    }
    let usage: Option<KeyUsage> = parts.extension().map_err(unreadable)?;
    if !usage.is_some_and(|usage| usage.key_cert_sign()) {
        return Err(IssuerFault::NoCertSign(nth));
    }
    Ok(parts)
}

/// Whether `above` is, by name and key identifier, the issuer of `below`, the `nth` certificate.
fn check_link(nth: usize, below: &Parts<'_>, above: &Parts<'_>) -> Result<(), IssuerFault> {
    let unreadable = |error: der::Error| IssuerFault::Unreadable(nth, error.to_string());
    let authority: Option<AuthorityKeyIdentifier> = below.extension().map_err(unreadable)?;
    let key_id: Option<SubjectKeyIdentifier> = above.extension().map_err(unreadable)?;
    let ids_differ = match (authority.and_then(|authority| authority.key_identifier), key_id) {
        (Some(wanted), Some(has)) => wanted != has.0,
        _ => false,
    };
    if below.issuer != above.subject || ids_differ { Err(IssuerFault::Order(nth)) } else { Ok(()) }
}
