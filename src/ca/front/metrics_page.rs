//! The counts, in the Prometheus text format.

use crate::ca::http::message::{Answer, Request, Response};
use crate::ca::partitions::metrics::flush;
use crate::ca::runtime::ports::Ports;
use crate::records::operations::{metrics, proof};

/// GET of the metrics, for who has the token; `None`, as if there were nothing, for others.
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
