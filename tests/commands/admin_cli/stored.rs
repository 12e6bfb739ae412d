//! Backups of the double, and those in its bucket.

use super::double::{BACKUP, head, pages, restoration};
use serde_json::{Value, json};

/// A backup of two objects in the bucket.
fn stored_backup() -> Value {
    json!({"name": "2027-01-31T03-00-00Z-1a2b3c4d", "id": BACKUP, "base_url": "https://ca.test", "version": "0.1.0",
           "begun": "2027-01-31T03:00:00Z", "ended": "2027-01-31T03:00:09Z", "objects": 2, "octets": 6,
           "sha256": "25b6746d5172ed6352966a013d93ac846e1110d5a25e8f183b5931f4688842a1", "partitions": 7})
}

/// Its manifest, or an object.
fn stored_part(body: &Value) -> Value {
    match body.get("object").and_then(Value::as_u64) {
        None => json!({"manifest": stored_backup()}),
        Some(n) => {
            let data = ["b25l", "dHdv"].get(usize::try_from(n).unwrap());
            json!({"object": n, "data": data.unwrap()})
        }
    }
}

/// What a good authority would say about backups and restorations.
pub fn about_backups(operation: &str, body: &Value) -> Option<(u16, Value)> {
    Some(match operation {
        "beginBackup" => (201, json!({"backup": head(), "token": "a.1.b"})),
        "copyRows" => (200, pages(body)),
        "listBackups" => (200, json!({"schedule": null, "backups": [stored_backup()], "next": null})),
        "fetchBackup" => (200, stored_part(body)),
        "showRestoration" => (200, restoration(true, 0)),
        "beginRestoration" | "restoreRows" => (200, restoration(true, body["line"].as_u64().unwrap_or_default())),
        "endRestoration" | "undoRestoration" => (200, json!({"complete": body["last"]})),
        _ => return None,
    })
}
