//! Assertions of Cloudflare Access: the identity behind a request, as the header `Cf-Access-Jwt-Assertion`.
//!
//! An assertion is a signed JWT ([RFC 7519](https://www.rfc-editor.org/rfc/rfc7519)) in compact serialization.
//!
//! As with requests, [`Assertion::parse`] gives out only the name of the key to verify it with; only a
//! [`VerifiedAssertion`] gives out the identity.

mod fault;
pub mod keys;
#[cfg(test)]
mod tests;

use super::alg;
use super::encoding;
use super::header::Parameters;
use super::json;
use super::jwk::Jwk;
use crate::values::{SigAlg, Time, Verify};
use core::time::Duration;
pub use fault::AccessFault;
pub use keys::{AccessKeys, KeyCache, Lookup};
use serde_json::{Map, Value};
use std::fmt;

/// Maximum length of an assertion, in octets; those of Access have one or two thousand.
const MAX_ASSERTION: usize = 8 * 1024;

/// Maximum length of an identity: that of a mail address (RFC 5321 §4.5.3.1.3).
const MAX_NAME: usize = 254;

/// Tolerated clock skew between Access and this machine (RFC 7519 §4.1.4).
const LEEWAY: Duration = Duration::from_secs(60);

/// Well-formed assertion, not verified yet.
#[derive(Clone)]
pub struct Assertion {
    alg: SigAlg,
    kid: String,
    payload: Vec<u8>,
    signature: Vec<u8>,
    signing_input: Vec<u8>,
}

/// Assertion with a verified signature. The caller has to pass a key of the team.
#[derive(Clone)]
pub struct VerifiedAssertion {
    claims: Map<String, Value>,
}

/// Expected issuer and audience of assertions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// The `iss`: the URL of the team, without a slash at its end.
    pub issuer: String,
    /// The value required in `aud`: the tag of the Access application.
    pub audience: String,
}

/// Identity asserted by Access.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// A person, by mail address.
    Person(String),
    /// A service token, by its client id.
    Service(String),
}

impl Assertion {
    /// Reads the value of the header ([RFC 7515 §7.1](https://www.rfc-editor.org/rfc/rfc7515#section-7.1)).
    ///
    /// Keys and key URLs within it (`jwk`, `jku`, `x5c`, …) are ignored: only the team's keys are trusted.
    ///
    /// # Errors
    /// The first [`AccessFault`] found.
    pub fn parse(text: &str) -> Result<Self, AccessFault> {
        if text.len() > MAX_ASSERTION {
            return Err(AccessFault::TooLong);
        }
        let mut parts = text.split('.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(AccessFault::NotCompact);
        };
        let members = json::parse_object(&decode("header", header)?)
            .map_err(|fault| AccessFault::of_json("the assertion's header", fault))?;
        let parameters = Parameters::parse(&members)?;
        // RFC 8725 §3.1: the recipient chooses the algorithms. Access signs with RS256; ES256 is a likely successor.
        let alg = alg::parse(parameters.alg)
            .filter(|alg| matches!(alg, SigAlg::Rs256 | SigAlg::Es256))
            .ok_or_else(|| AccessFault::Algorithm(parameters.alg.to_owned()))?;
        let kid = parameters.kid.filter(|kid| !kid.is_empty()).ok_or(AccessFault::NoKid)?;
        let input = text.get(..header.len() + 1 + payload.len()).unwrap_or_default();
        Ok(Self {
            alg,
            kid: kid.to_owned(),
            payload: decode("payload", payload)?,
            signature: decode("signature", signature)?,
            signing_input: input.as_bytes().to_vec(),
        })
    }

    /// The name of the key, unverified.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// Checks the signature with the team's key that [`Assertion::kid`] names.
    ///
    /// # Errors
    /// [`AccessFault::KeyMismatch`], [`AccessFault::SignatureWrong`], or [`AccessFault::Provider`] when the provider
    /// failed; [`AccessFault::Form`] when the payload is not a JSON object.
    pub async fn verify(&self, key: &Jwk, provider: &impl Verify) -> Result<VerifiedAssertion, AccessFault> {
        if !key.alg_fits(self.alg) {
            return Err(AccessFault::KeyMismatch(key.to_string()));
        }
        let holds = provider.verify(self.alg, key.spki_der(), &self.signing_input, &self.signature).await;
        if !holds.map_err(AccessFault::Provider)? {
            return Err(AccessFault::SignatureWrong);
        }
        let claims = json::parse_object(&self.payload)
            .map_err(|fault| AccessFault::of_json("the assertion's payload", fault))?;
        Ok(VerifiedAssertion { claims })
    }
}

