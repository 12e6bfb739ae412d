//! Faults on purpose of a test CA, before and after it acts on a request.

use super::answers::{Served, complete, log};
use super::fault_answers::{changed, replacement, shape_of};
use crate::ca::account::kind::AccountAt;
use crate::ca::account::names::NamesOf;
use crate::ca::http::message::{FAULTED, Request, Response};
use crate::ca::http::routes::{AccountRoute, PublicRoute, Route, Urls};
use crate::ca::partitions::faults;
use crate::ca::runtime::apart::apart;
use crate::ca::runtime::jws::Fresh;
use crate::ca::runtime::ports::Ports;
use crate::ca::telemetry::events::RequestLogContext;
use crate::jose::{KeyRef, Unverified};
use crate::records::Problem;
use crate::records::acme::new_order::{NewAuthorization, NewOrder};
use crate::records::operations::fault::{DrawnFault, Encounter, Endpoint, Fault, FaultKind};
use crate::values::{Id, Identifier, b64};
use core::time::Duration;
use serde_json::Value;

/// Answers a request by `answer`, with the faults that it meets.
pub async fn around<P: Ports>(
    ports: &P,
    request: &Request,
    route: Option<&Route>,
    context: &mut RequestLogContext,
    answer: impl AsyncFnOnce(&mut RequestLogContext) -> Served<P::HostResponse>,
) -> Served<P::HostResponse> {
    let Some((mut met, resource)) = encounter(&ports.settings().urls, request, route) else {
        return answer(context).await;
    };
    let drawn = match apart(drawn(ports, &mut met, resource.as_ref())).await {
        Ok(drawn) => drawn,
        Err(problem) => return Served::Local(failed(ports, request, &problem)),
    };
    match drawn {
        DrawnFault::NoRule | DrawnFault::Nothing | DrawnFault::NamesNeeded => answer(context).await,
        DrawnFault::Acts(fault) if fault.fault == FaultKind::Slow => {
            ports.sleep(Duration::from_secs(fault.delay.unwrap_or_default().into())).await;
            match answer(context).await {
                Served::Local(response) => Served::Local(marked(response, &fault, context)),
                other => other,
            }
        }
        DrawnFault::Acts(fault) => replaced(ports, request, &fault, context),
        DrawnFault::Afterwards => match answer(context).await {
            Served::Local(response) => apart(after(ports, request, met, resource, response, context)).await,
            other => other,
        },
    }
}

/// Gives the answer of a request that took effect, with the fault that it meets.
async fn after<P: Ports>(
    ports: &P,
    request: &Request,
    mut met: Encounter,
    resource: Option<NamesOf>,
    response: Response,
    context: &mut RequestLogContext,
) -> Served<P::HostResponse> {
    if !response.is_success() {
        return Served::Local(response);
    }
    met.answered = Some(shape_of(met.endpoint, &response, ports.settings()));
    match drawn(ports, &mut met, resource.as_ref()).await {
        Ok(DrawnFault::Acts(fault)) if fault.fault.changes_answers() => {
            Served::Local(marked(changed(&fault, response, ports.settings()), &fault, context))
        }
        Ok(DrawnFault::Acts(fault)) => replaced(ports, request, &fault, context),
        Ok(DrawnFault::NoRule | DrawnFault::Nothing | DrawnFault::NamesNeeded | DrawnFault::Afterwards) => {
            Served::Local(response)
        }
        Err(problem) => Served::Local(failed(ports, request, &problem)),
    }
}

/// Draws what an encounter meets. Its account gives the names, if they are needed.
async fn drawn<P: Ports>(ports: &P, met: &mut Encounter, resource: Option<&NamesOf>) -> Result<DrawnFault, Problem> {
    let drawn = faults::drawn(ports, met).await?;
    if drawn != DrawnFault::NamesNeeded {
        return Ok(drawn);
    }
    let names = match (&met.account, resource) {
        (Some(account), Some(resource)) => ports.ask(&AccountAt(account.clone()), resource).await?,
        _ => Vec::new(),
    };
    met.names = Some(names);
    faults::drawn(ports, met).await
}

/// Gives the answer in place of the CA's.
fn replaced<P: Ports>(
    ports: &P,
    request: &Request,
    fault: &Fault,
    context: &mut RequestLogContext,
) -> Served<P::HostResponse> {
    let fresh = if fault.fault == FaultKind::BadNonce { Fresh::Retry } else { Fresh::Any };
    let response = finished(ports, request, replacement(fault), fresh);
    let response = marked(response, fault, context);
    if fault.fault == FaultKind::Cut { Served::Cut(response) } else { Served::Local(response) }
}

