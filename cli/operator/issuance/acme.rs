//! A small ACME client (RFC 8555): signed requests of one account with a P-256 key.

use anyhow::{Context, Result, anyhow, bail};
use hmac::{Hmac, KeyInit, Mac};
use selvedge::pki::ceremony::new_key;
use selvedge::values::native_crypto::NativeKey;
use selvedge::values::{SigAlg, b64};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::Sha256;
use ureq::Agent;
use url::Url;

use crate::common::secret::Secret;
use crate::common::web::{self, Answer, plain};

/// The media type of signed requests.
const JOSE: &str = "application/jose+json";
/// The problem of a nonce that was used or is unknown.
const BAD_NONCE: &str = "urn:ietf:params:acme:error:badNonce";
/// Octets of a coordinate of a P-256 point.
const COORDINATE: usize = 32;

/// The resources of a directory.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Directory {
    /// Where nonces come from.
    pub new_nonce: String,
    /// Where accounts are made.
    pub new_account: String,
    /// Where orders are made.
    pub new_order: String,
    /// Where certificates are revoked.
    pub revoke_cert: String,
    /// Where renewal windows are asked for.
    pub renewal_info: String,
}

/// A problem document.
#[derive(Deserialize)]
struct Problem {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    detail: String,
}

/// An answer of another status than the expected one.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub struct Refusal {
    /// The last part of the problem's type; empty without a problem document.
    pub kind: String,
    text: String,
}

/// An external account key.
pub struct ExternalKey {
    /// Its identifier.
    pub kid: String,
    /// The MAC key in base64url.
    pub mac: Secret,
}

/// A client with a key of its own.
pub struct Acme<'a> {
    agent: &'a Agent,
    /// The authority's directory.
    pub directory: Directory,
    key: NativeKey,
    jwk: Value,
    /// The account's URL.
    account: Option<String>,
    /// A nonce that was not used.
    nonce: Option<String>,
}

impl<'a> Acme<'a> {
    /// Fetches the directory at `base`, and makes a key.
    ///
    /// # Errors
    /// When it does not answer a directory.
    pub fn open(agent: &'a Agent, base: &Url) -> Result<Self> {
        let url = Url::parse(&format!("{}/directory", base.as_str().trim_end_matches('/')))?;
        let answer = web::get(agent, &url)?;
        check(&url, &answer, 200)?;
        let directory: Directory = serde_json::from_slice(&answer.body)
            .map_err(|error| anyhow!("{url} answers, but not with a directory ({error})"))?;
        Self::with(agent, directory, new_key(SigAlg::Es256).context("cannot make a key")?, None)
    }

    /// A client with the key and the URL of an account that exists.
    ///
    /// # Errors
    /// When the key has no public key, which does not happen.
    pub fn resume(self, key: NativeKey, account: String) -> Result<Self> {
        Self::with(self.agent, self.directory, key, Some(account))
    }

    fn with(agent: &'a Agent, directory: Directory, key: NativeKey, account: Option<String>) -> Result<Self> {
        let jwk = jwk(&key)?;
        Ok(Self { agent, directory, key, jwk, account, nonce: None })
    }

    /// The key of the account.
    pub fn key(&self) -> &NativeKey {
        &self.key
    }

    /// Fetches a nonce.
    ///
    /// # Errors
    /// When it is missing, or caches may keep it.
    pub fn fetch_nonce(&mut self) -> Result<String> {
        let url = Url::parse(&self.directory.new_nonce).context("newNonce is not a URL")?;
        let answer = web::head(self.agent, &url)?;
        check(&url, &answer, 200)?;
        if answer.header("cache-control") != Some("no-store") {
            bail!("{url} answers with Cache-Control: {:?}, not no-store", answer.header("cache-control"));
        }
        let nonce = answer.header("replay-nonce").with_context(|| format!("{url} answers without Replay-Nonce"))?;
        self.nonce = Some(nonce.to_owned());
        Ok(nonce.to_owned())
    }

    /// Makes an account with this external account key; returns its URL.
    ///
    /// # Errors
    /// When the authority refuses.
    pub fn create_account(&mut self, external: &ExternalKey) -> Result<String> {
        let url = self.directory.new_account.clone();
        let binding = self.binding(external, &url)?;
        let payload = json!({"termsOfServiceAgreed": true, "externalAccountBinding": binding});
        let (parsed, answer) = self.post(&url, Some(&payload))?;
        check(&parsed, &answer, 201)?;
        let account = answer.header("location").with_context(|| format!("{url} answers without Location"))?.to_owned();
        self.account = Some(account.clone());
        Ok(account)
    }

    /// Whether the authority refuses a nonce the second time.
    ///
    /// # Errors
    /// When it accepts the nonce again, or refuses for another reason.
    pub fn replay(&mut self) -> Result<()> {
        let account = self.account.clone().context("there is no account")?;
        let nonce = self.fetch_nonce()?;
        self.nonce = None;
        self.send(&account, None, &nonce)?;
        let (url, answer) = self.send(&account, None, &nonce)?;
        match problem(&answer) {
            Some(problem) if problem.kind == BAD_NONCE => Ok(()),
            _ => bail!("{url} answers a nonce that was used already with {}", shown(&answer)),
        }
    }

    /// Sends a request and reads the JSON of the answer of this status.
    ///
    /// # Errors
    /// When the authority refuses or does not answer.
    pub fn json(&mut self, url: &str, payload: Option<&Value>, status: u16) -> Result<(Value, Answer)> {
        let (url, answer) = self.post(url, payload)?;
        check(&url, &answer, status)?;
        let body = if answer.body.is_empty() { Ok(Value::Null) } else { serde_json::from_slice(&answer.body) };
        Ok((body.with_context(|| format!("{url} answers without JSON"))?, answer))
    }

