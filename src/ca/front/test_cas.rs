//! Test CAs in front of the main one: requests to them, and for new ones.

use super::answers::log;
use super::transport;
use crate::ca::config::test_cas::{PATH, TestCas, inner_path, split};
use crate::ca::http::message::{Answer, Request, Response};
use crate::ca::http::operator_routes::{AdminRoute, PREFIX};
use crate::ca::operator_api::{sign_in, test_cas};
use crate::ca::partitions::new_test_ca::Maker;
use crate::ca::partitions::test_ca;
use crate::ca::runtime::apart::apart;
use crate::ca::runtime::limiter;
use crate::ca::runtime::limiter::When;
use crate::ca::runtime::ports::Ports;
use crate::ca::runtime::problems::ended;
use crate::records::operations::test_ca::is_id;
use crate::records::{Kind, Problem};
use crate::values::Id;
use crate::values::quote::quote;

/// The CA that a request is for.
pub enum FoundCa<P> {
    /// None: this is the answer.
    Answered(Response),
    /// This host's, with the request as it is within that CA.
    At(Box<(P, Request)>),
}

/// Whether a path is that of test CAs, or within one.
pub fn is_for_them(path: &str) -> bool {
    path == PATH || split(path).is_some()
}

/// Finds the test CA of a request, or answers one for a new test CA.
pub async fn find<P: Ports>(ports: &P, request: Request) -> FoundCa<P> {
    let answer = match split(&request.path) {
        None => apart(make(ports, &request)).await,
        Some((id, inner)) => {
            // Without an id's slash, the page of the CA.
            let path = if inner.starts_with('/') { inner.to_owned() } else { format!("/{inner}") };
            match enter(ports, id).await {
                Ok(found) => return FoundCa::At(Box::new((found, Request { path, ..request }))),
                Err(problem) => Err(problem),
            }
        }
    };
    FoundCa::Answered(finished(ports, &request, answer))
}

/// Finds the main CA with its clock.
pub async fn by_clock<P: Ports>(ports: &P, request: Request) -> FoundCa<P> {
    match test_ca::hosted(ports, None).await {
        Ok(Some(hosted)) => FoundCa::At(Box::new((ports.at_hosted(hosted), request))),
        Ok(None) => FoundCa::Answered(finished(ports, &request, Err(ended(None)))),
        Err(problem) => FoundCa::Answered(finished(ports, &request, Err(problem))),
    }
}

/// Returns the host of a test CA.
async fn enter<P: Ports>(ports: &P, text: &str) -> Result<P, Problem> {
    // Only ids that this CA made reach a partition.
    let made = |id: &Id| ports.settings().nonce_key.all().any(|key| is_id(key, id));
    let id = Id::parse(text).filter(made).ok_or_else(|| unknown(text))?;
    let hosted = test_ca::hosted(ports, Some(&id)).await?.ok_or_else(|| ended(Some(&id)))?;
    Ok(ports.at_hosted(hosted))
}

fn unknown(text: &str) -> Problem {
    let detail = format!(
        "There is no test CA {} here, and there never was; use a URL as it was returned when the test CA was made.",
        quote(text)
    );
    Problem::malformed(detail).with_status(404)
}

/// Answers a request for a new test CA.
async fn make<P: Ports>(ports: &P, request: &Request) -> Answer {
    if let Some(refusal) = transport::refusal(&ports.settings().urls, request, None) {
        return Ok(refusal);
    }
    if request.method != "POST" {
        let detail = format!("Test CAs are made by POST to {PATH}, with a body like {{\"ttl\": \"2h\"}} or none.");
        return Err(Problem::malformed(detail).with_status(405));
    }
    limiter::count_unauthenticated(ports, request.address, When::Now)?;
    if request.authorization.is_some() {
        let operator = sign_in::operator(ports, request).await?;
        sign_in::permit(ports, &operator, request, &AdminRoute::TestCas).await?;
        return test_cas::make_as(ports, &operator, request).await;
    }
    if ports.settings().test_cas == TestCas::Operators {
        let detail =
            "Only operators make test CAs here (TEST_CAS): send an admin token as Authorization: Bearer TOKEN.";
        return Err(Problem::new(Kind::Unauthorized, detail).with_status(401));
    }
    test_cas::make(ports, request, Maker::Address(request.address)).await
}

fn finished<P: Ports>(ports: &P, request: &Request, answer: Answer) -> Response {
    let response = answer.unwrap_or_else(|problem| {
        log(ports, &problem);
        Response::problem(&problem)
    });
    let response = match response.status {
        401 => response.with("WWW-Authenticate", "Bearer realm=\"operations\""),
        405 => response.with("Allow", "POST"),
        _ => response,
    };
    let response = response.indexed(&ports.settings().urls).with("Cache-Control", "no-store");
    let operators = inner_path(&request.path).starts_with(PREFIX);
    let response = if operators { response } else { response.exposed() };
    transport::strict(response, &request.url_origin)
}
