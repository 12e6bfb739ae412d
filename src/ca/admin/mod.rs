//! Operations: what the operator sees and does while the CA runs.

pub mod page;
