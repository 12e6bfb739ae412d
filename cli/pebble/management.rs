//! The management interface: certificates and keys, their status, renewal information, and faults.

use std::sync::{Arc, PoisonError};

use anyhow::{Context, Result};
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use axum::{Router, serve as serve_http};
use pkcs8::{PrivateKeyInfoRef, SecretDocument};
use selvedge::ca::http::cert_id::CertId;
use selvedge::pki::ceremony::Hierarchy;
use selvedge::pki::{Serial, pem};
use selvedge::values::hex;
use selvedge::values::x509::Parts;
use serde::Deserialize;
use serde_json::{Value, json};
use x509_cert::ext::pkix::AuthorityKeyIdentifier;

use super::front::Front;
use crate::common::go_json;
use crate::common::tls::TlsListener;

/// The state of the interface.
pub struct Management {
    /// The CA.
    pub authority: Hierarchy,
    /// The server, for the status of certificates and renewal information.
    pub front: Arc<Front>,
}

type Shared = State<Arc<Management>>;

/// Serves the interface.
///
/// # Errors
/// When the socket breaks.
pub async fn serve(listener: TlsListener, management: Arc<Management>) -> Result<()> {
    let router = Router::new()
        .route("/health", get(|| async { "ok\n" }))
        .route("/roots/{number}", get(root))
        .route("/intermediates/{number}", get(intermediate))
        .route("/root-keys/{number}", get(root_key))
        .route("/intermediate-keys/{number}", get(intermediate_key))
        .route("/cert-status-by-serial/{serial}", get(status))
        .route("/set-renewal-info/", any(set_renewal_info))
        .route("/faults", get(faults).post(add_fault))
        .route("/clear-faults", post(clear_faults))
        .with_state(management);
    serve_http(listener, router).await.context("the management interface failed")
}

async fn root(State(management): Shared, Path(number): Path<usize>, headers: HeaderMap) -> Response {
    let roots: Vec<&str> = management.authority.roots.iter().map(|root| root.certificate.as_str()).collect();
    certificate(&roots, "roots", number, &headers)
}

async fn intermediate(State(management): Shared, Path(number): Path<usize>, headers: HeaderMap) -> Response {
    let issuers: Vec<&str> = management.authority.chains.iter().map(|chain| first(chain)).collect();
    certificate(&issuers, "intermediates", number, &headers)
}

/// The first certificate of a chain.
fn first(chain: &str) -> &str {
    const END: &str = "-----END CERTIFICATE-----\n";
    chain.find(END).and_then(|at| chain.get(..at + END.len())).unwrap_or(chain)
}

/// A certificate with links to the others.
fn certificate(all: &[&str], path: &str, number: usize, headers: &HeaderMap) -> Response {
    let Some(pem) = all.get(number) else { return StatusCode::NOT_FOUND.into_response() };
    let kind = "application/pem-certificate-chain; charset=utf-8";
    linked((*pem).to_owned(), kind, (all.len(), path, number), headers)
}

/// One of several files, with links to the others.
fn linked(
    text: String,
    kind: &'static str,
    (count, path, number): (usize, &str, usize),
    headers: &HeaderMap,
) -> Response {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    let mut response = text.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    for other in (0..count).filter(|other| *other != number) {
        if let Ok(link) = HeaderValue::from_str(&format!("<https://{host}/{path}/{other}>;rel=\"alternate\"")) {
            response.headers_mut().append(header::LINK, link);
        }
    }
    response
}

async fn root_key(State(management): Shared, Path(number): Path<usize>, headers: HeaderMap) -> Response {
    let keys: Vec<&str> = management.authority.roots.iter().map(|root| root.key.as_str()).collect();
    rsa_key(&keys, "root-keys", number, &headers)
}

async fn intermediate_key(State(management): Shared, Path(number): Path<usize>, headers: HeaderMap) -> Response {
    // All chains have the same issuer.
    let keys = vec![management.authority.key.as_str(); management.authority.chains.len()];
    rsa_key(&keys, "intermediate-keys", number, &headers)
}

