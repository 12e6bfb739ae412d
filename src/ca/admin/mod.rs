//! The operations API: what people and their programs run the authority with.

pub mod access;
pub mod calendar;
pub mod webhook;