impl VerifiedAssertion {
    /// Checks issuer, audience and validity, and returns the identity
    /// ([RFC 7519 §4.1](https://www.rfc-editor.org/rfc/rfc7519#section-4.1)).
    ///
    /// # Errors
    /// The first [`AccessFault`] found.
    pub fn identity(&self, expected: &Expected, now: Time) -> Result<Identity, AccessFault> {
        if self.text("iss")? != Some(expected.issuer.as_str()) {
            return Err(AccessFault::Issuer);
        }
        if !self.audience_has(&expected.audience)? {
            return Err(AccessFault::Audience);
        }
        let ends = self.date("exp")?.ok_or(AccessFault::Missing("exp"))?;
        if now >= ends.plus(LEEWAY) {
            return Err(AccessFault::Expired);
        }
        for claim in ["nbf", "iat"] {
            if self.date(claim)?.is_some_and(|begins| begins > now.plus(LEEWAY)) {
                return Err(AccessFault::Early(claim));
            }
        }
        self.name()
    }

    /// The identity: the `email` of a person, or the `common_name` of a service token.
    ///
    /// The `common_name` is the token's client id; such assertions have no `email`.
    fn name(&self) -> Result<Identity, AccessFault> {
        let given = |claim| self.text(claim).map(|text| text.filter(|text| !text.is_empty()));
        let (claim, name) = match (given("email")?, given("common_name")?) {
            (Some(email), _) => ("email", Identity::Person(email.to_owned())),
            (None, Some(common_name)) => ("common_name", Identity::Service(common_name.to_owned())),
            (None, None) => return Err(AccessFault::Nobody),
        };
        // For the audit record and pages: no white space, no characters that change the direction of a line.
        let printable = |c: char| c.is_ascii_graphic() || c.is_alphanumeric();
        match name.name() {
            text if text.len() <= MAX_NAME && text.chars().all(printable) => Ok(name),
            _ => Err(AccessFault::Name(claim)),
        }
    }

    /// The groups of a person.
    ///
    /// They are in the claim `groups`, also within `custom`, as texts or as objects with id and name.
    pub fn groups(&self) -> Vec<String> {
        let custom = self.claims.get("custom").and_then(|custom| custom.get("groups"));
        let lists = [self.claims.get("groups"), custom].into_iter().flatten().filter_map(Value::as_array);
        let names = |one: &Value| -> Vec<String> {
            let of_object = ["id", "name"].into_iter().filter_map(|member| one.get(member)?.as_str());
            one.as_str().into_iter().chain(of_object).map(str::to_owned).collect()
        };
        lists.flatten().flat_map(names).collect()
    }

    /// Reads an optional string claim.
    fn text(&self, claim: &'static str) -> Result<Option<&str>, AccessFault> {
        match self.claims.get(claim) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(AccessFault::Type(claim)),
        }
    }

    /// Checks that `aud`, a string or an array of strings, contains `wanted` (RFC 7519 §4.1.3).
    fn audience_has(&self, wanted: &str) -> Result<bool, AccessFault> {
        match self.claims.get("aud") {
            Some(Value::String(audience)) => Ok(audience == wanted),
            Some(Value::Array(all)) if all.iter().all(Value::is_string) => Ok(all.iter().any(|one| one == wanted)),
            Some(_) => Err(AccessFault::Type("aud")),
            None => Err(AccessFault::Missing("aud")),
        }
    }

    /// Reads an optional NumericDate (RFC 7519 §2): seconds since 1970; drops fractions.
    fn date(&self, claim: &'static str) -> Result<Option<Time>, AccessFault> {
        let Some(value) = self.claims.get(claim) else { return Ok(None) };
        // The conversion of a float saturates; JSON has no NaN.
        let whole = || value.as_f64().filter(|secs| *secs >= 0.0).map(|secs| secs as u64);
        value.as_u64().or_else(whole).map(Time::from_secs).map(Some).ok_or(AccessFault::Type(claim))
    }
}

impl Identity {
    /// The mail address or client id.
    pub fn name(&self) -> &str {
        match self {
            Self::Person(name) | Self::Service(name) => name,
        }
    }
}

/// Redacted: an assertion is a bearer credential.
impl fmt::Debug for Assertion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Assertion({:?}, kid {:?})", self.alg, self.kid)
    }
}

impl fmt::Debug for VerifiedAssertion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VerifiedAssertion")
    }
}

fn decode(field: &'static str, text: &str) -> Result<Vec<u8>, AccessFault> {
    encoding::decode(text).map_err(|fault| AccessFault::Base64 { field, fault })
}
