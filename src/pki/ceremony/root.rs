//! A permanent root: its creation, its checks, and the intermediates it signs.

use super::constraints::Constraints;
use super::fault::{CeremonyFault, RootFault};
use super::request::IssuerRequest;
use super::signer::{CertAndKey, DAY, PURPOSES, Signer, intermediate_extensions, new_key, period, subject};
use crate::pki::issuer::IssuerFault;
use crate::pki::issuer::basic_constraints::BasicConstraints;
use crate::pki::issuer::chain::{Chain, ChainEnd};
use crate::pki::key::check_spki;
use crate::pki::{pem, sigalg, tbs};
use crate::values::native_crypto::{NativeCrypto, NativeKey};
use crate::values::x509::{Parts, version};
use crate::values::{SigAlg, Time, Verify};
use core::fmt;
use futures_util::FutureExt;
use spki::AlgorithmIdentifierRef;
use x509_cert::ext::pkix::KeyUsage;

/// A self-signed certificate that may sign intermediates, with its private key.
#[derive(Clone)]
pub struct Root {
    certificate: String,
    pub(super) signer: Signer,
    crl_url: Option<String>,
}

impl fmt::Debug for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Root").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

/// The parameters of a new intermediate.
#[derive(Clone, Copy, Debug)]
pub struct IssuerPlan<'a> {
    /// Its common name.
    pub common_name: &'a str,
    /// The algorithm of its key.
    pub algorithm: SigAlg,
    /// Its name constraints.
    pub constraints: &'a Constraints,
    /// Its validity, in years of 365 days.
    pub years: u32,
}

impl Root {
    /// Makes a root whose key signs under `algorithm`.
    ///
    /// It is valid for `years` of 365 days from an hour before `now`.
    ///
    /// # Errors
    /// [`CeremonyFault::CommonName`], and failures of cryptography or encoding.
    pub fn create(algorithm: SigAlg, common_name: &str, now: Time, years: u32) -> Result<Self, CeremonyFault> {
        let key = new_key(algorithm)?;
        let spki = key.spki_der()?;
        let subject = subject(common_name)?;
        let key_id = tbs::key_id(&spki)?;
        let (not_before, not_after) = period(now, DAY.saturating_mul(365).saturating_mul(years));
        let signer = Signer { subject: subject.clone(), key_id: key_id.clone(), key, not_before, not_after };
        let extensions = vec![
            tbs::authority_key_id(&key_id)?,
            tbs::subject_key_id(&key_id)?,
            tbs::ca_key_usage()?,
            tbs::ca_constraints(None)?,
        ];
        let certificate = signer.issue(&subject, &spki, (not_before, not_after), extensions)?;
        Ok(Self { certificate, signer, crl_url: None })
    }

    /// Reads an existing root: one certificate (PEM) and its key, of any kind.
    ///
    /// # Errors
    /// [`CeremonyFault::KeyMismatch`], [`CeremonyFault::Root`], [`CeremonyFault::NotCa`] without a subject key
    /// identifier, and unreadable input.
    pub fn read(certificate_pem: &str, key: NativeKey, now: Time) -> Result<Self, CeremonyFault> {
        let der = check_root(certificate_pem, 1, now)?;
        let parts = Parts::read(&der)?;
        if parts.spki != key.spki_der()? {
            return Err(CeremonyFault::KeyMismatch);
        }
        Ok(Self { certificate: pem::write_certificate(&der)?, signer: Signer::of(&parts, key)?, crl_url: None })
    }

    /// Sets the `http` URL of the root's CRL for its intermediates (RFC 5280 §4.2.1.13).
    #[must_use]
    pub fn with_crl_url(self, url: &str) -> Self {
        Self { crl_url: Some(url.to_owned()), ..self }
    }

    /// The certificate as PEM.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// The private key.
    pub fn key(&self) -> &NativeKey {
        &self.signer.key
    }

    /// The last second of its validity.
    pub fn not_after(&self) -> Time {
        self.signer.not_after
    }

    /// Makes an intermediate with a new key, for TLS servers and clients.
    ///
    /// It permits no CA below it ([RFC 5280 §4.2.1.9](https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.9)).
    ///
    /// # Errors
    /// [`CeremonyFault::CommonName`], [`CeremonyFault::Outlives`], and failures of cryptography or encoding.
    pub fn create_issuer(&self, plan: IssuerPlan<'_>, now: Time) -> Result<CertAndKey, CeremonyFault> {
        let key = new_key(plan.algorithm)?;
        let subject = subject(plan.common_name)?;
        let certificate = self.certify(&subject, &key.spki_der()?, plan.constraints, now, plan.years)?;
        Ok(CertAndKey { certificate, key: key.to_pkcs8_pem()? })
    }

