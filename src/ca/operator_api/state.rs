//! Responses shared by the operator API's handlers.

use crate::ca::http::message::Response;
use crate::records::Problem;
use serde_json::Value;

/// Returns the 404 problem for an unknown `what`.
pub fn not_found(what: &str) -> Problem {
    Problem::malformed(format!("This CA has no such {what}.")).with_status(404)
}

/// Returns a JSON response.
pub fn shown(status: u16, value: &Value) -> Response {
    Response::json(status, value)
}
