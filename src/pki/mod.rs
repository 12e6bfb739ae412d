//! X.509: CSRs, certificates, CRLs, and the issuers that sign them.
//!
//! Knows nothing of ACME and does no I/O. The path of a certificate is a chain of types, each proof of
//! the step before:
//!
//! ```text
//! csr::parse -> Csr -> verify -> VerifiedCsr -> names, key
//! leaf::build_tbs -> bytes -> lint::check -> LintedTbs -> (sign) -> leaf::assemble -> certificate
//! ```

#[cfg(not(target_arch = "wasm32"))]
pub mod ceremony;
pub mod certificate;
pub mod crl;
pub mod csr;
pub mod foreign;
pub mod issuer;
pub mod issuers;
pub mod key;
pub mod leaf;
pub mod lint;
pub mod pem;
pub mod profile;
pub mod serial;
pub mod sigalg;
mod tbs;
pub mod test_hierarchy;
#[cfg(test)]
mod testing;
pub mod validity;

pub use crl::{CrlEntry, CrlFault, CrlRequest};
pub use csr::{Csr, CsrFault, VerifiedCsr};
pub use issuer::{AlternateFault, Chain, Issuer, IssuerFault, MAX_ALTERNATES, NameConstraintFault};
pub use issuers::{IssuerSlot, Issuers, IssuersFault};
pub use key::{KeyFault, KeyKind, PublicKey};
pub use leaf::{LeafFault, LeafRequest};
pub use lint::{LintFault, LintedTbs};
pub use profile::Profile;
pub use serial::Serial;
pub use validity::Period;
