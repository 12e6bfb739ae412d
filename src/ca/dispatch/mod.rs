//! Takes messages, jobs and alarms to the partition that does them.

pub mod alarm;
pub mod jobs;
pub mod messages;
pub mod operations;
