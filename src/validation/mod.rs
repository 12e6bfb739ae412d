//! validation.
pub mod dns;
pub mod guard;
pub mod http1;
pub mod outbound;
pub mod quote;
pub mod target;
