//! Requests to the Worker.

use std::error::Error;

use anyhow::{Context, Result};
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode, Uri};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error as ClientError};
use hyper_util::rt::TokioExecutor;
use selvedge::ca::http::message::EXEMPTING;
use serde_json::Value;

use crate::common::secret::Secret;

/// Largest body of a response.
const MAX_ANSWER_BYTES: usize = 16 * 1024 * 1024;

/// The Worker at its address of this machine.
pub struct Upstream {
    client: Client<HttpConnector, Body>,
    /// `ADDRESS:PORT`.
    authority: String,
    token: Secret,
}

/// A response, read to its end.
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// Whether the connection ended without a whole answer.
    pub cut: bool,
}

impl Answer {
    /// The answer of a connection that ended without any.
    fn cut() -> Self {
        Self { status: StatusCode::OK, headers: HeaderMap::new(), body: Bytes::new(), cut: true }
    }
}

/// Whether the Worker closed the connection before it answered.
fn is_cut(error: &ClientError) -> bool {
    let source = error.source().and_then(|source| source.downcast_ref::<hyper::Error>());
    source.is_some_and(hyper::Error::is_incomplete_message)
}

impl Upstream {
    /// The Worker at `authority`, for which `token` is an operator's.
    pub fn new(authority: String, token: Secret) -> Self {
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { client, authority, token }
    }

    /// Sends a request to the path that it has.
    ///
    /// # Errors
    /// When the Worker does not answer.
    pub async fn send(&self, mut request: Request<Body>) -> Result<Answer> {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        let uri = Uri::builder().scheme("http").authority(self.authority.as_str()).path_and_query(path).build();
        *request.uri_mut() = uri.context("the path cannot be passed on")?;
        let answered = match self.client.request(request).await {
            Err(error) if is_cut(&error) => return Ok(Answer::cut()),
            answered => answered.context("the Worker does not answer")?,
        };
        let (parts, body) = answered.into_parts();
        let (body, cut) = match to_bytes(Body::new(body), MAX_ANSWER_BYTES).await {
            Ok(body) => (body, false),
            Err(_) => (Bytes::new(), true),
        };
        Ok(Answer { status: parts.status, headers: parts.headers, body, cut })
    }

    /// Sends a body to a resource of the operations API, or reads it without one.
    ///
    /// # Errors
    /// As [`Upstream::send`].
    pub async fn operate(&self, path: &str, body: Option<Bytes>) -> Result<Answer> {
        let method = if body.is_some() { Method::POST } else { Method::GET };
        let request = Request::builder().method(method).uri(format!("/admin/v1/{path}"));
        let request = request.header("Authorization", format!("Bearer {}", self.token.reveal()));
        let request = request.header("Content-Type", "application/json");
        self.send(request.body(body.map(Body::from).unwrap_or_default())?).await
    }

    /// Reads a path without a body, whatever faults are on.
    ///
    /// # Errors
    /// As [`Upstream::send`].
    pub async fn get(&self, path: &str) -> Result<Answer> {
        self.send(Request::get(path).header(EXEMPTING, "off").body(Body::empty())?).await
    }

    /// Reads a resource of the operations API; `None` when it does not exist.
    ///
    /// # Errors
    /// As [`Upstream::send`], and for any other refusal.
    pub async fn operations(&self, path: &str) -> Result<Option<Value>> {
        match self.operations_text(path).await? {
            Some(text) => Ok(Some(serde_json::from_slice(&text).context("the Worker's answer is not JSON")?)),
            None => Ok(None),
        }
    }

    /// As [`Upstream::operations`], of another type than JSON.
    ///
    /// # Errors
    /// As [`Upstream::operations`].
    pub async fn operations_text(&self, path: &str) -> Result<Option<Bytes>> {
        let answer = self.operate(path, None).await?;
        if answer.cut {
            anyhow::bail!("the Worker's answer is broken off");
        }
        match answer.status {
            StatusCode::OK => Ok(Some(answer.body)),
            StatusCode::NOT_FOUND => Ok(None),
            other => anyhow::bail!("the Worker answers {other}: {}", String::from_utf8_lossy(&answer.body)),
        }
    }
}