    /// Signs the intermediate (PEM) of a request, valid for `years` of 365 days.
    ///
    /// A renewal is a new request with the same key and name.
    ///
    /// # Errors
    /// [`CeremonyFault::Outlives`], and failures of cryptography or encoding.
    pub fn sign_request(&self, request: &IssuerRequest, now: Time, years: u32) -> Result<String, CeremonyFault> {
        self.certify(request.subject(), request.spki_der(), request.constraints(), now, years)
    }

    fn certify(
        &self,
        subject: &[u8],
        spki: &[u8],
        constraints: &Constraints,
        now: Time,
        years: u32,
    ) -> Result<String, CeremonyFault> {
        let period = self.signer.period(now, DAY.saturating_mul(365).saturating_mul(years))?;
        let mut extensions = vec![tbs::authority_key_id(&self.signer.key_id)?];
        extensions.extend(intermediate_extensions(spki, PURPOSES, constraints)?);
        extensions.extend(self.crl_url.as_deref().map(tbs::crl_pointer).transpose()?);
        let made = self.signer.issue(subject, spki, period, extensions)?;
        self.check(&made, constraints)?;
        Ok(made)
    }

    /// Checks that verifiers would accept leaves below this intermediate (PEM).
    ///
    /// An existing root may have constraints that exclude them.
    fn check(&self, made: &str, wanted: &Constraints) -> Result<(), CeremonyFault> {
        let root = pem::read_certificates(&self.certificate)?.into_iter().next().unwrap_or_default();
        let chain = Chain::read(&pem::read_certificates(made)?, ChainEnd::Below(&root))?;
        // Native verification never waits for anything.
        chain.check_signatures(&NativeCrypto).now_or_never().unwrap_or(Err(IssuerFault::NotByRoot(1)))?;
        let refused = wanted.samples().iter().find_map(|name| chain.constraints().check(name).err());
        refused.map_or(Ok(()), |outside| Err(CeremonyFault::Above(outside)))
    }
}

/// Checks that a root in PEM is valid at `now` and permits `below` CAs. Returns its DER.
pub(super) fn check_root(certificate_pem: &str, below: usize, now: Time) -> Result<Vec<u8>, CeremonyFault> {
    let ders = pem::read_certificates(certificate_pem)?;
    let count = ders.len();
    let der = ders.into_iter().next().filter(|_| count == 1).ok_or(RootFault::Several(count))?;
    check_version(&der)?;
    let parts = Parts::read(&der)?;
    if parts.issuer != parts.subject {
        return Err(RootFault::NotSelfSigned.into());
    }
    let constraints: Option<BasicConstraints> = parts.extension()?;
    let constraints = constraints.filter(|constraints| constraints.ca).ok_or(RootFault::NotCa)?;
    // RFC 5280 §4.2.1.3 wants a key usage in CA certificates; a root without it is not restricted.
    let usage: Option<KeyUsage> = parts.extension()?;
    if usage.is_some_and(|usage| !usage.key_cert_sign()) {
        return Err(RootFault::NoCertSign.into());
    }
    if let Some(allowed) = constraints.path_length
        && usize::try_from(allowed).is_ok_and(|allowed| allowed < below)
    {
        return Err(RootFault::PathLength { allowed, wanted: below }.into());
    }
    if now < parts.not_before {
        return Err(RootFault::NotYetValid(parts.not_before).into());
    }
    if now.secs() > parts.not_after.secs() {
        return Err(RootFault::Expired(parts.not_after).into());
    }
    // Its own signature is ignored (RFC 5280 §6.1.1 (d)): the operator trusts it.
    Ok(der)
}

/// Checks that the version of a root has extensions (RFC 5280 §4.1.2.1).
pub(super) fn check_version(der: &[u8]) -> Result<(), RootFault> {
    match version(der) {
        Ok(old @ 1..=2) => Err(RootFault::Version(old)),
        _ => Ok(()),
    }
}

/// Whether `above` issued `below`, by name and signature.
pub fn is_issued_by(below: &Parts<'_>, above: &Parts<'_>) -> bool {
    below.issuer == above.subject && is_signed_by(below.tbs, &below.algorithm, below.signature, above.spki)
}

/// Whether these bytes are signed by this key (DER SubjectPublicKeyInfo), in the form of X.509.
///
/// `false` for keys and algorithms that are not accepted.
pub fn is_signed_by(tbs: &[u8], algorithm: &AlgorithmIdentifierRef<'_>, signature: &[u8], spki: &[u8]) -> bool {
    let verify = || {
        let key = check_spki(spki).ok()?;
        let algorithm = sigalg::read(algorithm, key.kind()).ok()?;
        let raw = sigalg::from_x509(algorithm, signature)?;
        // Native verification never waits for anything.
        NativeCrypto.verify(algorithm, spki, tbs, &raw).now_or_never()?.ok()
    };
    verify().unwrap_or(false)
}

#[cfg(test)]
mod tests;
