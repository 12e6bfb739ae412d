//! The options of the benchmark.

use clap::{Parser, ValueEnum};

/// What can be measured by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// Issuances by so many clients at once, and the floor below them.
    Rounds,
    /// What the platform itself takes of an issuance.
    Parts,
    /// The size of the module.
    Size,
    /// From the start of workerd to the first answer.
    Start,
    /// What an issuance and a look into the ledger cost when it is full.
    Ledger,
    /// From revocations to signed CRLs.
    Lists,
    /// Each kind of request alone.
    Worst,
}

/// Measures issuances, the floor of bare durable requests below them, size, start-up, a full ledger, CRLs, and each kind
/// of request alone.
#[derive(Parser)]
pub struct Options {
    /// Fewer of everything, for a first look.
    #[arg(long)]
    pub quick: bool,
    /// Only these parts.
    #[arg(long, value_enum, value_delimiter = ',')]
    pub part: Vec<Part>,
    /// How many clients at once, one round each.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 8, 32, 128])]
    pub clients: Vec<usize>,
    /// Issuances in a round, in place of the usual number.
    #[arg(long)]
    pub issuances: Option<u64>,
    /// Writes the tables and the plot to docs/performance/.
    #[arg(long)]
    pub save: bool,
    /// `cargo bench` passes this.
    #[arg(long, hide = true)]
    pub bench: bool,
}

impl Options {
    /// Whether this part is to be measured.
    pub fn wants(&self, part: Part) -> bool {
        self.part.is_empty() || self.part.contains(&part)
    }

    /// The usual number, or the one of a quick run.
    pub fn number<T>(&self, usual: T, quick: T) -> T {
        if self.quick { quick } else { usual }
    }
}
