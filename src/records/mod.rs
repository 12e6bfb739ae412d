//! Stored records with their wire forms and state transitions.
//!
//! Pure data and rules: no signatures, no network.
pub mod acme;
pub mod ledger;
pub mod operations;
pub mod witness;

pub use self::acme::account::{AccountRecord, AccountStatus};
pub use self::acme::authorization::{AuthorizationRecord, ChallengeRecord};
pub use self::acme::certificate::CertificateRecord;
pub use self::acme::new_order::NewOrder;
pub use self::acme::nonce::{Home, Nonce};
pub use self::acme::order::OrderRecord;
pub use self::acme::problem::{Kind, Problem};
pub use self::acme::renewal::Renewable;
