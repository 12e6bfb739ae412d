//! A request on its way to workerd, and the answer on its way back.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use axum::body::{Body, Bytes};
use futures_util::StreamExt;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use selvedge::ca::http::message::{ENDPOINT_UNTIL, max_body};
use selvedge::values::Time;
use serde_json::json;
use tokio::net::UnixStream;

use crate::serve::pair::Presented;
use crate::serve::settings::{ADDRESS_HEADER, SCHEME_HEADER};

/// How long a client may take for the body of a request.
const BODY: Duration = Duration::from_secs(30);
/// How long a request may wait for workerd, over a restart too.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often a request is sent again that workerd took and did not answer.
const MAX_REPEATS: u32 = 2;
/// Delay before workerd is tried again.
const PAUSE: Duration = Duration::from_millis(50);
/// The media type of ACME's signed requests.
const JOSE: &str = "application/jose+json";
/// Headers of one connection (RFC 9110 §7.6.1), beside those that `Connection` names.
const HOP_BY_HOP: [&str; 9] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// workerd, seen from here.
pub struct Upstream {
    /// Its socket.
    pub socket: PathBuf,
    /// The host of BASE_URL with its port.
    pub authority: String,
    /// What TLS presents; `None` behind a proxy.
    pub presented: Option<Arc<Presented>>,
}

/// A request as it is sent to workerd, more than once if need be.
struct Outbound {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
}

