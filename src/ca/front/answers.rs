//! The forms of answers, and what all answers to POSTs have.

use crate::ca::http::message::Response;
use crate::ca::runtime::jws;
use crate::ca::runtime::jws::Fresh;
use crate::ca::runtime::message::NONCE_SHARDS;
use crate::ca::runtime::ports::Ports;
use crate::records::Problem;

/// The answer to a request.
pub enum Served<R> {
    /// A response of this CA's code.
    Local(Response),
    /// The account's successful response in the host's form, with its status.
    Forwarded(u16, R),
    /// A response of a test CA whose connection breaks within its body.
    Cut(Response),
}

/// Returns a nonce without an account.
///
/// # Errors
/// `serverInternal` without randomness.
pub(in crate::ca) fn nonce<P: Ports>(ports: &P, fresh: Fresh) -> Result<String, Problem> {
    let [random] = ports.random()?;
    jws::fresh_nonce(ports, random % NONCE_SHARDS, fresh)
}

/// Adds the index link and a nonce to the response to a POST.
pub(in crate::ca) fn complete<P: Ports>(ports: &P, response: Response, fresh: Fresh) -> Response {
    let response = response.indexed(&ports.settings().urls);
    match nonce(ports, fresh) {
        Ok(nonce) => response.with_nonce(&nonce),
        Err(problem) => {
            log(ports, &problem);
            response
        }
    }
}

/// Writes the log line of a problem, if it has one.
pub(in crate::ca) fn log<P: Ports>(ports: &P, problem: &Problem) {
    if let Some(line) = &problem.log {
        ports.log(line);
    }
}
