//! Metrics: counted in memory, summed in a partition.

use crate::ca::http::message::{Body, Response};
use crate::ca::http::routes::Route;
use crate::ca::runtime::ports::Ports;
use core::fmt::Display;
use serde_json::Value;

/// A metric's series with its labels, in Prometheus' notation.
pub struct Series(String);

impl Series {
    /// The series of this metric without labels.
    pub fn new(metric: &'static str) -> Self {
        Self(metric.to_owned())
    }

    /// Adds a label. Backslashes and quotes in its value are escaped.
    pub fn label(mut self, name: &'static str, value: impl Display) -> Self {
        let first = !self.0.ends_with('}');
        if !first {
            self.0.pop();
        }
        let open = if first { '{' } else { ',' };
        let value = value.to_string().replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        self.0.push_str(&format!("{open}{name}=\"{value}\"}}"));
        self
    }
}

/// Counts a response by status, and the rate limit of a refusal.
pub fn tally<P: Ports>(ports: &P, route: Option<&Route>, status: u16, refusal: Option<&Response>) {
    if ports.settings().metrics_token.is_none() {
        return;
    }
    let resource = route.map_or("none", Route::resource);
    ports.memory().tally(Series::new("selvedge_responses_total").label("resource", resource).label("status", status).0);
    if let Some(limit) = refusal.and_then(limit_of) {
        ports.memory().tally(Series::new("selvedge_rate_limited_total").label("limit", limit).0);
    }
}

/// Counts one more of a series, if metrics are on.
pub fn count<P: Ports>(ports: &P, series: impl FnOnce() -> Series) {
    if ports.settings().metrics_token.is_some() {
        ports.memory().tally(series().0);
    }
}

/// The rate limit of a refusal. It is a name of this CA, never a client's text.
fn limit_of(response: &Response) -> Option<String> {
    if response.status != 429 {
        return None;
    }
    let Body::Text(text) = &response.body else { return None };
    let document: Value = serde_json::from_str(text).ok()?;
    document.get("limit")?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_is_written_as_prometheus_reads_it() {
        assert_eq!(Series::new("a_total").0, "a_total");
        assert_eq!(Series::new("a_total").label("b", "c").label("d", 1).0, r#"a_total{b="c",d="1"}"#);
        assert_eq!(Series::new("a_total").label("b", "\"\\\n}").label("c", "").0, r#"a_total{b="\"\\\n}",c=""}"#);
    }
}
