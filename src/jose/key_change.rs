//! Key changes: requests signed by the old and the new key of an account
//! ([RFC 8555 §7.3.5](https://www.rfc-editor.org/rfc/rfc8555#section-7.3.5)).

#[cfg(test)]
mod tests;

use super::fault::{JwsFault, VerifyFault};
use super::fault_kind::FaultKind;
use super::jwk::Jwk;
use super::jws::{Unverified, Verified};
use crate::values::Verify;
use crate::values::quote::quote;
use serde::Deserialize;

/// Proof that the old and the new key of an account agree on the change.
///
/// Another account may have the new key: that is checked later.
#[derive(Clone, Debug)]
pub struct KeyChange {
    new_key: Jwk,
}

/// The payload of the inner JWS.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    account: String,
    old_key: serde_json::Value,
}

/// Fault of a key change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "fields are described with their variant")]
pub enum KeyChangeFault {
    /// No `kid` in the outer JWS, or a malformed inner JWS.
    #[error("in the key change: {0}")]
    Jws(JwsFault),
    /// The new key has not signed the inner JWS.
    #[error("in the inner JWS of the key change: {0}")]
    Verify(VerifyFault),
    /// The inner `url` is not the outer one.
    #[error("`url` of the inner JWS is {}; it must be that of the outer one", quote(.found))]
    UrlMismatch { found: String },
    /// `account` is not the outer `kid`.
    #[error("`account` of the inner JWS is {}; it must be the `kid` of the outer one", quote(.found))]
    AccountMismatch { found: String },
    /// `oldKey` is not the key of the account.
    #[error("`oldKey` of the inner JWS is not the account's current key")]
    OldKeyMismatch,
    /// The new key is the old one.
    #[error("the new key is the account's current key")]
    SameKey,
}

impl KeyChange {
    /// Checks the payload of `outer`, a request signed with the account's current key.
    ///
    /// The inner JWS has to be signed by the `jwk` in its header, without a nonce and for the same URL; its payload
    /// has to name the account as the outer `kid` does, and the current key.
    ///
    /// # Errors
    /// The first [`KeyChangeFault`] found.
    pub async fn verify(outer: &Verified, provider: &impl Verify) -> Result<Self, KeyChangeFault> {
        let account = outer.header().require_kid()?;
        let inner = Unverified::parse_part("the payload", outer.payload())?;
        let new_key = inner.header().require_jwk()?;
        inner.header().forbid_nonce()?;
        check_url(&inner, outer)?;
        let request: Request = inner.verify(new_key, provider).await?.payload_json()?;
        if request.account != account {
            return Err(KeyChangeFault::AccountMismatch { found: request.account });
        }
        if Jwk::parse(&request.old_key).map_err(JwsFault::Jwk)? != *outer.key() {
            return Err(KeyChangeFault::OldKeyMismatch);
        }
        if new_key == outer.key() {
            return Err(KeyChangeFault::SameKey);
        }
        Ok(Self { new_key: new_key.clone() })
    }

    /// The new key.
    pub fn new_key(&self) -> &Jwk {
        &self.new_key
    }
}

/// Not by [`Header::require_url`](super::Header::require_url), whose message is about the outer header.
fn check_url(inner: &Unverified, outer: &Verified) -> Result<(), KeyChangeFault> {
    let found = inner.header().url();
    if found.is_some() && found == outer.header().url() {
        return Ok(());
    }
    Err(KeyChangeFault::UrlMismatch { found: found.unwrap_or_default().to_owned() })
}

impl KeyChangeFault {
    /// The kind of refusal; `None` for a failure of this server.
    pub fn kind(&self) -> Option<FaultKind> {
        match self {
            Self::Jws(fault) => Some(fault.kind()),
            Self::Verify(fault) => fault.kind(),
            Self::UrlMismatch { .. } | Self::AccountMismatch { .. } | Self::OldKeyMismatch | Self::SameKey => {
                Some(FaultKind::Malformed)
            }
        }
    }
}

impl From<JwsFault> for KeyChangeFault {
    fn from(fault: JwsFault) -> Self {
        Self::Jws(fault)
    }
}

impl From<VerifyFault> for KeyChangeFault {
    fn from(fault: VerifyFault) -> Self {
        Self::Verify(fault)
    }
}
