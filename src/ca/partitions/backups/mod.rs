//! Backups that the Worker makes by itself, in the bucket `BACKUPS`.
//!
//! The alarm of one partition does all of it, step by step. What a step writes is stored before it leaves, so a step can be
//! repeated. A backup counts once its manifest is in the bucket, which comes last.

pub mod asks;
pub mod bucket;
pub mod copying;
pub mod head;
pub mod kind;
pub mod list;
pub mod sealing;
pub mod steps;
