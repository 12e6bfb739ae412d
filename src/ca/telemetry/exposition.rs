//! The metrics in [Prometheus' text format](https://prometheus.io/docs/instrumenting/exposition_formats/).

use super::series::Series;
use crate::records::operations::metrics::Counts;
use core::fmt::Display;
use std::collections::BTreeMap;

/// The type of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// A count that only rises.
    Counter,
    /// A value at present.
    Gauge,
    /// Durations by buckets.
    Histogram,
}

impl MetricKind {
    fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

use MetricKind::{Counter, Gauge, Histogram};

/// The metrics: name, type and help. docs/OPERATIONS.md has them with their labels.
pub const METRICS: &[(&str, MetricKind, &str)] = &[
    ("selvedge_alarm_late_seconds", Gauge, "How long the alarm that is most overdue has been due; 0 if none is."),
    ("selvedge_backup_octets", Gauge, "The length of the newest whole backup in the bucket."),
    ("selvedge_backup_timestamp_seconds", Gauge, "When the newest whole backup in the bucket was begun."),
    ("selvedge_build_info", Gauge, "The version of the module; always 1."),
    ("selvedge_certificates", Gauge, "Certificates that have not expired, by state."),
    ("selvedge_certificates_counted_timestamp_seconds", Gauge, "When the certificates were last counted."),
    ("selvedge_certificates_ending", Gauge, "Valid certificates that end within so many days."),
    ("selvedge_certificates_issued_total", Counter, "Stored certificates."),
    ("selvedge_certificates_unrenewed", Gauge, "Valid certificates in the last sixth of their lifetime, not renewed."),
    ("selvedge_crl_next_update_timestamp_seconds", Gauge, "The earliest nextUpdate of an issuer's CRLs."),
    ("selvedge_crl_signed_timestamp_seconds", Gauge, "When the oldest of an issuer's CRLs was signed."),
    ("selvedge_failures", Gauge, "Kinds of failures of accounts in the last day, by error type."),
    ("selvedge_failures_omitted_total", Counter, "Failures that came too fast to be recorded."),
    ("selvedge_finding", Gauge, "A finding; always 1."),
    ("selvedge_findings", Gauge, "Findings by severity."),
    ("selvedge_health_up", Gauge, "Whether all partitions answered; the gauges are absent if not."),
    ("selvedge_issuance_duration_seconds", Histogram, "Time from finalize to the stored certificate."),
    ("selvedge_issuances_failed_total", Counter, "Orders that were abandoned after finalize."),
    ("selvedge_issuer_not_after_timestamp_seconds", Gauge, "When an issuer expires."),
    ("selvedge_log_checkpoint_timestamp_seconds", Gauge, "When the newest checkpoint of a log was signed."),
    ("selvedge_log_entries", Gauge, "Entries of a transparency log."),
    ("selvedge_log_quorum", Gauge, "Whether the checkpoint that the witnesses of a log are asked for has a quorum."),
    ("selvedge_log_witness_behind_entries", Gauge, "Entries of a log that are not in a witness's newest checkpoint."),
    ("selvedge_log_witness_cosigned_timestamp_seconds", Gauge, "When a witness of a log cosigned last."),
    ("selvedge_log_witnessed_entries", Gauge, "Entries in the newest checkpoint of a log with a quorum."),
    ("selvedge_log_witnessed_timestamp_seconds", Gauge, "When the newest checkpoint with a quorum was chosen."),
    ("selvedge_names_paused", Gauge, "Names that are paused, since their validations always fail."),
    ("selvedge_notices", Gauge, "Notices that wait for the webhook, and those that were given up."),
    ("selvedge_operations_total", Counter, "Actions of operators."),
    ("selvedge_rate_limited_total", Counter, "Refusals by the limit that refused."),
    ("selvedge_request_duration_seconds", Histogram, "Time from a request to its answer."),
    ("selvedge_responses_total", Counter, "Answers by resource and status."),
    ("selvedge_revocations_total", Counter, "Revocations."),
    ("selvedge_root_crl_next_update_timestamp_seconds", Gauge, "The nextUpdate of the root's CRL."),
    ("selvedge_root_not_after_timestamp_seconds", Gauge, "When the root expires."),
    ("selvedge_validation_duration_seconds", Histogram, "Time of one try of a validation."),
    ("selvedge_validations_total", Counter, "Tries of validations."),
];

/// The upper bounds of buckets in milliseconds.
const BUCKETS: [u64; 8] = [10, 50, 100, 250, 500, 1_000, 2_500, 10_000];

/// The end of the name of a histogram's sum as it is counted.
const SUM: &str = "_sum_ms";

/// The series of a duration's bucket, and of the sum in milliseconds.
pub(super) fn observed(metric: &'static str, label: (&'static str, &str), ms: u64) -> (Series, Series) {
    let bound = BUCKETS.iter().find(|bound| ms <= **bound).copied();
    let bucket = Series::new(metric).label(label.0, label.1).label("le", bound.map_or("+Inf".to_owned(), seconds));
    (bucket, Series::named(format!("{metric}{SUM}")).label(label.0, label.1))
}

