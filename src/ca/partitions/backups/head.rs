//! What a backup says of itself.

use crate::ca::runtime::ports::Ports;
use crate::records::acme::nonce::derived;
use crate::values::{Time, hex};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The version of the format of backups. A CA restores backups of this version and of earlier ones.
pub const FORMAT: u64 = 1;

/// Maximum number of partitions that are asked at once. Cloudflare's free plan allows 50 subrequests for each request to a
/// Worker.
pub const MAX_PARTS: usize = 25;

/// Label of the check value of `NONCE_KEY`.
const NONCE_KEY_LABEL: &[u8] = b"selvedge backup nonce key v1\0";

/// Returns the check value of a `NONCE_KEY`.
pub fn nonce_key_check(key: &[u8; 32]) -> String {
    hex::encode(derived(key, NONCE_KEY_LABEL, b"").get(..16).unwrap_or_default())
}

/// Returns the ids of the configured issuers.
pub fn issuers<P: Ports>(ports: &P) -> Vec<String> {
    ports.settings().issuers.slots().map(|slot| slot.issuer.id().to_owned()).collect()
}

/// Returns the head of a backup of this CA.
pub fn head<P: Ports>(ports: &P, id: &str, begun: Time) -> Value {
    let settings = ports.settings();
    let root = settings.root.as_ref().map(|root| hex::encode(&Sha256::digest(root.der())));
    let kids: Vec<&String> = settings.external.keys.keys().collect();
    json!({
        "format": FORMAT, "id": id, "at": begun.rfc3339(), "version": env!("CARGO_PKG_VERSION"),
        "base_url": settings.urls.of_path(""), "issuers": issuers(ports), "root": root,
        "nonce_key": nonce_key_check(&settings.nonce_key), "external_accounts": kids,
    })
}
