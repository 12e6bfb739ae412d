//! Metrics: counted in memory, summed in a partition.

use crate::ca::http::message::{Body, Response};
use crate::ca::http::routes::Route;
use crate::ca::runtime::ports::Ports;
use serde_json::Value;

/// Counts a response by status, and the rate limit of a refusal.
pub fn tally<P: Ports>(ports: &P, route: Option<&Route>, status: u16, refusal: Option<&Response>) {
    if ports.settings().metrics_token.is_none() {
        return;
    }
    let resource = route.map_or("none", Route::resource);
    ports.memory().tally(format!("selvedge_responses_total{{resource=\"{resource}\",status=\"{status}\"}}"));
    if let Some(limit) = refusal.and_then(limit_of) {
        ports.memory().tally(format!("selvedge_rate_limited_total{{limit=\"{limit}\"}}"));
    }
}

/// Counts one more of a series, if metrics are on.
pub fn count<P: Ports>(ports: &P, series: impl FnOnce() -> String) {
    if ports.settings().metrics_token.is_some() {
        ports.memory().tally(series());
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
