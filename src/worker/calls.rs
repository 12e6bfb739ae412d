//! Calls from the front and from partitions to partitions, and their answers.
//!
//! A message and its reply cross as JSON. A client's POST crosses unchanged: its path is the request's, its body the
//! JWS. If it succeeds, the partition's response is the client's, passed on without being read or copied.

use super::js;
use super::timer::{self, within};
use crate::ca::config::settings::Settings;
use crate::ca::front::transport;
use crate::ca::http::message::{Body, Response};
use crate::ca::runtime::message::{Message, PartitionId, PostReply, Reply};
use crate::ca::runtime::ports::Forwarded;
use crate::records::Problem;
use core::time::Duration;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use wasm_bindgen::{JsCast, JsValue};
use worker::js_sys::JSON;
use worker::wasm_bindgen;
use worker::wasm_bindgen_futures::{JsFuture, spawn_local};
use worker::{Env, EnvBinding, ObjectNamespace, Stub, web_sys};

/// The binding of the Durable Object namespace.
const NAMESPACE: &str = "PARTITION";

/// The URL of messages; the host is never resolved.
const MESSAGES: &str = "https://message/";

/// The end of the host in the URL of clients' POSTs, before the requested path. The host begins with the request's id.
const POSTS: &str = ".post";

/// Timeout of a call.
///
/// A panic in a Durable Object leaves its callers without any answer. A validation within a request takes three
/// seconds, an issuance ten at most.
const CALL_LIMIT: Duration = Duration::from_secs(25);

/// The failure after [`CALL_LIMIT`].
const LATE: &str = "no whole answer in time";

/// The status of an answer that is an [`Envelope`]; successful responses never have it.
const ENVELOPED: u16 = 400;

/// A partition's reply with its cost.
#[derive(Serialize, Deserialize)]
pub struct Envelope<R> {
    /// The reply: a [`Reply`], or a [`PostReply`].
    pub reply: R,
    /// What the partition spent on it.
    pub spent: Spent,
}

/// The cost of a request on the platform.
#[derive(Clone, Copy, Default, Serialize, Deserialize)]
pub struct Spent {
    /// Durable Object calls.
    pub calls: u32,
    /// Rows written, indexes included.
    pub rows: u32,
}

impl Spent {
    /// The sum of both.
    pub fn plus(self, other: Self) -> Self {
        Self { calls: self.calls + other.calls, rows: self.rows + other.rows }
    }

    /// Adds headers with the cost and the number of running timers, in dev mode.
    pub fn shown(self, response: Response) -> Response {
        let response = response.with("Selvedge-Calls", &self.calls.to_string());
        response.with("Selvedge-Rows", &self.rows.to_string()).with("Selvedge-Timers", &timer::running().to_string())
    }
}

/// Why there is no answer: sentences for the log.
pub enum Unanswered {
    /// The call failed.
    Failed(String),
    /// The answer is of another shape, as another release may write.
    Unreadable(String),
}

impl From<String> for Unanswered {
    fn from(why: String) -> Self {
        Self::Failed(why)
    }
}

/// Sends a message to a partition.
///
/// # Errors
/// The call fails, or its answer cannot be read.
pub async fn send(env: &Env, to: &PartitionId, message: &Message) -> Result<Envelope<Reply>, Unanswered> {
    send_to(env, &to.name(), message).await
}

/// As [`send`], to the object of this name.
///
/// # Errors
/// As [`send`].
pub async fn send_to(env: &Env, name: &str, message: &Message) -> Result<Envelope<Reply>, Unanswered> {
    let body = serde_json::to_string(message).map_err(|e| e.to_string())?;
    let answered = async { open(&fetch(env, name, MESSAGES, body.as_bytes()).await?).await };
    within(CALL_LIMIT, answered).await.ok_or_else(|| LATE.to_owned())?
}

/// Passes a POST to a partition.
///
/// # Errors
/// As [`send`].
pub async fn forward(
    env: &Env,
    to: &PartitionId,
    (path, body): (&str, &str),
    request: &str,
) -> Result<(Forwarded<web_sys::Response>, Spent), Unanswered> {
    let answered = async {
        let response = fetch(
            env,
            &to.name(),
            &format!("https://{}{POSTS}{path}", if request.is_empty() { "-" } else { request }),
            body.as_bytes(),
        )
        .await?;
        match response.status() {
            ENVELOPED => {
                open(&response).await.map(|Envelope { reply, spent }| (Forwarded::Read(Box::new(reply)), spent))
            }
            status => Ok((Forwarded::Untouched(status, response), Spent::default())),
        }
    };
    within(CALL_LIMIT, answered).await.ok_or_else(|| LATE.to_owned())?
}

thread_local! {
    /// The namespace, cached: a binding is the same for all requests of an isolate.
    static FOUND: RefCell<Option<ObjectNamespace>> = const { RefCell::new(None) };
}

/// Keeps all partitions within a jurisdiction, for the life of this isolate.
///
/// Objects of one name in two jurisdictions are two objects.
///
/// # Errors
/// A sentence for the operator: the platform has no such jurisdiction.
pub fn keep_within(env: &Env, jurisdiction: &str) -> Result<(), String> {
    let namespace: js::Namespace = js::member(env, NAMESPACE).unchecked_into();
    let within = namespace.jurisdiction(jurisdiction).map_err(|e| js::text(&e));
    let within = within.and_then(|within| ObjectNamespace::get(within).map_err(|e| e.to_string()));
    let within = within.map_err(|why| {
        format!("JURISDICTION is {jurisdiction:?}, and the platform refuses it ({why}); outside Cloudflare remove it.")
    })?;
    FOUND.with_borrow_mut(|found| *found = Some(within));
    Ok(())
}

