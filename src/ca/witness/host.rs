//! The interface of a witness to its host, and the names of its partitions.

use crate::ca::config::witness::WitnessSettings;
use crate::ca::runtime::message::{Message, Reply};
use crate::records::Problem;
use crate::values::{CryptoFailure, Time, Verify, hex};
use sha2::{Digest, Sha256};

/// The first part of the names of a witness's partitions.
const KIND: &str = "witness/";

/// The partition of a witness for one log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WitnessAt(String);

impl WitnessAt {
    /// The partition of the log with this origin.
    pub fn of(origin: &str) -> Self {
        Self(hex::encode(&Sha256::digest(origin.as_bytes())))
    }

    /// Parses the name of a partition; `None` for one of a CA.
    pub fn parse(name: &str) -> Option<Self> {
        name.strip_prefix(KIND).map(|hash| Self(hash.to_owned()))
    }

    /// Returns the SHA-256 of the origin, in hex.
    pub fn hash(&self) -> &str {
        &self.0
    }

    /// Returns the name of the partition, that of its Durable Object.
    pub fn name(&self) -> String {
        format!("{KIND}{}", self.0)
    }
}

/// The host of a witness and of its partitions.
#[allow(async_fn_in_trait, reason = "futures on wasm are not Send; callers are generic, never dyn")]
pub trait WitnessHost: Verify {
    /// Returns the configuration.
    fn witness(&self) -> &WitnessSettings;

    /// Returns the present time.
    fn now(&self) -> Time;

    /// Signs with the witness's Ed25519 key.
    ///
    /// # Errors
    /// When the crypto provider fails.
    async fn cosign(&self, message: &[u8]) -> Result<Vec<u8>, CryptoFailure>;

    /// Sends a message to the partition of a log.
    ///
    /// # Errors
    /// `serverInternal` when it cannot be reached. It may still have processed the message.
    async fn call(&self, to: &WitnessAt, message: &Message) -> Result<Reply, Problem>;

    /// Writes a log line for the operator.
    fn log(&self, line: &str);
}
