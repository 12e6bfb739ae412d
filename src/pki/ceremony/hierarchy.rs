//! Roots above the same intermediates, of a test server that offers alternate chains.

use super::expired::expired_period;
use super::fault::CeremonyFault;
use super::root::Root;
use super::signer::{CertAndKey, DAY, PURPOSES, Signer, new_key, subject};
use crate::pki::tbs;
use crate::values::native_crypto::NativeKey;
use crate::values::{SigAlg, Time};

/// The parameters of a hierarchy.
#[derive(Clone, Copy, Debug)]
pub struct HierarchyPlan<'a> {
    /// The common names of the intermediates from the issuer upward, one or more.
    pub intermediates: &'a [String],
    /// The algorithm of their keys.
    pub algorithm: SigAlg,
    /// The validity of their certificates, in years of 365 days.
    pub years: u32,
}

/// Roots, each above the same intermediates.
#[derive(Clone, Debug)]
pub struct Hierarchy {
    /// The roots with their keys.
    pub roots: Vec<CertAndKey>,
    /// The chain of the issuer below each root (PEM), without the root.
    pub chains: Vec<String>,
    /// An expired certificate of the issuer in each chain (PEM), for tests of clients.
    pub expired: Vec<String>,
    /// The key of the issuer, as unencrypted PKCS#8 PEM.
    pub key: String,
}

/// Makes self-signed roots with these common names.
///
/// Their keys are made side by side: an RSA key takes a while.
///
/// # Errors
/// [`CeremonyFault::CommonName`], and failures of cryptography or encoding.
pub fn create_roots(
    names: &[String],
    algorithm: SigAlg,
    now: Time,
    years: u32,
) -> Result<Vec<CertAndKey>, CeremonyFault> {
    side_by_side(names, |name| {
        let root = Root::create(algorithm, name, now, years)?;
        Ok(CertAndKey { certificate: root.certificate().to_owned(), key: root.key().to_pkcs8_pem()? })
    })
}

impl Hierarchy {
    /// Makes the intermediates with new keys, below each of these roots.
    ///
    /// # Errors
    /// [`CeremonyFault::CommonName`], [`CeremonyFault::Outlives`], what is wrong with a root, and failures of
    /// cryptography or encoding.
    pub fn below(roots: Vec<CertAndKey>, plan: HierarchyPlan<'_>, now: Time) -> Result<Self, CeremonyFault> {
        let keys = side_by_side(plan.intermediates, |_| new_key(plan.algorithm))?;
        let chains = roots.iter().map(|root| chain(root, &keys, plan, now)).collect::<Result<Vec<_>, _>>()?;
        let (chains, expired) = chains.into_iter().unzip();
        let key = keys.first().map(NativeKey::to_pkcs8_pem).transpose()?.unwrap_or_default();
        Ok(Self { roots, chains, expired, key })
    }
}

/// The chain below a root, the issuer first, and an expired certificate of that issuer.
fn chain(
    root: &CertAndKey,
    keys: &[NativeKey],
    plan: HierarchyPlan<'_>,
    now: Time,
) -> Result<(String, String), CeremonyFault> {
    let mut signer = Signer::read(root)?;
    let (mut certificates, mut expired) = (Vec::new(), String::new());
    for (below, (name, key)) in plan.intermediates.iter().zip(keys).enumerate().rev() {
        let (name, spki) = (subject(name)?, key.spki_der()?);
        let key_id = tbs::key_id(&spki)?;
        let extensions = vec![
            tbs::authority_key_id(&signer.key_id)?,
            tbs::subject_key_id(&key_id)?,
            tbs::ca_key_usage()?,
            tbs::ca_constraints(Some(u8::try_from(below).unwrap_or(u8::MAX)))?,
            tbs::extended_key_usage(PURPOSES)?,
        ];
        let (not_before, not_after) = signer.period(now, DAY.saturating_mul(365).saturating_mul(plan.years))?;
        if below == 0 {
            expired = signer.issue(&name, &spki, expired_period(now), extensions.clone())?;
        }
        certificates.push(signer.issue(&name, &spki, (not_before, not_after), extensions)?);
        signer = Signer { subject: name, key_id, key: key.clone(), not_before, not_after };
    }
    certificates.reverse();
    Ok((certificates.concat(), expired))
}

/// Does something for each name in a thread of its own.
fn side_by_side<T: Send>(
    names: &[String],
    make: impl Fn(&str) -> Result<T, CeremonyFault> + Sync,
) -> Result<Vec<T>, CeremonyFault> {
    std::thread::scope(|scope| {
        let making: Vec<_> = names.iter().map(|name| scope.spawn(|| make(name))).collect();
        let lost = |_| CeremonyFault::Randomness("the thread that made a key ended".to_owned());
        making.into_iter().map(|thread| thread.join().map_err(lost)?).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pki::Issuer;
    use crate::pki::pem;
    use crate::pki::testing::NOW;

    #[test]
    fn every_root_is_above_the_same_issuer() {
        let names = |kind: &str, count: usize| (0..count).map(|n| format!("{kind} {n}")).collect::<Vec<_>>();
        let roots = create_roots(&names("Root", 3), SigAlg::Es256, NOW, 30).unwrap();
        let intermediates = names("Intermediate", 2);
        let plan = HierarchyPlan { intermediates: &intermediates, algorithm: SigAlg::Es256, years: 30 };
        let made = Hierarchy::below(roots, plan, NOW).unwrap();
        assert_eq!((made.chains.len(), made.expired.len()), (3, 3));
        let issuer = Issuer::from_pem_chain(&made.chains[0]).unwrap();
        let issuer = issuer.with_alternates_in_use(&made.chains[1..].concat()).unwrap();
        assert_eq!(issuer.alternates().len(), 2);
        for (root, chain) in made.roots.iter().zip(&made.chains) {
            super::super::check_pair(chain, &made.key).unwrap();
            let root = pem::read_certificates(&root.certificate).unwrap().remove(0);
            assert_eq!(Issuer::from_pem_chain(chain).unwrap().below_if_named(&root).faults(), []);
        }
    }
}
