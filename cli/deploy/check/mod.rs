//! Whether a CA can be deployed: its files against each other, against `wrangler.toml`, and against the clock.
//!
//! All of it is looked at before anything is done, and all that is wrong is said at once.

mod finding;
mod issuer;
mod root;
mod root_crl;
mod settings;
#[cfg(test)]
mod tests;

use selvedge::values::{Time, b64};

use super::ca_files::CaFiles;
use crate::ceremony::Tokens;
use crate::common::shell::quoted;
use crate::common::worker_config::WorkerConfig;
pub use finding::{Finding, Weight};
use finding::{check_closed, no_issuer};

/// Everything that keeps this CA from being deployed as this Worker, and what else is to be said about it; what is wrong
/// first.
pub fn deployment(files: &CaFiles, config: &WorkerConfig, now: Time) -> Vec<Finding> {
    let mut found = Vec::new();
    let root = root::check(files, now, &mut found);
    settings::root(files, root.as_ref(), config, &mut found);
    for issuer in &files.issuers {
        issuer::check(files, issuer, root.as_ref(), &mut found);
    }
    settings::check(files, config, now, &mut found);
    root_crl::check(files, config, now, &mut found);
    nonce_key(files, &mut found);
    admin_tokens(files, &mut found);
    // What the Worker itself would say is worth hearing when nothing is known to be wrong.
    if !found.iter().any(|finding| finding.weight == Weight::Wrong) {
        settings::check_as_worker(files, config, now, &mut found);
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
    check_closed(file, found);
    if b64::decode(file.text.reveal().trim()).is_none_or(|key| key.len() != 32) {
        found.push(Finding::wrong(
            format!("{shown} is not 32 random bytes in base64url without padding (43 characters)"),
            todo,
        ));
    }
}

fn admin_tokens(files: &CaFiles, found: &mut Vec<Finding>) {
    let Some(file) = &files.tokens else { return };
    check_closed(file, found);
    if let Err(fault) = Tokens::read(file.text.reveal()) {
        found.push(Finding::wrong(
            format!("{} cannot be used: {fault}", file.path.display()),
            "Move it away, and make tokens with `selvedge token new NAME`",
        ));
    }
}
