//! The companion's commands as processes, against doubles of the CA and of Cloudflare.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "tests fail by panics and have clocks of their own"
)]

mod acceptance;
mod admin_cli;
mod ceremony;
mod command_documents;
#[cfg(target_os = "linux")]
mod container;
#[path = "../common/contract.rs"]
mod contract;
mod dev;
mod integrations;
mod log;
mod machine;
mod manual;
mod npm_packages;
mod operate;
mod package;
#[path = "../common/packages/mod.rs"]
mod packages;
mod quick_starts;
mod rehearse;
mod serve;
mod server;
#[allow(dead_code, reason = "some of it is for the judges among the verifiers")]
#[path = "../common/transparency.rs"]
mod transparency;
use packages::venv;
