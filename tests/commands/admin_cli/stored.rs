//! A backup in the bucket of the double.

use super::double::BACKUP;
use serde_json::{Value, json};

/// A backup of two objects in the bucket.
pub fn stored_backup() -> Value {
    json!({"name": "2027-01-31T03-00-00Z-1a2b3c4d", "id": BACKUP, "base_url": "https://ca.test", "version": "0.1.0",
           "begun": "2027-01-31T03:00:00Z", "ended": "2027-01-31T03:00:09Z", "objects": 2, "octets": 6,
           "sha256": "25b6746d5172ed6352966a013d93ac846e1110d5a25e8f183b5931f4688842a1", "partitions": 7})
}

/// Its manifest, or an object.
pub fn stored_part(body: &Value) -> Value {
    match body.get("object").and_then(Value::as_u64) {
        None => json!({"manifest": stored_backup()}),
        Some(n) => json!({"object": n, "data": ["b25l", "dHdv"][usize::try_from(n).unwrap()]}),
    }
}
