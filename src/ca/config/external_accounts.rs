//! External account keys of the settings ([RFC 8555 §7.3.4](https://www.rfc-editor.org/rfc/rfc8555#section-7.3.4)).

use super::policy;
use super::secret::NonceKey;
use crate::jose;
use crate::policy::Policy;
use crate::records::acme::nonce;
use crate::records::operations::external_key::Uses;
use crate::values::b64;
use crate::values::members::{MemberFault, Members};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt;

/// Minimum length of a MAC key: HS256 needs the hash's size (RFC 7518 §3.2).
const MIN_KEY: usize = 32;

/// Maximum length of a kid.
const MAX_KID: usize = 128;

/// The settings of external account binding.
#[derive(Clone, Debug, Default)]
pub struct ExternalAccounts {
    /// Whether new accounts need an external account binding.
    pub required: bool,
    /// The configured keys by `kid`.
    pub keys: BTreeMap<String, ExternalKey>,
    /// Whether operators can create keys.
    pub more: bool,
}

/// An external account key.
#[derive(Clone, Debug)]
pub struct ExternalKey {
    /// The MAC key.
    pub key: MacKey,
    /// Number of account keys that may use it.
    pub uses: Uses,
    /// Policy of its accounts, in addition to the CA's.
    pub policy: Policy,
    /// The policy as written; null for none.
    pub document: Value,
}

/// Label that separates the derivation of operators' MAC keys.
const DERIVATION_LABEL: &[u8] = b"selvedge external account key v1\0";

/// The value of "-" in base64url.
const DASH: u8 = 62;

/// Derives the MAC key of an operator's external account key from its kid. The result is 32 octets of HMAC-SHA256
/// under a secret of the CA, whether the key was created or not.
pub fn derived_key(secret: &[u8; 32], kid: &str) -> MacKey {
    let mut key = nonce::derived(secret, DERIVATION_LABEL, kid.as_bytes());
    // certbot takes a key that begins with "-" in base64url for an option.
    if let Some(first) = key.first_mut().filter(|first| **first >> 2 == DASH) {
        *first &= 0x7f;
    }
    MacKey(key.to_vec())
}

/// Check value of a MAC key, which does not reveal it.
pub fn check_of(key: &MacKey) -> String {
    let digest = Sha256::new().chain_update(b"selvedge check v1\0").chain_update(&key.0).finalize();
    b64::encode(digest.get(..6).unwrap_or_default())
}

/// The nonce key of which an operator's external account key was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MadeOf {
    /// The present one.
    Present,
    /// The previous one, which still counts.
    Previous,
}

/// Returns the nonce key by which an external account key was made.
///
/// `check` is the check value of its MAC key. `None` for a nonce key that does not count any more.
pub fn made_of(nonce_key: &NonceKey, kid: &str, check: &str) -> Option<MadeOf> {
    let places = [MadeOf::Present, MadeOf::Previous].into_iter().zip(nonce_key.all());
    places.filter(|(_, key)| check_of(&derived_key(key, kid)) == check).map(|(place, _)| place).next()
}

/// A MAC key; `Debug` is redacted.
#[derive(Clone, PartialEq, Eq)]
pub struct MacKey(Vec<u8>);

impl MacKey {
    /// Reads a key in base64url or standard base64, with or without padding. It is decoded once, whatever the result.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().trim_end_matches('=').replace('+', "-").replace('/', "_");
        b64::decode_secret(&text).filter(|key| key.len() >= MIN_KEY).map(Self)
    }

    /// The octets of the key.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MacKey(secret)")
    }
}

impl ExternalAccounts {
    /// Reads `EAB_KEYS`, a JSON object from `kid` to key. Keys' policies are checked against the CA's. `more`:
    /// whether operators can create keys.
    ///
    /// # Errors
    /// A sentence for the operator that begins with the path of the fault and never shows a key.
    pub fn read(text: Option<&str>, required: bool, more: bool, ca: &Policy) -> Result<Self, String> {
        let entries = match text {
            None => Map::new(),
            Some(text) => jose::read_object("EAB_KEYS", text).map_err(|fault| format!("{fault}."))?,
        };
        let keys = entries.iter().map(|(kid, entry)| Ok((kid.clone(), ExternalKey::read(kid, entry, ca)?)));
        let keys: BTreeMap<String, ExternalKey> = keys.collect::<Result<_, String>>()?;
        if required && keys.is_empty() && !more {
            return Err(
                "EXTERNAL_ACCOUNT_REQUIRED is true, but EAB_KEYS has no key, and without ADMIN_TOKENS (or Cloudflare \
                        Access) no key can be created; set one of the two with `wrangler secret put`."
                    .to_owned(),
            );
        }
        Ok(Self { required, keys, more })
    }
}

