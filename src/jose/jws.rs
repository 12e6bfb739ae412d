//! Requests before and after their signature was checked.

#[cfg(test)]
mod tests;

use super::fault::{JwsFault, VerifyFault};
use super::flattened::Flattened;
use super::header::Header;
use super::json;
use super::jwk::Jwk;
use super::signature::readings;
use super::thumbprint::Thumbprint;
use crate::values::Verify;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Well-formed request whose signature is not verified yet.
///
/// It gives out its header only, which names the key to verify it with.
#[derive(Clone, Debug)]
pub struct Unverified {
    header: Header,
    payload: Vec<u8>,
    signature: Vec<u8>,
    signing_input: Vec<u8>,
}

impl Unverified {
    /// Reads a request body: a JWS in flattened JSON serialization with `protected`, `payload` and `signature`
    /// ([RFC 8555 §6.2](https://www.rfc-editor.org/rfc/rfc8555#section-6.2),
    /// [RFC 7515 §7.2.2](https://www.rfc-editor.org/rfc/rfc7515#section-7.2.2)).
    ///
    /// Unknown members are ignored, outside and in the protected header (RFC 7515 §4, §7.2.1); those that would change
    /// the meaning of the rest (`header`, `signatures`, `crit`, `b64`) and repeated ones are refused.
    ///
    /// # Errors
    /// The first [`JwsFault`] found.
    pub fn parse(body: &[u8]) -> Result<Self, JwsFault> {
        Self::parse_part("the request body", body)
    }

    /// As [`Unverified::parse`], for a JWS that is called `part` in errors.
    pub(super) fn parse_part(part: &'static str, text: &[u8]) -> Result<Self, JwsFault> {
        let flattened = Flattened::from_text(part, text)?;
        Ok(Self {
            header: Header::parse(&flattened.protected)?,
            payload: flattened.payload,
            signature: flattened.signature,
            signing_input: flattened.signing_input,
        })
    }

    /// The protected header, unverified: use it to find the key only.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Checks the signature with `key`: the header's `jwk`, or the account key that `kid` names.
    ///
    /// An ECDSA signature that is up to two bytes short is read with its leading zeros restored, in at most three
    /// ways, for clients that leave them out.
    ///
    /// # Errors
    /// A [`VerifyFault`] when the signature is invalid, or when the provider failed.
    pub async fn verify(&self, key: &Jwk, provider: &impl Verify) -> Result<Verified, VerifyFault> {
        let alg = self.header.alg();
        if !key.alg_fits(alg) {
            return Err(VerifyFault::KeyMismatch { alg, key: key.to_string() });
        }
        for signature in readings(alg, &self.signature)? {
            let holds = provider.verify(alg, key.spki_der(), &self.signing_input, &signature).await;
            if holds.map_err(VerifyFault::Provider)? {
                return Ok(Verified {
                    header: self.header.clone(),
                    key: key.clone(),
                    thumbprint: key.thumbprint(),
                    payload: self.payload.clone(),
                });
            }
        }
        Err(VerifyFault::SignatureWrong)
    }
}

/// Request signed by the holder of a key: proof that [`Unverified::verify`] succeeded.
///
/// It does not prove that the nonce is fresh, that the URL is right, or that the key belongs to an account.
#[derive(Clone, Debug)]
pub struct Verified {
    header: Header,
    key: Jwk,
    thumbprint: Thumbprint,
    payload: Vec<u8>,
}

impl Verified {
    /// The protected header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The key that signed.
    pub fn key(&self) -> &Jwk {
        &self.key
    }

    /// The thumbprint of the key that signed.
    pub fn thumbprint(&self) -> &Thumbprint {
        &self.thumbprint
    }

    /// The payload's bytes.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// Checks whether the request is a POST-as-GET: the payload `""`, not `{}`
    /// ([RFC 8555 §6.3](https://www.rfc-editor.org/rfc/rfc8555#section-6.3)).
    pub fn is_post_as_get(&self) -> bool {
        self.payload.is_empty()
    }

    /// Reads the payload as a `T`: a JSON object without repeated members at any depth.
    ///
    /// # Errors
    /// A [`JwsFault`] that is `malformed`.
    pub fn payload_json<T: DeserializeOwned>(&self) -> Result<T, JwsFault> {
        if self.is_post_as_get() {
            return Err(JwsFault::PayloadEmpty);
        }
        let members = json::parse_members(&self.payload).map_err(|fault| JwsFault::of_json("the payload", fault))?;
        serde_json::from_value(Value::Object(members))
            .map_err(|error| JwsFault::PayloadShape { why: error.to_string() })
    }
}
