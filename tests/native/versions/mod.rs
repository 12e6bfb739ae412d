//! Releases beside each other: what the next one writes passes through this one.

mod next_release;
mod rows;
