//! The network: DNS over HTTPS, plain sockets, and `fetch`.

use super::js;
use super::reading::{IDENTITY, body, in_time, read, settle};
use super::timer::within;
use crate::ca::config::receivers::Mail;
use crate::ca::config::webhook::WebhookRequest;
use crate::validation::http1::is_redirect;
use crate::validation::outbound::{BROKEN, FetchAnswer, Limits, NOT_CONNECTED, OutboundFault, Reaction};
use core::cell::Cell;
use core::net::SocketAddr;
use core::time::Duration;
use wasm_bindgen::{JsCast, JsValue};
use worker::js_sys::{Array, Promise};
use worker::wasm_bindgen;
use worker::wasm_bindgen_futures::JsFuture;
use worker::web_sys::{ReadableStreamDefaultReader, RequestInit, RequestRedirect, WritableStreamDefaultWriter};
use worker::worker_sys::Socket;

/// Sends a DNS query to the resolver at `url` (RFC 8484 §4.1: POST).
///
/// # Errors
/// See [`crate::validation::outbound::Outbound::doh`].
pub async fn doh(url: &str, query: &[u8], limits: Limits) -> Result<Vec<u8>, OutboundFault> {
    let refused = || OutboundFault::Resolver(NOT_CONNECTED.to_owned());
    let init = doh_request(query).map_err(|_| refused())?;
    in_time(url, init, limits, refused, async |response| {
        if response.status() != 200 {
            return Err(OutboundFault::Resolver(format!("HTTP status {}", response.status())));
        }
        body(response, limits.max_bytes).await
    })
    .await
}

fn doh_request(query: &[u8]) -> Result<RequestInit, JsValue> {
    let kind = JsValue::from_str("application/dns-message");
    let init = RequestInit::new();
    init.set_method("POST");
    // Only the configured resolver is trusted.
    init.set_redirect(RequestRedirect::Manual);
    init.set_headers(&js::object(&[("Content-Type", kind.clone()), ("Accept", kind), identity()])?);
    init.set_body(&js::bytes(query));
    Ok(init)
}

/// The header that every request has.
fn identity() -> (&'static str, JsValue) {
    (IDENTITY.0, IDENTITY.1.into())
}

/// Sends a GET without following redirects; see [`crate::validation::outbound::Outbound::fetch`].
///
/// # Errors
/// As there.
pub async fn fetch(url: &str, limits: Limits) -> Result<FetchAnswer, OutboundFault> {
    let init = RequestInit::new();
    init.set_method("GET");
    init.set_redirect(RequestRedirect::Manual);
    init.set_headers(&js::object(&[identity()]).map_err(|_| OutboundFault::unreachable())?);
    in_time(url, init, limits, OutboundFault::unreachable, async |response| {
        let location = response.headers().get("Location").ok().flatten();
        let status = response.status();
        // The body of a redirect is not used.
        let body = if is_redirect(status) { Vec::new() } else { body(response, limits.max_bytes).await? };
        Ok(FetchAnswer { status, location, body })
    })
    .await
}

/// Submits a checkpoint to a witness; see [`crate::ca::runtime::ports::PartitionPorts::submit`].
///
/// # Errors
/// As there.
pub async fn submit(url: &str, text: &str, limits: Limits) -> Result<FetchAnswer, OutboundFault> {
    let init = submission(text).map_err(|_| OutboundFault::unreachable())?;
    in_time(url, init, limits, OutboundFault::unreachable, async |response| {
        let status = response.status();
        let body = if is_redirect(status) { Vec::new() } else { body(response, limits.max_bytes).await? };
        Ok(FetchAnswer { status, location: None, body })
    })
    .await
}

fn submission(text: &str) -> Result<RequestInit, JsValue> {
    let init = RequestInit::new();
    init.set_method("POST");
    init.set_redirect(RequestRedirect::Manual);
    init.set_headers(&js::object(&[("Content-Type", "text/plain; charset=utf-8".into()), identity()])?);
    init.set_body(&JsValue::from_str(text));
    Ok(init)
}

/// The limits of a webhook's answer.
const DELIVERY: Limits = Limits { max_bytes: 0, timeout: Duration::from_secs(10) };

/// Sends a notice; see [`crate::ca::runtime::ports::PartitionPorts::deliver`].
///
/// By `global_fetch_strictly_public` it goes over the public Internet, as validations do. Redirects are not followed:
/// the signature is for one receiver.
///
/// # Errors
/// As there.
pub async fn deliver(request: &WebhookRequest) -> Result<u16, String> {
    let init = delivery(request).map_err(|e| js::text(&e))?;
    let sent = in_time(&request.url, init, DELIVERY, OutboundFault::unreachable, async |response| {
        // The body is not read: the end of the request aborts it.
        Ok(response.status())
    });
    sent.await.map_err(|fault| fault.to_string())
}

/// The binding for e-mails: `[[send_email]]` of wrangler.toml.
const EMAIL: &str = "EMAIL";

