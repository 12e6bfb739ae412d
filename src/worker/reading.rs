//! Answers of `fetch`: asked for, read and given up within their limits of time and size.

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

/// The header that asks for bodies as they are: what the platform unpacks has no bound that its sender cannot pass.
pub const UNPACKED: (&str, &str) = ("Accept-Encoding", "identity");

/// Ends a request, and the reading of its answer, when it is dropped: no connection outlives its use.
struct Ending(AbortController);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Sends a request and reads its answer, both together within their time. What is not read then is not wanted any more.
///
/// # Errors
/// `refused` when there is no answer, the platform's words for which go to the log; [`OutboundFault::Timeout`]; what `read`
/// says.
pub async fn in_time<T>(
    url: &str,
    init: RequestInit,
    limits: Limits,
    refused: impl Fn() -> OutboundFault,
    read: impl AsyncFnOnce(&Response) -> Result<T, OutboundFault>,
) -> Result<T, OutboundFault> {
    let refused = |error: JsValue| {
        unread(&error);
        refused()
    };
    let work = async {
        let ending = Ending(AbortController::new().map_err(refused)?);
        init.set_signal(Some(&ending.0.signal()));
        let fetched = js::answer(js::global_fetch(url, &init));
        let response = fetched.await.and_then(JsCast::dyn_into).map_err(refused)?;
        read(&response).await
    };
    within(limits.timeout, work).await.unwrap_or(Err(OutboundFault::Timeout))
}

/// Logs why there is no answer. Problems have words of our own: the platform's name its internals, and URLs of the settings.
fn unread(error: &JsValue) {
    worker::console_error!("a request that was sent has no answer: {}", js::text(error));
}

/// The body, if it is sent as it is and not too long. It is counted as it comes out: what a header says of its length is
/// the sender's word, and of a packed body it is the packed length. The packed body of a failure is not read: its status
/// says enough.
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
        unread(&error);
        OutboundFault::Closed(BROKEN.to_owned())
    })?;
    read.ok_or(OutboundFault::TooLarge)
}

/// Reads a stream to its end. `None` when it is longer than `max`; the sender is told that the rest is not wanted.
///
/// # Errors
/// When the stream breaks.
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

/// Lets something come to its end by itself, whatever that is.
pub fn settle(end: Promise) {
    spawn_local(async move { drop(JsFuture::from(end).await) });
}

/// The next bytes; `None` at the end.
///
/// # Errors
/// When the stream breaks.
pub async fn read(reader: &ReadableStreamDefaultReader) -> Result<Option<Vec<u8>>, JsValue> {
    let next: IteratorNext = JsFuture::from(reader.read()).await?.unchecked_into();
    if next.done() {
        return Ok(None);
    }
    let chunk: Uint8Array = next.value().dyn_into()?;
    Ok(Some(chunk.to_vec()))
}
