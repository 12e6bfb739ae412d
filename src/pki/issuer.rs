//! The issuer: the CA certificate whose key signs leaves, with its chains.

mod alternates;
pub(super) mod basic_constraints;
pub(super) mod chain;
mod constraints;
mod fault;
mod outside;
mod path;
pub mod path_fault;

pub use alternates::{AlternateFault, MAX_ALTERNATES};
pub use chain::Chain;
pub use fault::IssuerFault;
pub use outside::NameConstraintFault;

use self::chain::{ChainEnd, ReadChain};
use super::key::{KeyKind, PublicKey, check_spki};
use super::pem;
use crate::values::hex::encode as hex;
use crate::values::x509::Parts;
use crate::values::{Identifier, SigAlg, Time, Verify, b64};
use alternates::Identity;
use basic_constraints::BasicConstraints;
use const_oid::ObjectIdentifier;
use der::Decode;
use sha2::{Digest, Sha256};
use x509_cert::ext::pkix::{ExtendedKeyUsage, KeyUsage, SubjectKeyIdentifier};
use x509_cert::name::Name;

/// Bytes of the key's hash in [`Issuer::id`]: enough to distinguish the issuers of one CA.
const ID_HASH_BYTES: usize = 8;

/// A checked issuer certificate, with the chain above it but without the root.
#[derive(Clone, Debug)]
pub struct Issuer {
    chain: Chain,
    alternates: Vec<Chain>,
    subject: Vec<u8>,
    key: PublicKey,
    algorithm: SigAlg,
    id: String,
    key_id: Vec<u8>,
    purposes: Vec<Vec<ObjectIdentifier>>,
    path_length: Option<u32>,
    name: String,
    digest: String,
}

impl Issuer {
    /// Reads a PEM chain without the root.
    ///
    /// The issuer's certificate comes first, and each further one is the issuer of the one before. Checks neither time
    /// nor signatures; see [`Issuer::check_time`] and [`Issuer::check_signatures`].
    ///
    /// # Errors
    /// The first [`IssuerFault`] found.
    pub fn from_pem_chain(chain_pem: &str) -> Result<Self, IssuerFault> {
        Self::read(chain_pem, Chain::read)
    }

    /// Reads the chain of an issuer in use, which verifiers may refuse.
    ///
    /// Such an issuer still signs CRLs; [`Issuer::faults`] lists the reasons of verifiers.
    ///
    /// # Errors
    /// The first [`IssuerFault`] that makes the chain unusable.
    pub fn in_use(chain_pem: &str) -> Result<Self, IssuerFault> {
        Self::read(chain_pem, Chain::read_in_use)
    }

    fn read(chain_pem: &str, read: ReadChain) -> Result<Self, IssuerFault> {
        let ders = pem::read_certificates(chain_pem).map_err(IssuerFault::Pem)?;
        let chain = read(&ders, ChainEnd::NoRoot)?;
        let unreadable = |error: der::Error| IssuerFault::Unreadable(1, error.to_string());
        let first = Parts::read(chain.first_der()).map_err(unreadable)?;
        let key = check_spki(first.spki).map_err(|fault| IssuerFault::Key(1, fault))?;
        let algorithm = signs_with(key.kind()).ok_or(IssuerFault::KeyKind(key.kind()))?;
        let usage: Option<KeyUsage> = first.extension().map_err(unreadable)?;
        if !usage.is_some_and(|usage| usage.crl_sign()) {
            return Err(IssuerFault::NoCrlSign);
        }
        let key_id: SubjectKeyIdentifier =
            first.extension().map_err(unreadable)?.filter(has_bytes).ok_or(IssuerFault::NoKeyId)?;
        let path_length: Option<BasicConstraints> = first.extension().map_err(unreadable)?;
        Ok(Self {
            subject: first.subject.to_vec(),
            id: id_of(&key),
            key,
            algorithm,
            key_id: key_id.0.into_bytes().into(),
            purposes: purposes(&ders)?,
            path_length: path_length.and_then(|constraints| constraints.path_length),
            name: readable_name(first.subject).map_err(unreadable)?,
            digest: b64::encode(&Sha256::digest(chain.first_der())),
            chain,
            alternates: Vec::new(),
        })
    }

    /// Places the issuer below this root (DER), whose constraints and end then count.
    ///
    /// # Errors
    /// The first [`IssuerFault`] found; signatures are checked by [`Issuer::check_signatures`].
    pub fn below(self, root_der: &[u8]) -> Result<Self, IssuerFault> {
        Ok(Self { chain: Chain::read(&self.chain.ders(), ChainEnd::Below(root_der))?, ..self })
    }

