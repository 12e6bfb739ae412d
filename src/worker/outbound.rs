//! The network: DNS over HTTPS, plain sockets, and `fetch`.

use super::js;
use super::reading::{UNPACKED, body, in_time, read, settle};
use super::timer::within;
use crate::ca::config::webhook::WebhookRequest;
use crate::validation::http1::is_redirect;
use crate::validation::outbound::{BROKEN, FetchAnswer, Limits, NOT_CONNECTED, OutboundFault, Reaction};
use core::cell::Cell;
use core::net::SocketAddr;
use core::time::Duration;
use wasm_bindgen::{JsCast, JsValue};
use worker::wasm_bindgen;
use worker::wasm_bindgen_futures::JsFuture;
use worker::web_sys::{ReadableStreamDefaultReader, RequestInit, RequestRedirect, WritableStreamDefaultWriter};
use worker::worker_sys::Socket;

/// One DNS query to the resolver at `url` (RFC 8484 §4.1: POST).
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
    // The resolver that is configured is the one that is believed.
    init.set_redirect(RequestRedirect::Manual);
    init.set_headers(&js::object(&[("Content-Type", kind.clone()), ("Accept", kind), unpacked()])?);
    init.set_body(&js::bytes(query));
    Ok(init)
}

/// A header that every request has.
fn unpacked() -> (&'static str, JsValue) {
    (UNPACKED.0, UNPACKED.1.into())
}

/// A GET without following redirects; see [`crate::validation::outbound::Outbound::fetch`].
///
/// # Errors
/// As there.
pub async fn fetch(url: &str, limits: Limits) -> Result<FetchAnswer, OutboundFault> {
    let init = RequestInit::new();
    init.set_method("GET");
    init.set_redirect(RequestRedirect::Manual);
    init.set_headers(&js::object(&[unpacked()]).map_err(|_| OutboundFault::unreachable())?);
    in_time(url, init, limits, OutboundFault::unreachable, async |response| {
        let location = response.headers().get("Location").ok().flatten();
        let status = response.status();
        // A redirect's body says nothing that is followed.
        let body = if is_redirect(status) { Vec::new() } else { body(response, limits.max_bytes).await? };
        Ok(FetchAnswer { status, location, body })
    })
    .await
}

/// How long a receiver of notices has for its answer.
const DELIVERY: Limits = Limits { max_bytes: 0, timeout: Duration::from_secs(10) };

/// Sends a notice; see [`crate::ca::runtime::ports::PartitionPorts::deliver`]. By `global_fetch_strictly_public` it goes over the
/// public Internet whatever the URL, as validations do. Redirects are not followed: the signature is for one receiver.
///
/// # Errors
/// As there.
pub async fn deliver(request: &WebhookRequest) -> Result<u16, String> {
    let init = delivery(request).map_err(|e| js::text(&e))?;
    let sent = in_time(&request.url, init, DELIVERY, OutboundFault::unreachable, async |response| {
        // What it says is not read: the end of the request gives it up.
        Ok(response.status())
    });
    sent.await.map_err(|fault| fault.to_string())
}

fn delivery(request: &WebhookRequest) -> Result<RequestInit, JsValue> {
    let headers = request.headers.iter().map(|(name, value)| (*name, JsValue::from_str(value)));
    let headers: Vec<(&str, JsValue)> = headers.chain([unpacked()]).collect();
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
        // workerd has one text for all connections that it does not make: none of it is worth a look.
        js::answer(socket.opened()).await.map_err(|_| OutboundFault::unreachable())?;
        open.set(true);
        talk(&socket, opening, limits.max_bytes, react).await
    };
    let talked = within(limits.timeout, work).await;
    // Whatever happened, the connection is not kept; the peer's view of the end is of no interest.
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
            // The peer is gone; what it said before counts.
            Ok(None) => return Ok(()),
            Err(_) if total > 0 => return Ok(()),
            Ok(Some(chunk)) => chunk,
            Err(e) => return Err(closed(e)),
        };
        total += chunk.len();
        match react(&chunk) {
            Reaction::Close(last) => {
                // The outcome is known already: whether the peer takes this does not matter.
                if !last.is_empty() {
                    let _sent = write(&writer, &last).await;
                }
                return Ok(());
            }
            Reaction::Send(_) if total > max => return Err(OutboundFault::TooLarge),
            // What the peer said before it went away may still be there to be read.
            Reaction::Send(bytes) if bytes.is_empty() => {}
            Reaction::Send(bytes) => drop(write(&writer, &bytes).await),
        }
    }
}

async fn write(writer: &WritableStreamDefaultWriter, bytes: &[u8]) -> Result<(), JsValue> {
    JsFuture::from(writer.write_with_chunk(&js::bytes(bytes))).await.map(drop)
}
