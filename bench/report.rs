//! The tables in Markdown, for the terminal and `docs/performance/results.md`.

use crate::cold::{self, Cold, Step};
use crate::common::load::client::STEPS;
use crate::common::log_cost;
use crate::figures::Figures;
use crate::options::CLIENTS;
use crate::parts::Taken;
use crate::round::Round;
use crate::size::Size;
use crate::units::{ms, percentile};
use crate::{machine, targets};
use std::fmt::Write;
use std::time::Duration;

/// The whole report.
pub fn text(figures: &Figures) -> String {
    let mut out = String::from(
        "# Measured\n\nWritten by `cargo bench --profile dev -- --save`; [../PERFORMANCE.md](../PERFORMANCE.md) says what each figure is.\n",
    );
    if figures.quick {
        out.push_str("\n**A quick run, for a first look: its figures are rough.**\n");
    }
    let lines = machine::lines().into_iter().map(|(name, value)| vec![name.to_owned(), value]);
    table(&mut out, "The machine", &["", ""], lines);
    if !figures.rounds.is_empty() {
        rounds(&mut out, &figures.rounds);
    }
    parts(&mut out, figures);
    if let Some(size) = &figures.size {
        table(&mut out, "The module", &["", "bytes"], size_rows(size));
    }
    if let Some(starts) = &figures.start {
        let row = [percentile(starts, 0.5), percentile(starts, 0.0), percentile(starts, 1.0)];
        let row = row.map(|start| format!("{:.0} ms", ms(start))).to_vec();
        let title = format!("From the start of workerd to the first answer, {} starts", starts.len());
        table(&mut out, &title, &["median", "shortest", "longest"], [row]);
    }
    ledgers(&mut out, figures);
    lists(&mut out, figures);
    if let Some(sides) = &figures.log {
        let title =
            format!("An issuance with a transparency log and without, {} each, in turns", sides[0].issuances.len());
        let rows = log_cost::rows(sides).into_iter().map(|row| row.to_vec());
        table(&mut out, &title, &["", "with", "without", "ratio"], rows);
    }
    let singles = figures.singles.iter();
    let singles = singles.map(|single| {
        let spent = single.spent;
        vec![single.what.to_owned(), number(spent.cpu_each(), 2), number(spent.time_each(), 2), spent.count.to_string()]
    });
    table(&mut out, "Each request alone, one after the other", &["request", "CPU ms", "ms", "of so many"], singles);
    first_requests(&mut out, &figures.cold);
    table(&mut out, "Targets", &["target", "wanted", "measured", ""], targets::rows(figures));
    out
}

/// Appends a table with a heading, if it has rows.
fn table(out: &mut String, title: &str, head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) {
    let rows: Vec<Vec<String>> = rows.into_iter().collect();
    if rows.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n## {title}\n\n| {} |\n|{}", head.join(" | "), "---|".repeat(head.len()));
    for row in rows {
        let _ = writeln!(out, "| {} |", row.join(" | "));
    }
}

fn lists(out: &mut String, figures: &Figures) {
    let rows = figures.lists.iter().map(|lists| {
        vec![
            lists.revoked.to_string(),
            lists.shards.to_string(),
            lists.bytes.to_string(),
            number(lists.signed.cpu_each(), 2),
            number(lists.signed.time_each(), 2),
        ]
    });
    let head = ["revoked certificates", "shards", "bytes of a CRL", "CPU ms", "ms"];
    table(out, "CRLs: read, built, linted, signed and stored, one after the other", &head, rows);
}

/// The first requests of isolates, of the module and of the one beside it.
fn first_requests(out: &mut String, all: &[Cold]) {
    let (Some(own), Some(floor)) = (all.first(), all.last()) else { return };
    let beside = all.iter().skip(1).find(|cold| cold.module.is_some());
    let row = |what: &str, own: [Duration; 3], beside: Option<Duration>| {
        let mut row = vec![what.to_owned()];
        row.extend(own.map(|time| number(ms(time), 1)));
        row.extend(beside.into_iter().flat_map(|beside| [number(ms(beside), 1), number(ms(own[0]) / ms(beside), 2)]));
        row
    };
    let three =
        |taken: &Step| [percentile(&taken.main, 0.5), percentile(&taken.main, 0.0), percentile(&taken.others, 0.5)];
    let start = |cold: &Cold| percentile(&cold.start, 0.5);
    let of_start = [start(own), percentile(&own.start, 0.0), Duration::ZERO];
    let mut rows = vec![row("the start, before the request", of_start, beside.map(start))];
    for (n, step) in cold::STEPS.iter().enumerate() {
        rows.push(row(step, three(&own.steps[n]), beside.map(|beside| beside.median(n))));
    }
    let floor = floor.steps.first().map(three).unwrap_or_default();
    rows.push(row("a bare Worker, whose object writes a row", floor, beside.map(|_| floor[0])));
    let mut head = vec!["request", "CPU ms", "least", "other threads"];
    if beside.is_some() {
        head.extend(["CPU ms beside", "ratio"]);
    }
    table(out, "The first request of an isolate, CPU of its main thread", &head, rows);
}

