//! The metrics, in the Prometheus text format: sums of counts, and the CA's health.

use crate::VERSION;
use crate::ca::health::finding::Severity;
use crate::ca::health::issuers::IssuerState;
use crate::ca::health::witnesses::LogFacts;
use crate::ca::http::message::{Answer, Request, Response};
use crate::ca::operator_api::health::{Health, look, within};
use crate::ca::partitions::metrics::flush;
use crate::ca::runtime::ports::Ports;
use crate::ca::telemetry::counts::Series;
use crate::ca::telemetry::exposition::Samples;
use crate::records::operations::proof;
use crate::values::Time;

/// Answers a GET of the metrics with a valid token. Without one, returns `None`, which becomes the answer for an
/// unknown path.
pub async fn show<P: Ports>(ports: &P, request: &Request) -> Option<Answer> {
    let settings = ports.settings();
    let token = settings.metrics_token.as_ref()?;
    let sent = request.authorization.as_deref()?;
    let (scheme, sent) = sent.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("Bearer") || !proof::same_secret(&settings.nonce_key, sent.trim(), token.text()) {
        return None;
    }
    let sums = flush(ports).await;
    let gauges = gauges(ports).await;
    Some(sums.map(|sums| {
        let mut samples = Samples::default();
        samples.count(&sums);
        let text = samples.text() + &gauges;
        Response::text(200, "text/plain; version=0.0.4; charset=utf-8", text)
            .with("Cache-Control", "no-store")
            .indexed(&settings.urls)
    }))
}

/// Returns the gauges, which are cached for some seconds.
async fn gauges<P: Ports>(ports: &P) -> String {
    let now = ports.now();
    if let Some(kept) = ports.memory().gauges(now) {
        return kept;
    }
    let mut samples = Samples::default();
    samples.add(Series::new("selvedge_build_info").label("version", VERSION), 1);
    let health = look(ports).await;
    samples.add(Series::new("selvedge_health_up"), u8::from(health.is_ok()));
    match &health {
        Ok(health) => of_health(&mut samples, health),
        Err(problem) => ports.log(&format!("metrics: {}", problem.log.as_ref().unwrap_or(&problem.detail))),
    }
    let text = samples.text();
    if health.is_ok() {
        ports.memory().keep_gauges(&text, now);
    }
    text
}

fn of_health(samples: &mut Samples, health: &Health) {
    let (facts, census) = (&health.facts, &health.census);
    for (state, count) in [("valid", census.valid), ("revoked", census.revoked)] {
        samples.add(Series::new("selvedge_certificates").label("state", state), count);
    }
    for (days, count) in within(census) {
        samples.add(Series::new("selvedge_certificates_ending").label("days", days), count);
    }
    samples.add(Series::new("selvedge_certificates_unrenewed"), census.unrenewed);
    time(samples, Series::new("selvedge_certificates_counted_timestamp_seconds"), health.counted);
    for issuer in &facts.issuers {
        let state = match issuer.state(facts.now) {
            IssuerState::Active => "signs",
            IssuerState::Next => "next",
            IssuerState::Retired => "retired",
        };
        let ends = Series::new("selvedge_issuer_not_after_timestamp_seconds").label("issuer", issuer.place);
        time(samples, ends.label("state", state), Some(issuer.not_after));
        let lists = issuer.crls.iter().filter(|list| list.due.is_some());
        let next = Series::new("selvedge_crl_next_update_timestamp_seconds").label("issuer", issuer.place);
        time(samples, next, lists.filter_map(|list| list.next_update).min());
    }
    for (issuer, signed) in &health.oldest_crls {
        time(samples, Series::new("selvedge_crl_signed_timestamp_seconds").label("issuer", issuer), Some(*signed));
    }
    facts.logs.iter().for_each(|log| of_log(samples, log));
    let root = facts.root.as_ref().map(|(_, end)| *end);
    time(samples, Series::new("selvedge_root_not_after_timestamp_seconds"), root);
    time(samples, Series::new("selvedge_root_crl_next_update_timestamp_seconds"), facts.root_list);
    let late = facts.late.iter().map(|(_, due)| due.until(facts.now).as_secs()).max().unwrap_or_default();
    samples.add(Series::new("selvedge_alarm_late_seconds"), late);
    if let Some(last) = health.backups.as_ref().and_then(|state| state.last.as_ref()) {
        time(samples, Series::new("selvedge_backup_timestamp_seconds"), Some(last.begun));
        samples.add(Series::new("selvedge_backup_octets"), last.octets);
    }
    for (state, count) in [("waiting", health.waiting), ("given_up", facts.given_up)] {
        samples.add(Series::new("selvedge_notices").label("state", state), count);
    }
    for (problem, count) in &health.failures.problems {
        samples.add(Series::new("selvedge_failures").label("problem", problem), count);
    }
    samples.add(Series::new("selvedge_failures_omitted_total"), health.failures.omitted);
    samples.add(Series::new("selvedge_names_paused"), facts.paused);
    for severity in Severity::ALL {
        let count = health.findings.iter().filter(|finding| finding.severity == severity).count();
        samples.add(Series::new("selvedge_findings").label("severity", severity.name()), count);
    }
    let mut seen = Vec::new();
    for finding in &health.findings {
        if !seen.contains(&(&finding.id, finding.severity)) {
            seen.push((&finding.id, finding.severity));
            let series = Series::new("selvedge_finding").label("id", &finding.id);
            samples.add(series.label("severity", finding.severity.name()), 1);
        }
    }
}

fn of_log(samples: &mut Samples, log: &LogFacts) {
    let series = |metric| Series::new(metric).label("log", &log.origin);
    samples.add(series("selvedge_log_entries"), log.size);
    let signed = log.checkpoint.map(|(_, signed)| signed);
    time(samples, series("selvedge_log_checkpoint_timestamp_seconds"), signed);
    let Some(cosigning) = &log.cosigning else { return };
    samples.add(series("selvedge_log_quorum"), u8::from(cosigning.is_met()));
    samples.add(series("selvedge_log_witnessed_entries"), cosigning.witnessed.map_or(0, |(size, _)| size));
    let witnessed = cosigning.witnessed.map(|(_, at)| at);
    time(samples, series("selvedge_log_witnessed_timestamp_seconds"), witnessed);
    for witness in &cosigning.witnesses {
        let series = |metric| series(metric).label("witness", &witness.name);
        let behind = log.size.saturating_sub(witness.size);
        samples.add(series("selvedge_log_witness_behind_entries"), behind);
        time(samples, series("selvedge_log_witness_cosigned_timestamp_seconds"), witness.last);
    }
}

fn time(samples: &mut Samples, series: Series, at: Option<Time>) {
    if let Some(at) = at {
        samples.add(series, at.secs());
    }
}
