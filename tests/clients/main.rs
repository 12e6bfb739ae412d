//! End to end: common ACME clients and browsers, against the real wasm on workerd.
//!
//! Each client obtains by every kind of challenge that it knows, with an ECDSA and, where it can, an RSA account key,
//! and does what else it can: an external account binding, renewal information, a new account key, revocation by
//! account and by certificate key. Then once more with a server that refuses a share of good nonces. With
//! `--nocapture` each run prints a line of a table.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "tests fail by panics and measure how long clients take"
)]

mod acme_client;
mod acme_sh;
mod browser;
mod caddy;
mod certbot;
mod chains;
#[path = "../common/mod.rs"]
mod common;
mod dehydrated;
mod faults;
mod fixture;
mod identity;
mod instant_acme;
mod instant_acme_cases;
mod lego;
mod npm;
mod operations;
mod responder;
mod restored;
mod test_cas;
mod uacme;
