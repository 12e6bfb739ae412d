//! The keys of an Access team: its JWK Set ([RFC 7517 §5](https://www.rfc-editor.org/rfc/rfc7517#section-5)), and when to
//! fetch it again.

use super::fault::AccessFault;
use crate::jose::alg;
use crate::jose::json;
use crate::jose::jwk::Jwk;
use crate::values::{SigAlg, Time};
use core::time::Duration;
use serde_json::Value;
use std::collections::BTreeMap;

/// The longest document, in octets; those of Access have a few thousand.
pub const MAX_DOCUMENT: usize = 64 * 1024;

/// The most keys of a document. A team has two: the present one and the one before.
const MAX_KEYS: usize = 32;

/// How long keys are good without asking again.
const FRESH: Duration = Duration::from_secs(3600);

/// How long they are good while others are asked for, or cannot be had.
const STALE: Duration = Duration::from_secs(2 * 3600);

/// How long it is at least from one fetch to the next, whatever is asked: anyone can make up a `kid`.
const PAUSE: Duration = Duration::from_secs(60);

/// The keys of a team, by their `kid`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessKeys(BTreeMap<String, Jwk>);

impl AccessKeys {
    /// Reads `{"keys":[…]}`; what else is in there (Access adds certificates) is ignored.
    ///
    /// Keys of kinds that sign no assertion here are passed over, as RFC 7517 §5 wants, and so are those without `kid`.
    ///
    /// # Errors
    /// When it is no such document, has a `kid` twice, so that it does not say which key is meant, or leaves no key.
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
            return Err(AccessFault::Keys("none of them is for RS256 or ES256"));
        }
        Ok(Self(keys))
    }

    /// The key of this name.
    pub fn get(&self, kid: &str) -> Option<&Jwk> {
        self.0.get(kid)
    }
}

/// The key and its name, when it may sign assertions: what it says of itself (`use`, `alg`) must not be otherwise.
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

/// What is to be done for a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// Here it is.
    Key(Box<Jwk>),
    /// Fetch the keys, tell [`KeyCache::asking`] before and [`KeyCache::fetched`] after, and look again.
    Fetch,
    /// There is none of this name, and it is too early to ask again.
    None,
}

impl KeyCache {
    /// Looks for the key of this name.
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

    /// Whether there are keys that are good: what is not among them is none of the team's, as far as is known.
    pub fn usable(&self, now: Time) -> bool {
        self.fetched.is_some_and(|at| at.until(now) < STALE)
    }

    /// Notes that the keys are being fetched, so that nobody else does for a minute.
    pub fn asking(&mut self, now: Time) {
        self.asked = Some(now);
    }

    /// Takes the keys that were fetched, in the place of all others: a key that the team has taken back is gone.
    pub fn fetched(&mut self, keys: AccessKeys, now: Time) {
        self.keys = keys;
        self.fetched = Some(now);
    }
}
