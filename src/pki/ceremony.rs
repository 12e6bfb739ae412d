//! Key ceremonies of the companion: a root, an intermediate below it, a server's own certificate.
//!
//! Native only, and the only place of the library that draws its own randomness. What the certificates contain
//! follows RFC 5280 and, where a private CA can, the CA/Browser Forum's Baseline Requirements. The functions here make
//! what tests and a disposable CA need, with P-256 keys; [`Root`] is a CA that is kept, [`IssuerRequest`] and
//! [`Returned`] are for an intermediate below another's root.

mod constraints;
mod disposable;
mod fault;
mod list;
mod request;
mod returned;
mod root;
mod signer;
mod stand_in;

pub use constraints::{Constraints, IpRange};
pub use disposable::{create_intermediate, create_intermediate_for, create_root, create_server_leaf, cross_sign};
pub use fault::{CeremonyFault, RootFault};
pub use request::{IssuerRequest, create_csr, create_issuer_csr};
pub use returned::{NO_PATH_LENGTH, Returned, ReturnedFault};
pub use root::{IssuerPlan, Root, is_issued_by, is_signed_by};
pub use signer::{CertAndKey, check_pair, new_key};
pub use stand_in::stand_in;

#[cfg(test)]
mod tests;
