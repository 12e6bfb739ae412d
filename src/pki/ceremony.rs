//! Key ceremonies of the companion: a root, an intermediate below it, a server's own certificate.
//!
//! Native only, and the only place of the library that draws its own randomness. Certificates
//! follow RFC 5280 and, as far as a private CA can, the CA/Browser Forum's Baseline Requirements. `disposable` makes P-256
//! certificates for tests and temporary CAs; [`Root`] is a permanent CA; [`IssuerRequest`] and [`ReturnedChain`] are for an
//! intermediate below another organization's root.

mod constraints;
mod disposable;
mod expired;
mod fault;
mod hierarchy;
mod list;
mod request;
mod returned;
mod root;
mod signer;
mod stand_in;
#[cfg(any(test, feature = "testing"))]
mod testing;

pub use constraints::{Constraints, IpRange};
pub use disposable::{create_intermediate, create_root, create_server_leaf};
pub use expired::expired_twin;
pub use fault::{CeremonyFault, RootFault};
pub use hierarchy::{Hierarchy, HierarchyPlan, create_roots};
pub use request::{IssuerRequest, create_issuer_csr};
pub use returned::{NO_PATH_LENGTH, ReturnedChain, ReturnedFault};
pub use root::{IssuerPlan, Root, is_issued_by, is_signed_by};
pub use signer::{CertAndKey, check_pair, new_key};
pub use stand_in::stand_in;
#[cfg(any(test, feature = "testing"))]
pub use testing::{create_csr, create_intermediate_for, cross_sign};

#[cfg(test)]
mod tests;
