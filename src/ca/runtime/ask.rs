//! Asks: what one kind of partition is asked, and what it replies, checked by the compiler.
//!
//! An ask is a struct beside its handler. The table of its kind of partition ([`asks!`]) gives it its address, its reply and
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

/// Defines a kind of partition: the handle with its methods, over the runtime's, and what its id says.
macro_rules! partition_kind {
    ($(#[$about:meta])* $kind:ident { $($(#[$doc:meta])* $field:ident: $type:ty),* $(,)? }) => {
        $(#[$about])*
        pub struct $kind<P, K> {
            /// The runtime's handle.
            pub partition: std::rc::Rc<$crate::ca::runtime::partition::Partition<P, K>>,
            $($(#[$doc])* pub $field: $type,)*
        }

        impl<P, K> Clone for $kind<P, K> {
            fn clone(&self) -> Self {
                Self { partition: self.partition.clone(), $($field: self.$field.clone()),* }
            }
        }

        impl<P, K> core::ops::Deref for $kind<P, K> {
            type Target = std::rc::Rc<$crate::ca::runtime::partition::Partition<P, K>>;

            fn deref(&self) -> &Self::Target {
                &self.partition
            }
        }
    };
}

/// Defines the asks of a kind of partition: each row an ask, its reply and its handler. Rows with `+` are asks that
/// other kinds understand too, with an address of their own.
macro_rules! asks {
    (
        $kind:ident at $address:ty, |$this:ident, $ask:ident|
        $($name:ident -> $reply:ty = $act:expr;)*
        $(+ $shared:ident = $shared_act:expr;)*
    ) => {
        $(impl $crate::ca::runtime::ask::Ask for $name {
            type At = $address;
            type Reply = $reply;
            const NAME: &'static str = stringify!($name);
        })*

        /// The names of the asks that this kind of partition understands.
        pub const ASKS: &[&str] = &[
            $(<$name as $crate::ca::runtime::ask::Ask>::NAME,)*
            $(<$shared as $crate::ca::runtime::ask::Ask>::NAME,)*
        ];

        impl<P, K> $kind<P, K>
        where
            P: $crate::ca::runtime::ports::PartitionPorts + 'static,
            K: $crate::store::Kv + 'static,
        {
            /// Answers a message.
            ///
            /// # Errors
            /// The refusal of the handler; `serverInternal` for an ask to another kind of partition.
            pub async fn answer(
                &self,
                message: &$crate::ca::runtime::message::Message,
            ) -> Result<Box<serde_json::value::RawValue>, $crate::records::Problem> {
                let $this = self;
                match message.ask.as_str() {
                    $(<$name as $crate::ca::runtime::ask::Ask>::NAME => {
                        let $ask: $name = message.read()?;
                        let _ = &$ask;
                        let reply: $reply = $act?;
                        $crate::ca::runtime::message::write_json(&reply)
                    })*
                    $(<$shared as $crate::ca::runtime::ask::Ask>::NAME => {
                        type Shared = <$shared as $crate::ca::runtime::ask::Ask>::At;
                        const { $crate::ca::runtime::ask::serves::<$address, Shared>() };
                        let $ask: $shared = message.read()?;
                        let _ = &$ask;
                        let reply: <$shared as $crate::ca::runtime::ask::Ask>::Reply = $shared_act?;
                        $crate::ca::runtime::message::write_json(&reply)
                    })*
                    _ => Err(message.misdirected(&self.partition.id)),
                }
            }
        }
    };
}

pub(in crate::ca) use {asks, partition_kind};
