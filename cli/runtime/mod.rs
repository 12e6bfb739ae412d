//! The Worker on this machine's workerd: what `dev` and `serve` share.

pub mod base;
pub mod capnp;
pub mod clock;
pub mod databases;
pub mod kept_roots;
pub mod key_binding;
pub mod listen;
pub mod memory_folder;
pub mod program;
pub mod ready;
pub mod state;
#[cfg(test)]
mod tests;
pub mod workerd;
