//! `/health`: whether clients get what they ask for.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Body;
use hyper::header::{self, HeaderValue};
use hyper::{Response, StatusCode};
use serde_json::json;

use super::proxy::Upstream;
use crate::common::host::now;
use crate::serve::pair::{Pair, Presented};
use crate::serve::state;

/// The path, at every address of this server.
pub const PATH: &str = "/health";
/// How long the directory may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a finding counts, so that strangers cannot cause work by asking.
const FRESH: Duration = Duration::from_secs(1);

/// The health of the server, with the last finding.
#[derive(Debug)]
pub struct Health {
    state: PathBuf,
    /// The certificate for https.
    pub presented: Option<Arc<Presented>>,
    found: Mutex<Option<(Instant, Vec<&'static str>)>>,
}

impl Health {
    /// Without a finding; `state` is the state folder, `presented` the certificate for https.
    pub fn new(state: PathBuf, presented: Option<Arc<Presented>>) -> Self {
        Self { state, presented, found: Mutex::default() }
    }

    /// 200 when everything works, else 503 with the reasons. They say nothing that is not for strangers.
    pub async fn answer(&self, upstream: &Upstream) -> Response<Body> {
        let recent = self.found.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let failing = match recent.filter(|(at, _)| at.elapsed() < FRESH) {
            Some((_, failing)) => failing,
            None => {
                let failing = self.failing(upstream).await;
                let found = Some((Instant::now(), failing.clone()));
                *self.found.lock().unwrap_or_else(PoisonError::into_inner) = found;
                failing
            }
        };
        answer(&failing)
    }

    async fn failing(&self, upstream: &Upstream) -> Vec<&'static str> {
        let mut failing = Vec::new();
        if !upstream.has_directory(PATIENCE).await {
            failing.push("the module does not answer its directory");
        }
        if state::free_space(&self.state).is_some_and(|free| free < state::MIN_FREE) {
            failing.push("the disk of the state folder is full");
        }
        if self.presented.as_ref().and_then(|presented| presented.get()).is_some_and(|pair| has_expired(&pair)) {
            failing.push("the certificate for https has expired");
        }
        failing
    }
}

fn has_expired(pair: &Pair) -> bool {
    now().is_ok_and(|now| now >= pair.not_after)
}

fn answer(failing: &[&str]) -> Response<Body> {
    let status = if failing.is_empty() { "ok" } else { "failing" };
    let mut response = Response::new(Body::from(format!("{}\n", json!({"status": status, "failing": failing}))));
    if !failing.is_empty() {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use selvedge::pki::ceremony::{create_root, create_server_leaf};
    use selvedge::values::Time;

    #[test]
    fn expired_certificate_is_noticed() {
        let leaf = |now: Time| {
            let root = create_root("R", now, 20).unwrap();
            let made = create_server_leaf(&root, &["ca.test"], &[], now, 30).unwrap();
            Pair::read(&made.certificate, &made.key).unwrap()
        };
        assert!(!has_expired(&leaf(now().unwrap())));
        assert!(has_expired(&leaf(Time::from_secs(1_700_000_000))));
    }

    #[test]
    fn status_is_200_only_without_a_reason_against_it() {
        assert_eq!(answer(&[]).status(), 200);
        let failing = answer(&["the disk of the state folder is full"]);
        assert_eq!(
            (failing.status().as_u16(), &failing.headers()["cache-control"]),
            (503, &HeaderValue::from_static("no-store"))
        );
    }
}
