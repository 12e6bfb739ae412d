//! The options of the benchmark.

use clap::{Parser, ValueEnum};
use std::path::PathBuf;

/// The number of clients with which step-ca and Pebble were measured.
pub const CLIENTS: usize = 8;

/// A part that can be measured alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// Issuances by concurrent clients, and their floor.
    Rounds,
    /// The platform's share of an issuance.
    Parts,
    /// The size of the module.
    Size,
    /// From the start of workerd to the first answer.
    Start,
    /// The cost of issuance, renewal information and revocation with a full ledger.
    Ledger,
    /// From revocations to signed CRLs.
    Lists,
    /// Issuances with a transparency log and without one, in turns.
    Log,
    /// Each kind of request by itself.
    Worst,
    /// Each request as the first one of an isolate.
    Cold,
    /// `pebble` beside Debian's Pebble: start, memory, and issuances by 8 clients. Only by request.
    Pebble,
}

/// Measures issuances, their floor, size, start-up, a full ledger, CRLs, and each kind of request.
#[derive(Parser)]
pub struct Options {
    /// A quick run with rough figures.
    #[arg(long)]
    pub quick: bool,
    /// Only these parts.
    #[arg(long, value_enum, value_delimiter = ',')]
    pub part: Vec<Part>,
    /// Numbers of concurrent clients, one round each.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 8, 32, 128])]
    pub clients: Vec<usize>,
    /// Issuances per round.
    #[arg(long)]
    pub issuances: Option<u64>,
    /// Another built module (a copy of `build/`), measured in turns with this one, by the part `cold`.
    #[arg(long)]
    pub beside: Option<PathBuf>,
    /// The companion of the part `pebble`, as that of a package. The bench's own is compiled without optimization.
    #[arg(long)]
    pub companion: Option<PathBuf>,
    /// Write the tables and the plot to docs/performance/.
    #[arg(long)]
    pub save: bool,
    /// Passed by `cargo bench`.
    #[arg(long, hide = true)]
    pub bench: bool,
}

impl Options {
    /// Whether this part is selected.
    pub fn wants(&self, part: Part) -> bool {
        (self.part.is_empty() && part != Part::Pebble) || self.part.contains(&part)
    }

    /// The usual number, or that of a quick run.
    pub fn number<T>(&self, usual: T, quick: T) -> T {
        if self.quick { quick } else { usual }
    }
}
