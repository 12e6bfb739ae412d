//! The ACME server for clients: TLS, and the habits of Pebble around the Worker's answers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Router, serve as serve_http};
use futures_util::stream;
use serde_json::{Value, json};

use super::config::RetryAfter;
use super::upstream::{Answer, Upstream};
use crate::common::host;
use crate::common::tls::TlsListener;

/// The path of renewal information, before the certID.
pub const RENEWAL_INFO: &str = "/draft-ietf-acme-ari-03/renewalInfo/";
/// The path of the directory.
const DIRECTORY: &str = "/dir";
/// The path of challenges.
const CHALLENGE: &str = "/chalZ/";
/// Longest body that is passed on; the Worker refuses shorter ones.
const MAX_BODY: usize = 1024 * 1024;

/// Headers of one connection (RFC 9110 §7.6.1), which are not passed on.
const OF_CONNECTION: [HeaderName; 7] = [
    header::CONNECTION,
    header::TRANSFER_ENCODING,
    header::TE,
    header::TRAILER,
    header::UPGRADE,
    header::CONTENT_LENGTH,
    header::EXPECT,
];

/// Headers of the Worker that Pebble does not send.
const NOT_PEBBLES: [HeaderName; 3] = [header::STRICT_TRANSPORT_SECURITY, header::CACHE_CONTROL, header::ETAG];

/// Media types to which Pebble adds a parameter.
const WITH_CHARSET: [&str; 3] = ["application/json", "application/problem+json", "application/pem-certificate-chain"];

/// The path of finalize.
const FINALIZE: &str = "/finalize-order/";
/// The paths of what a client waits for, each with whether it is of orders.
const AWAITED: [(&str, bool); 4] = [(FINALIZE, true), ("/my-order/", true), ("/authZ/", false), (CHALLENGE, false)];

/// The state of the server.
pub struct Front {
    /// The Worker.
    pub upstream: Upstream,
    /// The origin in the Worker's URLs.
    pub base: String,
    /// Longest wait before a validation, in seconds.
    pub sleep: u64,
    /// How long clients are asked to wait.
    pub retry_after: RetryAfter,
    /// The names of the CA in DNS.
    pub identities: Vec<String>,
    /// Renewal information by certID, in place of the Worker's.
    pub renewals: Mutex<BTreeMap<String, String>>,
}

/// Serves ACME.
///
/// # Errors
/// When the socket breaks.
pub async fn serve(listener: TlsListener, front: Arc<Front>) -> Result<()> {
    let router = Router::new().fallback(answer).with_state(front);
    serve_http(listener, router).await.context("the ACME server failed")
}

async fn answer(State(front): State<Arc<Front>>, request: Request) -> Response {
    let public = match front.looked_at(&request) {
        Ok(public) => public,
        Err(response) => return *response,
    };
    if front.sleep > 0 && request.method() == Method::POST && request.uri().path().starts_with(CHALLENGE) {
        tokio::time::sleep(Duration::from_secs(drawn(front.sleep))).await;
    }
    let of_page = request.headers().contains_key(header::ORIGIN);
    let path = request.uri().path().to_owned();
    match front.pass(request).await {
        Ok(mut answer) => {
            if path == DIRECTORY {
                answer.body = front.completed(&answer.body).unwrap_or(answer.body);
            }
            front.ask_to_wait(&path, &mut answer);
            spelled(answer, &front.base, &public, of_page)
        }
        Err(error) => (StatusCode::BAD_GATEWAY, format!("{error:#}\n")).into_response(),
    }
}

impl Front {
    /// The origin that a request asks for, or a response in place of the Worker's.
    fn looked_at(&self, request: &Request) -> Result<String, Box<Response>> {
        let text = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
        if text("user-agent").is_none_or(str::is_empty) {
            return Err(malformed("the request has no User-Agent header, which RFC 8555 section 6.1 demands"));
        }
        let Some(host) = text("host") else { return Err(malformed("the request has no Host header")) };
        let set = |id: &str| self.renewals.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned();
        let id = request.uri().path().strip_prefix(RENEWAL_INFO).filter(|_| request.method() == Method::GET);
        match id.and_then(set) {
            Some(info) => {
                let headers = [(header::CONTENT_TYPE, "application/json"), (header::RETRY_AFTER, "21600")];
                Err(Box::new((headers, info).into_response()))
            }
            None => Ok(format!("{}://{host}", text("x-forwarded-proto").unwrap_or("https"))),
        }
    }

