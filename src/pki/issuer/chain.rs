//! A chain of CA certificates: each one issued by the next.

use super::basic_constraints::BasicConstraints;
use super::constraints::Constraints;
use super::fault::IssuerFault;
use super::path::{self, PathResult};
use super::path_fault::{PathFault, PathPosition, PathRule};
use crate::pki::key::{KeyKind, check_spki};
use crate::pki::pem::{self, PemFault};
use crate::pki::sigalg;
use crate::values::x509::{Parts, reason};
use crate::values::{Time, Verify};
use x509_cert::ext::pkix::KeyUsage;

/// A chain whose links match, with the results of path validation (`path`).
#[derive(Clone, Debug)]
pub struct Chain {
    links: Vec<Link>,
    root: Option<Link>,
    pem: String,
    constraints: Constraints,
    faults: Vec<IssuerFault>,
}

/// One certificate of the chain.
#[derive(Clone, Debug)]
struct Link {
    der: Vec<u8>,
    not_before: Time,
    not_after: Time,
}

impl Link {
    fn of(parts: &Parts<'_>, der: &[u8]) -> Self {
        Self { der: der.to_vec(), not_before: parts.not_before, not_after: parts.not_after }
    }
}

/// A constructor: [`Chain::read`] or [`Chain::read_in_use`].
pub(in crate::pki) type ReadChain = fn(&[Vec<u8>], ChainEnd<'_>) -> Result<Chain, IssuerFault>;

/// The end of a chain: with or without a root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pki) enum ChainEnd<'a> {
    /// A self-signed certificate is refused.
    NoRoot,
    /// The last certificate may be self-signed.
    OptionalRoot,
    /// A self-signed certificate is refused, and the chain ends below this root (DER).
    Below(&'a [u8]),
}

impl Chain {
    /// Reads a chain from DER certificates, the issuer first, and enforces all rules.
    ///
    /// # Errors
    /// The first [`IssuerFault`] found.
    pub(in crate::pki) fn read(ders: &[Vec<u8>], root: ChainEnd<'_>) -> Result<Self, IssuerFault> {
        let chain = Self::read_in_use(ders, root)?;
        chain.faults.first().map_or(Ok(()), |fault| Err(fault.clone()))?;
        Ok(chain)
    }

    /// Reads a chain in use; broken rules become its [`Chain::faults`].
    ///
    /// # Errors
    /// The first [`IssuerFault`] that leaves no chain, or another one.
    pub(in crate::pki) fn read_in_use(ders: &[Vec<u8>], root: ChainEnd<'_>) -> Result<Self, IssuerFault> {
        let last = ders.len();
        let parts = ders.iter().enumerate().map(|(at, der)| {
            let parts = read(at + 1, der)?;
            let ends = at > 0 && at + 1 == last && root == ChainEnd::OptionalRoot;
            if parts.issuer == parts.subject && !ends { Err(IssuerFault::Root(at + 1)) } else { Ok(parts) }
        });
        let parts = parts.collect::<Result<Vec<_>, _>>()?;
        let Some((end, before)) = parts.split_last() else {
            return Err(IssuerFault::Pem(PemFault::Empty(pem::CERTIFICATE)));
        };
        let known = match root {
            ChainEnd::Below(der) => Some((read_root(der)?, der)),
            ChainEnd::NoRoot | ChainEnd::OptionalRoot => None,
        };
        let PathResult { constraints, faults } = match &known {
            Some((root, _)) => path::validate(&parts, Some(root))?,
            None if end.issuer == end.subject => path::validate(before, Some(end))?,
            None => path::validate(&parts, None)?,
        };
        let pem = ders.iter().map(|der| pem::write_certificate(der)).collect::<Result<_, _>>();
        Ok(Self {
            links: parts.iter().zip(ders).map(|(parts, der)| Link::of(parts, der)).collect(),
            root: known.map(|(parts, der)| Link::of(&parts, der)),
            pem: pem.map_err(|e| IssuerFault::Unreadable(1, e.to_string()))?,
            constraints,
            faults,
        })
    }

    /// The certificates as strict PEM, as served after each leaf.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// The first certificate in DER.
    pub fn first_der(&self) -> &[u8] {
        self.links.first().map_or(&[], |link| &link.der)
    }

    /// All certificates in DER, without the root above.
    pub(in crate::pki) fn ders(&self) -> Vec<Vec<u8>> {
        self.links.iter().map(|link| link.der.clone()).collect()
    }

    /// Reasons for which verifiers refuse leaves below it, from the top down.
    pub fn faults(&self) -> &[IssuerFault] {
        &self.faults
    }

    /// The name constraints of all certificates, and of the root if known.
    pub(in crate::pki) fn constraints(&self) -> &Constraints {
        &self.constraints
    }

    /// The certificates, then the root if known.
    fn path(&self) -> impl Iterator<Item = &Link> {
        self.links.iter().chain(&self.root)
    }

    /// The first second in which the whole chain is valid.
    pub fn not_before(&self) -> Time {
        self.path().map(|link| link.not_before).max().unwrap_or(Time::from_millis(0))
    }

    /// The last second in which the whole chain is valid.
    pub fn not_after(&self) -> Time {
        self.path().map(|link| link.not_after).min().unwrap_or(Time::from_millis(0))
    }

    /// Checks that every certificate, except the root, is valid at `now` (RFC 5280 §6.1.3 (a) (2)).
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

    /// Checks that the root, if known, is valid at `now`.
    ///
    /// # Errors
    /// [`IssuerFault::RootTime`].
    pub(in crate::pki) fn check_root_time(&self, now: Time) -> Result<(), IssuerFault> {
        match &self.root {
            Some(root) if now < root.not_before || now.secs() > root.not_after.secs() => {
                Err(IssuerFault::RootTime(root.not_before, root.not_after))
            }
            _ => Ok(()),
        }
    }

    /// Checks all signatures, including the root's if known.
    ///
    /// # Errors
    /// As [`Chain::check_links`] and [`Chain::check_root_signature`].
    #[cfg(not(target_arch = "wasm32"))]
    pub(in crate::pki) async fn check_signatures(&self, crypto: &impl Verify) -> Result<(), IssuerFault> {
        self.check_links(crypto).await?;
        self.check_root_signature(crypto).await
    }

    /// Checks the signature of each certificate by the one after it (RFC 5280 §6.1.3 (a) (1)).
    ///
    /// # Errors
    /// [`IssuerFault::Signature`], [`IssuerFault::Algorithm`], [`IssuerFault::Key`] or [`IssuerFault::Provider`].
    pub(in crate::pki) async fn check_links(&self, crypto: &impl Verify) -> Result<(), IssuerFault> {
        for (at, pair) in self.links.windows(2).enumerate() {
            let [below, above] = pair else { continue };
            let (below, above) = (read(at + 1, &below.der)?, read(at + 2, &above.der)?);
            let key = check_spki(above.spki).map_err(|fault| IssuerFault::Key(at + 2, fault))?;
            if !is_signed(at + 1, &below, (above.spki, key.kind()), crypto).await? {
                return Err(IssuerFault::Signature(at + 1));
            }
        }
        Ok(())
    }

    /// Checks the signature of the last certificate by the root, if known.
    ///
    /// # Errors
    /// [`IssuerFault::NotByRoot`]; if it cannot be checked, [`IssuerFault::RootKey`], [`IssuerFault::Algorithm`] or
    /// [`IssuerFault::Provider`].
    pub(in crate::pki) async fn check_root_signature(&self, crypto: &impl Verify) -> Result<(), IssuerFault> {
        let (Some(last), Some(root)) = (self.links.last(), &self.root) else { return Ok(()) };
        let nth = self.links.len();
        let last = read(nth, &last.der)?;
        let root = read_root(&root.der)?;
        let key = check_spki(root.spki).map_err(IssuerFault::RootKey)?;
        match is_signed(nth, &last, (root.spki, key.kind()), crypto).await? {
            true => Ok(()),
            false => Err(IssuerFault::NotByRoot(nth)),
        }
    }
}

/// Whether the `nth` certificate is signed by this key.
async fn is_signed(
    nth: usize,
    below: &Parts<'_>,
    (spki, kind): (&[u8], KeyKind),
    crypto: &impl Verify,
) -> Result<bool, IssuerFault> {
    let alg = sigalg::read(&below.algorithm, kind).map_err(|fault| IssuerFault::Algorithm(nth, fault))?;
    let Some(raw) = sigalg::from_x509(alg, below.signature) else { return Ok(false) };
    crypto.verify(alg, spki, below.tbs, &raw).await.map_err(IssuerFault::Provider)
}

fn read_root(der: &[u8]) -> Result<Parts<'_>, IssuerFault> {
    let unreadable = |error| PathFault { at: PathPosition::Root, rule: PathRule::Unreadable(reason(der, &error)) };
    Parts::read(der).map_err(|error| IssuerFault::Path(unreadable(error)))
}

/// Reads the `nth` certificate and checks its CA extensions.
fn read(nth: usize, der: &[u8]) -> Result<Parts<'_>, IssuerFault> {
    let unreadable = |error: der::Error| IssuerFault::Unreadable(nth, reason(der, &error));
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
