//! The checks before a deployment: files, settings and validity times of a CA.
//!
//! All checks run before anything is done, and all findings are reported at once.

mod address;
mod finding;
mod issuer;
mod root;
mod root_crl;
mod settings;
#[cfg(test)]
mod tests;

use selvedge::values::native_crypto::NativeKey;
use selvedge::values::{SigAlg, Time, b64};

use super::ca_files::CaFiles;
use crate::ceremony::Tokens;
use crate::common::secret::SecretFile;
use crate::common::shell::quoted;
use crate::common::worker_config::WorkerConfig;
pub use address::WORKERS_DEV;
pub use finding::{Finding, Weight, report};
use finding::{check_closed, no_issuer};

/// All findings about a CA and its Worker for Cloudflare, errors first.
pub fn deployment(files: &CaFiles, config: &WorkerConfig, now: Time) -> Vec<Finding> {
    let mut found = anywhere(files, config, now);
    settings::check_for_cloudflare(config, &mut found);
    // The Worker's own reader is run when no other check found an error.
    if !found.iter().any(|finding| finding.weight == Weight::Wrong) {
        settings::check_as_worker(files, config, now, &mut found);
    }
    found.sort_by_key(|finding| finding.weight);
    found
}

/// The compatibility flag that lets the Worker sign with ML-DSA-44.
pub const MODERN: &str = "webcrypto_modern_algorithms";

/// All findings that do not depend on where the CA runs, errors first.
pub fn anywhere(files: &CaFiles, config: &WorkerConfig, now: Time) -> Vec<Finding> {
    let mut found = Vec::new();
    let root = root::check(files, now, &mut found);
    settings::root(files, root.as_ref(), config, &mut found);
    for issuer in &files.issuers {
        issuer::check(files, issuer, root.as_ref(), &mut found);
        issuer::keyless(files, issuer, config, &mut found);
    }
    settings::check(files, config, now, &mut found);
    root_crl::check(files, config, now, &mut found);
    nonce_key(files, &mut found);
    log_key(files, config, &mut found);
    admin_tokens(files, &mut found);
    found.sort_by_key(|finding| finding.weight);
    found
}

/// The errors about the key of the issuer with this number.
pub fn key(files: &CaFiles, place: u8, now: Time) -> Vec<Finding> {
    let mut found = Vec::new();
    let root = root::check(files, now, &mut found);
    match files.issuer(place) {
        Some(issuer) => {
            issuer::check(files, issuer, root.as_ref(), &mut found);
            if issuer.key.is_none() {
                found.push(issuer::no_key(files, issuer));
            }
        }
        None => found.push(no_issuer(files, place)),
    }
    found.retain(|finding| finding.weight == Weight::Wrong);
    found
}

fn nonce_key(files: &CaFiles, found: &mut Vec<Finding>) {
    let path = files.path("nonce.key");
    let todo = format!(
        "Create one with `(umask 077; openssl rand 32 | basenc --base64url | tr -d '=\\n' > {})`; clients whose nonces are \
         refused ask for another",
        quoted(&path)
    );
    let Some(file) = &files.nonce else {
        let shown = path.display();
        found.push(Finding::wrong(format!("{shown}, the key of replay nonces, does not exist"), todo));
        return;
    };
    nonce_key_file(file, todo, found);
    if let Some(previous) = &files.previous_nonce {
        let todo = "Restore it from a copy, or end the time in which both count with `selvedge nonce-key finish`";
        nonce_key_file(previous, todo.to_owned(), found);
    }
}

fn nonce_key_file(file: &SecretFile, todo: String, found: &mut Vec<Finding>) {
    check_closed(file, found);
    if b64::decode_secret(file.text.reveal().trim()).is_none_or(|key| key.len() != 32) {
        let shown = file.path.display();
        found.push(Finding::wrong(
            format!("{shown} is not 32 random bytes in base64url without padding (43 characters)"),
            todo,
        ));
    }
}

fn log_key(files: &CaFiles, config: &WorkerConfig, found: &mut Vec<Finding>) {
    let Some(file) = &files.log else { return };
    check_closed(file, found);
    let key = NativeKey::from_pkcs8_pem(file.text.reveal());
    if key.map(|key| key.algorithm()) != Ok(SigAlg::Ed25519) {
        found.push(Finding::wrong(
            format!("{}, the key of the transparency logs, is not an Ed25519 key, PKCS#8 in PEM", file.path.display()),
            "Restore it from a copy, or make another with `openssl genpkey -algorithm ed25519`, which begins another log",
        ));
    }
    if !config.has_flag(MODERN) {
        let shown = config.file().display();
        found.push(Finding::warning(
            format!("{shown} lacks the compatibility flag {MODERN}: checkpoints have no ML-DSA-44 signature"),
            "Add it to compatibility_flags",
        ));
    }
}

fn admin_tokens(files: &CaFiles, found: &mut Vec<Finding>) {
    let Some(file) = &files.tokens else { return };
    check_closed(file, found);
    if let Err(fault) = Tokens::read(file.text.reveal()) {
        found.push(Finding::wrong(
            format!("{} cannot be used: {fault}", file.path.display()),
            "Move it away, and create tokens with `selvedge token new NAME`",
        ));
    }
}
