//! Records of ACME resources, with their wire forms and state transitions.

pub mod account;
pub mod authorization;
pub mod certificate;
pub mod contact;
pub mod new_order;
pub mod nonce;
pub mod order;
pub mod persist;
pub mod problem;
pub mod redeemed;
pub mod renewal;
pub mod reuse;
