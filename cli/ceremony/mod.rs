//! The key ceremony: root, issuers and settings of a persistent CA.
//!
//! All keys are in one folder, accessible to its owner only. The root's key is encrypted and belongs offline; an issuer's
//! key becomes a secret of the Worker. Nothing is overwritten, and writes are atomic.

mod access;
mod folder;
mod import;
mod init;
mod log_key;
mod names;
mod new;
mod passphrase;
mod report;
mod request;
mod root_crl;
mod sign;
#[cfg(test)]
mod tests;
mod tokens;
mod webcrypto;

use anyhow::Result;

use crate::common::host::disable_core_dumps;

pub use folder::{
    CaFolder, LOG_KEY, NONCE_KEY, NewFile, PREVIOUS_NONCE_KEY, ROOT, ROOT_KEY, issuer_file, public_settings, setting,
};
pub use init::{Options as InitOptions, new_nonce_key};
pub use passphrase::Passphrase;
pub use report::tokens_line;
pub use root_crl::ROOT_CRL;
pub use tokens::{ADMIN_TOKENS, Tokens, is_token};
pub use webcrypto::webcrypto;

/// The commands for issuers.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum IssuerCommand {
    /// Create the next issuer below the CA's own root. It takes over at a given time.
    New(new::Options),
    /// Create a key and its request (CSR), to be signed by a company's CA.
    Request(request::Options),
    /// Sign a request with the root, on the machine that has its key.
    Sign(sign::Options),
    /// Import the certificate that was issued for a request, after all checks.
    Import(import::Options),
    /// Revoke an intermediate that the root signed: add it to the root's CRL.
    Revoke(root_crl::RevokeOptions),
    /// Renew the root's CRL, or import one that was signed elsewhere.
    Crl(root_crl::CrlOptions),
}

/// Creates a root and the first issuer.
///
/// # Errors
/// What was asked, what was found and what to do; nothing is written then.
pub fn init(options: &InitOptions) -> Result<()> {
    disable_core_dumps()?;
    init::run(options)
}

/// Runs a command for issuers.
///
/// # Errors
/// As [`init`].
pub fn issuer(command: &IssuerCommand) -> Result<()> {
    disable_core_dumps()?;
    match command {
        IssuerCommand::New(options) => new::run(options),
        IssuerCommand::Request(options) => request::run(options),
        IssuerCommand::Sign(options) => sign::run(options),
        IssuerCommand::Import(options) => import::run(options),
        IssuerCommand::Revoke(options) => root_crl::revoke(options),
        IssuerCommand::Crl(options) => root_crl::renew(options),
    }
}
