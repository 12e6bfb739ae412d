//! Releases beside each other: what the next one writes passes through this one.

mod messages;
mod migrations;
mod next_release;
mod rows;
