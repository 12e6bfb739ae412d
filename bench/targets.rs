//! The targets, compared with the figures of this run.

use crate::figures::Figures;
use crate::options::CLIENTS;
use crate::round::Round;
use crate::units::{Spent, ms, percentile};

/// step-ca with 8 clients, durable: issuances per second, and CPU per issuance.
///
/// CPU in milliseconds, least and most.
const STEP_CA: (f64, [f64; 2]) = (69.0, [10.0, 14.0]);
/// Pebble with 8 clients, in memory: CPU milliseconds per issuance, least and most.
const PEBBLE_CPU: [f64; 2] = [3.5, 4.7];
/// The number of clients with which nothing may fail.
const MANY: usize = 128;
/// The number of stored certificates without a noticeable cost.
const STORED: u64 = 1_000_000;

/// The bound of a figure.
#[derive(Clone, Copy)]
enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

impl Bound {
    fn wanted(self, unit: &str) -> String {
        match self {
            Self::AtLeast(bound) => format!("≥ {}{unit}", shown(bound)),
            Self::AtMost(bound) => format!("≤ {}{unit}", shown(bound)),
        }
    }

    /// `met`, or the margin by which it is missed.
    fn judge(self, measured: f64) -> String {
        let gap = |excess: f64, word: &str| format!("**missed**: {:.1} % too {word}", excess * 100.0);
        match self {
            Self::AtLeast(bound) if measured < bound => gap(1.0 - measured / bound, "low"),
            Self::AtMost(bound) if measured > bound => gap(measured / bound - 1.0, "high"),
            _ => "met".to_owned(),
        }
    }
}

/// A number without trailing zeros.
fn shown(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A row: target, wanted, measured, verdict.
fn row(target: &str, bound: Bound, unit: &str, measured: Option<f64>, note: &str) -> Vec<String> {
    let (value, verdict) = match measured {
        Some(measured) => (format!("{}{unit}{note}", shown(measured)), bound.judge(measured)),
        None => (note.to_owned(), "not measured".to_owned()),
    };
    vec![target.to_owned(), bound.wanted(unit), value, verdict]
}

/// All targets.
pub fn rows(figures: &Figures) -> Vec<Vec<String>> {
    let mut rows = throughput(&figures.rounds);
    rows.extend(many(&figures.rounds));
    rows.extend(full(figures));
    let size = figures.size.as_ref();
    let mebibytes = size.filter(|size| !size.fast).map(|size| size.raw as f64 / 1e6);
    let note = if size.is_some_and(|size| size.fast) { "a fast build, which does not count" } else { "" };
    rows.push(row("size of the module", Bound::AtMost(1.5), " MB", mebibytes, note));
    let start = figures.start.as_ref().map(|starts| ms(percentile(starts, 0.5)));
    rows.push(row("start of workerd to the first answer", Bound::AtMost(500.0), " ms", start, ""));
    let worst = figures.singles.iter().max_by(|a, b| a.spent.cpu_each().total_cmp(&b.spent.cpu_each()));
    let note = worst.map(|worst| format!(" ({})", worst.what)).unwrap_or_default();
    let cpu = worst.map(|worst| worst.spent.cpu_each());
    rows.push(row("CPU of the worst single request", Bound::AtMost(10.0), " ms", cpu, &note));
    rows
}

/// The round with this number of clients.
pub fn at(rounds: &[Round], clients: usize) -> Option<&Round> {
    rounds.iter().find(|round| round.clients == clients)
}

fn throughput(rounds: &[Round]) -> Vec<Vec<String>> {
    let eight = at(rounds, CLIENTS);
    let rate = eight.map(|round| round.outcome.per_second());
    let cpu = eight.map(|round| ms(round.cpu));
    let mut rows =
        vec![row("issuances/s with 8 clients, 2.5 × step-ca", Bound::AtLeast(2.5 * STEP_CA.0), "", rate, "")];
    for (end, n) in [("least", 0), ("most", 1)] {
        let bound = Bound::AtMost(0.4 * STEP_CA.1[n]);
        rows.push(row(&format!("CPU per issuance, 0.4 × step-ca at its {end}"), bound, " ms", cpu, ""));
    }
    for (end, n) in [("least", 0), ("most", 1)] {
        let bound = Bound::AtMost(PEBBLE_CPU[n]);
        rows.push(row(&format!("CPU per issuance, Pebble at its {end}"), bound, " ms", cpu, ""));
    }
    let over = rounds.iter().map(|round| format!("{}: {:.2}", round.clients, round.over_floor()));
    let note = format!(" (by clients: {})", over.collect::<Vec<_>>().join(", "));
    let floor = eight.map(Round::over_floor);
    rows.push(row(
        "times the floor, with 8 clients",
        Bound::AtMost(1.3),
        "",
        floor,
        if eight.is_some() { &note } else { "" },
    ));
    rows
}

fn many(rounds: &[Round]) -> Vec<Vec<String>> {
    let many = at(rounds, MANY);
    let failed = many.map(|round| round.outcome.failures.len() as f64);
    let peak = rounds.iter().map(|round| round.outcome.per_second()).fold(0.0, f64::max);
    let share = many.map(|round| round.outcome.per_second() / peak);
    vec![
        row("failures with 128 clients", Bound::AtMost(0.0), "", failed, ""),
        row("throughput with 128 clients, of its peak", Bound::AtLeast(0.9), "", share, ""),
    ]
}

/// The cost of a full ledger relative to an empty one.
fn full(figures: &Figures) -> Vec<Vec<String>> {
    let empty = figures.ledgers.iter().find(|ledger| ledger.stored == 0);
    let fullest = figures.ledgers.iter().max_by_key(|ledger| ledger.stored);
    let both = empty.zip(fullest).filter(|(_, full)| full.stored >= STORED);
    let ratio = |each: fn(&Spent) -> f64| both.map(|(empty, full)| each(&full.issuance) / each(&empty.issuance));
    let note = match fullest {
        Some(ledger) if ledger.stored < STORED => format!("with {} only", ledger.stored),
        _ => String::new(),
    };
    [("CPU", Spent::cpu_each as fn(&Spent) -> f64), ("time", Spent::time_each)]
        .map(|(what, each)| {
            let target = format!("{what} per issuance with 10^6 certificates stored, of that with none");
            row(&target, Bound::AtMost(1.1), "", ratio(each), &note)
        })
        .to_vec()
}
