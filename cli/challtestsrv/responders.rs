//! The responders of http-01, over HTTP and HTTPS, and of DNS over HTTPS.

use std::sync::Arc;

use anyhow::{Context, Result};
use axum::body::Bytes;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use axum::{Router, serve};
use rcgen::{CertificateParams, DnType, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivatePkcs8KeyDer;
use tokio::net::TcpListener;

use super::dns::Transport;
use super::history::Seen;
use super::service::Service;
use crate::common::tls::{self, Peer, TlsListener};

/// The path of http-01 (RFC 8555 §8.3).
const WELL_KNOWN: &str = "/.well-known/acme-challenge/";
const DNS_MESSAGE: &str = "application/dns-message";

/// Serves http-01 by plain HTTP.
///
/// # Errors
/// When the socket breaks.
pub async fn serve_http(listener: TcpListener, service: Arc<Service>) -> Result<()> {
    let router = Router::new().fallback(plain).with_state(service);
    serve(listener, router).await.context("the http-01 responder failed")
}

/// Serves http-01 by HTTPS, for redirects.
///
/// # Errors
/// When the socket breaks.
pub async fn serve_https(listener: TlsListener, service: Arc<Service>) -> Result<()> {
    let router = Router::new().fallback(secure).with_state(service);
    let made = router.into_make_service_with_connect_info::<Peer>();
    serve(listener, made).await.context("the https responder failed")
}

async fn plain(State(service): State<Arc<Service>>, uri: Uri, headers: HeaderMap) -> Response {
    respond(&service, None, &uri, &headers)
}

async fn secure(
    State(service): State<Arc<Service>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    respond(&service, Some(peer), &uri, &headers)
}

/// Notes a request and answers it: a redirect, a key authorization, or nothing.
fn respond(service: &Service, tls: Option<Peer>, uri: &Uri, headers: &HeaderMap) -> Response {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let https = tls.is_some();
    service.history.add(Seen::Http {
        url: uri.to_string(),
        host: text(header::HOST),
        https,
        server_name: tls.unwrap_or_default().server_name,
        user_agent: text(header::USER_AGENT),
    });
    // Over HTTPS redirects are ignored, so that a token's path can lead to itself there.
    if !https && let Some(target) = service.redirects.get(uri.path()) {
        return (StatusCode::FOUND, [(header::LOCATION, target)]).into_response();
    }
    let token = uri.path().strip_prefix(WELL_KNOWN);
    let content = token.and_then(|token| service.tokens.get(token)).unwrap_or_default();
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], content).into_response()
}

/// Serves DNS over HTTPS, by POST at any path.
///
/// # Errors
/// When the socket breaks.
pub async fn serve_doh(listener: TlsListener, service: Arc<Service>) -> Result<()> {
    let router = Router::new().fallback(any(doh)).with_state(service);
    serve(listener, router).await.context("the DNS-over-HTTPS server failed")
}

async fn doh(State(service): State<Arc<Service>>, method: Method, headers: HeaderMap, body: Bytes) -> Response {
    if method != Method::POST {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match service.query(&body, Transport::Stream, agent).await {
        Some(answer) => ([(header::CONTENT_TYPE, DNS_MESSAGE)], answer).into_response(),
        None => (StatusCode::BAD_REQUEST, "the request contains no DNS query\n").into_response(),
    }
}

/// A TLS configuration with a new self-signed certificate, which validators do not check.
///
/// # Errors
/// When no key can be made.
pub fn self_signed() -> Result<ServerConfig> {
    let key = KeyPair::generate().context("cannot make a key")?;
    let mut parameters = CertificateParams::new(vec!["localhost".to_owned()])?;
    parameters.distinguished_name.push(DnType::CommonName, "challenge test server");
    let certificate = parameters.self_signed(&key).context("cannot make a certificate")?;
    tls::single(vec![certificate.der().clone()], PrivatePkcs8KeyDer::from(key.serialize_der()).into())
}
