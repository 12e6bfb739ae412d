//! Asking partitions for operations, and what they answer.

use crate::ca::http::message::Response;
use crate::records::Problem;
use serde_json::Value;

/// There is no such thing.
pub fn not_found(what: &str) -> Problem {
    Problem::malformed(format!("There is no such {what} here.")).with_status(404)
}

/// A response that shows this.
pub fn shown(status: u16, value: &Value) -> Response {
    Response::json(status, value)
}
