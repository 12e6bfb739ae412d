//! Releases beside each other: what the next one writes passes through this one.

mod messages;
mod next_release;
mod rows;
