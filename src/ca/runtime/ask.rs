//! Asking other partitions for operations.

use super::message;
use super::message::{Message, PartitionId, Reply};
use super::operation::Operation;
use super::ports::Ports;
use crate::records::Problem;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Asks a partition.
///
/// # Errors
/// What it refuses with; `serverInternal` when it does not answer.
pub async fn ask<P: Ports>(ports: &P, to: &PartitionId, operation: Operation) -> Result<Value, Problem> {
    match ports.ask(to, &Message::Operate(operation)).await? {
        Reply::Shown(shown) => Ok(shown),
        other => Err(message::unexpected(&other)),
    }
}

/// As [`ask`], with the answer read.
///
/// # Errors
/// As [`ask`]; `serverInternal` for an answer that is something else.
pub async fn ask_for<P: Ports, T: DeserializeOwned>(
    ports: &P,
    to: &PartitionId,
    operation: Operation,
) -> Result<T, Problem> {
    let answer = ask(ports, to, operation).await?;
    serde_json::from_value(answer).map_err(|e| Problem::internal(e.to_string()))
}

/// A value as JSON.
///
/// # Errors
/// `serverInternal` for one that is none.
pub fn json_of<T: serde::Serialize>(value: &T) -> Result<Value, Problem> {
    serde_json::to_value(value).map_err(|e| Problem::internal(e.to_string()))
}