impl Upstream {
    /// Passes a request on and its answer back.
    pub async fn pass_on(&self, request: Request<Incoming>, peer: IpAddr, scheme: &'static str) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let Ok(Ok(body)) = tokio::time::timeout(BODY, read(body, max_body(parts.uri.path()))).await else {
            return problem(StatusCode::REQUEST_TIMEOUT, "The body of the request did not arrive; send it again.");
        };
        let Some(outbound) = outbound(&parts, body, peer, scheme, self.endpoint_until()) else {
            return problem(StatusCode::BAD_REQUEST, "The request names no path of this server.");
        };
        match tokio::time::timeout(PATIENCE, self.answer_of(&outbound)).await {
            Ok(Ok(answer)) => inbound(answer),
            Ok(Err(_)) => problem(
                StatusCode::SERVICE_UNAVAILABLE,
                "The CA stopped before it answered; see whether it did what was asked before you repeat the request.",
            ),
            Err(_) => {
                problem(StatusCode::SERVICE_UNAVAILABLE, "The CA does not answer; repeat the request in a moment.")
            }
        }
    }

    /// The end of the presented certificate.
    fn endpoint_until(&self) -> Option<Time> {
        Some(self.presented.as_ref()?.get()?.not_after)
    }

    /// The head of workerd's answer, from the next process if one ends before it.
    async fn answer_of(&self, outbound: &Outbound) -> Result<Response<Incoming>> {
        let mut broken = 0;
        loop {
            match self.attempt(outbound).await {
                Ok(answer) => return Ok(answer),
                // Nothing was sent: workerd is starting.
                Err(Fault::Unreachable) => {}
                Err(Fault::Broken(error)) => {
                    broken += 1;
                    // The request itself may be what ends workerd.
                    if broken > MAX_REPEATS || !outbound.is_repeatable() {
                        return Err(error);
                    }
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn attempt(&self, outbound: &Outbound) -> Result<Response<Incoming>, Fault> {
        let stream = UnixStream::connect(&self.socket).await.map_err(|_| Fault::Unreachable)?;
        // A connection for each request: none is kept that a restart would break.
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|_| Fault::Unreachable)?;
        tokio::spawn(connection);
        let sent = sender.send_request(outbound.request().map_err(Fault::Broken)?).await;
        sent.map_err(|error| Fault::Broken(error.into()))
    }

    /// Whether the directory is answered, as a client would ask for it, within this time.
    pub async fn has_directory(&self, patience: Duration) -> bool {
        let mut headers = HeaderMap::new();
        let Ok(host) = HeaderValue::from_str(&self.authority) else { return false };
        headers.insert(header::HOST, host);
        headers.insert(SCHEME_HEADER, HeaderValue::from_static("https"));
        let uri = Uri::from_static("/directory");
        let outbound = Outbound { method: Method::GET, uri, headers, body: Bytes::new() };
        let began = Instant::now();
        let answered = tokio::time::timeout(patience, self.attempt(&outbound)).await;
        began.elapsed() < patience && matches!(answered, Ok(Ok(answer)) if answer.status() == StatusCode::OK)
    }
}

/// The reason why there is no answer.
enum Fault {
    /// workerd accepts no connection at present.
    Unreachable,
    /// It ended before it answered; what the request asked for may have been done.
    Broken(anyhow::Error),
}

impl Outbound {
    fn request(&self) -> Result<Request<Body>> {
        let mut request = Request::builder().method(self.method.clone()).uri(self.uri.clone());
        if let Some(headers) = request.headers_mut() {
            headers.clone_from(&self.headers);
        }
        request.body(Body::from(self.body.clone())).context("the request cannot be passed on")
    }

    /// Whether a second sending does nothing that the first one did already.
    ///
    /// A signed request has a nonce: the CA refuses it the second time, and clients then send it with another.
    fn is_repeatable(&self) -> bool {
        let signed = self.headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == JOSE);
        matches!(self.method, Method::GET | Method::HEAD) || self.method == Method::POST && signed
    }
}

/// Reads a body, at most one byte more than the CA does.
///
/// The CA refuses a longer one in its own words.
async fn read(body: Incoming, most: usize) -> Result<Bytes> {
    let (mut stream, mut all) = (Body::new(body).into_data_stream(), Vec::new());
    while let Some(chunk) = stream.next().await {
        let room = (most + 1).saturating_sub(all.len());
        let chunk = chunk?;
        all.extend_from_slice(chunk.get(..room.min(chunk.len())).unwrap_or_default());
        if all.len() > most {
            break;
        }
    }
    Ok(all.into())
}

/// The request for workerd; `None` without a path.
fn outbound(
    parts: &Parts,
    body: Bytes,
    peer: IpAddr,
    scheme: &'static str,
    endpoint_until: Option<Time>,
) -> Option<Outbound> {
    let path = parts.uri.path_and_query().filter(|path| path.as_str().starts_with('/'))?;
    let mut headers = end_to_end(&parts.headers);
    headers.remove(header::CONTENT_LENGTH);
    headers.remove(header::EXPECT);
    // The authority of a whole URL takes precedence (RFC 9112 §3.2.2).
    if let Some(authority) = parts.uri.authority() {
        headers.insert(header::HOST, HeaderValue::from_str(authority.as_str()).ok()?);
    }
    headers.insert(SCHEME_HEADER, HeaderValue::from_static(scheme));
    headers.insert(ADDRESS_HEADER, HeaderValue::from_str(&peer.to_string()).ok()?);
    headers.remove(ENDPOINT_UNTIL);
    if let Some(until) = endpoint_until {
        headers.insert(ENDPOINT_UNTIL, HeaderValue::from_str(&until.rfc3339()).ok()?);
    }
    Some(Outbound { method: parts.method.clone(), uri: Uri::from(path.clone()), headers, body })
}

/// The answer for the client.
fn inbound(answer: Response<Incoming>) -> Response<Body> {
    let (mut parts, body) = answer.into_parts();
    parts.headers = end_to_end(&parts.headers);
    Response::from_parts(parts, Body::new(body))
}

/// The headers without those of the connection.
fn end_to_end(headers: &HeaderMap) -> HeaderMap {
    let named = headers.get_all(header::CONNECTION).iter().filter_map(|value| value.to_str().ok());
    let named: Vec<String> =
        named.flat_map(|value| value.split(',')).map(|name| name.trim().to_ascii_lowercase()).collect();
    let ends_here =
        |name: &HeaderName| HOP_BY_HOP.contains(&name.as_str()) || named.iter().any(|one| one == name.as_str());
    let mut kept = HeaderMap::new();
    for (name, value) in headers.iter().filter(|(name, _)| !ends_here(name)) {
        kept.append(name.clone(), value.clone());
    }
    kept
}

/// A problem document (RFC 7807) of the front itself.
fn problem(status: StatusCode, detail: &str) -> Response<Body> {
    let kind = if status.is_server_error() { "serverInternal" } else { "malformed" };
    let body = json!({
        "type": format!("urn:ietf:params:acme:error:{kind}"), "status": status.as_u16(), "detail": detail,
    });
    let mut response = Response::new(Body::from(format!("{body}\n")));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNTIL: Time = Time::from_secs(1_800_000_000);

    fn sent(uri: &str, headers: &[(&str, &str)]) -> Option<Outbound> {
        let mut request = Request::builder().method("POST").uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        outbound(&parts, Bytes::from_static(b"x"), "192.0.2.7".parse().unwrap(), "https", Some(UNTIL))
    }

    #[test]
    fn address_and_scheme_are_the_connections_and_never_the_clients() {
        let headers = [
            ("host", "ca.test"),
            ("selvedge-client-address", "10.0.0.1"),
            ("selvedge-client-address", "10.0.0.2"),
            ("selvedge-scheme", "http"),
            ("selvedge-endpoint-until", "2099-01-01T00:00:00Z"),
            ("x-kept", "1"),
            ("connection", "close, X-Hop"),
            ("x-hop", "1"),
            ("transfer-encoding", "chunked"),
            ("content-length", "9"),
        ];
        let sent = sent("/new-order?a=b", &headers).unwrap();
        let all = |name: &str| sent.headers.get_all(name).iter().map(|v| v.to_str().unwrap()).collect::<Vec<_>>();
        assert_eq!(all(ADDRESS_HEADER), ["192.0.2.7"]);
        assert_eq!(all(SCHEME_HEADER), ["https"]);
        assert_eq!(all(ENDPOINT_UNTIL), [UNTIL.rfc3339()]);
        assert_eq!((all("host"), all("x-kept")), (vec!["ca.test"], vec!["1"]));
        for gone in ["connection", "x-hop", "transfer-encoding", "content-length"] {
            assert_eq!(all(gone), Vec::<&str>::new(), "{gone}");
        }
        assert_eq!(sent.uri.to_string(), "/new-order?a=b");
    }

    #[test]
    fn host_of_a_whole_url_takes_precedence_and_other_targets_are_refused() {
        let whole = sent("http://other.test:8/x", &[("host", "ca.test")]).unwrap();
        assert_eq!((whole.headers["host"].to_str().unwrap(), whole.uri.to_string().as_str()), ("other.test:8", "/x"));
        assert!(sent("ca.test:443", &[]).is_none() && sent("*", &[]).is_none());
    }

    #[test]
    fn only_what_a_second_sending_cannot_repeat_is_sent_again() {
        let repeatable = |method: Method, kind: &'static str| {
            let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(kind))]);
            Outbound { method, uri: Uri::from_static("/"), headers, body: Bytes::new() }.is_repeatable()
        };
        assert!(repeatable(Method::GET, "") && repeatable(Method::HEAD, "") && repeatable(Method::POST, JOSE));
        // An operation with a token would be done twice.
        assert!(!repeatable(Method::POST, "application/json") && !repeatable(Method::PUT, JOSE));
    }

    #[test]
    fn problem_of_a_restart_says_when_to_come_back() {
        let answer = problem(StatusCode::SERVICE_UNAVAILABLE, "d");
        assert_eq!(answer.headers()["retry-after"], "5");
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        assert!(problem(StatusCode::BAD_REQUEST, "d").headers().get("retry-after").is_none());
    }
}
