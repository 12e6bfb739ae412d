//! The management address: DNS over HTTPS for the Worker, and HTTP calls that set records.
//!
//! It supports two dialects that clients already use: that of `pebble-challtestsrv` (`/set-txt`, `/add-a` …)
//! and that of lego's `httpreq` provider (`/present`, `/cleanup`), which acme.sh and Caddy call `acmeproxy`.
//! On the same port number, plain DNS over UDP answers the clients that wait for their own record.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, anyhow};
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Router, serve};
use selvedge::values::b64;
use serde::Deserialize;
use tokio::net::{TcpListener, UdpSocket};

use super::faults;
use crate::challtestsrv::dns::{Resolver, Transport};
use crate::challtestsrv::plain_dns::answer_datagrams;
use crate::challtestsrv::records::{OPERATIONS, Refusal, read_change};
use crate::common::web::is_loopback;

/// The path of DNS over HTTPS.
pub const DOH_PATH: &str = "/dns-query";
const DNS_MESSAGE: &str = "application/dns-message";
/// Longest DNS message.
const MAX_MESSAGE_BYTES: usize = 65_535;
/// Attempts to find a port that is free for both TCP and UDP.
const PORT_TRIES: usize = 32;

/// The sockets of the management address: HTTP, and plain DNS on the same port number.
pub struct Sockets {
    http: TcpListener,
    dns: UdpSocket,
    /// The address of both.
    pub address: SocketAddr,
}

impl Sockets {
    /// Binds both on `host`: at `preferred` when it is free, else at any free port.
    ///
    /// # Errors
    /// When no free port was found.
    pub async fn bind(host: IpAddr, preferred: Option<u16>) -> Result<Self> {
        let ports = preferred.into_iter().chain(std::iter::repeat_n(0, PORT_TRIES));
        let mut last = None;
        for port in ports {
            match Self::bind_both(SocketAddr::new(host, port)).await {
                Ok(sockets) => return Ok(sockets),
                Err(error) => last = Some(error),
            }
        }
        Err(last.map_or_else(|| anyhow!("no port was tried"), anyhow::Error::from))
            .with_context(|| format!("found no free port on {host} for the management address"))
    }

    async fn bind_both(address: SocketAddr) -> std::io::Result<Self> {
        let http = TcpListener::bind(address).await?;
        let address = http.local_addr()?;
        let dns = UdpSocket::bind(address).await?;
        Ok(Self { http, dns, address })
    }

    /// Serves both until the future is dropped; `/health` is 200 once `ready`.
    ///
    /// # Errors
    /// When a socket breaks.
    pub async fn serve(self, resolver: Arc<Resolver>, ready: Arc<AtomicBool>, faults: faults::Shared) -> Result<()> {
        let http = serve(self.http, router(Arc::clone(&resolver), ready, faults)).into_future();
        tokio::select! {
            ended = http => ended.context("the management address failed"),
            ended = answer_datagrams(Arc::new(self.dns), resolver) => ended.context("the DNS socket failed"),
        }
    }
}

fn router(resolver: Arc<Resolver>, ready: Arc<AtomicBool>, faults: faults::Shared) -> Router {
    Router::new()
        .route("/", get(show))
        .route("/health", get(move || health(ready)))
        .route(DOH_PATH, get(doh_get).post(doh_post))
        .route("/{operation}", post(operate))
        .with_state(resolver)
        .merge(faults::router(faults))
        .layer(DefaultBodyLimit::max(MAX_MESSAGE_BYTES))
        .layer(from_fn(require_local_host))
}

async fn health(ready: Arc<AtomicBool>) -> Response {
    if ready.load(Ordering::Relaxed) {
        return "ok\n".into_response();
    }
    refuse(StatusCode::SERVICE_UNAVAILABLE, "the CA is starting")
}

/// Refuses requests whose `Host` is not this machine, against DNS rebinding by web pages.
async fn require_local_host(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    if is_local(host) {
        return next.run(request).await;
    }
    let shown: String = host.chars().take(100).collect();
    let why = format!("only 127.0.0.1 and localhost are served here, not {shown:?} (RFC 9110 section 15.5.20)");
    refuse(StatusCode::MISDIRECTED_REQUEST, &why)
}

/// Whether a `Host` is a loopback address, or `localhost`, at whatever port.
fn is_local(host: &str) -> bool {
    let Ok(url) = url::Url::parse(&format!("http://{host}/")) else { return false };
    url.path() == "/" && url.username().is_empty() && url.query().is_none() && is_loopback(&url)
}

async fn show(State(resolver): State<Arc<Resolver>>) -> Response {
    match resolver.records() {
        Ok(json) => ([(header::CONTENT_TYPE, "application/json")], json).into_response(),
        Err(error) => refuse(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

#[derive(Deserialize)]
struct DohQuery {
    dns: String,
}

async fn doh_get(State(resolver): State<Arc<Resolver>>, Query(query): Query<DohQuery>) -> Response {
    match b64::decode(&query.dns) {
        Some(message) => doh(&resolver, &message).await,
        None => refuse(StatusCode::BAD_REQUEST, "the dns parameter is not unpadded base64url (RFC 8484 §4.1)"),
    }
}

async fn doh_post(State(resolver): State<Arc<Resolver>>, headers: HeaderMap, body: Bytes) -> Response {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if kind.eq_ignore_ascii_case(DNS_MESSAGE) {
        doh(&resolver, &body).await
    } else {
        refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, &format!("a DNS query is sent as {DNS_MESSAGE}, not as {kind:?}"))
    }
}

async fn doh(resolver: &Resolver, message: &[u8]) -> Response {
    match resolver.answer(message, Transport::Stream).await {
        Some(answer) => {
            ([(header::CONTENT_TYPE, DNS_MESSAGE), (header::CACHE_CONTROL, "no-store")], answer).into_response()
        }
        None => refuse(StatusCode::BAD_REQUEST, "the request contains no DNS query (RFC 1035 §4)"),
    }
}

async fn operate(
    State(resolver): State<Arc<Resolver>>,
    Path(operation): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    // Browsers send Origin with every POST: web pages are refused.
    if headers.contains_key(header::ORIGIN) {
        return refuse(StatusCode::FORBIDDEN, "web pages may not set DNS records");
    }
    match read_change(&operation, &body) {
        Ok((host, change)) => {
            resolver.apply(&host, change);
            // acme.sh expects its value in the response.
            ([(header::CONTENT_TYPE, "application/json")], body).into_response()
        }
        Err(Refusal::Unknown) => {
            refuse(StatusCode::NOT_FOUND, &format!("unknown operation {operation:?}; expected one of: {OPERATIONS}"))
        }
        Err(Refusal::Body(why)) => refuse(StatusCode::BAD_REQUEST, &format!("/{operation} {why}")),
    }
}

fn refuse(status: StatusCode, why: &str) -> Response {
    (status, format!("{why}\n")).into_response()
}
