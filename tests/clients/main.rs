//! End to end with the programs that people use, against the real wasm on real workerd.
//!
//! Each client obtains by every kind of challenge that it knows, with an ECDSA and, where it can, an RSA account key,
//! and does what else it can: an external account binding, renewal information, a new account key, revocation by
//! account and by certificate key. Then once more with a server that refuses a share of good nonces. With
//! `--nocapture` each run prints a line of a table.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]
#![allow(clippy::disallowed_methods, reason = "it measures how long clients take")]

mod acme_client;
mod acme_sh;
mod caddy;
mod certbot;
mod chains;
#[path = "../common/debian.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod debian;
mod dehydrated;
mod instant_acme;
mod instant_acme_cases;
mod lego;
#[path = "../common/listening.rs"]
mod listening;
#[path = "../common/npm.rs"]
mod npm;
mod responder;
mod scene;
#[path = "../common/server.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod server;
mod uacme;
#[path = "../common/venv.rs"]
mod venv;
