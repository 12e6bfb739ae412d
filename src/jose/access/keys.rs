//! The keys of an Access team: its JWK Set ([RFC 7517 §5](https://www.rfc-editor.org/rfc/rfc7517#section-5)), and when to
//! refresh it.

use super::fault::AccessFault;
use crate::jose::alg;
use crate::jose::json;
use crate::jose::jwk::Jwk;
use crate::values::{SigAlg, Time};
use core::time::Duration;
use serde_json::Value;
use std::collections::BTreeMap;

/// Maximum length of a JWK Set, in octets; those of Access have a few thousand.
pub const MAX_DOCUMENT: usize = 64 * 1024;

/// Maximum number of keys; a team has two, the current and the previous one.
const MAX_KEYS: usize = 32;

/// Age up to which keys are used without a refresh.
const FRESH: Duration = Duration::from_secs(3600);

/// Age up to which keys are used while a refresh runs or fails.
const STALE: Duration = Duration::from_secs(2 * 3600);

/// Minimum time between refreshes: an attacker can invent any `kid`.
const PAUSE: Duration = Duration::from_secs(60);

/// The keys of a team, by their `kid`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessKeys(BTreeMap<String, Jwk>);

impl AccessKeys {
    /// Reads `{"keys":[…]}`; other members (Access adds certificates) are ignored.
    ///
    /// Keys that cannot sign assertions, and keys without `kid`, are skipped (RFC 7517 §5).
    ///
    /// # Errors
    /// When it is not a JWK Set, has a `kid` twice, or has no usable key.
    pub fn parse(document: &[u8]) -> Result<Self, AccessFault> {
        if document.len() > MAX_DOCUMENT {
            return Err(AccessFault::Keys("the document is too long"));
        }
        let members =
            json::parse_object(document).map_err(|fault| AccessFault::of_json("the keys' document", fault))?;
        let Some(Value::Array(all)) = members.get("keys") else {
            return Err(AccessFault::Keys("the document has no list `keys`"));
        };
        if all.len() > MAX_KEYS {
            return Err(AccessFault::Keys("the document has too many keys"));
        }
        let mut keys = BTreeMap::new();
        for (kid, key) in all.iter().filter_map(usable) {
            if keys.insert(kid.to_owned(), key).is_some() {
                return Err(AccessFault::Keys("two keys have the same `kid`"));
            }
        }
        if keys.is_empty() {
            return Err(AccessFault::Keys("no key is for RS256 or ES256"));
        }
        Ok(Self(keys))
    }

    /// The key of this name.
    pub fn get(&self, kid: &str) -> Option<&Jwk> {
        self.0.get(kid)
    }
}

/// A key and its name, if its type, `use` and `alg` permit signed assertions.
fn usable(value: &Value) -> Option<(&str, Jwk)> {
    let text = |member| value.get(member).map(|value| value.as_str().unwrap_or_default());
    let kid = text("kid").filter(|kid| !kid.is_empty())?;
    let key = Jwk::parse(value).ok()?;
    let alg = [SigAlg::Rs256, SigAlg::Es256].into_iter().find(|alg| key.alg_fits(*alg))?;
    let signs = text("use").is_none_or(|usage| usage == "sig");
    (signs && text("alg").is_none_or(|name| name == alg::name(alg))).then_some((kid, key))
}

/// A team's keys as they were fetched, kept in memory.
#[derive(Clone, Debug, Default)]
pub struct KeyCache {
    keys: AccessKeys,
    fetched: Option<Time>,
    asked: Option<Time>,
}

/// Result of a lookup in the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// The key.
    Key(Box<Jwk>),
    /// The keys have to be fetched, between [`KeyCache::asking`] and [`KeyCache::fetched`]; then look up again.
    Fetch,
    /// Unknown name, and too early for a refresh.
    None,
}

impl KeyCache {
    /// Looks up the key of this name.
    pub fn look_up(&self, kid: &str, now: Time) -> Lookup {
        let age = self.fetched.map(|at| at.until(now));
        let may_ask = self.asked.is_none_or(|at| at.until(now) >= PAUSE);
        let known = self.keys.get(kid).filter(|_| age.is_some_and(|age| age < STALE));
        match known {
            Some(key) if age.is_some_and(|age| age < FRESH) || !may_ask => Lookup::Key(Box::new(key.clone())),
            _ if may_ask => Lookup::Fetch,
            _ => Lookup::None,
        }
    }

    /// Checks whether the cached keys are recent enough to refuse an unknown `kid`.
    pub fn usable(&self, now: Time) -> bool {
        self.fetched.is_some_and(|at| at.until(now) < STALE)
    }

    /// Records the start of a refresh; no other one starts for a minute.
    pub fn asking(&mut self, now: Time) {
        self.asked = Some(now);
    }

    /// Replaces all keys by the fetched ones; a key that the team revoked is dropped.
    pub fn fetched(&mut self, keys: AccessKeys, now: Time) {
        self.keys = keys;
        self.fetched = Some(now);
    }
}
