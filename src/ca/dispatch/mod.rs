//! Takes messages, jobs and alarms to the partition that does them.

pub mod alarm;
pub mod jobs;
pub mod kind;
pub mod messages;
