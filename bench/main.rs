//! What the authority costs, on real workerd with its state on disk: `cargo bench --profile dev`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a measurement")]
#![allow(clippy::cast_precision_loss, reason = "figures are rounded anyway")]
#![allow(clippy::disallowed_methods, reason = "it measures time, natively")]

#[path = "../tests/common/mod.rs"]
mod common;
mod figures;
mod floor;
mod ledger;
mod lists;
mod machine;
mod parts;
mod plot;
mod report;
mod round;
mod size;
mod start;
mod targets;
mod worst;

use clap::{Parser, ValueEnum};
use figures::Figures;
use std::path::Path;
use std::process::Command;

/// What can be measured by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
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
    quick: bool,
    /// Only these parts.
    #[arg(long, value_enum, value_delimiter = ',')]
    part: Vec<Part>,
    /// How many clients at once, one round each.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 8, 32, 128])]
    clients: Vec<usize>,
    /// Issuances in a round, in place of the usual number.
    #[arg(long)]
    issuances: Option<u64>,
    /// Writes the tables and the plot to docs/performance/.
    #[arg(long)]
    save: bool,
    /// `cargo bench` passes this.
    #[arg(long, hide = true)]
    bench: bool,
}

impl Options {
    fn wants(&self, part: Part) -> bool {
        self.part.is_empty() || self.part.contains(&part)
    }

    /// The usual number, or the one of a quick run.
    pub fn number<T>(&self, usual: T, quick: T) -> T {
        if self.quick { quick } else { usual }
    }
}

fn main() {
    let options = Options::parse();
    // What is measured is what the sources say now.
    let built = Command::new(env!("CARGO_BIN_EXE_selvedge")).arg("build").status().unwrap();
    assert!(built.success(), "the module cannot be built");
    let mut figures = Figures { quick: options.quick, ..Figures::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for part in Part::value_variants().iter().filter(|part| options.wants(**part)) {
        match part {
            Part::Size => figures.size = Some(size::measure()),
            Part::Rounds => figures.rounds = runtime.block_on(round::all(&options)),
            Part::Parts => figures.parts = runtime.block_on(parts::all(&options)),
            Part::Start => figures.start = Some(start::measure(&options)),
            Part::Ledger => figures.ledgers = runtime.block_on(ledger::all(&options)),
            Part::Lists => figures.lists = runtime.block_on(lists::all(&options)),
            Part::Worst => figures.singles = worst::all(&options),
        }
        // After each part: what is measured is not lost when a later one fails.
        if options.save {
            save(&figures);
        }
    }
    println!("\n{}", report::text(&figures));
}

fn save(figures: &Figures) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/performance");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("results.md"), report::text(figures)).unwrap();
    if !figures.rounds.is_empty() {
        plot::draw(&figures.rounds, &folder.join("throughput.svg"));
    }
}
