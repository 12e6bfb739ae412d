//! External account bindings: the MAC that binds an account key to an external account
//! ([RFC 8555 §7.3.4](https://www.rfc-editor.org/rfc/rfc8555#section-7.3.4)).

#[cfg(test)]
mod tests;

use super::fault::JwsFault;
use super::fault_kind::FaultKind;
use super::flattened::Flattened;
use super::header::Parameters;
use super::json;
use super::jwk::Jwk;
use crate::values::members::type_name;
use crate::values::quote::quote;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::{Sha256, Sha384, Sha512};

/// Name of an external account binding in errors.
const PART: &str = "the external account binding";

/// Well-formed external account binding, not verified yet; `kid` names its MAC key.
#[derive(Clone, Debug)]
pub struct EabUnverified {
    alg: MacAlg,
    kid: String,
    url: String,
    payload: Vec<u8>,
    mac: Vec<u8>,
    mac_input: Vec<u8>,
}

/// The MAC algorithms of [RFC 7518 §3.2](https://www.rfc-editor.org/rfc/rfc7518#section-3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum MacAlg {
    Hs256,
    Hs384,
    Hs512,
}

/// Proof that the holder of a MAC key bound the account key of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalAccount {
    kid: String,
}

impl ExternalAccount {
    /// The key identifier of the MAC key.
    pub fn kid(&self) -> &str {
        &self.kid
    }
}

/// Fault of an external account binding.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "fields are described with their variant")]
pub enum EabFault {
    /// Not a flattened JWS, or a malformed header.
    #[error("in the external account binding: {0}")]
    Jws(JwsFault),
    /// An `alg` other than HMAC with SHA-2.
    #[error("`alg` of the external account binding is {}; use one of HS256, HS384, HS512", quote(.found))]
    Algorithm { found: String },
    /// A `jwk` in place of a `kid`.
    #[error(
        "the protected header of the external account binding has `jwk`; \
         name the MAC key by `kid`, the account key is its payload"
    )]
    JwkNotAllowed,
    /// A `url` other than that of the request around it.
    #[error("`url` of the external account binding is {}, but that of the request is {wanted:?}; \
         they must be equal", quote(.found))]
    UrlMismatch { found: String, wanted: String },
    /// A payload other than the key that signed the request around it.
    #[error("the payload of the external account binding is not the `jwk` of the request")]
    KeyMismatch,
    /// A MAC that does not verify with the key of `kid`.
    #[error(
        "the MAC of the external account binding does not verify with the key of this `kid`; \
         check that the key was base64url-decoded once before use"
    )]
    MacWrong,
}

impl EabUnverified {
    /// Reads the `externalAccountBinding` member of a newAccount payload, which was read without duplicate members.
    ///
    /// # Errors
    /// The first [`EabFault`] found.
    pub fn parse(value: &Value) -> Result<Self, EabFault> {
        let members = value.as_object().ok_or(JwsFault::NotAnObject { part: PART, found: type_name(value) })?;
        let flattened = Flattened::from_members(PART, members)?;
        let parameters = Parameters::parse(&flattened.protected)?;
        let alg =
            MacAlg::parse(parameters.alg).ok_or_else(|| EabFault::Algorithm { found: parameters.alg.to_owned() })?;
        if parameters.jwk.is_some() {
            return Err(EabFault::JwkNotAllowed);
        }
        if parameters.nonce.is_some() {
            return Err(JwsFault::NonceNotAllowed.into());
        }
        let missing = |member| JwsFault::MissingMember { part: "its protected header", member };
        Ok(Self {
            alg,
            kid: parameters.kid.ok_or_else(|| missing("kid"))?.to_owned(),
            url: parameters.url.ok_or_else(|| missing("url"))?.to_owned(),
            payload: flattened.payload,
            mac: flattened.signature,
            mac_input: flattened.signing_input,
        })
    }

    /// The identifier of the MAC key, unverified.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// Checks the binding with the MAC key that [`EabUnverified::kid`] names.
    ///
    /// Its `url` and key have to be the `url` and the `jwk` of the newAccount request around it. The MAC is compared in
    /// constant time.
    ///
    /// # Errors
    /// [`EabFault::MacWrong`] (also for an empty MAC key), [`EabFault::UrlMismatch`], [`EabFault::KeyMismatch`], or
    /// [`EabFault::Jws`] when the payload is not a JWK.
    pub fn verify(&self, mac_key: &[u8], outer_url: &str, outer_key: &Jwk) -> Result<ExternalAccount, EabFault> {
        if mac_key.is_empty() || !self.alg.holds(mac_key, &self.mac_input, &self.mac) {
            return Err(EabFault::MacWrong);
        }
        if self.url != outer_url {
            return Err(EabFault::UrlMismatch { found: self.url.clone(), wanted: outer_url.to_owned() });
        }
        let members = json::parse_members(&self.payload)
            .map_err(|fault| JwsFault::of_json("the payload of the external account binding", fault))?;
        if Jwk::parse(&Value::Object(members)).map_err(JwsFault::Jwk)? != *outer_key {
            return Err(EabFault::KeyMismatch);
        }
        Ok(ExternalAccount { kid: self.kid.clone() })
    }
}

impl MacAlg {
    fn parse(name: &str) -> Option<Self> {
        match name {
            "HS256" => Some(Self::Hs256),
            "HS384" => Some(Self::Hs384),
            "HS512" => Some(Self::Hs512),
            _ => None,
        }
    }

    /// Verifies an untruncated MAC.
    fn holds(self, key: &[u8], message: &[u8], mac: &[u8]) -> bool {
        match self {
            Self::Hs256 => hmac_holds::<Hmac<Sha256>>(key, message, mac),
            Self::Hs384 => hmac_holds::<Hmac<Sha384>>(key, message, mac),
            Self::Hs512 => hmac_holds::<Hmac<Sha512>>(key, message, mac),
        }
    }
}

fn hmac_holds<M: Mac + KeyInit>(key: &[u8], message: &[u8], mac: &[u8]) -> bool {
    <M as KeyInit>::new_from_slice(key).is_ok_and(|hmac| hmac.chain_update(message).verify_slice(mac).is_ok())
}

impl EabFault {
    /// The kind of refusal; never `badSignatureAlgorithm` or `badPublicKey`, which concern the outer request.
    pub fn kind(&self) -> FaultKind {
        match self {
            Self::Jws(_) | Self::Algorithm { .. } | Self::JwkNotAllowed => FaultKind::Malformed,
            Self::UrlMismatch { .. } | Self::KeyMismatch | Self::MacWrong => FaultKind::Unauthorized,
        }
    }
}

impl From<JwsFault> for EabFault {
    fn from(fault: JwsFault) -> Self {
        Self::Jws(fault)
    }
}
