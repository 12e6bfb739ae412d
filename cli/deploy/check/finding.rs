//! What a check finds.

use std::fmt;
use std::path::Path;

use crate::ceremony::issuer_file;
use crate::common::secret::{SecretFile, is_open};
use crate::common::shell::quoted;
use crate::deploy::ca_files::CaFiles;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// Nothing may be deployed like this.
    Wrong,
    /// It works like this, and should not stay so.
    Warning,
}

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How much it matters.
    pub weight: Weight,
    what: String,
    todo: String,
}

impl Finding {
    pub fn wrong(what: impl Into<String>, todo: impl Into<String>) -> Self {
        Self { weight: Weight::Wrong, what: what.into(), todo: todo.into() }
    }

    pub fn warning(what: impl Into<String>, todo: impl Into<String>) -> Self {
        Self { weight: Weight::Warning, what: what.into(), todo: todo.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}. {}.", self.what, self.todo)
    }
}

pub fn no_issuer(files: &CaFiles, place: u8) -> Finding {
    let name = issuer_file(place, "key");
    let todo = match place {
        1 => "Make a CA with `selvedge init`, or name the folder where it is with --ca DIR",
        _ => "Make the issuer with `selvedge issuer new`, or name another place with --place",
    };
    Finding::wrong(format!("There is no {}", files.path(&name).display()), todo)
}

/// Refuses a file with a secret that others can read.
pub fn check_closed(file: &SecretFile, found: &mut Vec<Finding>) {
    check_mode(&file.path, file.mode, found);
}

pub fn check_mode(path: &Path, mode: u32, found: &mut Vec<Finding>) {
    if is_open(mode) {
        found.push(Finding::wrong(
            format!("{} is open to others than its owner (mode {mode:03o})", path.display()),
            format!("Close it with `chmod 600 {}`; if others use this machine, take the key for stolen", quoted(path)),
        ));
    }
}
