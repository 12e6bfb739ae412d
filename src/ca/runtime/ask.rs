//! Asks: what one kind of partition is asked, and what it replies, checked by the compiler.
//!
//! An ask is a struct beside its handler. The table of its kind of partition (`asks!` in [`super::kind`]) gives it its address, its reply and
//! its handler in one row; an ask without a row cannot be sent, and one with a wrong address or reply does not compile.

use super::message::{Message, PartitionId, write_json};
use crate::records::Problem;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A question or an order to a partition.
pub trait Ask: Serialize + DeserializeOwned {
    /// The partitions that understand it.
    type At: Address;
    /// The reply.
    type Reply: Serialize + DeserializeOwned;
    /// The name in a [`Message`].
    const NAME: &'static str;

    /// The message that carries it.
    ///
    /// # Errors
    /// `serverInternal` for a value that JSON cannot have.
    fn message(&self) -> Result<Message, Problem> {
        Ok(Message { ask: Self::NAME.to_owned(), body: write_json(self)? })
    }
}

/// A partition of one kind, or of a few that understand the same asks.
pub trait Address {
    /// The id of the partition.
    fn partition(&self) -> PartitionId;
}

/// Holds that partitions at `To` understand the asks to `Shared` (by its bounds alone).
pub const fn serves<To, Shared: From<To>>() {}

/// A part of a list.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Page {
    /// The entry before the first; `None` for the beginning.
    pub after: Option<String>,
    /// The largest number of entries.
    pub limit: usize,
}

/// A value as JSON.
///
/// # Errors
/// `serverInternal` for a value that JSON cannot have.
pub fn json_of<T: Serialize>(value: &T) -> Result<Value, Problem> {
    serde_json::to_value(value).map_err(|e| Problem::internal(e.to_string()))
}