/// Sends an e-mail; see [`crate::ca::runtime::ports::PartitionPorts::mail`].
///
/// # Errors
/// As there.
pub async fn mail(env: &JsValue, mail: &Mail) -> Result<(), String> {
    let binding = js::member(env, EMAIL);
    if binding.is_undefined() {
        return Err(
            "the Worker has no binding EMAIL; add [[send_email]] with name = \"EMAIL\" to wrangler.toml".to_owned()
        );
    }
    let to: Array = mail.to.iter().map(|one| JsValue::from_str(one)).collect();
    let members = [
        ("from", JsValue::from_str(&mail.from)),
        ("to", to.into()),
        ("subject", JsValue::from_str(&mail.subject)),
        ("text", JsValue::from_str(&mail.text)),
        ("html", JsValue::from_str(&mail.html)),
    ];
    let sent = async {
        let sent = binding.unchecked_ref::<js::Mailer>().send(&js::object(&members)?)?;
        js::answer(Ok(Promise::resolve(&sent))).await
    };
    match within(DELIVERY.timeout, sent).await {
        None => Err("the platform's e-mail service does not answer".to_owned()),
        Some(sent) => sent.map(|_| ()).map_err(|e| js::text(&e)),
    }
}

fn delivery(request: &WebhookRequest) -> Result<RequestInit, JsValue> {
    let headers = request.headers.iter().map(|(name, value)| (*name, JsValue::from_str(value)));
    let headers: Vec<(&str, JsValue)> = headers.chain([identity()]).collect();
    let init = RequestInit::new();
    init.set_method("POST");
    init.set_redirect(RequestRedirect::Manual);
    init.set_headers(&js::object(&headers)?);
    init.set_body(&JsValue::from_str(&request.body));
    Ok(init)
}

/// Connects to exactly `addr`; see [`crate::validation::outbound::Outbound::converse`].
///
/// # Errors
/// As there.
pub async fn converse(
    addr: SocketAddr,
    opening: &[u8],
    limits: Limits,
    react: &mut dyn FnMut(&[u8]) -> Reaction,
) -> Result<(), OutboundFault> {
    let socket = connect(addr)?;
    let open = Cell::new(false);
    let work = async {
        // workerd has one text for all failed connections, without a reason.
        js::answer(socket.opened()).await.map_err(|_| OutboundFault::unreachable())?;
        open.set(true);
        talk(&socket, opening, limits.max_bytes, react).await
    };
    let talked = within(limits.timeout, work).await;
    // The connection is closed in any case, without waiting for the peer.
    if let Ok(closed) = socket.close() {
        settle(closed);
    }
    talked.unwrap_or_else(|| Err(if open.get() { OutboundFault::Timeout } else { OutboundFault::Filtered }))
}

fn connect(addr: SocketAddr) -> Result<Socket, OutboundFault> {
    let host = match addr {
        SocketAddr::V4(v4) => v4.ip().to_string(),
        SocketAddr::V6(v6) => format!("[{}]", v6.ip()),
    };
    let address = js::object(&[("hostname", host.into()), ("port", addr.port().into())]);
    let options = js::object(&[("allowHalfOpen", JsValue::TRUE), ("secureTransport", "off".into())]);
    let socket = address.and_then(|address| worker::worker_sys::connect(address, options?));
    socket.map_err(|_| OutboundFault::unreachable())
}

async fn talk(
    socket: &Socket,
    opening: &[u8],
    max: usize,
    react: &mut dyn FnMut(&[u8]) -> Reaction,
) -> Result<(), OutboundFault> {
    let closed = |_: JsValue| OutboundFault::Closed(BROKEN.to_owned());
    let writer = socket.writable().and_then(|stream| stream.get_writer()).map_err(closed)?;
    let reader: ReadableStreamDefaultReader = socket.readable().map_err(closed)?.get_reader().unchecked_into();
    write(&writer, opening).await.map_err(closed)?;
    let mut total = 0;
    loop {
        let chunk = match read(&reader).await {
            // The peer has closed; what it sent before counts.
            Ok(None) => return Ok(()),
            Err(_) if total > 0 => return Ok(()),
            Ok(Some(chunk)) => chunk,
            Err(e) => return Err(closed(e)),
        };
        total += chunk.len();
        match react(&chunk) {
            Reaction::Close(last) => {
                // The outcome is known: a failure to send does not matter.
                if !last.is_empty() {
                    let _sent = write(&writer, &last).await;
                }
                return Ok(());
            }
            Reaction::Send(_) if total > max => return Err(OutboundFault::TooLarge),
            // On a failed write, data that the peer sent before may still be readable.
            Reaction::Send(bytes) if bytes.is_empty() => {}
            Reaction::Send(bytes) => drop(write(&writer, &bytes).await),
        }
    }
}

async fn write(writer: &WritableStreamDefaultWriter, bytes: &[u8]) -> Result<(), JsValue> {
    JsFuture::from(writer.write_with_chunk(&js::bytes(bytes))).await.map(drop)
}
