//! Issuer certificates (AIA).

use crate::ca::config::settings::Settings;
use crate::ca::http::message::{Answer, Body, Response};
use crate::records::Problem;

/// The certificate of the issuer with this id, DER (RFC 5280 §4.2.2.1).
///
/// # Errors
/// 404 `malformed` for an unknown id.
pub fn certificate(settings: &Settings, id: &str) -> Answer {
    let unknown = || Problem::malformed("There is no issuer of this name.").with_status(404);
    let issuer = settings.issuers.find(id).ok_or_else(unknown)?;
    let response = Response { body: Body::Bytes(issuer.certificate_der().to_vec()), ..Response::empty(200) };
    Ok(response
        .with("Content-Type", "application/pkix-cert")
        .with("Cache-Control", "public, max-age=3600")
        .indexed(&settings.urls))
}
