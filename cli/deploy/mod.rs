//! The deployment of a CA to Cloudflare: checks, secrets, and the upload.
//!
//! No key or token is on a command line, where every process of the machine could read it, or in the output.

mod api;
pub mod ca_files;
pub mod check;
mod deployment;
mod preflight;
mod probe;
mod project;
mod results;
mod secret_key;
mod secrets;
mod store;
mod wrangler_cli;

pub use api::{Api, ApiOptions};
pub use check::MODERN;
pub use deployment::{Options, run};
pub use project::{Options as NewOptions, run as new_folder, worker_name};
pub use results::deployed_var;
pub use secret_key::{Options as SecretKeyOptions, run as store_key};
pub use wrangler_cli::{ListedSecret, WranglerCli};
