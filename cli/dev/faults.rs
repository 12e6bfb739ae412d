//! The calls for faults at the management address, passed on to the Worker's operations API.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use ureq::Agent;
use url::Url;

use crate::common::secret::Secret;
use crate::common::web::{self, Answer};

/// The answer without `--faults`.
const OFF: &str = "this server has no faults; start it with `selvedge dev --faults`\n";

/// The Worker's operations API, for the calls of the management address.
pub struct FaultCalls {
    agent: Agent,
    base: Url,
    token: Secret,
}

/// The calls; `None` where the Worker has no faults.
pub type Shared = Option<Arc<FaultCalls>>;

impl FaultCalls {
    /// The calls to the Worker at `base`, reached at `address`, whose root is `root` (PEM).
    ///
    /// # Errors
    /// When the root or the URL cannot be read.
    pub fn new(base: &str, address: SocketAddr, root: &str, token: Secret) -> Result<Self> {
        let base = Url::parse(base).context("the server's URL cannot be read")?;
        Ok(Self { agent: web::agent(Some(root), Some(address))?, base, token })
    }

    /// Sends a body to a resource, or reads it without one.
    fn send(&self, path: &str, body: Option<&str>) -> Result<Answer> {
        let url = self.base.join(&format!("/admin/v1/{path}")).context("a path cannot be read")?;
        match body {
            Some(body) => web::post_as(&self.agent, &url, (&self.token, &[]), body),
            None => web::get_as(&self.agent, &url, &self.token, &[]),
        }
    }
}

/// The routes `/faults` and `/clear-faults`.
pub fn router(calls: Shared) -> Router {
    Router::new().route("/faults", get(list).post(add)).route("/clear-faults", post(clear)).with_state(calls)
}

async fn list(State(calls): State<Shared>) -> Response {
    passed_on(calls, "faults", None).await
}

async fn add(State(calls): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    change(calls, "faults", &headers, &body).await
}

async fn clear(State(calls): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    change(calls, "faults/clear", &headers, &body).await
}

async fn change(calls: Shared, path: &'static str, headers: &HeaderMap, body: &[u8]) -> Response {
    // Browsers send Origin with every POST.
    if headers.contains_key(header::ORIGIN) {
        return (StatusCode::FORBIDDEN, "web pages may not set faults\n").into_response();
    }
    let text = String::from_utf8_lossy(body);
    let text = if text.trim().is_empty() { "{}" } else { &*text };
    passed_on(calls, path, Some(text.to_owned())).await
}

async fn passed_on(calls: Shared, path: &'static str, body: Option<String>) -> Response {
    let Some(calls) = calls else { return (StatusCode::NOT_FOUND, OFF).into_response() };
    let sent = tokio::task::spawn_blocking(move || calls.send(path, body.as_deref())).await;
    match sent.map_err(anyhow::Error::from).flatten() {
        Ok(answer) => {
            let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::BAD_GATEWAY);
            let kind = answer.header("Content-Type").unwrap_or("application/json").to_owned();
            (status, [(header::CONTENT_TYPE, kind)], answer.body).into_response()
        }
        Err(error) => (StatusCode::BAD_GATEWAY, format!("{error:#}\n")).into_response(),
    }
}
