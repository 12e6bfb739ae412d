//! The wasm module: the Worker of the library, linked.

#[cfg(target_arch = "wasm32")]
use selvedge as _;
