//! Faults on purpose of a test CA: what, at which requests, how often.
//!
//! A rule is consulted for each request that it is about. Its counts are here, so that a fault acts exactly as often as
//! asked, and a rate with a seed gives the same run each time.

mod draw;
mod names;
mod record;
mod rule;
#[cfg(test)]
mod tests;

pub use self::draw::{AnswerShape, DrawnFault, Encounter, draw};
pub use self::names::{Endpoint, FaultKind};
pub use self::record::{Fault, FaultRecord};
pub use self::rule::{FaultRule, MAX_COUNT, MAX_DELAY, MAX_FAULTS, MAX_RETRY_AFTER, MAX_SECONDS, REASONS};
