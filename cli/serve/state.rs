//! The state folder of one CA: refused to others and on a full disk.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use super::settings::Settings;
use crate::common::files;
use crate::common::host::say;
use crate::runtime::state::{AUTHORITY, DEV, OBJECTS, Readers, SERVE, State};

/// Files of an interrupted first start, or of a disk of its own. They do not name an owner.
const NEUTRAL: [&str; 4] = ["lock", "lost+found", "authority.json.part", ".gitkeep"];
/// Free space that a CA needs, in bytes.
pub const MIN_FREE: u64 = 32 * MEBIBYTE;
const MEBIBYTE: u64 = 1024 * 1024;

/// The CA whose state is in a folder.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Owner {
    /// `BASE_URL`, with which account URLs begin.
    base_url: String,
    /// The Worker's name, which names the databases' folder.
    worker: String,
}

/// Opens the state folder of this CA; creates it at the first start.
///
/// # Errors
/// When it is another's, is in use, or its disk is full; nothing is changed then.
pub fn open(dir: &Path, settings: &Settings) -> Result<State> {
    let owner = Owner { base_url: settings.base.origin().ascii_serialization(), worker: settings.worker.name.clone() };
    let known = check(dir, &owner)?;
    let state = State::open_as(dir, SERVE)?;
    if let Some(free) = free_space(state.dir()).filter(|free| *free < MIN_FREE) {
        bail!("{}; free some, or choose another folder with --state, and start again", full(state.dir(), free));
    }
    if !known {
        state.write(AUTHORITY, &format!("{}\n", serde_json::to_string_pretty(&owner)?), Readers::Owner)?;
        say(format!("{} is new: this CA has no accounts and certificates yet", state.dir().display()));
    }
    Ok(state)
}

/// Checks the owner of a folder; `false` for a new one.
fn check(dir: &Path, owner: &Owner) -> Result<bool> {
    let shown = dir.display();
    if let Some(text) = files::read(&dir.join(AUTHORITY))? {
        let found: Owner = serde_json::from_str(&text).with_context(|| {
            format!("{shown}/{AUTHORITY} is damaged; restore the folder from a copy, or choose another with --state")
        })?;
        if found.base_url != owner.base_url {
            bail!(
                "the state folder {shown} is that of the CA at {}, and BASE_URL is {}: choose another with --state, or set \
                 BASE_URL back",
                found.base_url,
                owner.base_url
            );
        }
        if found.worker != owner.worker {
            bail!(
                "the state folder {shown} is that of the Worker {:?}, and the settings name it {:?}, under which it has no \
                 databases: set name back, or choose another folder with --state",
                found.worker,
                owner.worker
            );
        }
        return Ok(true);
    }
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(error) => {
            return Err(error)
                .with_context(|| format!("cannot read the state folder {shown} (choose another with --state)"));
        }
    };
    if dir.join(DEV.running).exists() || dir.join("intermediate.key").exists() {
        bail!("the state folder {shown} is that of a disposable `dev`: choose another with --state");
    }
    for entry in entries {
        let name = entry.with_context(|| format!("cannot read the state folder {shown}"))?.file_name();
        let neutral = NEUTRAL.iter().any(|neutral| name == *neutral) || name == OBJECTS && is_empty(&dir.join(&name));
        if !neutral {
            bail!(
                "the state folder {shown} has foreign files ({} is one) and no {AUTHORITY}: choose another with --state, or \
                 restore the whole folder from a copy",
                name.display()
            );
        }
    }
    Ok(false)
}

/// Whether a folder has no files.
fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none())
}

/// The free space of a folder's disk in bytes, where the system says it.
pub fn free_space(dir: &Path) -> Option<u64> {
    let about = rustix::fs::statvfs(dir).ok()?;
    Some(about.f_bavail.saturating_mul(about.f_frsize))
}

/// The sentence about a full disk.
pub fn full(dir: &Path, free: u64) -> String {
    format!(
        "the disk of the state folder {} has {} MiB free, and a CA needs {} MiB",
        dir.display(),
        free / MEBIBYTE,
        MIN_FREE / MEBIBYTE
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner() -> Owner {
        Owner { base_url: "https://ca.test".to_owned(), worker: "selvedge".to_owned() }
    }

    #[test]
    fn folder_of_another_owner_is_refused_and_left_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let of = |files: &[(&str, &str)]| {
            let folder = dir.path().join("state");
            let _ = fs::remove_dir_all(&folder);
            fs::create_dir(&folder).unwrap();
            files.iter().for_each(|(name, text)| fs::write(folder.join(name), text).unwrap());
            let said = check(&folder, &owner()).map_err(|error| format!("{error:#}"));
            assert_eq!(fs::read_dir(&folder).unwrap().count(), files.len());
            said
        };
        let mark = |base: &str, worker: &str| format!(r#"{{"base_url":"{base}","worker":"{worker}"}}"#);
        assert_eq!(of(&[]), Ok(false));
        assert_eq!(of(&[("lock", "1"), ("authority.json.part", "{")]), Ok(false), "a first start that was killed");
        assert_eq!(of(&[(AUTHORITY, &mark("https://ca.test", "selvedge")), ("do", "")]), Ok(true));
        for (files, says) in [
            (vec![(AUTHORITY, mark("https://other.test", "selvedge"))], "that of the CA at https://other.test"),
            (vec![(AUTHORITY, mark("https://ca.test", "other"))], "Worker \"other\""),
            (vec![(AUTHORITY, "{".to_owned())], "is damaged"),
            (vec![("dev.json", String::new())], "disposable `dev`"),
            (vec![("intermediate.key", String::new())], "disposable `dev`"),
            (vec![("do", String::new())], "foreign files (do is one)"),
        ] {
            let files: Vec<_> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
            let said = of(&files).unwrap_err();
            assert!(said.contains(says), "{said}");
        }
        assert!(!check(&dir.path().join("none"), &owner()).unwrap(), "a new folder");
    }

    #[test]
    fn free_space_is_known_and_a_full_disk_is_said_with_numbers() {
        assert!(free_space(Path::new("/")).is_some());
        assert_eq!(free_space(Path::new("/no/such/folder")), None);
        assert!(full(Path::new("s"), 3 * MEBIBYTE + 5).contains("has 3 MiB free, and a CA needs 32 MiB"));
    }
}
