//! The setting BLOCKED_KEYS: compromised or weak keys that the operator refuses.

use crate::values::members::type_name;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// Name of the setting.
const NAME: &str = "BLOCKED_KEYS";

/// The operator's blocked keys, by SHA-256 of the DER SubjectPublicKeyInfo. This fingerprint (RFC 7469 §2.4) is the
/// same in any certificate, CSR or account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlockedKeys(BTreeSet<[u8; 32]>);

impl BlockedKeys {
    /// Reads `BLOCKED_KEYS`: hashes of 64 hex digits in either case. They are a JSON array of strings, or a text
    /// separated by white space or commas.
    ///
    /// # Errors
    /// A sentence for the operator that names the invalid entry.
    pub fn read(text: Option<&str>) -> Result<Self, String> {
        let text = text.unwrap_or_default().trim();
        if text.starts_with('[') {
            let entries: Vec<Value> =
                serde_json::from_str(text).map_err(|e| format!("{NAME} is not a JSON array ({e})."))?;
            return entries
                .iter()
                .enumerate()
                .map(|(at, entry)| of_json(at, entry))
                .collect::<Result<_, _>>()
                .map(Self);
        }
        let entries = text.split(|c: char| c == ',' || c.is_whitespace()).filter(|entry| !entry.is_empty());
        entries.enumerate().map(|(at, entry)| hash(at, entry)).collect::<Result<_, _>>().map(Self)
    }

    /// Whether the key with this DER SubjectPublicKeyInfo is blocked.
    pub fn contains(&self, spki_der: &[u8]) -> bool {
        // Most lists are empty and need no hash.
        !self.0.is_empty() && self.0.contains(&<[u8; 32]>::from(Sha256::digest(spki_der)))
    }
}

fn of_json(at: usize, entry: &Value) -> Result<[u8; 32], String> {
    match entry {
        Value::String(text) => hash(at, text),
        other => {
            Err(format!("{NAME} has {} as entry {}; it has to be a string of 64 hex digits.", type_name(other), at + 1))
        }
    }
}

/// Parses the hash in an entry; entries count from 0.
fn hash(at: usize, entry: &str) -> Result<[u8; 32], String> {
    crate::values::hex::decode(&entry.to_ascii_lowercase()).and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| {
        let shown = crate::values::quote::quote(entry);
        format!(
            "{NAME} has {shown} as entry {}; it has to be 64 hex digits, the SHA-256 of a key's DER \
             SubjectPublicKeyInfo, as `openssl pkey -pubin -in key.pem -outform DER | sha256sum` prints it.",
            at + 1
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &[u8] = b"the DER of a key";
    const OTHER: &[u8] = b"the DER of another key";

    fn hex(der: &[u8]) -> String {
        crate::values::hex::encode(&Sha256::digest(der))
    }

    #[test]
    fn c02_blocked_keys_are_read_from_text_and_json() {
        let (key, other) = (hex(KEY), hex(OTHER));
        for text in [
            format!("{key} {other}"),
            format!("{key},{other}"),
            format!("\n  {key} ,\n\t{other},\n"),
            format!("{},{other},{key}", key.to_uppercase()),
            format!(r#"["{key}","{other}"]"#),
            format!("  [ \"{other}\",\n \"{}\" ]\n", key.to_uppercase()),
        ] {
            let blocked = BlockedKeys::read(Some(&text)).unwrap();
            assert!(blocked.contains(KEY) && blocked.contains(OTHER) && !blocked.contains(b"a third"), "{text}");
            assert_eq!(blocked.0.len(), 2, "{text}");
        }
        for nothing in [None, Some(""), Some(" \n"), Some("[]"), Some(" , ")] {
            let blocked = BlockedKeys::read(nothing).unwrap();
            assert_eq!(blocked, BlockedKeys::default(), "{nothing:?}");
            assert!(!blocked.contains(KEY));
        }
    }

    #[test]
    fn c02_invalid_blocked_key_is_named() {
        let key = hex(KEY);
        let colons = key.as_bytes().chunks(2).map(|pair| String::from_utf8_lossy(pair)).collect::<Vec<_>>().join(":");
        for (text, named) in [
            (format!("{key} {}", &key[1..]), format!("{:?} as entry 2", &key[1..])),
            (format!("{key}0"), format!("\"{key}0\" as entry 1")),
            (format!("{}g", &key[1..]), format!("\"{}g\" as entry 1", &key[1..])),
            (colons.clone(), format!("{colons:?} as entry 1")),
            (format!("sha256:{key}"), format!("\"sha256:{key}\" as entry 1")),
            (format!(r#"["{key}",""]"#), "\"\" as entry 2".to_owned()),
            (format!(r#"["{key} {key}"]"#), "as entry 1".to_owned()),
            (format!(r#"["{key}",7]"#), "a number as entry 2".to_owned()),
            (format!(r#"["{key}""#), "not a JSON array".to_owned()),
            (format!(r#"{{"keys":["{key}"]}}"#), "as entry 1".to_owned()),
            ("ü".repeat(32), "as entry 1".to_owned()),
        ] {
            let said = BlockedKeys::read(Some(&text)).unwrap_err();
            assert!(
                said.starts_with("BLOCKED_KEYS ") && said.ends_with('.') && said.contains(&named),
                "{text}: {said}"
            );
        }
    }
}