/// Milliseconds as seconds.
fn seconds(ms: u64) -> String {
    let text = format!("{}.{:03}", ms / 1000, ms % 1000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Samples by metric.
#[derive(Clone, Debug, Default)]
pub struct Samples(BTreeMap<String, Vec<String>>);

impl Samples {
    /// Adds a sample.
    pub fn add(&mut self, series: Series, value: impl Display) {
        let text = series.text();
        let name = text.split('{').next().unwrap_or_default().to_owned();
        self.0.entry(name).or_default().push(format!("{text} {value}"));
    }

    /// Adds counted series.
    pub fn count(&mut self, counts: &Counts) {
        let mut durations: BTreeMap<(&str, &str), Durations> = BTreeMap::new();
        for (series, n) in counts {
            let (name, labels) = series.split_once('{').map_or((series.as_str(), ""), |(name, rest)| (name, rest));
            let labels = labels.trim_end_matches('}');
            if let Some(name) = name.strip_suffix(SUM) {
                durations.entry((name, labels)).or_default().sum = *n;
            } else if let (Some((labels, bound)), true) = (labels.rsplit_once(",le="), is_histogram(name)) {
                durations.entry((name, labels)).or_default().buckets.insert(bound.trim_matches('"').to_owned(), *n);
            } else {
                self.0.entry(name.to_owned()).or_default().push(format!("{series} {n}"));
            }
        }
        for ((name, labels), found) in durations {
            self.0.entry(name.to_owned()).or_default().extend(found.lines(name, labels));
        }
    }

    /// The text, each metric with its help and type.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for (name, lines) in &self.0 {
            let known = METRICS.iter().find(|(known, ..)| known == name);
            let (_, kind, help) = known.copied().unwrap_or(("", Counter, "A count of another version."));
            text.push_str(&format!("# HELP {name} {help}\n# TYPE {name} {}\n", kind.name()));
            lines.iter().for_each(|line| text.push_str(&format!("{line}\n")));
        }
        text
    }
}

fn is_histogram(name: &str) -> bool {
    METRICS.iter().any(|(known, kind, _)| *known == name && *kind == Histogram)
}

/// The durations of one series.
#[derive(Default)]
struct Durations {
    /// Number of durations by the bound of their bucket.
    buckets: BTreeMap<String, u64>,
    /// Their sum in milliseconds.
    sum: u64,
}

impl Durations {
    /// Buckets are cumulative in the text.
    fn lines(&self, name: &str, labels: &str) -> Vec<String> {
        let (mut lines, mut sum) = (Vec::new(), 0_u64);
        for bound in BUCKETS.iter().map(|bound| seconds(*bound)).chain(["+Inf".to_owned()]) {
            sum = sum.saturating_add(self.buckets.get(&bound).copied().unwrap_or_default());
            lines.push(format!("{name}_bucket{{{labels},le=\"{bound}\"}} {sum}"));
        }
        lines.push(format!("{name}_sum{{{labels}}} {}", seconds(self.sum)));
        lines.push(format!("{name}_count{{{labels}}} {sum}"));
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_written_with_help_and_type() {
        let counts = Counts::from([
            ("selvedge_responses_total{resource=\"a\",status=\"200\"}".to_owned(), 2),
            ("selvedge_responses_total{resource=\"b\",status=\"200\"}".to_owned(), 3),
            ("selvedge_issuances_failed_total".to_owned(), u64::MAX),
            ("unheard_of_total".to_owned(), 1),
        ]);
        let mut samples = Samples::default();
        samples.count(&counts);
        samples.add(Series::new("selvedge_build_info").label("version", "1"), 1);
        let max = u64::MAX;
        let wanted = format!(
            "# HELP selvedge_build_info The version of the module; always 1.\n# TYPE selvedge_build_info gauge\n\
             selvedge_build_info{{version=\"1\"}} 1\n# HELP selvedge_issuances_failed_total Orders that were abandoned after \
             finalize.\n# TYPE selvedge_issuances_failed_total counter\nselvedge_issuances_failed_total {max}\n# HELP \
             selvedge_responses_total Answers by resource and status.\n# TYPE selvedge_responses_total counter\n\
             selvedge_responses_total{{resource=\"a\",status=\"200\"}} 2\nselvedge_responses_total{{resource=\"b\",\
             status=\"200\"}} 3\n# HELP unheard_of_total A count of another version.\n# TYPE unheard_of_total counter\n\
             unheard_of_total 1\n"
        );
        assert_eq!(samples.text(), wanted);
    }

    #[test]
    fn durations_are_cumulative_and_in_seconds() {
        let mut counts = Counts::new();
        for ms in [0, 10, 11, 2_500, 10_001] {
            let (bucket, sum) = observed("selvedge_request_duration_seconds", ("resource", "a"), ms);
            *counts.entry(bucket.text().to_owned()).or_default() += 1;
            *counts.entry(sum.text().to_owned()).or_default() += ms;
        }
        let mut samples = Samples::default();
        samples.count(&counts);
        let text = samples.text();
        for line in [
            "# TYPE selvedge_request_duration_seconds histogram",
            "selvedge_request_duration_seconds_bucket{resource=\"a\",le=\"0.01\"} 2",
            "selvedge_request_duration_seconds_bucket{resource=\"a\",le=\"0.05\"} 3",
            "selvedge_request_duration_seconds_bucket{resource=\"a\",le=\"2.5\"} 4",
            "selvedge_request_duration_seconds_bucket{resource=\"a\",le=\"10\"} 4",
            "selvedge_request_duration_seconds_bucket{resource=\"a\",le=\"+Inf\"} 5",
            "selvedge_request_duration_seconds_sum{resource=\"a\"} 12.522",
            "selvedge_request_duration_seconds_count{resource=\"a\"} 5",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in {text}");
        }
        assert_eq!(text.lines().count(), 2 + 9 + 2, "{text}");
    }
}