fn finished<P: Ports>(ports: &P, request: &Request, response: Response, fresh: Fresh) -> Response {
    match request.method.as_str() {
        "POST" => complete(ports, response, fresh),
        _ => response.indexed(&ports.settings().urls),
    }
}

fn failed<P: Ports>(ports: &P, request: &Request, problem: &Problem) -> Response {
    log(ports, problem);
    finished(ports, request, Response::problem(problem), Fresh::Any)
}

/// Names a fault in the answer and in the log.
fn marked(response: Response, fault: &Fault, context: &mut RequestLogContext) -> Response {
    let text = format!("{} {}", fault.number, fault.fault.name());
    context.fault = Some(text.clone());
    response.with(FAULTED, &text)
}

/// Returns a request as an encounter, and the resource that decides its names.
///
/// `None` for requests without faults. What the request says is not verified: faults protect nothing.
fn encounter(urls: &Urls, request: &Request, route: Option<&Route>) -> Option<(Encounter, Option<NamesOf>)> {
    let (endpoint, resource) = place(route?)?;
    let known = match request.method.as_str() {
        "POST" => true,
        "GET" => !endpoint.is_signed(),
        "HEAD" => endpoint == Endpoint::NewNonce,
        _ => false,
    };
    if request.exempt || !known {
        return None;
    }
    let body = request.body.as_deref().unwrap_or_default();
    let account = Unverified::parse(body).ok().and_then(|jws| match jws.header().key() {
        KeyRef::Kid(kid) => urls.account_of(kid),
        KeyRef::Jwk(_) => None,
    });
    let names = match endpoint {
        Endpoint::NewOrder | Endpoint::NewAuthz => Some(wanted_names(body)),
        _ => None,
    };
    Some((Encounter { endpoint, account, names, answered: None }, resource))
}

/// Returns the endpoint of a route, and its resource in the account.
fn place(route: &Route) -> Option<(Endpoint, Option<NamesOf>)> {
    let order = |id: &Id| Some(NamesOf::Order(id.clone()));
    let authorization = |id: &Id| Some(NamesOf::Authorization(id.clone()));
    Some(match route {
        Route::NewAccount => (Endpoint::NewAccount, None),
        Route::Public(PublicRoute::RenewalInfo(_)) => (Endpoint::RenewalInfo, None),
        Route::Account(route) => match route {
            AccountRoute::Directory => (Endpoint::Directory, None),
            AccountRoute::NewNonce => (Endpoint::NewNonce, None),
            AccountRoute::NewOrder => (Endpoint::NewOrder, None),
            AccountRoute::NewAuthorization => (Endpoint::NewAuthz, None),
            AccountRoute::RevokeCert => (Endpoint::RevokeCert, None),
            AccountRoute::KeyChange => (Endpoint::KeyChange, None),
            AccountRoute::Account(_) => (Endpoint::Account, None),
            AccountRoute::Orders(..) => (Endpoint::Orders, None),
            AccountRoute::Order(id) => (Endpoint::Order, order(id)),
            AccountRoute::Finalize(id) => (Endpoint::Finalize, order(id)),
            AccountRoute::Authorization(id) => (Endpoint::Authorization, authorization(id)),
            AccountRoute::Challenge(id, _) => (Endpoint::Challenge, authorization(id)),
            AccountRoute::Certificate(serial, _) => (Endpoint::Certificate, Some(NamesOf::Certificate(serial.hex()))),
        },
        Route::Public(_) | Route::Form(_) | Route::Operator(_) => return None,
    })
}

/// The names in the payload of newOrder or newAuthz.
fn wanted_names(body: &[u8]) -> Vec<String> {
    let jws: Value = serde_json::from_slice(body).unwrap_or_default();
    let payload = jws.get("payload").and_then(Value::as_str).and_then(b64::decode).unwrap_or_default();
    let order = serde_json::from_slice::<NewOrder>(&payload).ok().and_then(|order| order.read().ok());
    let one = serde_json::from_slice::<NewAuthorization>(&payload).ok().and_then(|one| one.checked().ok());
    order.map(|order| order.valid).unwrap_or_default().iter().chain(&one).map(Identifier::to_string).collect()
}
