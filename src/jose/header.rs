//! The protected header: key, nonce and target of a request.

use super::alg;
use super::encoding;
use super::fault::JwsFault;
use super::flattened::{optional_text, text};
use super::jwk::Jwk;
use crate::values::SigAlg;
use serde_json::{Map, Value};

/// Name of the protected header in errors.
const PART: &str = "the protected header";

/// Reference to the key that signed a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyRef {
    /// The key itself: for newAccount, and for revocation by the certificate's key.
    Jwk(Jwk),
    /// The account's URL, not looked up yet.
    Kid(String),
}

/// Protected header of a request, checked for form
/// ([RFC 8555 §6.2](https://www.rfc-editor.org/rfc/rfc8555#section-6.2)).
///
/// `nonce` and `url` may be absent, as in an inner JWS; `require_…` and `forbid_…` check what a request needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    alg: SigAlg,
    nonce: Option<String>,
    url: Option<String>,
    key: KeyRef,
}

impl Header {
    /// Reads the members of a protected header; unknown members are ignored
    /// ([RFC 7515 §4](https://www.rfc-editor.org/rfc/rfc7515#section-4)).
    pub(super) fn parse(members: &Map<String, Value>) -> Result<Self, JwsFault> {
        let parameters = Parameters::parse(members)?;
        let alg = alg::parse(parameters.alg).ok_or_else(|| JwsFault::Algorithm { found: parameters.alg.to_owned() })?;
        let key = match (parameters.jwk, parameters.kid) {
            (Some(_), Some(_)) => return Err(JwsFault::JwkAndKid),
            (None, None) => return Err(JwsFault::NeitherJwkNorKid),
            (Some(jwk), None) => KeyRef::Jwk(Jwk::parse(jwk)?),
            (None, Some(kid)) => KeyRef::Kid(kid.to_owned()),
        };
        Ok(Self { alg, nonce: parameters.nonce.map(str::to_owned), url: parameters.url.map(str::to_owned), key })
    }

    /// The signature algorithm.
    pub fn alg(&self) -> SigAlg {
        self.alg
    }

    /// The nonce: base64url, not empty.
    pub fn nonce(&self) -> Option<&str> {
        self.nonce.as_deref()
    }

    /// The `url`: the target that the request names.
    pub fn url(&self) -> Option<&str> {
        self.url.as_deref()
    }

    /// The key or the account.
    pub fn key(&self) -> &KeyRef {
        &self.key
    }

    /// Requires a nonce.
    ///
    /// # Errors
    /// [`JwsFault::NonceMissing`].
    pub fn require_nonce(&self) -> Result<&str, JwsFault> {
        self.nonce().ok_or(JwsFault::NonceMissing)
    }

    /// Refuses a nonce, as in the inner JWS of a key change.
    ///
    /// # Errors
    /// [`JwsFault::NonceNotAllowed`].
    pub fn forbid_nonce(&self) -> Result<(), JwsFault> {
        self.nonce().map_or(Ok(()), |_| Err(JwsFault::NonceNotAllowed))
    }

    /// Requires that `url` is `wanted`, character by character
    /// ([RFC 8555 §6.4](https://www.rfc-editor.org/rfc/rfc8555#section-6.4)).
    ///
    /// # Errors
    /// [`JwsFault::UrlMissing`], [`JwsFault::UrlMismatch`].
    pub fn require_url(&self, wanted: &str) -> Result<(), JwsFault> {
        match self.url() {
            None => Err(JwsFault::UrlMissing),
            Some(found) if found == wanted => Ok(()),
            Some(found) => Err(JwsFault::UrlMismatch { found: found.to_owned(), wanted: wanted.to_owned() }),
        }
    }

    /// Requires a `jwk`, as in newAccount.
    ///
    /// # Errors
    /// [`JwsFault::JwkWanted`].
    pub fn require_jwk(&self) -> Result<&Jwk, JwsFault> {
        match &self.key {
            KeyRef::Jwk(jwk) => Ok(jwk),
            KeyRef::Kid(_) => Err(JwsFault::JwkWanted),
        }
    }

    /// Requires a `kid`: the account URL.
    ///
    /// # Errors
    /// [`JwsFault::KidWanted`].
    pub fn require_kid(&self) -> Result<&str, JwsFault> {
        match &self.key {
            KeyRef::Kid(kid) => Ok(kid),
            KeyRef::Jwk(_) => Err(JwsFault::KidWanted),
        }
    }
}

/// Parameters of ACME, checked for type and form, for signatures and MACs.
pub(super) struct Parameters<'a> {
    pub alg: &'a str,
    pub nonce: Option<&'a str>,
    pub url: Option<&'a str>,
    pub kid: Option<&'a str>,
    pub jwk: Option<&'a Value>,
}

impl<'a> Parameters<'a> {
    /// Reads the members and refuses those that would change the meaning of the rest.
    pub fn parse(members: &'a Map<String, Value>) -> Result<Self, JwsFault> {
        if let Some(found) = members.get("crit") {
            return Err(JwsFault::Critical { found: found.to_string() });
        }
        if members.get("b64").is_some_and(|b64| *b64 != Value::Bool(true)) {
            return Err(JwsFault::UnencodedPayload);
        }
        let nonce = optional_text(PART, members, "nonce")?;
        if nonce.is_some_and(|nonce| nonce.is_empty() || encoding::decode(nonce).is_err()) {
            return Err(JwsFault::NonceNotBase64url);
        }
        Ok(Self {
            alg: text(PART, members, "alg")?,
            nonce,
            url: optional_text(PART, members, "url")?,
            kid: optional_text(PART, members, "kid")?,
            jwk: members.get("jwk"),
        })
    }
}
