//! The partition of the operators: audit record, policies, kids, calendar.

pub mod audit;
pub mod calendar;
pub mod external_keys;
pub mod policies;
pub mod shadow;
pub mod standing;