    /// Places the issuer below this root (DER) if names and key identifiers match.
    ///
    /// Broken constraints of the root are added to [`Issuer::faults`]. The signature is checked by
    /// [`Issuer::check_root_signature`].
    pub fn below_if_named(mut self, root_der: &[u8]) -> Self {
        if let Ok(chain) = Chain::read_in_use(&self.chain.ders(), ChainEnd::Below(root_der)) {
            self.chain = chain;
        }
        self
    }

    /// Undoes [`Issuer::below_if_named`], for a chain that another root signed.
    ///
    /// # Errors
    /// As [`Issuer::in_use`].
    pub fn without_root(self) -> Result<Self, IssuerFault> {
        Ok(Self { chain: Chain::read_in_use(&self.chain.ders(), ChainEnd::NoRoot)?, ..self })
    }

    /// Reasons for which verifiers refuse leaves below the chain, from the top down.
    pub fn faults(&self) -> &[IssuerFault] {
        self.chain.faults()
    }

    /// Whether the last certificate of the chain names this subject (DER) as its issuer.
    pub fn leads_to(&self, subject: &[u8]) -> bool {
        self.chain.ders().last().is_some_and(|der| Parts::read(der).is_ok_and(|last| last.issuer == subject))
    }

    /// The serial number of the certificate that the root issued: content octets of its INTEGER.
    pub fn serial_below_root(&self) -> Option<Vec<u8>> {
        let ders = self.chain.ders();
        Some(Parts::read(ders.last()?).ok()?.serial.to_vec())
    }

    /// The path length constraint (RFC 5280 §4.2.1.9); `None` if unlimited.
    pub fn path_length(&self) -> Option<u32> {
        self.path_length
    }

    /// Adds alternate chains from PEM: each certificate with the issuer's key begins one.
    ///
    /// # Errors
    /// The first [`AlternateFault`] found.
    pub fn with_alternates(mut self, pem: &str) -> Result<Self, AlternateFault> {
        self.alternates = alternates::read(&self.identity(), pem, Chain::read)?;
        Ok(self)
    }

    /// As [`Issuer::with_alternates`], but accepts chains that verifiers may refuse.
    ///
    /// # Errors
    /// The first [`AlternateFault`] that makes a chain unusable.
    pub fn with_alternates_in_use(mut self, pem: &str) -> Result<Self, AlternateFault> {
        self.alternates = alternates::read(&self.identity(), pem, Chain::read_in_use)?;
        Ok(self)
    }