impl ExternalKey {
    fn read(kid: &str, entry: &Value, ca: &Policy) -> Result<Self, String> {
        if kid.is_empty() || kid.len() > MAX_KID || !kid.bytes().all(|b| b.is_ascii_graphic()) {
            let shown = crate::values::quote::quote(kid);
            let what = format!("1 to {MAX_KID} ASCII characters without spaces");
            return Err(format!("EAB_KEYS has a key named {shown}; a name has to be {what}."));
        }
        let path = format!("EAB_KEYS.{kid}");
        let fault = |fault: MemberFault| format!("{}.", fault.below(&path));
        let known = ["key", "uses", "policy"];
        let members = Members::of(entry, &known, "an object with \"key\" and \"uses\"").map_err(fault)?;
        let key = members.get("key").and_then(Value::as_str).and_then(MacKey::parse).ok_or_else(|| {
            let how = "`openssl rand 32 | basenc --base64url` makes one";
            format!("{path}.key has to be a string, {MIN_KEY} random bytes or more in base64url; {how}.")
        })?;
        let uses = match members.get("uses").and_then(Value::as_str) {
            Some("once") => Uses::Once,
            Some("many") => Uses::Many,
            _ => {
                let choice = "\"once\" (for one account key) or \"many\" (for any number)";
                return Err(format!("{path}.uses has to be {choice}."));
            }
        };
        let policy_path = format!("{path}.policy");
        let policy = match members.get("policy") {
            None => Policy::default(),
            Some(document) => policy::read_policy(&policy_path, document)?,
        };
        policy.check_against(ca, &policy_path).map_err(|fault| format!("{fault}."))?;
        let document = members.get("policy").cloned().unwrap_or_default();
        Ok(Self { key, uses, policy, document })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(entries: &Value) -> Result<ExternalAccounts, String> {
        ExternalAccounts::read(Some(&entries.to_string()), true, false, &Policy::default())
    }

    /// Checks that no key looks like an option of a command line.
    #[test]
    fn derived_keys_begin_with_no_dash() {
        let first = |n: u32| b64::encode(derived_key(&[7; 32], &format!("key-{n}")).bytes()).remove(0);
        let seen: std::collections::BTreeSet<char> = (0..1_000).map(first).collect();
        assert!(!seen.contains(&'-') && seen.len() == 63, "{seen:?}");
    }

    #[test]
    fn a10_keys_are_decoded_once_in_any_base64() {
        let bytes: Vec<u8> = (0..33).map(|n| 0xff - n * 5).collect();
        let url = b64::encode(&bytes);
        let standard = url.replace('-', "+").replace('_', "/");
        assert_ne!(url, standard, "the example has characters that differ");
        for text in [url.clone(), standard.clone(), format!("{url}="), format!(" {standard}==\n")] {
            assert_eq!(MacKey::parse(&text).map(|key| key.0), Some(bytes.clone()), "{text}");
        }
        // A key that looks like base64 itself stays unchanged.
        let text_key = b64::encode(b"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
        assert_eq!(MacKey::parse(&text_key).unwrap().bytes().len(), 43);
        for bad in ["", "short", "not base64 at all, but long enough for a key", &b64::encode(&[1; 31])] {
            assert_eq!(MacKey::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a10_faults_name_the_member_and_no_key() {
        let secret = b64::encode(&[7; 32]);
        for (entries, place) in [
            (json!({ "a": { "key": format!("{secret}!"), "uses": "once" } }), "EAB_KEYS.a.key "),
            (json!({ "a": { "uses": "once" } }), "EAB_KEYS.a.key "),
            (json!({ "a": { "key": [secret], "uses": "once" } }), "EAB_KEYS.a.key "),
            (json!({ "a": { "key": secret } }), "EAB_KEYS.a.uses "),
            (json!({ "a": { "key": secret, "uses": "twice" } }), "EAB_KEYS.a.uses "),
            (
                json!({ "a": { "key": secret, "uses": "once", "polcy": {} } }),
                "EAB_KEYS.a has the unknown member \"polcy\"",
            ),
            (json!({ "a": secret }), "EAB_KEYS.a is a string"),
            (json!({ "a b": { "key": secret, "uses": "once" } }), "EAB_KEYS has a key named \"a b\""),
            (json!({ "": { "key": secret, "uses": "once" } }), "EAB_KEYS has a key named \"\""),
            (
                json!({ "a": { "key": secret, "uses": "many", "policy": { "challenges": ["dns"] } } }),
                "EAB_KEYS.a.policy.challenges[0] is \"dns\"",
            ),
            (json!({ "a": { "key": secret, "uses": "many", "policy": { "key": secret } } }), "EAB_KEYS.a.policy has"),
            (json!([secret]), "EAB_KEYS is"),
        ] {
            let said = read(&entries).unwrap_err();
            assert!(said.starts_with(place), "{said}");
            assert!(!said.contains(&secret), "{said}");
        }
        let twice = format!(r#"{{"a":{{"key":"{secret}","uses":"once"}},"a":{{}}}}"#);
        let said = ExternalAccounts::read(Some(&twice), true, false, &Policy::default()).unwrap_err();
        assert!(said.contains("twice") && !said.contains(&secret), "{said}");
        let cut = format!(r#"{{"a":{{"key":"{secret}"#);
        let said = ExternalAccounts::read(Some(&cut), true, false, &Policy::default()).unwrap_err();
        assert!(said.starts_with("EAB_KEYS is not JSON") && !said.contains(&secret), "{said}");
    }

    #[test]
    fn mac_keys_are_redacted_and_required_binding_needs_a_key() {
        let secret = [0x5a; 32];
        let accounts = read(&json!({ "a": { "key": b64::encode(&secret), "uses": "once" } })).unwrap();
        assert!(accounts.required && accounts.keys["a"].uses == Uses::Once);
        let shown = format!("{accounts:?}");
        assert!(!shown.contains(&b64::encode(&secret)) && !shown.contains("90, 90"), "{shown}");
        assert!(read(&json!({})).unwrap_err().starts_with("EXTERNAL_ACCOUNT_REQUIRED"));
        assert!(ExternalAccounts::read(None, false, false, &Policy::default()).unwrap().keys.is_empty());
        assert!(ExternalAccounts::read(None, true, true, &Policy::default()).unwrap().more);
    }
}
