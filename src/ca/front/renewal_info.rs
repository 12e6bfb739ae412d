//! Renewal information (RFC 9773).

use crate::ca::http::cert_id::{CertId, spread};
use crate::ca::http::message::{Answer, Response};
use crate::ca::ledger::entry::RenewalInfo;
use crate::ca::ledger::kind::LedgerAt;
use crate::ca::runtime::ports::Ports;
use crate::records::Problem;
use serde_json::json;

/// How long caches may keep a response, in seconds. Short, because a revocation changes it; long enough to keep a flood
/// of requests for one certificate away from the ledger.
const CACHED: u32 = 300;

/// Returns the RenewalInfo of the certificate with this certID
/// ([RFC 9773 §4.2](https://www.rfc-editor.org/rfc/rfc9773#section-4.2)). It is public.
///
/// # Errors
/// `malformed` for a text that is not a certID; 404 `malformed` for a certificate that was not issued here.
pub async fn renewal_info<P: Ports>(ports: &P, text: &str) -> Answer {
    let id = CertId::parse(text)?;
    let settings = ports.settings();
    let unknown = || Problem::malformed("This certificate was not issued here.").with_status(404);
    let issuer = settings.issuers.with_key_id(&id.key_id).ok_or_else(unknown)?;
    // Absence may be cached: serial numbers are random, so none is requested before its issuance.
    let name = format!("certificate/{}/{}", issuer.id(), id.serial.hex());
    if ports.memory().is_absent(&name, ports.now()) {
        return Err(unknown());
    }
    let asked = ports.ask(&LedgerAt::from(issuer.id()), &RenewalInfo { serial: id.serial.hex() }).await?;
    let Some(found) = asked else {
        ports.memory().keep_absent(name, ports.now());
        return Err(unknown());
    };
    let spread = spread(&id.serial);
    let (start, end) = found.window(spread);
    let mut object = json!({ "suggestedWindow": { "start": start.rfc3339(), "end": end.rfc3339() } });
    let revoked = settings.revocation_page.as_deref().filter(|_| found.revoked.is_some());
    let page = revoked.or(found.explanation.as_deref());
    if let (Some(page), Some(members)) = (page, object.as_object_mut()) {
        members.insert("explanationURL".into(), page.into());
    }
    let response = Response::json(200, &object).retry_after(found.retry_after(spread));
    Ok(response.with("Cache-Control", &format!("public, max-age={CACHED}")).indexed(&settings.urls))
}