/// An RSA key in its own form (PKCS#1) with links to the others.
///
/// Another kind of key is not found, as at Pebble.
fn rsa_key(all: &[&str], path: &str, number: usize, headers: &HeaderMap) -> Response {
    match all.get(number).and_then(|pkcs8| pkcs1(pkcs8)) {
        Some(pem) => linked(pem, "application/x-pem-file; charset=utf-8", (all.len(), path, number), headers),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn pkcs1(pkcs8: &str) -> Option<String> {
    let (_, document) = SecretDocument::from_pem(pkcs8).ok()?;
    let key: PrivateKeyInfoRef<'_> = document.decode_msg().ok()?;
    let rsa = key.algorithm.oid == const_oid::db::rfc5912::RSA_ENCRYPTION;
    rsa.then(|| pem::write("RSA PRIVATE KEY", key.private_key.as_bytes()).ok())?
}

async fn status(State(management): Shared, Path(text): Path<String>) -> Response {
    let text = text.to_ascii_lowercase();
    let even = if text.len() % 2 == 1 { format!("0{text}") } else { text };
    if hex::decode(&even).is_none_or(|bytes| bytes.is_empty()) {
        return StatusCode::BAD_REQUEST.into_response();
    }
    let Some(serial) = Serial::from_hex(&even) else { return StatusCode::NOT_FOUND.into_response() };
    match management.status_of(&serial).await {
        Ok(Some(status)) => {
            let text = serde_json::to_string_pretty(&status).unwrap_or_default();
            ([(header::CONTENT_TYPE, "application/json; charset=utf-8")], text).into_response()
        }
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Err(error) => (StatusCode::BAD_GATEWAY, format!("{error:#}\n")).into_response(),
    }
}

impl Management {
    /// The answer of the operations API to a call.
    async fn operate(&self, path: &str, body: Option<Bytes>) -> Response {
        match self.front.upstream.operate(path, body).await {
            Ok(answer) => (answer.status, [(header::CONTENT_TYPE, "application/json")], answer.body).into_response(),
            Err(error) => (StatusCode::BAD_GATEWAY, format!("{error:#}\n")).into_response(),
        }
    }

    async fn status_of(&self, serial: &Serial) -> Result<Option<Value>> {
        let (upstream, hex) = (&self.front.upstream, serial.hex());
        let Some(known) = upstream.operations(&format!("certificates/{hex}")).await? else { return Ok(None) };
        let Some(chain) = upstream.operations_text(&format!("certificates/{hex}/pem")).await? else { return Ok(None) };
        let chain = String::from_utf8_lossy(&chain).into_owned();
        let mut status = json!({ "Status": "Valid", "Serial": hex, "Certificate": first(&chain) });
        let revoked = known.get("revoked").filter(|revoked| revoked.is_object());
        if let (Some(revoked), Some(members)) = (revoked, status.as_object_mut()) {
            let at = revoked.get("at").and_then(Value::as_str).unwrap_or_default();
            members.insert("Status".to_owned(), "Revoked".into());
            members.insert("Reason".to_owned(), revoked.get("reason").and_then(Value::as_u64).unwrap_or(0).into());
            // As Go prints a time.
            let at = format!("{} +0000 UTC", at.trim_end_matches('Z').replace('T', " "));
            members.insert("RevokedAt".to_owned(), at.into());
        }
        Ok(Some(status))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RenewalInfo {
    certificate: String,
    #[serde(rename = "ARIResponse")]
    response: String,
}

async fn set_renewal_info(State(management): Shared, body: Bytes) -> Response {
    let read = serde_json::from_slice(&body).and_then(|mut value: Value| {
        go_json::fold(&mut value, &["Certificate", "ARIResponse"]);
        serde_json::from_value::<RenewalInfo>(value)
    });
    let info = match read {
        Ok(info) => info,
        Err(error) => {
            let why = format!("/set-renewal-info/ takes the JSON {{\"Certificate\",\"ARIResponse\"}}, but: {error}\n");
            return (StatusCode::BAD_REQUEST, why).into_response();
        }
    };
    let Some(id) = cert_id(&info.certificate) else {
        return (StatusCode::BAD_REQUEST, "Certificate has no certificate of this CA in PEM\n").into_response();
    };
    management.front.renewals.lock().unwrap_or_else(PoisonError::into_inner).insert(id, info.response);
    StatusCode::OK.into_response()
}

async fn faults(State(management): Shared) -> Response {
    management.operate("faults", None).await
}

async fn add_fault(State(management): Shared, body: Bytes) -> Response {
    management.operate("faults", Some(body)).await
}

async fn clear_faults(State(management): Shared, body: Bytes) -> Response {
    let body = if body.is_empty() { Bytes::from_static(b"{}") } else { body };
    management.operate("faults/clear", Some(body)).await
}

/// The certID of a certificate in PEM (RFC 9773 §4.1).
fn cert_id(text: &str) -> Option<String> {
    let der = pem::read_certificates(text).ok()?.into_iter().next()?;
    let parts = Parts::read(&der).ok()?;
    let above: AuthorityKeyIdentifier = parts.extension().ok()??;
    let key_id = above.key_identifier?.as_bytes().to_vec();
    Some(CertId { key_id, serial: Serial::from_octets(parts.serial)? }.to_string())
}
