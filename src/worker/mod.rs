//! The Worker: the host of the CA on Cloudflare Workers and workerd.
//!
//! Nothing here decides anything about ACME: requests are read and written, the ports filled with what the platform
//! has, and the rest is `ca`.

mod config;
mod crypto;
mod js;
mod object;
mod outbound;
mod ports;
mod sql;

use crate::acme::Problem;
use crate::ca::address::ClientAddress;
use crate::ca::front::Front;
use crate::ca::http::{self, Body, MAX_BODY};
use ports::HostPorts;
use std::rc::Rc;
use worker::{Context, Env, Headers, Request, Response, Result, event};

/// Entry of every request from outside.
#[event(fetch)]
async fn fetch(request: Request, env: Env, context: Context) -> Result<Response> {
    let response = match config::load(&env).await {
        Ok(settings) => {
            let front = Front { ports: HostPorts::new(settings.clone(), env, None) };
            let header = settings.settings.address_header.as_deref();
            let response = front.handle(read(request, header).await?).await;
            let calls = front.ports.calls();
            if front.flush_is_due() {
                context.wait_until(async move { front.flush().await });
            }
            if settings.settings.dev { response.with("Selvedge-Calls", &calls.to_string()) } else { response }
        }
        Err(refusal) => refuse(&refusal),
    };
    write(response)
}

/// The answer while the configuration is not usable: what is wrong, for the operator who sees it first.
fn refuse(refusal: &str) -> http::Response {
    worker::console_error!("refusing to serve: {refusal}");
    let problem = Problem { retry_after: Some(60), ..Problem::internal("") };
    let detail = format!("This CA is not configured correctly and serves nothing until it is: {refusal}");
    http::Response::problem(&Problem { detail, ..problem })
}

/// Reads a request; of a body that is too long, no more than the limit.
/// `address` names the header that has the client's address.
async fn read(mut request: Request, address: Option<&str>) -> Result<http::Request> {
    let url = request.inner().url();
    let path = url.splitn(4, '/').nth(3).map_or_else(|| "/".to_owned(), |path| format!("/{path}"));
    let method = request.inner().method();
    let header = |name: &str| request.headers().get(name);
    let (content_type, authorization) = (header("Content-Type")?, header("Authorization")?);
    let address = address.map(header).transpose()?.flatten().as_deref().and_then(ClientAddress::from_header);
    let body = if method == "POST" { read_body(&mut request).await? } else { Some(Vec::new()) };
    Ok(http::Request { method, path, content_type, authorization, address, body })
}

async fn read_body(request: &mut Request) -> Result<Option<Vec<u8>>> {
    let length = request.headers().get("Content-Length")?.and_then(|length| length.parse::<usize>().ok());
    match length {
        // The runtime holds the sender to the length it gave.
        Some(length) if length <= MAX_BODY => request.bytes().await.map(Some),
        Some(_) => Ok(None),
        None if request.inner().body().is_none() => Ok(Some(Vec::new())),
        None => outbound::read_stream(request.stream()?, MAX_BODY).await,
    }
}

/// Writes a response. Each header is appended by itself; workerd joins those of one name (docs/DIVERGENCES.md).
fn write(response: http::Response) -> Result<Response> {
    let headers = Headers::new();
    for (name, value) in &response.headers {
        headers.append(name, value)?;
    }
    let builder = Response::builder().with_status(response.status).with_headers(headers);
    Ok(match response.body {
        Body::Text(text) if text.is_empty() => builder.empty(),
        Body::Text(text) => builder.fixed(text.into_bytes()),
        Body::Bytes(bytes) => builder.fixed(bytes),
    })
}

/// The configuration as it is shared within an isolate.
type SharedConfig = Rc<config::Loaded>;
