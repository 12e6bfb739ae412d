//! The metrics, in the Prometheus text format.

use crate::ca::http::message::{Answer, Request, Response};
use crate::ca::partitions::metrics::flush;
use crate::ca::runtime::ports::Ports;
use crate::records::operations::{metrics, proof};

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
    Some(sums.map(|sums| {
        Response::text(200, "text/plain; version=0.0.4; charset=utf-8", metrics::text(&sums))
            .with("Cache-Control", "no-store")
            .indexed(&settings.urls)
    }))
}
