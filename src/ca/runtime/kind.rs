//! Macros that define a kind of partition: its handle, and the table of its asks.

/// Defines a kind of partition: a handle around the runtime's, with fields from its id.
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

/// Defines the asks of a kind of partition. Each row has an ask, its reply and its handler. Rows with `+` are asks with
/// their own address, which several kinds handle.
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

        /// Names of the asks that this kind of partition handles.
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
                    $(<$name as $crate::ca::runtime::ask::Ask>::NAME => $crate::ca::runtime::apart::apart(async {
                        let $ask: $name = message.read()?;
                        let _ = &$ask;
                        let reply: $reply = $act?;
                        $crate::ca::runtime::message::write_json(&reply)
                    }).await,)*
                    $(<$shared as $crate::ca::runtime::ask::Ask>::NAME => $crate::ca::runtime::apart::apart(async {
                        type Shared = <$shared as $crate::ca::runtime::ask::Ask>::At;
                        const { $crate::ca::runtime::ask::serves::<$address, Shared>() };
                        let $ask: $shared = message.read()?;
                        let _ = &$ask;
                        let reply: <$shared as $crate::ca::runtime::ask::Ask>::Reply = $shared_act?;
                        $crate::ca::runtime::message::write_json(&reply)
                    }).await,)*
                    _ => Err(message.misdirected(&self.partition.id)),
                }
            }
        }
    };
}

pub(in crate::ca) use {asks, partition_kind};
