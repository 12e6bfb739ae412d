//! validation.
pub mod dns;
pub mod guard;
pub mod outbound;
pub mod quote;
