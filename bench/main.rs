//! The benchmark, on real workerd with its state on disk: `cargo bench --profile dev`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a measurement")]
#![allow(clippy::cast_precision_loss, reason = "figures are rounded anyway")]
#![allow(clippy::disallowed_methods, reason = "it measures time, natively")]

mod cold;
#[path = "../tests/common/mod.rs"]
mod common;
mod figures;
mod floor;
mod ledger;
mod lists;
mod machine;
mod options;
mod parts;
mod pebble;
mod plot;
mod report;
mod round;
mod size;
mod start;
mod targets;
mod units;
mod worst;

use crate::common::log_cost;
use clap::{Parser, ValueEnum};
use figures::Figures;
use options::{Options, Part};
use std::path::Path;
use std::process::Command;

fn main() {
    let options = Options::parse();
    // Measure the present sources.
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
            Part::Log => figures.log = Some(runtime.block_on(log_cost::measure(log_amount(&options)))),
            Part::Cold => figures.cold = cold::all(&options),
            Part::Pebble => runtime.block_on(pebble::all(&options)),
            Part::Worst => figures.singles = worst::all(&options),
        }
        // After each part, so that figures survive a later failure.
        if options.save {
            save(&figures);
        }
    }
    println!("\n{}", report::text(&figures));
}

/// How much the part `log` measures.
fn log_amount(options: &Options) -> log_cost::Amount {
    let (warm, turn, turns) = options.number((150, 100, 6), (40, 30, 4));
    log_cost::Amount { warm, turn, turns }
}

fn save(figures: &Figures) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/performance");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("results.md"), report::text(figures)).unwrap();
    if !figures.rounds.is_empty() {
        plot::draw(&figures.rounds, &folder.join("throughput.svg"));
    }
}
