//! The runtime of partitions: handle, ports, messages, jobs, memory and the checks of a JWS.

pub mod apart;
pub mod ask;
pub mod carrying;
pub mod copying;
pub mod failure_queue;
pub mod faultless;
pub mod hosted;
pub mod jobs;
pub mod jws;
pub mod kind;
pub mod limiter;
pub mod memory;
pub mod message;
pub mod migrations;
pub mod partition;
pub mod policy_cache;
pub mod ports;
pub mod problems;
pub mod recovering;
pub mod request_ids;
pub mod restoring;
pub mod running;
pub mod schema;
pub mod watches;
pub mod within;
