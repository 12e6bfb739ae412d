//! Releases beside each other: what the next one writes passes through this one.

pub mod examples;
mod members;
mod messages;
mod migrations;
mod next_release;
mod rows;
