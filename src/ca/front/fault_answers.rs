//! The answers of a test CA with faults: replaced and changed ones.

use crate::ca::config::settings::Settings;
use crate::ca::http::message::{Body, Response};
use crate::ca::runtime::jws::bad_nonce;
use crate::pki::pem;
use crate::records::operations::fault::{AnswerShape, Endpoint, Fault, FaultKind};
use crate::records::{Kind, Problem};
use crate::values::x509::Parts;
use serde_json::{Map, Value};

/// Media type of a chain.
const CHAIN: &str = "application/pem-certificate-chain";

/// `Retry-After` of what is shown as processing, unless the rule has another.
const PROCESSING_RETRY: u32 = 1;

/// The body of an answer before its connection breaks.
const BROKEN: &str = "{\"status\":\"";

/// Returns the answer in place of the CA's.
pub fn replacement(fault: &Fault) -> Response {
    let detail = format!("This test server fails this request on purpose (fault {}).", fault.number);
    let problem = |kind, status| {
        let problem = Problem::new(kind, detail.clone()).with_status(status);
        Response::problem(&Problem { retry_after: fault.retry_after, ..problem })
    };
    match fault.fault {
        FaultKind::RateLimited => problem(Kind::RateLimited, 429),
        FaultKind::Unavailable => problem(Kind::ServerInternal, 503),
        FaultKind::BadNonce => {
            let why = format!("this test server refuses this one on purpose (fault {})", fault.number);
            Response::problem(&bad_nonce(&why))
        }
        FaultKind::Cut => Response::text(200, "application/json", BROKEN.to_owned()),
        FaultKind::Empty => Response::empty(200),
        FaultKind::Failure
        | FaultKind::Slow
        | FaultKind::Processing
        | FaultKind::MalformedJson
        | FaultKind::FailedValidation
        | FaultKind::ChainOrder
        | FaultKind::ExpiredIntermediate => problem(Kind::ServerInternal, 500),
    }
}

/// Returns what a fault may change in a successful answer.
pub fn shape_of(endpoint: Endpoint, response: &Response, settings: &Settings) -> AnswerShape {
    let json = object_of(response);
    let decided = json.as_ref().and_then(|members| members.get("status")).and_then(Value::as_str);
    let decided = endpoint.has_status() && matches!(decided, Some("valid" | "invalid"));
    let chain = chain_of(response);
    let expired = chain.get(1).is_some_and(|issuer| expired_like(issuer, settings).is_some());
    AnswerShape { json: json.is_some(), decided, chain: chain.len() > 1, expired }
}

/// Returns a successful answer of the CA as a fault changes it.
pub fn changed(fault: &Fault, response: Response, settings: &Settings) -> Response {
    match fault.fault {
        FaultKind::MalformedJson => broken_off(response),
        FaultKind::Processing => undecided(response, fault.retry_after.unwrap_or(PROCESSING_RETRY)),
        FaultKind::ChainOrder => {
            let chain: Vec<Vec<u8>> = chain_of(&response).into_iter().rev().collect();
            with_chain(response, &chain)
        }
        FaultKind::ExpiredIntermediate => {
            let mut chain = chain_of(&response);
            if let Some(issuer) = chain.get_mut(1)
                && let Some(expired) = expired_like(issuer, settings)
            {
                *issuer = expired.clone();
            }
            with_chain(response, &chain)
        }
        _ => response,
    }
}

fn object_of(response: &Response) -> Option<Map<String, Value>> {
    let Body::Text(text) = &response.body else { return None };
    response.header("Content-Type").filter(|kind| kind.starts_with("application/json"))?;
    serde_json::from_str(text).ok()
}

/// The first half of a body.
fn broken_off(mut response: Response) -> Response {
    if let Body::Text(text) = &mut response.body {
        text.truncate(text.floor_char_boundary(text.len() / 2));
    }
    response
}

/// A decided object as if it were not decided yet.
fn undecided(mut response: Response, retry: u32) -> Response {
    let Some(mut members) = object_of(&response) else { return response };
    match members.get_mut("challenges").and_then(Value::as_array_mut) {
        Some(challenges) => {
            challenges.iter_mut().filter_map(Value::as_object_mut).for_each(open);
            members.insert("status".into(), "pending".into());
        }
        None => open(&mut members),
    }
    response.body = Body::Text(Value::Object(members).to_string());
    response.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("Retry-After"));
    response.retry_after(retry.into())
}

/// Shows an order or a challenge as processing.
fn open(members: &mut Map<String, Value>) {
    for decided in ["certificate", "error", "validated"] {
        members.shift_remove(decided);
    }
    members.insert("status".into(), "processing".into());
}

/// The certificates of a chain (DER); empty for another answer.
fn chain_of(response: &Response) -> Vec<Vec<u8>> {
    let Body::Text(text) = &response.body else { return Vec::new() };
    match response.header("Content-Type") {
        Some(kind) if kind.starts_with(CHAIN) => pem::read_certificates(text).unwrap_or_default(),
        _ => Vec::new(),
    }
}

fn with_chain(response: Response, chain: &[Vec<u8>]) -> Response {
    let text: Result<String, _> = chain.iter().map(|der| pem::write_certificate(der)).collect();
    match text {
        Ok(text) => Response { body: Body::Text(text), ..response },
        Err(_) => response,
    }
}

/// The expired certificate with the subject, key and issuer of another one.
fn expired_like<'a>(der: &[u8], settings: &'a Settings) -> Option<&'a Vec<u8>> {
    let wanted = Parts::read(der).ok()?;
    settings.test_machine.expired_issuers.iter().find(|expired| {
        Parts::read(expired).is_ok_and(|found| {
            (found.subject, found.spki, found.issuer) == (wanted.subject, wanted.spki, wanted.issuer)
        })
    })
}
