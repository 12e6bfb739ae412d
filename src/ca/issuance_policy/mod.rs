//! The effective policy and its grants.

pub mod effective;
pub mod grant;