fn stub(env: &Env, name: &str) -> worker::Result<Stub> {
    FOUND.with_borrow_mut(|found| {
        let namespace = match found {
            Some(namespace) => namespace,
            None => found.insert(env.durable_object(NAMESPACE)?),
        };
        namespace.get_by_name(name)
    })
}

async fn fetch(env: &Env, name: &str, url: &str, body: &[u8]) -> Result<web_sys::Response, String> {
    let stub: js::Fetcher = stub(env, name).map_err(|e| e.to_string())?.into_rpc();
    let init = web_sys::RequestInit::new();
    init.set_method("POST");
    init.set_body(&js::bytes(body));
    js::answer(stub.fetch(url, &init)).await.and_then(JsCast::dyn_into).map_err(|e| js::text(&e))
}

async fn open<R: DeserializeOwned>(response: &web_sys::Response) -> Result<Envelope<R>, Unanswered> {
    let bytes = js::buffer(response.array_buffer()).await.map_err(|e| js::text(&e))?;
    serde_json::from_slice(&bytes).map_err(|e| {
        let what = format!("{e} in {:?}", String::from_utf8_lossy(&bytes));
        if e.is_data() { Unanswered::Unreadable(what) } else { Unanswered::Failed(what) }
    })
}

/// A partition's request, parsed.
pub enum Sent {
    /// A message of another partition or the front.
    Message(Message),
    /// A client's POST.
    Post(ForwardedPost),
}

/// A client's POST, passed to its account.
pub struct ForwardedPost {
    /// The requested path.
    pub path: String,
    /// The JWS.
    pub body: String,
    /// The id of the request; may be empty.
    pub request: String,
}

/// Parses a partition's request; the inner error is a malformed message.
///
/// # Errors
/// The body does not arrive.
pub async fn read(request: &web_sys::Request) -> Result<Result<Sent, Problem>, JsValue> {
    let url = request.url();
    let body = js::answer(request.text()).await?.as_string().unwrap_or_default();
    let post =
        url.strip_prefix("https://").filter(|_| !url.starts_with(MESSAGES)).and_then(|url| url.split_once(POSTS));
    Ok(match post {
        Some((request, path)) => {
            Ok(Sent::Post(ForwardedPost { path: path.to_owned(), body, request: request.trim_matches('-').to_owned() }))
        }
        None => serde_json::from_str(&body)
            .map(Sent::Message)
            .map_err(|e| Problem::other_release(format!("a message that cannot be read: {e}"))),
    })
}

/// Makes an account's answer to a POST; only failures are in an envelope.
///
/// # Errors
/// The platform refuses the response.
pub fn write_post(
    reply: PostReply,
    request: &str,
    spent: Spent,
    settings: &Settings,
) -> Result<web_sys::Response, JsValue> {
    match reply {
        // The front of a test CA with faults may change it.
        PostReply::Response(response) if response.is_success() && !settings.test_machine.faults => {
            let calls = Spent { calls: spent.calls + 1, ..spent };
            // A POST that gets here came as BASE_URL says.
            let response = transport::strict(response.exposed().identified(request), &settings.urls.of_path(""));
            respond(&if settings.dev { calls.shown(response) } else { response })
        }
        reply => write(reply, spent),
    }
}

/// Makes an envelope with a reply.
///
/// # Errors
/// The platform refuses the response.
pub fn write<R: Serialize>(reply: R, spent: Spent) -> Result<web_sys::Response, JsValue> {
    let body = serde_json::to_string(&Envelope { reply, spent }).map_err(|e| e.to_string())?;
    let init = web_sys::ResponseInit::new();
    init.set_status(ENVELOPED);
    web_sys::Response::new_with_opt_str_and_init(Some(&body), &init)
}

/// A response, with its headers all in one crossing; workerd joins lines of one name (docs/DIVERGENCES.md).
///
/// # Errors
/// The platform refuses a header as invalid.
pub fn respond(response: &Response) -> Result<web_sys::Response, JsValue> {
    let init = init_of(response)?;
    match &response.body {
        Body::Text(text) if text.is_empty() => web_sys::Response::new_with_opt_str_and_init(None, &init),
        Body::Text(text) => web_sys::Response::new_with_opt_str_and_init(Some(text), &init),
        Body::Bytes(bytes) => {
            web_sys::Response::new_with_opt_buffer_source_and_init(Some(js::bytes(bytes).unchecked_ref()), &init)
        }
    }
}

/// A response whose connection ends without a whole answer.
///
/// Its body is a stream that fails after the first chunk. workerd then closes the connection, mostly before it has sent
/// the head.
///
/// # Errors
/// The platform refuses the response.
pub fn respond_and_break(response: &Response) -> Result<web_sys::Response, JsValue> {
    let (init, stream) = (init_of(response)?, web_sys::TransformStream::new()?);
    let writer = stream.writable().get_writer()?;
    let chunk = js::bytes(response.body.octets());
    spawn_local(async move {
        // When the first chunk is on its way.
        drop(JsFuture::from(writer.write_with_chunk(&chunk)).await);
        drop(JsFuture::from(writer.abort_with_reason(&JsValue::from_str("cut on purpose"))).await);
    });
    web_sys::Response::new_with_opt_readable_stream_and_init(Some(&stream.readable()), &init)
}

/// The status and the headers of a response.
fn init_of(response: &Response) -> Result<web_sys::ResponseInit, JsValue> {
    let init = web_sys::ResponseInit::new();
    init.set_status(response.status);
    init.set_headers(&JSON::parse(&serde_json::to_string(&response.headers).unwrap_or_default())?);
    Ok(init)
}
