//! The Worker: the host of the CA on Cloudflare Workers and workerd.
//!
//! It converts requests and responses and implements the ports. It decides nothing about ACME: that is `ca`.

mod bucket;
mod calls;
mod config;
mod crypto;
mod js;
mod log_keys;
mod object;
mod outbound;
mod ports;
mod reading;
mod requests;
mod row_cache;
mod sql;
mod sql_schema;
mod sql_values;
mod timer;
mod witness;

use crate::ca::config::settings::Settings;
use crate::ca::config::test_cas;
use crate::ca::config::test_cas::inner_path;
use crate::ca::front::handler::{Front, Served};
use crate::ca::front::transport;
use crate::ca::http::address::ClientAddress;
use crate::ca::http::message;
use crate::ca::http::message::{ENDPOINT_UNTIL, EXEMPTING, max_body};
use crate::ca::http::operator_routes::PREFIX;
use crate::ca::runtime::apart::apart;
use crate::ca::witness::answers;
use crate::records::Problem;
use crate::values::Time;
use ports::HostPorts;
use requests::{origin_of, path_of, read_body};
use worker::{Context, Env, Result, event, web_sys};

/// Prepares the isolate.
#[event(start)]
fn start() {
    config::rehearse();
}

/// Handles every request from outside.
#[event(fetch)]
async fn fetch(request: web_sys::Request, env: Env, context: Context) -> Result<web_sys::Response> {
    if witness::is_on(&env) && (answers::is_for_witness(&path_of(&request.url())) || witness::is_alone(&env)) {
        return apart(witness::answer(&request, &env)).await;
    }
    let origin = origin_of(&request.url()).to_owned();
    let test_machine = config::is_dev(&env);
    let response = match config::load(&env).await {
        Ok(settings) => {
            let front = Front { ports: HostPorts::new(settings.clone(), env, None) };
            let handled = front.handle(read(request, &settings.settings).await?).await;
            let spent = front.ports.spent();
            if front.flush_is_due() {
                context.wait_until(async move { front.flush().await });
            }
            match handled {
                // It goes out as the account made it.
                Served::Forwarded(_, response) => return Ok(response),
                Served::Local(response) if settings.settings.dev => spent.shown(response),
                Served::Local(response) => response,
                Served::Cut(response) => return Ok(calls::respond_and_break(&response)?),
            }
        }
        Err(refusal) => transport::strict(refuse(&refusal, test_machine), &origin),
    };
    Ok(calls::respond(&response)?)
}

/// Makes the answer while the configuration is unusable.
///
/// The reason goes to the log, because it is not for clients; in dev mode to the answer too.
fn refuse(refusal: &str, test_machine: bool) -> message::Response {
    worker::console_error!("refusing to serve: {refusal}");
    let problem = Problem { retry_after: Some(60), ..Problem::internal("") };
    let reason = if test_machine { refusal } else { "its log says what is wrong." };
    let detail = format!("This CA is not configured correctly and serves nothing until it is: {reason}");
    message::Response::problem(&Problem { detail, ..problem })
}

/// Converts a request, reading a body up to the limit.
///
/// The settings name the header with the client's address, and say whether one may exempt from faults.
async fn read(request: web_sys::Request, settings: &Settings) -> Result<message::Request> {
    let url = request.url();
    let path = path_of(&url);
    let url_origin = origin_of(&url).to_owned();
    let (method, headers) = (request.method(), request.headers());
    let header = |name: &str| headers.get(name);
    let content_type = header("Content-Type")?;
    let inner = inner_path(&path);
    let operators = inner.starts_with(PREFIX) || path == test_cas::PATH;
    let get = |name: &str| if method == "POST" && !operators { Ok(None) } else { header(name) };
    let of_operators = |name: &str| if operators { header(name) } else { Ok(None) };
    let access = of_operators("Cf-Access-Jwt-Assertion")?;
    let (origin, fetch_site) = (of_operators("Origin")?, of_operators("Sec-Fetch-Site")?);
    let (authorization, if_none_match) = (get("Authorization")?, get("If-None-Match")?);
    let is_form = content_type.as_deref().is_some_and(|found| found.starts_with("application/x-www-form-urlencoded"));
    let accept = if is_form { header("Accept")? } else { get("Accept")? };
    // A test CA has faults.
    let faults = settings.test_machine.faults || inner.len() < path.len();
    let exempting = if faults { header(EXEMPTING)? } else { None };
    let exempt = exempting.as_deref() == Some("off");
    let ray = header("Cf-Ray")?.filter(|ray| is_ray(ray));
    let address = settings
        .address_header
        .as_deref()
        .map(header)
        .transpose()?
        .flatten()
        .as_deref()
        .and_then(ClientAddress::from_header);
    // Only its own reader sees what a client writes there.
    let endpoint_until = if inner.starts_with("/calendar/") { get(ENDPOINT_UNTIL)? } else { None };
    let endpoint_until = endpoint_until.as_deref().and_then(Time::parse_rfc3339);
    let length = if method == "POST" { header("Content-Length")? } else { None };
    let body = if method == "POST" { read_body(&request, length, max_body(inner)).await? } else { Some(Vec::new()) };
    Ok(message::Request {
        method,
        url_origin,
        path,
        content_type,
        authorization,
        access,
        accept,
        origin,
        fetch_site,
        if_none_match,
        endpoint_until,
        exempt,
        ray,
        address,
        body,
    })
}

/// Whether this may be Cloudflare's id of a request: elsewhere clients can send anything.
fn is_ray(text: &str) -> bool {
    (16..=24).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}
