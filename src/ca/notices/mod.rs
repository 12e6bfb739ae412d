//! Stored notices and their delivery to the webhook and to people.

pub mod delivery;
mod digests;
pub mod forms;
