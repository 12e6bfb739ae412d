//! What the authority costs, on real workerd with its state on disk: `cargo bench`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a measurement")]
#![allow(clippy::cast_precision_loss, reason = "figures are rounded anyway")]
#![allow(clippy::disallowed_methods, reason = "it measures time, natively")]

mod floor;
#[path = "../tests/common/load/mod.rs"]
#[allow(dead_code, reason = "shared with tests")]
mod load;
mod round;
#[path = "../tests/common/server.rs"]
#[allow(dead_code, reason = "shared with tests")]
mod server;

use clap::Parser;

/// Measures issuances, and the floor of bare durable requests below them.
#[derive(Parser)]
pub struct Options {
    /// Fewer issuances, for a first look.
    #[arg(long)]
    quick: bool,
    /// How many clients at once, one round each.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 8, 32, 128])]
    clients: Vec<usize>,
    /// Issuances in a round, in place of the usual number.
    #[arg(long)]
    issuances: Option<u64>,
    /// `cargo bench` passes this.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    let options = Options::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(round::all(&options));
}
