//! The programs `pebble` and `pebble-challtestsrv` as suites written for Pebble start them, on real workerd.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "tests fail by panics and wait for processes"
)]

mod acme;
mod certificates;
mod challtestsrv;
#[path = "../common/mod.rs"]
mod common;
mod compare;
mod faults;
mod program;
mod server;
mod suites;
