//! The policy in force and what it permits.

pub mod effective;
pub mod grant;
