//! `log watch`: a monitor.

use core::time::Duration;
use std::path::PathBuf;
use std::thread;

use anyhow::{Context, Result};
use serde_json::json;
use url::Url;

use super::report::Report;
use super::source::{Access, Source};
use super::state::State;
use super::trust::Trust;
use super::verify::Check;
use crate::common::host::{now, say};
use crate::common::moment::span;
use crate::common::web::{self, Answer};

/// Options of `log watch`.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// The URL of the log, as https://ca.example.org/log/ISSUER/ID.
    log: String,
    #[command(flatten)]
    trust: Trust,
    /// A file that keeps what was seen, also for the next start.
    #[arg(long, value_name = "FILE", default_value = "log-watch.json")]
    state: PathBuf,
    /// A URL that alarms are sent to, as JSON in a POST.
    #[arg(long, value_name = "URL")]
    webhook: Option<String>,
    /// Check once, and end.
    #[arg(long)]
    once: bool,
    /// Seconds between two checks.
    #[arg(long, value_name = "SECONDS", default_value_t = 300, conflicts_with = "once")]
    interval: u64,
    /// For how long checkpoints may be without a quorum, as 26h. Witnesses cosign a few times a day.
    #[arg(long, value_name = "SPAN", default_value = "26h", value_parser = span)]
    quorum_within: Duration,
    #[command(flatten)]
    access: Access,
}

/// Checks a log until there is an alarm.
pub fn run(options: &Options) -> Result<Report> {
    let source = Source::open(&options.log, &options.access)?;
    let webhook = options.webhook.as_deref().map(web::safe_url).transpose()?;
    let mut state = State::read(Some(&options.state))?;
    loop {
        match check(options, &source, &mut state) {
            Ok(report) if options.once || !report.is_fine() => {
                report.show(options.access.json);
                if let Some(url) = webhook.as_ref().filter(|_| !report.is_fine()) {
                    send(url, &source, &report).unwrap_or_else(|error| say(format!("the webhook failed: {error:#}")));
                }
                return Ok(report);
            }
            Ok(_) => {}
            Err(error) if options.once => return Err(error),
            Err(error) => say(format!("unknown: {error:#}; the next check is in {} s", options.interval)),
        }
        thread::sleep(Duration::from_secs(options.interval.max(1)));
    }
}

fn check(options: &Options, source: &Source, state: &mut State) -> Result<Report> {
    let check = Check { source, trust: &options.trust, patience: options.quorum_within, now: now()? };
    let (report, seen) = check.run(state.of(&source.name()))?;
    if let Some(seen) = seen {
        state.keep(Some(&options.state), &source.name(), seen)?;
    }
    Ok(report)
}

fn send(url: &Url, source: &Source, report: &Report) -> Result<()> {
    let body = json!({ "type": "log-alarm", "log": source.name(), "report": report.json() });
    let Answer { status, .. } = web::post(&web::agent(None, None)?, url, "application/json", &body.to_string())?;
    (200..300).contains(&status).then_some(()).with_context(|| format!("{url} answers with status {status}"))
}
