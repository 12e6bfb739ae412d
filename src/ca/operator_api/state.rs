//! Asking partitions for operations, and what they answer.

use crate::acme::Problem;
use crate::ca::http::message::Response;
use crate::ca::runtime::message::{Message, Partition, Reply};
use crate::ca::runtime::operation::Operation;
use crate::ca::runtime::partition::Cell;
use crate::ca::runtime::ports::{PartitionPorts, Ports};
use crate::store::Kv;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::rc::Rc;

/// There is no such thing.
pub fn not_found(what: &str) -> Problem {
    Problem::malformed(format!("There is no such {what} here.")).with_status(404)
}

/// A response that shows this.
pub fn shown(status: u16, value: &Value) -> Response {
    Response::json(status, value)
}
