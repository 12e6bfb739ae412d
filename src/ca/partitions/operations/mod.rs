//! The operations partition: audit record, policies, approvals, replacements, kids, calendar.

pub mod approvals;
pub mod asks;
pub mod audit;
pub mod calendar;
pub mod external_keys;
pub mod kind;
pub mod policies;
pub mod replacements;
pub mod shadow;
pub mod standing;
