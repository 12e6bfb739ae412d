//! A witness of other logs: cosigns each checkpoint that continues the one before.
//!
//! It speaks [tlog-witness](https://c2sp.org/tlog-witness), in a Worker of its own or beside a CA. Its partitions are
//! apart from those of a CA: no message, backup or restore of the CA reaches them, so none can set a witness back.

pub mod answers;
pub mod decision;
pub mod host;
pub mod messages;
pub mod partition;
pub mod trust;
