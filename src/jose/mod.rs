//! Signed requests: JSON Web Signatures and Keys as
//! [RFC 8555 §6.2](https://www.rfc-editor.org/rfc/rfc8555#section-6.2) narrows them.
//!
//! [`Unverified::parse`] reads a request and gives out the [`Header`] only, which names the key for the check.
//! [`Unverified::verify`] turns it into a [`Verified`], and only a `Verified` gives out the payload. So a function
//! that must not act on unproven data takes a `&Verified`. The two signatures that ACME puts inside a payload follow
//! the same pattern: [`eab`] (the MAC of an external account) and [`key_change`].
//!
//! Nothing here does I/O; the one asynchronous step is the signature check, behind
//! [`Verify`](crate::values::Verify).

pub mod access;
mod alg;
pub mod eab;
mod encoding;
mod fault;
mod fault_kind;
mod flattened;
mod header;
mod json;
pub mod jwk;
pub mod jws;
pub mod key_authorization;
pub mod key_change;
mod signature;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod thumbprint;

pub use alg::ALGORITHMS;
pub use eab::{EabFault, EabUnverified, ExternalAccount};
pub use encoding::Encoding;
pub use fault::{JwsFault, VerifyFault};
pub use fault_kind::FaultKind;
pub use header::{Header, KeyRef};
pub use jwk::{Jwk, JwkFault};
pub use jws::{Unverified, Verified};
pub use key_authorization::{dns01_value, key_authorization};
pub use key_change::{KeyChange, KeyChangeFault};
pub use thumbprint::Thumbprint;

/// Reads the text of a JSON object; refuses duplicate members at any depth.
///
/// `part` is the object's name in faults.
///
/// # Errors
/// A [`JwsFault`] that never quotes a value.
pub fn read_object(part: &'static str, text: &str) -> Result<serde_json::Map<String, serde_json::Value>, JwsFault> {
    json::parse_object(text.as_bytes()).map_err(|fault| JwsFault::of_json(part, fault))
}
