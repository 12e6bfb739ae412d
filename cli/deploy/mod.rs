//! What an operator does with an authority that runs elsewhere: deploys it, and stores its keys there.
//!
//! No key and no token is ever on a command line, where every process of the machine could read it, nor in what is
//! printed.

mod ca_files;
mod check;
mod deployment;
mod secret_key;
mod wrangler_cli;

pub use deployment::{Options, run};
pub use secret_key::{Options as SecretKeyOptions, run as store_key};
