//! Asks: typed requests to partitions and their replies, checked by the compiler.
//!
//! An ask is a struct beside its handler. A row in the table of its kind of partition (`asks!` in [`super::kind`])
//! gives its address, its reply and its handler. An ask without a row cannot be sent, and a wrong address or reply does
//! not compile.

use super::message::{Message, PartitionId, write_json};
use crate::records::Problem;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A query or a command to a partition.
pub trait Ask: Serialize + DeserializeOwned {
    /// Address of the partitions that handle it.
    type At: Address;
    /// Reply.
    type Reply: Serialize + DeserializeOwned;
    /// Name in a [`Message`].
    const NAME: &'static str;

    /// Returns the message that carries it.
    ///
    /// # Errors
    /// `serverInternal` for a value that JSON cannot represent.
    fn message(&self) -> Result<Message, Problem> {
        Ok(Message { ask: Self::NAME.to_owned(), body: write_json(self)? })
    }
}

/// Address of a partition: of one kind, or of several kinds with common asks.
pub trait Address {
    /// Returns the id of the partition.
    fn partition(&self) -> PartitionId;
}

/// Asserts, by its bounds alone, that partitions at `To` handle the asks to `Shared`.
pub const fn serves<To, Shared: From<To>>() {}

/// A page of a list.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Page {
    /// Entry before the first of the page; `None` for the beginning.
    pub after: Option<String>,
    /// Maximum number of entries.
    pub limit: usize,
}

/// Defines the address and the reply of asks that every partition handles.
macro_rules! common_asks {
    ($($name:ident -> $reply:ty;)*) => {
        $(impl $crate::ca::runtime::ask::Ask for $name {
            type At = $crate::ca::runtime::message::PartitionId;
            type Reply = $reply;
            const NAME: &'static str = stringify!($name);
        })*
    };
}
pub(in crate::ca) use common_asks;
