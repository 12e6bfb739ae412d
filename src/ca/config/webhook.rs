//! The settings of the webhook, and signed requests to it.
//!
//! Signatures follow [Standard
//! Webhooks](https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md), for which
//! there are libraries everywhere.

#[cfg(test)]
mod tests;

use super::values::Values;
use crate::records::operations::notice::NoticeRecord;
use crate::values::Time;
use core::fmt;
use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha2::Sha256;
use url::Url;

/// Length of a secret in octets, as the specification recommends.
const SECRET_OCTETS: core::ops::RangeInclusive<usize> = 24..=64;

/// Prefix of a secret, by which people and programs recognise it.
const SECRET_PREFIX: &str = "whsec_";

/// URL and secret of the webhook.
#[derive(Clone)]
pub struct Webhook {
    url: Url,
    secret: WebhookSecret,
}

/// The signing secret; `Debug` is redacted.
#[derive(Clone)]
struct WebhookSecret(Hmac<Sha256>);

/// A POST to the webhook.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookRequest {
    /// The URL.
    pub url: String,
    /// Header names and values.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: String,
}

impl Webhook {
    /// Reads `WEBHOOK_URL` and `WEBHOOK_SECRET`; `None` without a URL.
    ///
    /// A secret without a URL is allowed: its command runs before the URL is deployed.
    ///
    /// # Errors
    /// A sentence for the operator, without the secret, and without the URL, which many receivers treat as a secret.
    pub fn read(value: Values<'_>, dev: bool) -> Result<Option<Self>, String> {
        let Some(url) = value("WEBHOOK_URL") else { return Ok(None) };
        let url = read_url("WEBHOOK_URL", &url, "https://hooks.example.org/selvedge", dev)?;
        let missing = || format!("WEBHOOK_URL is set, and WEBHOOK_SECRET is not; {}.", how_to_set());
        let secret = WebhookSecret::read(&value("WEBHOOK_SECRET").ok_or_else(missing)?)?;
        Ok(Some(Self { url, secret }))
    }

    /// The request that delivers a notice, for an attempt at `now`.
    ///
    /// `webhook-id` is the same in each attempt, for deduplication; `webhook-timestamp` is the attempt's, so that
    /// receivers can refuse replayed requests.
    pub fn request(&self, id: &str, notice: &NoticeRecord, now: Time) -> WebhookRequest {
        let body =
            json!({ "type": notice.kind.name(), "timestamp": notice.at.rfc3339(), "data": notice.data }).to_string();
        let timestamp = now.secs().to_string();
        let signature = self.secret.sign(id, &timestamp, &body);
        let headers = vec![
            ("content-type", "application/json".to_owned()),
            ("webhook-id", id.to_owned()),
            ("webhook-timestamp", timestamp),
            ("webhook-signature", signature),
        ];
        WebhookRequest { url: self.url.as_str().to_owned(), headers, body }
    }
}

impl WebhookSecret {
    /// Reads `whsec_` and base64 with padding, as strictly as receivers' libraries.
    fn read(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "WEBHOOK_SECRET has to be {SECRET_PREFIX} and then {} to {} octets in base64; {}.",
                SECRET_OCTETS.start(),
                SECRET_OCTETS.end(),
                how_to_set()
            )
        };
        let encoded = text.trim().strip_prefix(SECRET_PREFIX).ok_or_else(wrong)?;
        let octets =
            crate::values::b64::decode_padded_secret(encoded).filter(|octets| SECRET_OCTETS.contains(&octets.len()));
        Hmac::new_from_slice(&octets.ok_or_else(wrong)?).map(Self).map_err(|_| wrong())
    }

    /// The value of `webhook-signature`: version 1, a MAC over id, timestamp and body. They are separated by dots,
    /// which id and timestamp never contain.
    fn sign(&self, id: &str, timestamp: &str, body: &str) -> String {
        let mac = self.0.clone().chain_update(format!("{id}.{timestamp}.{body}"));
        format!("v1,{}", BASE64.encode(&mac.finalize().into_bytes()))
    }
}

fn how_to_set() -> &'static str {
    "`echo whsec_$(openssl rand -base64 32)` makes one, `wrangler secret put WEBHOOK_SECRET` sets it"
}

/// Reads the URL of a receiver from the text of this variable. `like` is an example.
///
/// The URL may be a secret.
///
/// # Errors
/// A sentence that names the variable and does not quote its text.
pub(super) fn read_url(name: &str, text: &str, like: &str, dev: bool) -> Result<Url, String> {
    let says = |what: &str| format!("{name} {what}, like {like}.");
    let url = Url::parse(text.trim()).map_err(|e| says(&format!("has to be a URL ({e})")))?;
    match url.scheme() {
        "https" => {}
        "http" if dev => {}
        _ => return Err(says("has to begin with https://: notices contain names and accounts")),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(says("must have no user and password: the signature authenticates the CA"));
    }
    if url.fragment().is_some() {
        return Err(says("must have no # part, which is never sent"));
    }
    Ok(url)
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Webhook({}, secret)", self.url.origin().ascii_serialization())
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret(secret)")
    }
}

impl fmt::Debug for WebhookRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebhookRequest({} octets)", self.body.len())
    }
}