    fn identity(&self) -> Identity<'_> {
        Identity { spki: self.key.spki_der(), subject: &self.subject, key_id: &self.key_id }
    }

    /// Removes the alternate chains that are not valid at `now`.
    pub fn with_alternates_at(mut self, now: Time) -> Self {
        self.alternates.retain(|chain| chain.check_time(now).is_ok());
        self
    }

    /// Checks that every certificate of the chain, except the root, is valid at `now`.
    ///
    /// # Errors
    /// [`IssuerFault::NotYetValid`] or [`IssuerFault::Expired`].
    pub fn check_time(&self, now: Time) -> Result<(), IssuerFault> {
        self.chain.check_time(now)
    }

    /// Checks that the root, if known, is valid at `now`.
    ///
    /// # Errors
    /// [`IssuerFault::RootTime`].
    pub fn check_root_time(&self, now: Time) -> Result<(), IssuerFault> {
        self.chain.check_root_time(now)
    }

    /// Checks all signatures: [`Issuer::check_chains`] and [`Issuer::check_root_signature`].
    ///
    /// # Errors
    /// As those.
    pub async fn check_signatures(&self, crypto: &impl Verify) -> Result<(), IssuerFault> {
        self.check_chains(crypto).await?;
        self.check_root_signature(crypto).await
    }

    /// Checks the signature of the chain's last certificate by the root, if known.
    ///
    /// # Errors
    /// [`IssuerFault::NotByRoot`]; if it cannot be checked, [`IssuerFault::RootKey`], [`IssuerFault::Algorithm`] or
    /// [`IssuerFault::Provider`].
    pub async fn check_root_signature(&self, crypto: &impl Verify) -> Result<(), IssuerFault> {
        self.chain.check_root_signature(crypto).await
    }

    /// Checks each certificate's signature by the one after it, in all chains.
    ///
    /// # Errors
    /// [`IssuerFault::Signature`], [`IssuerFault::Algorithm`], [`IssuerFault::Key`] or [`IssuerFault::Provider`].
    pub async fn check_chains(&self, crypto: &impl Verify) -> Result<(), IssuerFault> {
        for chain in core::iter::once(&self.chain).chain(&self.alternates) {
            chain.check_links(crypto).await?;
        }
        Ok(())
    }

    /// Whether this DER SubjectPublicKeyInfo is the issuer's.
    pub fn matches_public_key(&self, spki_der: &[u8]) -> bool {
        self.key.spki_der() == spki_der
    }

    /// The issuer certificate's public key.
    pub fn public_key(&self) -> &PublicKey {
        &self.key
    }

    /// The algorithm with which the issuer signs.
    pub fn algorithm(&self) -> SigAlg {
        self.algorithm
    }

    /// The subject in DER, used as the issuer of every leaf.
    pub fn subject(&self) -> &[u8] {
        &self.subject
    }

    /// The subject key identifier, used as the authority key identifier of every leaf.
    pub fn key_id(&self) -> &[u8] {
        &self.key_id
    }

    /// Whether every certificate of the chain permits this extended key usage.
    ///
    /// RFC 5280 §4.2.1.12 does not cover CAs, but verifiers treat theirs as a bound.
    pub fn allows(&self, purpose: ObjectIdentifier) -> bool {
        self.purposes.iter().all(|purposes| purposes.contains(&purpose))
    }

    /// Whether the name constraints cover directory names, and thereby non-empty subjects.
    pub fn constrains_subjects(&self) -> bool {
        self.chain.constraints().constrain_subjects()
    }

    /// Checks a leaf's name against the name constraints of the chain (RFC 5280 §4.2.1.10).
    ///
    /// # Errors
    /// [`NameConstraintFault`], which names the constraint.
    pub fn permits(&self, name: &Identifier) -> Result<(), NameConstraintFault> {
        self.chain.constraints().check(name)
    }

    /// The permitted DNS subtrees of the name constraints.
    pub fn permitted_dns(&self) -> impl Iterator<Item = String> + '_ {
        self.chain.constraints().permitted_dns()
    }

    /// The name constraints as text; `None` without any.
    pub fn constraints_text(&self) -> Option<String> {
        self.chain.constraints().text()
    }

    /// The chain that follows each leaf, as strict PEM: the issuer certificate first, no root.
    pub fn chain_pem(&self) -> &str {
        self.chain.pem()
    }

    /// The alternate chains, each an alternative to [`Issuer::chain_pem`].
    pub fn alternates(&self) -> &[Chain] {
        &self.alternates
    }

    /// The issuer certificate in DER, which the caIssuers URL serves.
    pub fn certificate_der(&self) -> &[u8] {
        self.chain.first_der()
    }

    /// SHA-256 of the issuer certificate, base64url.
    pub fn certificate_digest(&self) -> &str {
        &self.digest
    }

    /// The first second in which the whole chain is valid.
    pub fn not_before(&self) -> Time {
        self.chain.not_before()
    }

    /// The last second in which the whole chain is valid.
    pub fn not_after(&self) -> Time {
        self.chain.not_after()
    }

    /// A short name derived from the key: 16 hexadecimal characters, stable across renewals.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The subject's common name, else its organization.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// The algorithm of leaves and CRLs under a key of this kind.
///
/// `None` for Ed25519, which common clients do not verify.
fn signs_with(kind: KeyKind) -> Option<SigAlg> {
    match kind {
        KeyKind::EcP256 => Some(SigAlg::Es256),
        KeyKind::EcP384 => Some(SigAlg::Es384),
        KeyKind::Rsa { .. } => Some(SigAlg::Rs256),
        KeyKind::Ed25519 => None,
    }
}

/// The extended key usages of each certificate that has the extension.
fn purposes(ders: &[Vec<u8>]) -> Result<Vec<Vec<ObjectIdentifier>>, IssuerFault> {
    let mut all = Vec::new();
    for (at, der) in ders.iter().enumerate() {
        let unreadable = |error: der::Error| IssuerFault::Unreadable(at + 1, error.to_string());
        let parts = Parts::read(der).map_err(unreadable)?;
        all.extend(parts.extension::<ExtendedKeyUsage>().map_err(unreadable)?.map(|usage| usage.0));
    }
    Ok(all)
}

fn id_of(key: &PublicKey) -> String {
    let mut hash = Sha256::digest(key.spki_der()).to_vec();
    hash.truncate(ID_HASH_BYTES);
    hex(&hash)
}

fn has_bytes(key_id: &SubjectKeyIdentifier) -> bool {
    !key_id.0.as_bytes().is_empty()
}

/// A display name for a Name (DER): its common name, else its organization.
///
/// # Errors
/// When the DER is not a Name.
pub fn readable_name(subject: &[u8]) -> der::Result<String> {
    let name = Name::from_der(subject)?;
    // Not `to_string`: its table of attribute names takes 90 kB.
    let called = name.common_name()?.or(name.organization()?);
    Ok(called.map_or_else(|| "an authority without a name".to_owned(), |text| text.value().into_owned()))
}

#[cfg(test)]
mod tests;
