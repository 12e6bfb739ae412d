//! The output of the commands: what was created, and the commands to run next.

use std::path::Path;

use anyhow::{Context, Result};
use selvedge::pki::ceremony::Constraints;
use selvedge::pki::key::check_spki;
use selvedge::pki::pem;
use selvedge::values::hex;
use selvedge::values::x509::Parts;

use super::names;
use crate::common::invocation::companion;
use crate::common::shell::quoted;

/// A certificate (the first of a PEM) in two lines: name, key, dates; fingerprint.
///
/// # Errors
/// When it cannot be read.
pub fn certificate(pem: &str) -> Result<String> {
    let der = pem::read_certificates(pem)?.into_iter().next().context("no certificate")?;
    let parts = Parts::read(&der)?;
    let name = names::common_name(&der)?.unwrap_or_else(|| "without a name".to_owned());
    let kind = check_spki(parts.spki).map_or_else(|_| "another kind of key".to_owned(), |key| key.kind().to_string());
    Ok(format!(
        "{name:?}, {kind}, from {} to {}\n            SHA-256 {}",
        parts.not_before.rfc3339(),
        parts.not_after.rfc3339(),
        hex::fingerprint(&der)
    ))
}

/// The constraints of an issuer, with a warning where it has none.
pub fn constraints(constraints: &Constraints) -> String {
    if constraints.is_none() {
        "any name and address: with its key stolen, every name is at risk for all that trust the root \
         (--permit-dns and --permit-ip limit it)"
            .to_owned()
    } else {
        constraints.to_string()
    }
}

/// The command to try the CA on this machine.
pub fn try_here(ca: &Path) -> String {
    format!("  {} dev --ca {}\n", companion(), quoted(ca))
}

/// All commands up to a running Worker.
pub fn deploy() -> String {
    let me = companion();
    format!("  {me} tool wrangler login\n  {me} deploy\n")
}

/// The command that stores the admin tokens.
pub fn tokens_line(file: &Path) -> String {
    format!("{} tool wrangler secret put ADMIN_TOKENS < {}", companion(), quoted(file))
}
