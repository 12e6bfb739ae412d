//! The management address: all operations of `pebble-challtestsrv`.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::sync::Arc;

use anyhow::{Context, Result};
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use axum::{Router, serve as serve_http};
use serde::Deserialize;
use tokio::net::TcpListener;

use super::history::{History, Kind};
use super::plain_dns::MAX_MESSAGE_BYTES;
use super::records::{OPERATIONS, Refusal, read, read_change};
use super::service::Service;

/// Serves the management address.
///
/// Unlike that of `dev` it answers at any host: containers reach it by their names.
///
/// # Errors
/// When the socket breaks.
pub async fn serve(listener: TcpListener, service: Arc<Service>) -> Result<()> {
    let router = Router::new()
        .route("/health", get(|| async { "ok\n" }))
        .route("/{operation}", any(operate))
        .layer(DefaultBodyLimit::max(MAX_MESSAGE_BYTES))
        .with_state(service);
    serve_http(listener, router).await.context("the management address failed")
}

/// The operations beside those of DNS records, for the error about an unknown one.
const OTHERS: &str = "set-default-ipv4, set-default-ipv6, add-http01, del-http01, add-redirect, del-redirect, \
     add-tlsalpn01, del-tlsalpn01, http-request-history, dns-request-history, tlsalpn01-request-history, \
     clear-request-history";

async fn operate(State(service): State<Arc<Service>>, Path(operation): Path<String>, body: Bytes) -> Response {
    match done(&service, &operation, &body) {
        Ok(None) => StatusCode::OK.into_response(),
        Ok(Some(json)) => ([(header::CONTENT_TYPE, "application/json; charset=utf-8")], json).into_response(),
        Err(Refusal::Unknown) => {
            let why = format!("unknown operation {operation:?}; expected one of: {OTHERS}, {OPERATIONS}\n");
            (StatusCode::NOT_FOUND, why).into_response()
        }
        Err(Refusal::Body(why)) => (StatusCode::BAD_REQUEST, format!("/{operation} {why}\n")).into_response(),
    }
}

#[derive(Deserialize)]
struct Ip {
    ip: String,
}

#[derive(Deserialize)]
struct Token {
    token: String,
    content: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Redirect {
    path: String,
    #[serde(rename = "targetURL")]
    target_url: Option<String>,
}

#[derive(Deserialize)]
struct Host {
    host: String,
    content: Option<String>,
    r#type: Option<String>,
}

/// Does an operation; gives the JSON of a history.
fn done(service: &Service, operation: &str, body: &[u8]) -> Result<Option<String>, Refusal> {
    match operation {
        "set-default-ipv4" => {
            let ip = address::<Ipv4Addr>(body)?;
            service.resolver.change_defaults(|defaults| defaults.v4 = ip);
        }
        "set-default-ipv6" => {
            let ip = address::<Ipv6Addr>(body)?;
            service.resolver.change_defaults(|defaults| defaults.v6 = ip);
        }
        "add-http01" => {
            let form = r#"{"token","content"}"#;
            let Token { token, content } = read(body, form)?;
            service.tokens.set(filled(token, form)?, filled(content.unwrap_or_default(), form)?);
        }
        "del-http01" => {
            let form = r#"{"token"}"#;
            service.tokens.remove(&filled(read::<Token>(body, form)?.token, form)?);
        }
        "add-redirect" => {
            let form = r#"{"path","targetURL"}"#;
            let Redirect { path, target_url } = read(body, form)?;
            service.redirects.set(filled(path, form)?, filled(target_url.unwrap_or_default(), form)?);
        }
        "del-redirect" => {
            let form = r#"{"path"}"#;
            service.redirects.remove(&filled(read::<Redirect>(body, form)?.path, form)?);
        }
        "add-tlsalpn01" => {
            let form = r#"{"host","content"}"#;
            let Host { host, content, .. } = read(body, form)?;
            service.hosts.set(filled(host, form)?, filled(content.unwrap_or_default(), form)?);
        }
        "del-tlsalpn01" => service.hosts.remove(&host(body)?),
        "http-request-history" => return shown(&service.history, Kind::Http, body),
        "dns-request-history" => return shown(&service.history, Kind::Dns, body),
        "tlsalpn01-request-history" => return shown(&service.history, Kind::TlsAlpn, body),
        "clear-request-history" => {
            let form = r#"{"host","type":"http"|"dns"|"tlsalpn"}"#;
            let Host { host, r#type, .. } = read(body, form)?;
            let kind = r#type.as_deref().and_then(Kind::named).ok_or_else(|| lacking(form))?;
            service.history.clear(kind, &filled(host, form)?);
        }
        _ => {
            let (host, change) = read_change(operation, body)?;
            service.resolver.apply(&host, change);
        }
    }
    Ok(None)
}

/// The default address in a body; `None` for the empty text.
fn address<A: FromStr>(body: &[u8]) -> Result<Option<A>, Refusal> {
    let form = r#"{"ip"}"#;
    let Ip { ip } = read(body, form)?;
    if ip.is_empty() {
        return Ok(None);
    }
    let found = ip.parse().map_err(|_| Refusal::Body(format!("takes the JSON {form} with an address, not {ip:?}")))?;
    Ok(Some(found))
}

fn host(body: &[u8]) -> Result<String, Refusal> {
    let form = r#"{"host"}"#;
    filled(read::<Host>(body, form)?.host, form)
}

fn shown(history: &History, kind: Kind, body: &[u8]) -> Result<Option<String>, Refusal> {
    let json = serde_json::to_string_pretty(&history.of(kind, &host(body)?));
    json.map(Some).map_err(|error| Refusal::Body(format!("has no history: {error}")))
}

/// A member that may not be empty.
fn filled(text: String, form: &str) -> Result<String, Refusal> {
    if text.is_empty() { Err(lacking(form)) } else { Ok(text) }
}

fn lacking(form: &str) -> Refusal {
    Refusal::Body(format!("takes the JSON {form}, each member filled"))
}