fn number(value: f64, decimals: usize) -> String {
    format!("{value:.decimals$}")
}

const ROUND: [&str; 12] = [
    "clients",
    "issuances/s",
    "failed",
    "CPU ms",
    "POSTs",
    "Durable Object calls",
    "rows written",
    "bytes stored",
    "peak memory",
    "floor requests/s",
    "floor CPU ms",
    "times the floor",
];

fn rounds(out: &mut String, rounds: &[Round]) {
    let rows = rounds.iter().map(|round| {
        let outcome = &round.outcome;
        let done = outcome.steps.len().max(1) as f64;
        vec![
            round.clients.to_string(),
            number(outcome.per_second(), 1),
            outcome.failures.len().to_string(),
            number(ms(round.cpu), 2),
            number(round.posts(), 2),
            number(outcome.cost.calls as f64 / done, 2),
            number(outcome.cost.rows as f64 / done, 2),
            number(round.bytes, 0),
            format!("{} MiB", round.peak_memory >> 20),
            number(round.floor, 0),
            number(ms(round.floor_cpu), 3),
            number(round.over_floor(), 2),
        ]
    });
    table(out, "Issuances", &ROUND, rows);
    out.push_str("\nCPU, POSTs, calls, rows and bytes are per issuance; the floor's CPU is per request.\n");
    out.push_str("\n![issuances per second over clients](throughput.svg)\n");
    let rows = rounds.iter().flat_map(|round| {
        STEPS.iter().enumerate().map(|(n, step)| {
            let mut times: Vec<Duration> = round.outcome.steps.iter().map(|steps| steps[n]).collect();
            times.sort();
            let shares = [0.5, 0.9, 0.99].map(|share| number(ms(percentile(&times, share)), 1));
            [&[round.clients.to_string(), (*step).to_owned()], &shares[..]].concat()
        })
    });
    table(out, "How long each step takes, ms", &["clients", "step", "p50", "p90", "p99"], rows);
}

/// The platform's share of an issuance, and the rest for the module and its JavaScript.
fn parts(out: &mut String, figures: &Figures) {
    let Some(round) = targets::at(&figures.rounds, CLIENTS) else { return };
    if figures.parts.is_empty() {
        return;
    }
    let sum: f64 = figures.parts.iter().map(Taken::of_an_issuance).sum();
    let row = |part: &Taken| {
        vec![part.what.to_owned(), number(ms(part.each), 3), part.times.to_string(), number(part.of_an_issuance(), 2)]
    };
    let mut rows: Vec<Vec<String>> = figures.parts.iter().map(row).collect();
    let total = |what: &str, ms: f64| vec![what.to_owned(), String::new(), String::new(), number(ms, 2)];
    rows.push(total("all that the platform takes", sum));
    rows.push(total("the rest: the module, and what crosses between it and JavaScript", ms(round.cpu) - sum));
    rows.push(total("an issuance", ms(round.cpu)));
    let title = format!("What an issuance is made of, {} clients, CPU ms", CLIENTS);
    table(out, &title, &["part", "each", "times", "together"], rows);
}

fn size_rows(size: &Size) -> Vec<Vec<String>> {
    let note = if size.fast { " (a fast build: this size does not count)" } else { "" };
    let zipped = size.zipped.map_or("not measured: gzip is missing".to_owned(), |zipped| zipped.to_string());
    vec![vec!["index_bg.wasm".to_owned(), format!("{}{note}", size.raw)], vec!["after gzip -9".to_owned(), zipped]]
}

const LEDGER: [&str; 7] = [
    "certificates stored",
    "issuance CPU ms",
    "issuance ms",
    "renewalInfo CPU ms",
    "renewalInfo ms",
    "revocation CPU ms",
    "revocation ms",
];

fn ledgers(out: &mut String, figures: &Figures) {
    let rows = figures.ledgers.iter().map(|ledger| {
        let spent = [ledger.issuance, ledger.renewal, ledger.revocation];
        let each = spent.iter().flat_map(|spent| [number(spent.cpu_each(), 3), number(spent.time_each(), 2)]);
        std::iter::once(ledger.stored.to_string()).chain(each).collect()
    });
    table(out, "With a full ledger", &LEDGER, rows);
}
