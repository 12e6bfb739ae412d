//! Roots that stay in a folder from run to run.

use std::path::Path;

use anyhow::{Context, Result, bail};
use selvedge::pki::ceremony::{CertAndKey, check_pair};

use crate::common::files::{self, Readers, Set};

/// The name of the set in which roots are written.
const SET: &str = "new-roots";

/// The first `count` roots of a folder. Those that it lacks are made and written.
///
/// # Errors
/// When a root cannot be made, or the folder's files cannot be read, do not match, or cannot be written.
pub fn of(folder: &Path, count: usize, make: impl FnOnce(usize) -> Result<Vec<CertAndKey>>) -> Result<Vec<CertAndKey>> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let set = Set { dir: folder, name: SET };
    set.finish()?;
    let mut roots = (0..count).map_while(|number| read(folder, number).transpose()).collect::<Result<Vec<_>>>()?;
    let first = roots.len();
    let made = make(count - first)?;
    let named: Vec<(String, &str, Readers)> = made
        .iter()
        .zip(first..)
        .flat_map(|(root, number)| {
            [
                (file(number, "pem"), root.certificate.as_str(), Readers::Everyone),
                (file(number, "key"), root.key.as_str(), Readers::Owner),
            ]
        })
        .collect();
    if !named.is_empty() {
        let files: Vec<(&str, &str, Readers)> =
            named.iter().map(|(name, text, readers)| (name.as_str(), *text, *readers)).collect();
        set.write(&files)?;
    }
    roots.extend(made);
    Ok(roots)
}

fn file(number: usize, kind: &str) -> String {
    format!("root-{number}.{kind}")
}

/// A root with its key; `None` when the folder has neither.
fn read(folder: &Path, number: usize) -> Result<Option<CertAndKey>> {
    let (certificate, key) = (folder.join(file(number, "pem")), folder.join(file(number, "key")));
    match (files::read(&certificate)?, files::read(&key)?) {
        (Some(pem), Some(secret)) => {
            check_pair(&pem, &secret).with_context(|| format!("{} cannot be used", certificate.display()))?;
            Ok(Some(CertAndKey { certificate: pem, key: secret }))
        }
        (None, None) => Ok(None),
        _ => bail!(
            "{} and {} belong together: restore the missing one, or delete both",
            certificate.display(),
            key.display()
        ),
    }
}
