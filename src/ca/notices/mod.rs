//! Stored notices and their delivery to the webhook.

pub mod delivery;
