//! The CA: new keys at every start, below new roots or those of a folder.

use std::path::Path;

use anyhow::{Context, Result};
use selvedge::pki::ceremony::{Hierarchy, HierarchyPlan, create_roots};
use selvedge::values::{SigAlg, Time, hex};

use super::config::Environment;
use crate::common::host;
use crate::runtime::kept_roots;

/// Random bytes in the names.
const TAG_BYTES: usize = 3;
/// The validity of roots and intermediates, in years.
const YEARS: u32 = 30;
/// The validity of roots that stay: intermediates made years later must not outlive them.
const KEPT_YEARS: u32 = 60;

/// Makes the CA. With a folder its roots are those of the folder, which has them afterwards.
///
/// # Errors
/// When a key cannot be made, or the folder's files cannot be read or written.
pub fn create(ecdsa: bool, environment: &Environment, folder: Option<&Path>, now: Time) -> Result<Hierarchy> {
    // Certificates have whole seconds, and an intermediate ends with its root.
    let now = Time::from_secs(now.secs());
    let algorithm = if ecdsa { SigAlg::Es256 } else { SigAlg::Rs256 };
    let count = environment.alternate_roots + 1;
    let roots = match folder {
        Some(folder) => kept_roots::of(folder, count, |missing| {
            create_roots(&names("Root", missing)?, algorithm, now, KEPT_YEARS).context("cannot make the roots")
        })?,
        None => create_roots(&names("Root", count)?, algorithm, now, YEARS).context("cannot make the roots")?,
    };
    let intermediates = names("Intermediate", environment.chain_length)?;
    let plan = HierarchyPlan { intermediates: &intermediates, algorithm, years: YEARS };
    Hierarchy::below(roots, plan, now).context("cannot make the intermediates")
}

/// Names like `Pebble Root CA 1f2e3d`.
fn names(kind: &str, count: usize) -> Result<Vec<String>> {
    (0..count).map(|_| Ok(format!("Pebble {kind} CA {}", hex::encode(&host::random::<TAG_BYTES>()?)))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_of_a_folder_stay() {
        let folder = tempfile::tempdir().unwrap();
        let environment = |alternate_roots| Environment {
            sleep: 0,
            always_valid: false,
            refuse_nonces: 0,
            reuse: 0,
            alternate_roots,
            chain_length: 2,
            orders_per_page: 3,
        };
        let now = host::now().unwrap();
        let create = |roots| super::create(true, &environment(roots), Some(folder.path()), now).unwrap();
        let (one, two) = (create(0), create(1));
        assert_eq!(one.roots[0].certificate, two.roots[0].certificate);
        assert_eq!((two.roots.len(), two.chains.len()), (2, 2));
        assert_ne!(one.chains[0], two.chains[0]);
        assert_eq!(create(1).roots[1].key, two.roots[1].key);
        std::fs::remove_file(folder.path().join("root-1.key")).unwrap();
        let said = super::create(true, &environment(1), Some(folder.path()), now).unwrap_err().to_string();
        assert!(said.contains("root-1.key"), "{said}");
    }
}
