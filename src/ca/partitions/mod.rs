//! The small partitions, each with its clients.
//!
//! They are those of keys, nonces, client addresses, rosters, metrics, faults and test CAs.

pub mod backups;
pub mod client_address;
pub mod compromised_keys;
pub mod external_key;
pub mod failures;
pub mod faults;
pub mod flush;
pub mod key_owner;
pub mod metrics;
pub mod new_test_ca;
pub mod nonce;
pub mod operations;
pub mod pruning;
pub mod roster;
pub mod test_ca;
pub mod test_cas;
