//! Selvedge: an ACME certificate authority that runs at the edge.
//!
//! One wasm module on Cloudflare Workers, or on the same runtime (workerd) on one's own machine. The
//! Worker's `fetch` is stateless; all state lives in **partitions**, small strongly consistent key-value
//! stores with one owner each (a SQLite-backed Durable Object on Workers, a map in memory in native tests).
//! The ACME logic is a synchronous function over a partition; what is asynchronous (signature checks, DNS,
//! HTTP, signing, calls to another partition) happens before or between such functions, never inside one.
//!
//! Layers, and the only direction in which they may use each other:
//! `worker -> ca -> {records -> store, jose, pki, validation, policy, tlog} -> values`.
#![cfg_attr(test, allow(clippy::disallowed_methods))]

pub mod ca;
pub mod jose;
pub mod pki;
pub mod policy;
pub mod records;
pub mod store;
pub mod tlog;
pub mod validation;
pub mod values;
#[cfg(target_arch = "wasm32")]
mod worker;

/// The version, with the commit of a release: `0.1.0`, `0.1.0+3f2a…`.
pub const VERSION: &str = match option_env!("SELVEDGE_VERSION") {
    Some(version) => version,
    None => env!("CARGO_PKG_VERSION"),
};
