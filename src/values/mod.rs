//! Small types that every layer shares; they depend on no other layer.

pub mod age;
pub mod b64;
pub mod crypto;
pub mod ecdsa;
pub mod edwards;
#[cfg(not(target_arch = "wasm32"))]
pub mod encrypted_key;
pub mod hex;
pub mod id;
pub mod identifier;
pub mod members;
#[cfg(not(target_arch = "wasm32"))]
pub mod native_crypto;
pub mod pem;
pub mod quote;
pub mod span;
pub mod time;
pub mod unicode;
pub mod x509;

pub use crypto::{CryptoFailure, SigAlg, Verify};
pub use id::Id;
pub use identifier::Identifier;
pub use time::Time;
