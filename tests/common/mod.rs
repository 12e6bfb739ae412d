//! Helpers of the test binaries that start servers, and of the benchmark.
#![allow(dead_code, reason = "each binary uses a part")]

pub mod companion;
pub mod fresh;
pub mod leaks;
pub mod listening;
pub mod load;
pub mod log_cost;
pub mod packages;
pub mod server;
pub mod stored;
pub mod turns;
pub mod wire;
