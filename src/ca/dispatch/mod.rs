//! Dispatches messages, jobs and alarms by the kind of the partition.

pub mod alarm;
pub mod common;
pub mod jobs;
pub mod kind;
pub mod member;
