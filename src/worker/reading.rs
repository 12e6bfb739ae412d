//! Requests by `fetch` and their answers, within limits of time and size.

use super::js;
use super::timer::within;
use crate::validation::http1::is_identity;
use crate::validation::outbound::{BROKEN, Limits, OutboundFault};
use crate::values::quote::quote_octets;
use wasm_bindgen::{JsCast, JsValue};
use worker::js_sys::{IteratorNext, Promise, Uint8Array};
use worker::wasm_bindgen;
use worker::wasm_bindgen_futures::{JsFuture, spawn_local};
use worker::web_sys::{AbortController, ReadableStream, ReadableStreamDefaultReader, RequestInit, Response};

/// The header that asks for uncompressed bodies: the platform decompresses without a bound.
pub const IDENTITY: (&str, &str) = ("Accept-Encoding", "identity");

/// Aborts a request and the reading of its answer when dropped.
struct AbortOnDrop(AbortController);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Sends a request and reads its answer within one timeout; the rest is aborted.
///
/// # Errors
/// `refused` without an answer, with the platform's reason in the log; [`OutboundFault::Timeout`]; errors of `read`.
pub async fn in_time<T>(
    url: &str,
    init: RequestInit,
    limits: Limits,
    refused: impl Fn() -> OutboundFault,
    read: impl AsyncFnOnce(&Response) -> Result<T, OutboundFault>,
) -> Result<T, OutboundFault> {
    let refused = |error: JsValue| {
        log_failure(&error);
        refused()
    };
    let work = async {
        let abort = AbortOnDrop(AbortController::new().map_err(refused)?);
        init.set_signal(Some(&abort.0.signal()));
        let fetched = js::answer(js::global_fetch(url, &init));
        let response = fetched.await.and_then(JsCast::dyn_into).map_err(refused)?;
        read(&response).await
    };
    within(limits.timeout, work).await.unwrap_or(Err(OutboundFault::Timeout))
}

/// Logs the platform's reason for a failed request.
///
/// Problems have texts of our own, because the platform's name its internals and URLs of the settings.
fn log_failure(error: &JsValue) {
    worker::console_error!("an outgoing request failed: {}", js::text(error));
}

/// Reads an uncompressed body of at most `max` bytes.
///
/// Bytes are counted as they arrive: `Content-Length` is only the sender's claim, and the compressed length of a
/// compressed body. The compressed body of a failure is not read: its status is enough.
///
/// # Errors
/// [`OutboundFault::Encoded`], [`OutboundFault::TooLarge`], [`OutboundFault::Closed`].
pub async fn body(response: &Response, max: usize) -> Result<Vec<u8>, OutboundFault> {
    let header = |name: &str| response.headers().get(name).ok().flatten();
    if let Some(coding) = header("Content-Encoding").filter(|coding| !is_identity(coding.as_bytes())) {
        return if response.ok() {
            Err(OutboundFault::Encoded(quote_octets(coding.as_bytes())))
        } else {
            Ok(Vec::new())
        };
    }
    if header("Content-Length").and_then(|length| length.parse::<usize>().ok()).is_some_and(|length| length > max) {
        return Err(OutboundFault::TooLarge);
    }
    let Some(stream) = response.body() else { return Ok(Vec::new()) };
    let read = read_stream(&stream, max).await.map_err(|error| {
        log_failure(&error);
        OutboundFault::Closed(BROKEN.to_owned())
    })?;
    read.ok_or(OutboundFault::TooLarge)
}

/// Reads a stream to its end; `None`, and the stream cancelled, if longer than `max`.
///
/// # Errors
/// The stream breaks.
pub async fn read_stream(stream: &ReadableStream, max: usize) -> Result<Option<Vec<u8>>, JsValue> {
    let reader: ReadableStreamDefaultReader = stream.get_reader().unchecked_into();
    let mut all = Vec::new();
    while let Some(chunk) = read(&reader).await? {
        if all.len() + chunk.len() > max {
            settle(reader.cancel());
            return Ok(None);
        }
        all.extend(chunk);
    }
    Ok(Some(all))
}

/// Awaits a promise in the background and ignores its result.
pub fn settle(end: Promise) {
    spawn_local(async move { drop(JsFuture::from(end).await) });
}

/// Reads the next bytes; `None` at the end.
///
/// # Errors
/// The stream breaks.
pub async fn read(reader: &ReadableStreamDefaultReader) -> Result<Option<Vec<u8>>, JsValue> {
    let next: IteratorNext = JsFuture::from(reader.read()).await?.unchecked_into();
    if next.done() {
        return Ok(None);
    }
    let chunk: Uint8Array = next.value().dyn_into()?;
    Ok(Some(chunk.to_vec()))
}
