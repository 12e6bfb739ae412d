//! ACME's resources: what is stored of each, how it looks on the wire, which transitions are legal.
//!
//! Pure data and rules; no keys are checked and nothing is fetched here.

pub mod account;
pub mod act;
pub mod authorization;
pub mod certificate;
pub mod contact;
pub mod crl;
pub mod external_key;
pub mod inventory;
pub mod ledger;
pub mod limit;
pub mod metrics;
pub mod new_order;
pub mod nonce;
pub mod notice;
pub mod order;
pub mod persist;
pub mod policies;
pub mod problem;
pub mod proof;
pub mod renewal;
pub mod reuse;

pub use account::{AccountRecord, AccountStatus};
pub use authorization::{AuthorizationRecord, ChallengeRecord};
pub use certificate::CertificateRecord;
pub use new_order::NewOrder;
pub use nonce::{Home, Nonce};
pub use order::OrderRecord;
pub use problem::{Kind, Problem};
pub use renewal::Renewable;
