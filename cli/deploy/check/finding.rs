//! Findings of the checks.

use std::fmt;
use std::path::Path;

use crate::ceremony::issuer_file;
use crate::common::host::say;
use crate::common::secret::{SecretFile, is_open};
use crate::common::shell::quoted;
use crate::deploy::ca_files::CaFiles;

/// The severity of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// Prevents the deployment.
    Wrong,
    /// Does not prevent the deployment, but should be fixed.
    Warning,
}

/// A problem and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The severity.
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

/// Prints the findings; whether none prevents the command `doing`.
pub fn report(findings: &[Finding], doing: &str) -> bool {
    let (wrong, warnings): (Vec<_>, Vec<_>) = findings.iter().partition(|finding| finding.weight == Weight::Wrong);
    for warning in warnings {
        say(format!("warning: {warning}"));
    }
    for finding in &wrong {
        say(format!("wrong: {finding}"));
    }
    match wrong.len() {
        0 => return true,
        1 => say(format!("nothing was done: fix this, then {doing} again")),
        n => say(format!("nothing was done: fix these {n} problems, then {doing} again")),
    }
    false
}

pub fn no_issuer(files: &CaFiles, place: u8) -> Finding {
    let name = issuer_file(place, "key");
    let todo = match place {
        1 => "Create a CA with `selvedge init`, or pass its folder with --ca DIR",
        _ => "Create the issuer with `selvedge issuer new`, or choose another with --place",
    };
    Finding::wrong(format!("{} does not exist", files.path(&name).display()), todo)
}

/// Reports a secret file that other users can access.
pub fn check_closed(file: &SecretFile, found: &mut Vec<Finding>) {
    check_mode(&file.path, file.mode, found);
}

pub fn check_mode(path: &Path, mode: u32, found: &mut Vec<Finding>) {
    if is_open(mode) {
        found.push(Finding::wrong(
            format!("{} is accessible to other users (mode {mode:03o})", path.display()),
            format!("Run `chmod 600 {}`; if others use this machine, consider the key stolen", quoted(path)),
        ));
    }
}