    /// Sends a request and reads the text of the answer.
    ///
    /// # Errors
    /// As [`Acme::json`].
    pub fn text(&mut self, url: &str) -> Result<String> {
        let (url, answer) = self.post(url, None)?;
        check(&url, &answer, 200)?;
        String::from_utf8(answer.body).with_context(|| format!("{url} answers without text"))
    }

    /// Whether the authority refuses a request with a problem of this kind.
    ///
    /// # Errors
    /// When it does not.
    pub fn refused(&mut self, url: &str, payload: &Value, kind: &str) -> Result<()> {
        let (url, answer) = self.post(url, Some(payload))?;
        match problem(&answer) {
            Some(problem) if problem.kind.ends_with(&format!(":{kind}")) => Ok(()),
            _ => bail!("{url} answers with {}, not with {kind}", shown(&answer)),
        }
    }

    /// Whether an account was made.
    pub fn has_account(&self) -> bool {
        self.account.is_some()
    }

    /// The account's URL.
    pub fn account(&self) -> Option<&str> {
        self.account.as_deref()
    }

    /// Deactivates the account.
    ///
    /// # Errors
    /// When the authority refuses.
    pub fn deactivate(&mut self) -> Result<()> {
        let account = self.account.clone().context("there is no account")?;
        self.json(&account, Some(&json!({"status": "deactivated"})), 200).map(|_| ())
    }

    /// Sends a signed request; with another nonce, once, should the first be refused.
    fn post(&mut self, url: &str, payload: Option<&Value>) -> Result<(Url, Answer)> {
        let nonce = match self.nonce.take() {
            Some(nonce) => nonce,
            None => self.fetch_nonce()?,
        };
        let (parsed, answer) = self.send(url, payload, &nonce)?;
        self.nonce = answer.header("replay-nonce").map(str::to_owned);
        match (problem(&answer), self.nonce.take()) {
            (Some(problem), Some(nonce)) if problem.kind == BAD_NONCE => {
                let (parsed, answer) = self.send(url, payload, &nonce)?;
                self.nonce = answer.header("replay-nonce").map(str::to_owned);
                Ok((parsed, answer))
            }
            (_, nonce) => {
                self.nonce = nonce;
                Ok((parsed, answer))
            }
        }
    }

    fn send(&self, url: &str, payload: Option<&Value>, nonce: &str) -> Result<(Url, Answer)> {
        let parsed = Url::parse(url).with_context(|| format!("{:?} is not a URL", plain(url)))?;
        let who = match &self.account {
            Some(account) => ("kid", json!(account)),
            None => ("jwk", self.jwk.clone()),
        };
        let protected = json!({"alg": "ES256", "nonce": nonce, "url": url, who.0: who.1});
        let payload = payload.map(Value::to_string).unwrap_or_default();
        let body = flattened(&protected, &payload, |input| Ok(self.key.sign(SigAlg::Es256, input)?))?;
        let answer = web::post(self.agent, &parsed, JOSE, &body.to_string())?;
        Ok((parsed, answer))
    }

    /// The binding of this key to an external account (RFC 8555 §7.3.4).
    fn binding(&self, external: &ExternalKey, url: &str) -> Result<Value> {
        let mac = b64::decode_secret(external.mac.reveal()).context("the external account key is not base64url")?;
        let protected = json!({"alg": "HS256", "kid": external.kid, "url": url});
        flattened(&protected, &self.jwk.to_string(), |input| {
            let keyed = <Hmac<Sha256> as KeyInit>::new_from_slice(&mac).map_err(|error| anyhow!("{error}"))?;
            Ok(keyed.chain_update(input).finalize().into_bytes().to_vec())
        })
    }
}

/// A flattened JWS.
fn flattened(protected: &Value, payload: &str, sign: impl FnOnce(&[u8]) -> Result<Vec<u8>>) -> Result<Value> {
    let (protected, payload) = (b64::encode(protected.to_string().as_bytes()), b64::encode(payload.as_bytes()));
    let signature = sign(format!("{protected}.{payload}").as_bytes())?;
    Ok(json!({"protected": protected, "payload": payload, "signature": b64::encode(&signature)}))
}

/// The public key as JWK: the last octets of a P-256 key are its point.
fn jwk(key: &NativeKey) -> Result<Value> {
    let spki = key.spki_der()?;
    let (rest, y) = spki.split_at(spki.len().saturating_sub(COORDINATE));
    let (_, x) = rest.split_at(rest.len().saturating_sub(COORDINATE));
    Ok(json!({"crv": "P-256", "kty": "EC", "x": b64::encode(x), "y": b64::encode(y)}))
}

fn problem(answer: &Answer) -> Option<Problem> {
    serde_json::from_slice(&answer.body).ok().filter(|problem: &Problem| !problem.kind.is_empty())
}

/// Refuses another status.
fn check(url: &Url, answer: &Answer, status: u16) -> Result<()> {
    if answer.status != status {
        let kind = problem(answer).map(|problem| problem.kind).unwrap_or_default();
        let kind = kind.rsplit(':').next().unwrap_or_default().to_owned();
        return Err(Refusal { kind, text: format!("{url} answers with {}", shown(answer)) }.into());
    }
    Ok(())
}

/// A status with the problem, or the beginning of what came.
fn shown(answer: &Answer) -> String {
    match problem(answer) {
        Some(Problem { kind, detail }) => {
            let kind = kind.rsplit(':').next().unwrap_or_default();
            format!("status {}, {}: {}", answer.status, plain(kind), plain(detail.trim_end_matches('.')))
        }
        None => {
            let text: String = plain(&String::from_utf8_lossy(&answer.body)).chars().take(200).collect();
            format!("status {}: {text:?}", answer.status)
        }
    }
}
