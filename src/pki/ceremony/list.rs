//! The root's CRL, with a long validity since the root's key is rarely used.

use super::fault::CeremonyFault;
use super::root::Root;
use crate::pki::crl::read::{ReceivedCrl, ReceivedCrlEntry};
use crate::pki::crl::{Revoked, Tbs, Version};
use crate::pki::{pem, sigalg, tbs};
use crate::values::Time;
use der::asn1::{Any, Uint, UintRef};
use der::{Decode, Encode};
use x509_cert::ext::pkix::crl::{CrlNumber, CrlReason};

impl Root {
    /// Makes the root's CRL (PEM): the entries of the previous one and `revoked`.
    ///
    /// Its nextUpdate is `next_update`, or the root's end if earlier.
    ///
    /// It has no issuingDistributionPoint, so it covers every certificate of the root
    /// ([RFC 5280 §5.2.5](https://www.rfc-editor.org/rfc/rfc5280#section-5.2.5)).
    ///
    /// # Errors
    /// [`CeremonyFault::Encoding`], and failures of cryptography or encoding.
    pub fn create_crl(
        &self,
        before: Option<&ReceivedCrl>,
        revoked: Option<ReceivedCrlEntry>,
        now: Time,
        next_update: Time,
    ) -> Result<String, CeremonyFault> {
        let mut entries: Vec<ReceivedCrlEntry> = before.map_or_else(Vec::new, |before| before.entries.clone());
        if let Some(revoked) = revoked
            && entries.iter().all(|entry| entry.serial != revoked.serial)
        {
            entries.push(revoked);
        }
        let algorithm = self.signer.key.algorithm();
        let revoked = entries.iter().map(entry).collect::<Result<Vec<_>, CeremonyFault>>()?;
        let list = Tbs {
            version: Version::V2,
            signature: sigalg::identifier(algorithm)?,
            issuer: Any::from_der(&self.signer.subject)?,
            this_update: tbs::time(
                now.minus(crate::pki::profile::default_profile().backdate).max(self.signer.not_before),
            )?,
            next_update: tbs::time(next_update.min(self.signer.not_after))?,
            revoked: (!revoked.is_empty()).then_some(revoked),
            extensions: vec![
                tbs::authority_key_id(&self.signer.key_id)?,
                tbs::extension(false, &CrlNumber(Uint::new(&number(before, now).to_be_bytes())?))?,
            ],
        };
        let tbs = list.to_der()?;
        let raw = self.signer.key.sign(algorithm, &tbs)?;
        let signature = sigalg::to_x509(algorithm, &raw).unwrap_or_default();
        Ok(pem::write(pem::CRL, &tbs::seal(&tbs, sigalg::identifier(algorithm)?, &signature)?)?)
    }
}

/// Milliseconds since 1970, at least the previous number plus one. So it rises after a restore.
fn number(before: Option<&ReceivedCrl>, now: Time) -> u128 {
    let last = before.map_or(0, |before| {
        let octets = before.number.iter().rev().take(15).rev();
        octets.fold(0_u128, |sum, octet| sum << 8 | u128::from(*octet))
    });
    last.saturating_add(1).max(u128::from(now.millis()))
}

fn entry(listed: &ReceivedCrlEntry) -> Result<Revoked<'_>, CeremonyFault> {
    let reason = match listed.reason {
        None => None,
        Some(1) => Some(CrlReason::KeyCompromise),
        Some(2) => Some(CrlReason::CaCompromise),
        Some(3) => Some(CrlReason::AffiliationChanged),
        Some(4) => Some(CrlReason::Superseded),
        Some(5) => Some(CrlReason::CessationOfOperation),
        // Other codes of a foreign CRL are left out.
        Some(_) => None,
    };
    let extensions = reason.map(|reason| Ok::<_, der::Error>(vec![tbs::extension(false, &reason)?])).transpose()?;
    Ok(Revoked { serial: UintRef::new(&listed.serial)?, at: tbs::time(listed.at)?, extensions })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::pem::{read_certificates, read_crl};
    use crate::pki::testing::{NOW, block_on};
    use crate::values::SigAlg;
    use crate::values::native_crypto::NativeCrypto;
    use core::time::Duration;

    const YEAR: Duration = Duration::from_secs(365 * 86_400);

    fn signed(list: &ReceivedCrl, root: &Root) -> bool {
        let spki = root.key().spki_der().unwrap();
        block_on(list.is_signed_by(&spki, &NativeCrypto)).unwrap()
    }

    #[test]
    fn root_crl_continues_the_previous_one() {
        for alg in [SigAlg::Es256, SigAlg::Es384, SigAlg::Rs256] {
            let root = Root::create(alg, "Test Root", NOW, 10).unwrap();
            let read = |text: &str| ReceivedCrl::read(&read_crl(text).unwrap()).unwrap();
            let first = read(&root.create_crl(None, None, NOW, NOW.plus(YEAR)).unwrap());
            assert!(first.entries.is_empty() && first.urls.is_empty() && signed(&first, &root));
            assert_eq!((first.next_update, first.number_text()), (NOW.plus(YEAR), NOW.millis().to_string()));
            let listed = ReceivedCrlEntry { serial: vec![1, 2, 3], at: NOW, reason: Some(2) };
            let text = root.create_crl(Some(&first), Some(listed.clone()), NOW, NOW.plus(YEAR * 40)).unwrap();
            let second = read(&text);
            assert_eq!(second.entries, std::slice::from_ref(&listed));
            assert_eq!(second.number_text(), (NOW.millis() + 1).to_string(), "also within a moment");
            assert_eq!(second.next_update, root.not_after());
            assert_eq!(second.entry(&[0, 1, 2, 3]), Some(&listed));
            let again = read(&root.create_crl(Some(&second), Some(listed.clone()), NOW, NOW.plus(YEAR)).unwrap());
            assert_eq!(again.entries, [listed], "once");
            let other = Root::create(alg, "Test Root", NOW, 10).unwrap();
            assert!(!signed(&again, &other));
            let der = read_certificates(root.certificate()).unwrap().remove(0);
            assert_eq!(again.issuer, crate::values::x509::Parts::read(&der).unwrap().subject);
        }
    }
}
