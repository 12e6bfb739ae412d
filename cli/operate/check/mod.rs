//! Whether a CA can be deployed: its files against each other, against `wrangler.toml`, and against the clock.
//!
//! All of it is looked at before anything is done, and all that is wrong is said at once.

mod issuer;
mod lists;
mod root;
mod settings;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::Path;

use selvedge::values::{Time, b64};

use super::files::CaFiles;
use crate::ceremony::Tokens;
use crate::common::secret::{SecretFile, is_open};
use crate::common::shell::quoted;
use crate::common::worker_config::Worker;
use root::Root;

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
    fn wrong(what: impl Into<String>, todo: impl Into<String>) -> Self {
        Self { weight: Weight::Wrong, what: what.into(), todo: todo.into() }
    }

    fn warning(what: impl Into<String>, todo: impl Into<String>) -> Self {
        Self { weight: Weight::Warning, what: what.into(), todo: todo.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}. {}.", self.what, self.todo)
    }
}

/// Everything that keeps this CA from being deployed as this Worker, and what else is to be said about it; what is wrong
/// first.
pub fn deployment(files: &CaFiles, worker: &Worker, now: Time) -> Vec<Finding> {
    let mut found = Vec::new();
    let root = root::check(files, now, &mut found);
    settings::root(files, root.as_ref(), worker, &mut found);
    for issuer in &files.issuers {
        issuer::check(files, issuer, root.as_ref(), &mut found);
    }
    settings::check(files, worker, now, &mut found);
    lists::check(files, worker, now, &mut found);
    nonce_key(files, &mut found);
    admin_tokens(files, &mut found);
    // What the Worker itself would say is worth hearing when nothing is known to be wrong.
    if !found.iter().any(|finding| finding.weight == Weight::Wrong) {
        settings::as_the_worker(files, worker, now, &mut found);
    }
    found.sort_by_key(|finding| finding.weight);
    found
}

/// Everything that is wrong with the key of the issuer in this place.
pub fn key(files: &CaFiles, place: u8, now: Time) -> Vec<Finding> {
    let mut found = Vec::new();
    let root = root::check(files, now, &mut found);
    match files.issuer(place) {
        Some(issuer) => issuer::check(files, issuer, root.as_ref(), &mut found),
        None => found.push(no_issuer(files, place)),
    }
    found.retain(|finding| finding.weight == Weight::Wrong);
    found
}

fn no_issuer(files: &CaFiles, place: u8) -> Finding {
    let name = crate::ceremony::issuer_file(place, "key");
    let todo = match place {
        1 => "Make a CA with `selvedge init`, or name the folder where it is with --ca DIR",
        _ => "Make the issuer with `selvedge issuer new`, or name another place with --place",
    };
    Finding::wrong(format!("There is no {}", files.path(&name).display()), todo)
}

fn nonce_key(files: &CaFiles, found: &mut Vec<Finding>) {
    let path = files.path("nonce.key");
    let shown = path.display();
    let todo = format!(
        "Make one with `(umask 077; openssl rand 32 | basenc --base64url | tr -d '=\\n' > {})`; clients whose nonces are \
         refused ask for another",
        quoted(&path)
    );
    let Some(file) = &files.nonce else {
        found.push(Finding::wrong(format!("There is no {shown}, with which nonces are protected"), todo));
        return;
    };
    closed(file, found);
    if b64::decode(file.text.reveal().trim()).is_none_or(|key| key.len() != 32) {
        found.push(Finding::wrong(
            format!("{shown} is not 32 random bytes in base64url without padding (43 characters)"),
            todo,
        ));
    }
}

fn admin_tokens(files: &CaFiles, found: &mut Vec<Finding>) {
    let Some(file) = &files.tokens else { return };
    closed(file, found);
    if let Err(fault) = Tokens::read(file.text.reveal()) {
        found.push(Finding::wrong(
            format!("{} cannot be used: {fault}", file.path.display()),
            "Move it away, and make tokens with `selvedge token new NAME`",
        ));
    }
}

/// Refuses a file with a secret that others can read.
fn closed(file: &SecretFile, found: &mut Vec<Finding>) {
    closed_path(&file.path, file.mode, found);
}

fn closed_path(path: &Path, mode: u32, found: &mut Vec<Finding>) {
    if is_open(mode) {
        found.push(Finding::wrong(
            format!("{} is open to others than its owner (mode {mode:03o})", path.display()),
            format!("Close it with `chmod 600 {}`; if others use this machine, take the key for stolen", quoted(path)),
        ));
    }
}

impl Root {
    /// The end of a sentence about a key that turned out to be the root's.
    const KEY_TODO: &'static str = "The root's key signs issuers only, and stays offline: put the issuer's own key there \
                                    (`selvedge init` and `selvedge issuer new` make one), and keep the root's away from \
                                    Cloudflare";
}
