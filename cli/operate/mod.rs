//! What an operator does with an authority that runs elsewhere: deploys it, stores its keys there, asks how it stands.
//!
//! No key and no token is ever on a command line, where every process of the machine could read it, nor in what is
//! printed.

mod binding;
mod check;
mod deploy;
pub mod files;
mod wrangler;

pub use binding::{Options as SecretKeyOptions, run as secret_key};
pub use deploy::{Options as DeployOptions, run as deploy};