    /// The directory with the members that Pebble always has; `None` for another text.
    fn completed(&self, body: &[u8]) -> Option<Bytes> {
        let mut directory: Value = serde_json::from_slice(body).ok()?;
        let meta = directory.get_mut("meta")?.as_object_mut()?;
        meta.entry("externalAccountRequired").or_insert(false.into());
        meta.entry("caaIdentities").or_insert_with(|| self.identities.clone().into());
        serde_json::to_string_pretty(&directory).ok().map(Bytes::from)
    }

    /// Has the client wait as the configuration says.
    ///
    /// With a time for orders, the answer to finalize is `processing` as at Pebble; the order is `valid` when asked for.
    fn ask_to_wait(&self, path: &str, answer: &mut Answer) {
        let Some((_, of_order)) = AWAITED.iter().find(|(prefix, _)| path.starts_with(prefix)) else { return };
        let seconds = if *of_order { self.retry_after.order } else { self.retry_after.authz };
        if seconds == 0 {
            return;
        }
        if path.starts_with(FINALIZE)
            && answer.status == StatusCode::OK
            && let Some(open) = processing(&answer.body)
        {
            answer.body = open;
            answer.headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if answer.headers.contains_key(header::RETRY_AFTER) {
            answer.headers.insert(header::RETRY_AFTER, retry_after(seconds, drawn(2) == 0));
        }
    }

    /// Passes a request on to the Worker.
    async fn pass(&self, request: Request) -> Result<Answer> {
        let (mut parts, body) = request.into_parts();
        let body = to_bytes(body, MAX_BODY).await.context("the request's body is too long or broken off")?;
        for name in &OF_CONNECTION {
            parts.headers.remove(name);
        }
        // The client adds that of the Worker.
        parts.headers.remove(header::HOST);
        parts.version = axum::http::Version::HTTP_11;
        self.upstream.send(Request::from_parts(parts, Body::from(body))).await
    }
}

/// An order that is valid as one that is processing; `None` for another.
fn processing(body: &[u8]) -> Option<Bytes> {
    let mut order: Value = serde_json::from_slice(body).ok()?;
    let members = order.as_object_mut().filter(|order| order.get("status").is_some_and(|status| status == "valid"))?;
    members.insert("status".to_owned(), "processing".into());
    members.shift_remove("certificate");
    serde_json::to_string_pretty(&order).ok().map(Bytes::from)
}

/// The value of `Retry-After`: seconds, or a date, which clients have to read as well.
fn retry_after(seconds: u64, as_date: bool) -> HeaderValue {
    let then = SystemTime::now().checked_add(Duration::from_secs(seconds)).filter(|_| as_date);
    let date = then.and_then(|then| HeaderValue::from_str(&httpdate::fmt_http_date(then)).ok());
    date.unwrap_or_else(|| HeaderValue::from(seconds))
}

/// A whole number of seconds below `most`.
fn drawn(most: u64) -> u64 {
    host::random::<8>().map_or(0, u64::from_le_bytes).checked_rem(most).unwrap_or_default()
}

/// A response with the origin that the client asked for, and Pebble's headers.
fn spelled(answer: Answer, base: &str, public: &str, of_page: bool) -> Response {
    let mut headers = HeaderMap::new();
    for (name, value) in &answer.headers {
        let cors = name.as_str().starts_with("access-control-");
        if OF_CONNECTION.contains(name) || NOT_PEBBLES.contains(name) || (cors && !of_page) {
            continue;
        }
        match value.to_str() {
            Ok(kind) if name == header::CONTENT_TYPE && !kind.contains(';') && WITH_CHARSET.contains(&kind) => {
                append(&mut headers, name, &format!("{kind}; charset=utf-8"));
            }
            // Clients that read lines want one link in each, as Pebble sends them; the runtime has merged them.
            Ok(links) if name == header::LINK => {
                for link in separate(&links.replace(base, public)) {
                    append(&mut headers, name, &link);
                }
            }
            Ok(text) => append(&mut headers, name, &text.replace(base, public)),
            Err(_) => {
                headers.append(name, value.clone());
            }
        }
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=0, no-cache"));
    let is_text = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let is_text = is_text.is_some_and(|kind| kind.contains("json") || kind.starts_with("text/"));
    let body = match std::str::from_utf8(&answer.body) {
        _ if answer.cut => cut_body(),
        Ok(text) if is_text && base != public => Body::from(text.replace(base, public)),
        _ => Body::from(answer.body),
    };
    (answer.status, headers, body).into_response()
}

/// A body whose connection ends after its beginning, as that of the Worker did.
fn cut_body() -> Body {
    let broken = std::io::Error::new(std::io::ErrorKind::ConnectionReset, "the Worker's answer was cut");
    Body::from_stream(stream::iter([Ok(Bytes::from_static(b"{\"status\":\"")), Err(broken)]))
}

fn append(headers: &mut HeaderMap, name: &HeaderName, text: &str) {
    if let Ok(value) = HeaderValue::from_str(text) {
        headers.append(name, value);
    }
}

/// The links of a merged header.
fn separate(links: &str) -> Vec<String> {
    links
        .split(", <")
        .enumerate()
        .map(|(at, link)| if at == 0 { link.to_owned() } else { format!("<{link}") })
        .collect()
}

fn malformed(detail: &str) -> Box<Response> {
    let problem = json!({ "type": "urn:ietf:params:acme:error:malformed", "detail": detail, "status": 400 });
    let headers = [(header::CONTENT_TYPE, "application/problem+json; charset=utf-8")];
    Box::new((StatusCode::BAD_REQUEST, headers, problem.to_string()).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finalize_is_processing_and_wait_is_seconds_or_a_date() {
        let valid = br#"{"status":"valid","finalize":"f","certificate":"c"}"#;
        let open: Value = serde_json::from_slice(&processing(valid).unwrap()).unwrap();
        assert_eq!(open, json!({ "status": "processing", "finalize": "f" }));
        for other in [&b"{\"status\":\"ready\"}"[..], b"[]", b"no JSON"] {
            assert_eq!(processing(other), None);
        }
        assert_eq!(retry_after(9, false), "9");
        let date = httpdate::parse_http_date(retry_after(900, true).to_str().unwrap()).unwrap();
        let wait = date.duration_since(SystemTime::now()).unwrap();
        assert!((800..=900).contains(&wait.as_secs()), "{wait:?}");
    }

    #[test]
    fn urls_follow_the_host_and_links_are_separate() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("link", "<https://a.test/dir>;rel=\"index\", <https://a.test/certZ/1/alternate/1>;rel=\"alternate\""),
            ("location", "https://a.test/my-order/1"),
            ("content-type", "application/json"),
            ("content-length", "7"),
            ("strict-transport-security", "max-age=1"),
        ] {
            headers.insert(name, value.parse().unwrap());
        }
        let body = "{\"url\":\"https://a.test/x\"}".into();
        let response = spelled(
            Answer { status: StatusCode::OK, headers, body, cut: false },
            "https://a.test",
            "https://b.test:1",
            false,
        );
        let of = |name: &str| -> Vec<_> { response.headers().get_all(name).iter().cloned().collect() };
        assert_eq!(
            of("link"),
            ["<https://b.test:1/dir>;rel=\"index\"", "<https://b.test:1/certZ/1/alternate/1>;rel=\"alternate\""]
        );
        assert_eq!(of("location"), ["https://b.test:1/my-order/1"]);
        assert!(of("content-length").is_empty() && of("strict-transport-security").is_empty());
        assert_eq!(of("content-type"), ["application/json; charset=utf-8"]);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let body = runtime.block_on(to_bytes(response.into_body(), 1000)).unwrap();
        assert_eq!(body, "{\"url\":\"https://b.test:1/x\"}");
    }
}
