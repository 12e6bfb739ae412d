//! The key ceremony: the root and the issuers of a CA that is kept, and the settings that go with them.
//!
//! All keys lie in one folder, which is its owner's alone. The root's is encrypted and belongs offline; an issuer's is
//! what goes into the secret of the Worker. Nothing is overwritten, and nothing is half-written.

mod folder;
mod import;
mod init;
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

pub use folder::{CaFolder, NONCE_KEY, ROOT, ROOT_KEY, issuer_file, public_settings, setting};
pub use init::Options as InitOptions;
pub use report::tokens_line;
pub use root_crl::ROOT_CRL;
pub use tokens::{ADMIN_TOKENS, Tokens, is_token};
pub use webcrypto::webcrypto;

/// What can be done with issuers.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum IssuerCommand {
    /// Make the next issuer under the own root; it takes over at a time that is chosen.
    New(new::Options),
    /// Make a key and a request (CSR) for it, to be signed by a company's CA.
    Request(request::Options),
    /// Sign a request with the own root, on the machine where its key is.
    Sign(sign::Options),
    /// Take in the certificate that was made of a request, once it has passed every check.
    Import(import::Options),
    /// Revoke an intermediate that the own root signed: it goes onto the root's CRL.
    Revoke(root_crl::RevokeOptions),
    /// Sign the root's CRL anew, or take in one that was signed elsewhere.
    Crl(root_crl::CrlOptions),
}

/// Makes a root and the first issuer.
///
/// # Errors
/// With what was asked, what was found and what to do; nothing is written then.
pub fn init(options: &InitOptions) -> Result<()> {
    disable_core_dumps()?;
    init::run(options)
}

/// Does something with issuers.
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
