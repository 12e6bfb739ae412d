//! Metrics: counted in memory, summed in a partition.

use super::exposition;
pub use super::series::Series;
use crate::ca::http::message::{Body, Response};
use crate::ca::http::routes::Route;
use crate::ca::runtime::ports::Ports;
use serde_json::Value;

/// Counts a response by status, its milliseconds, and the rate limit of a refusal.
pub fn tally<P: Ports>(ports: &P, route: Option<&Route>, (status, refusal): (u16, Option<&Response>), ms: u64) {
    if ports.settings().metrics_token.is_none() {
        return;
    }
    let resource = route.map_or("none", Route::resource);
    ports
        .memory()
        .tally(Series::new("selvedge_responses_total").label("resource", resource).label("status", status).into_text());
    observe(ports, "selvedge_request_duration_seconds", ("resource", resource), ms);
    if let Some(limit) = refusal.and_then(limit_of) {
        ports.memory().tally(Series::new("selvedge_rate_limited_total").label("limit", limit).into_text());
    }
}

/// Counts one more of a series, if metrics are on.
pub fn count<P: Ports>(ports: &P, series: impl FnOnce() -> Series) {
    if ports.settings().metrics_token.is_some() {
        ports.memory().tally(series().into_text());
    }
}

/// Counts a duration in milliseconds, if metrics are on.
pub fn observe<P: Ports>(ports: &P, metric: &'static str, label: (&'static str, &str), ms: u64) {
    if ports.settings().metrics_token.is_some() {
        let (bucket, sum) = exposition::observed(metric, label, ms);
        ports.memory().tally(bucket.into_text());
        ports.memory().tally_many(sum.into_text(), ms);
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
