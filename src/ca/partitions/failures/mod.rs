//! The failures that operators read, and the paused names, of all accounts.

pub mod asks;
pub mod kind;
pub mod list;
pub mod record;
