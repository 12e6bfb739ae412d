//! Refused requests that no account signed, reported to the operators.

use crate::ca::http::message::Request;
use crate::ca::runtime::ports::Ports;
use crate::ca::telemetry::events::RequestLogContext;
use crate::ca::telemetry::failures;
use crate::jose::{EabUnverified, Verified};
use crate::records::Problem;
use crate::records::operations::failure::Origin;
use serde_json::Value;

/// Reports a refused request for a new account. Its key signed the request.
pub fn registration<P: Ports>(
    ports: &P,
    (request, context): (&Request, &RequestLogContext),
    verified: &Verified,
    problem: &Problem,
) {
    failures::failed(ports, (Origin::Registration, "new-account"), problem, |failure| {
        let payload: Value = verified.payload_json().unwrap_or_default();
        let binding = payload.get("externalAccountBinding").and_then(|sent| EabUnverified::parse(sent).ok());
        let mut failure = failure.bound_to(binding.as_ref().map(EabUnverified::kid));
        failure.address = request.address.map(|address| address.to_string());
        failure.request = context.id_if_any();
        failure
    });
}

/// Reports a request that was not signed by the account that it names.
pub fn unsigned<P: Ports>(
    ports: &P,
    step: &str,
    (request, context): (&Request, &RequestLogContext),
    problem: &Problem,
) {
    failures::failed(ports, (Origin::Unsigned, step), problem, |mut failure| {
        failure.account = context.account.clone();
        failure.address = request.address.map(|address| address.to_string());
        failure.request = context.id_if_any();
        failure
    });
}
