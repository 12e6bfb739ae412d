//! An issuance without a challenge: an external account key, an order, a certificate.

use std::net::IpAddr;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use selvedge::pki::ceremony::{is_issued_by, new_key};
use selvedge::pki::pem;
use selvedge::values::native_crypto::NativeKey;
use selvedge::values::x509::Parts;
use selvedge::values::{SigAlg, Time, b64, hex};
use serde_json::{Value, json};
use ureq::Agent;
use url::Url;
use x509_cert::ext::pkix::{AuthorityKeyIdentifier, SubjectAltName};

use super::acme::{Acme, Directory, ExternalKey};
use super::csr;
use crate::common::secret::Secret;
use crate::common::x509::crl_urls;
use crate::common::{host, web};
use crate::operator::client::Client;

/// The resource of external account keys.
const KEYS: &str = "external-accounts";
/// Delay between two looks at an order.
const PAUSE: Duration = Duration::from_millis(500);
/// How long an issuance may take.
const ISSUANCE: Duration = Duration::from_secs(60);

/// An issued certificate.
pub struct Issued {
    /// The certificate, DER.
    pub leaf: Vec<u8>,
    /// Its issuer's certificate, DER.
    pub issuer: Vec<u8>,
    /// The serial number.
    pub serial: Vec<u8>,
    /// The URL of its CRL.
    pub crl: String,
    /// The chain, PEM.
    pub chain: String,
    /// The certificate's key.
    pub key: NativeKey,
}

/// Makes an external account key `PREFIX-…` that is pre-authorised for the name.
///
/// # Errors
/// When the operations API refuses or does not answer.
pub fn external_key(client: &Client, prefix: &str, note: &str, name: &str, life: Duration) -> Result<ExternalKey> {
    let kid = format!("{prefix}-{}", hex::encode(&host::random::<6>()?));
    let body = json!({"kid": kid, "note": note, "policy": {"preauthorized": [name]},
                      "expires": host::now()?.plus(life).rfc3339()});
    let made = client.post(&[KEYS], &body)?;
    let mac = made.value.get("key").and_then(Value::as_str).context("the response has no key")?;
    Ok(ExternalKey { kid, mac: Secret::new(mac.to_owned()) })
}

/// Disables an external account key.
///
/// # Errors
/// As [`external_key`].
pub fn disable(client: &Client, kid: &str) -> Result<()> {
    client.post(&[KEYS, kid], &json!({"disabled": true})).map(|_| ())
}

/// The identifier of a certificate (DER; RFC 9773 §4.1).
fn certificate_id(leaf: &[u8]) -> Result<String> {
    let parts = Parts::read(leaf)?;
    let identifier = parts.extension::<AuthorityKeyIdentifier>()?.and_then(|of| of.key_identifier);
    let identifier = identifier.context("the certificate has no authorityKeyIdentifier")?;
    Ok(format!("{}.{}", b64::encode(identifier.as_bytes()), b64::encode(parts.serial)))
}

/// Asks from when on a certificate (DER) is to be renewed (RFC 9773 §4.2).
///
/// # Errors
/// When the authority does not say.
pub fn renewal_start(agent: &Agent, directory: &Directory, leaf: &[u8]) -> Result<Time> {
    let base = directory.renewal_info.trim_end_matches('/');
    let url = Url::parse(&format!("{base}/{}", certificate_id(leaf)?)).context("renewalInfo is not a URL")?;
    let answer = web::get(agent, &url)?;
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let start = body.pointer("/suggestedWindow/start").and_then(Value::as_str).and_then(Time::parse_rfc3339);
    start.with_context(|| format!("{url} answers with status {}, without a window", answer.status))
}

/// Orders a certificate for the name, which needs no challenge.
///
/// Returns the URLs of the order and of its finalization. `replaces` is the certificate (DER) that it renews.
///
/// # Errors
/// When the authority refuses, or wants a challenge.
pub fn order(acme: &mut Acme<'_>, name: &str, replaces: Option<&[u8]>) -> Result<(String, String)> {
    let kind = if name.parse::<IpAddr>().is_ok() { "ip" } else { "dns" };
    let mut payload = json!({"identifiers": [{"type": kind, "value": name}]});
    if let (Some(leaf), Some(members)) = (replaces, payload.as_object_mut()) {
        members.insert("replaces".to_owned(), json!(certificate_id(leaf)?));
    }
    let url = acme.directory.new_order.clone();
    let (order, answer) = acme.json(&url, Some(&payload), 201)?;
    let at = answer.header("location").context("the order has no Location")?.to_owned();
    let status = order.get("status").and_then(Value::as_str).unwrap_or_default();
    if status != "ready" {
        bail!("the order for {name} is {status:?}, not ready: the pre-authorisation is not in force");
    }
    let finalize = order.get("finalize").and_then(Value::as_str).context("the order has no finalize")?.to_owned();
    Ok((at, finalize))
}

/// Finalizes the order with a new key, and checks the certificate.
///
/// # Errors
/// When the authority refuses, or the certificate is not what was asked for.
pub fn certificate(acme: &mut Acme<'_>, name: &str, order: &str, finalize: &str) -> Result<Issued> {
    let key = new_key(SigAlg::Es256).context("cannot make a key")?;
    let csr = csr::create(&key, name)?;
    let (mut state, _) = acme.json(finalize, Some(&json!({"csr": b64::encode(&csr)})), 200)?;
    let began = Instant::now();
    while state.get("status").and_then(Value::as_str) == Some("processing") {
        if began.elapsed() >= ISSUANCE {
            bail!("the order {order} is processing for {} s", ISSUANCE.as_secs());
        }
        sleep(PAUSE);
        (state, _) = acme.json(order, None, 200)?;
    }
    let url = state.get("certificate").and_then(Value::as_str);
    let url =
        url.with_context(|| format!("the order {order} has no certificate: {}", web::plain(&state.to_string())))?;
    let text = acme.text(url)?;
    let chain = pem::read_certificates(&text).context("the chain cannot be read")?;
    let [leaf, issuer, ..] = chain.as_slice() else { bail!("{url} has {} certificates, not a chain", chain.len()) };
    let parts = Parts::read(leaf).context("the certificate cannot be read")?;
    let above = Parts::read(issuer).context("the issuer's certificate cannot be read")?;
    if !is_issued_by(&parts, &above) {
        bail!("the certificate is not signed by the next one in its chain");
    }
    let names = parts.extension::<SubjectAltName>()?.map(|names| names.0).unwrap_or_default();
    if parts.spki != key.spki_der()? || names != [csr::general_name(name)?] {
        bail!("the certificate has another key or other names than the CSR");
    }
    let crl = crl_urls(leaf).into_iter().find(|url| url.starts_with("http://"));
    let crl = crl.context("the certificate names no CRL with an http URL")?;
    let serial = parts.serial.to_vec();
    Ok(Issued { leaf: leaf.clone(), issuer: issuer.clone(), serial, crl, chain: text, key })
}
