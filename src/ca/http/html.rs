//! Pages for web browsers: small, without scripts, with one button at most.

use super::message::{Request, Response};
use crate::records::Problem;

/// Nothing is loaded, run or framed; the form is sent to its own origin.
const CONTENT_POLICY: &str = "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// A page.
pub fn html(title: &str, body: &str) -> Response {
    let page = format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{title}</title></head>\
         <body><main>{body}</main></body></html>"
    );
    guarded(page, CONTENT_POLICY).with("Cache-Control", "no-store")
}

/// A document with the headers of every page and this content policy.
pub fn guarded(document: String, content_policy: &str) -> Response {
    Response::text(200, "text/html; charset=utf-8", document)
        .with("Content-Security-Policy", content_policy)
        .with("X-Content-Type-Options", "nosniff")
        // The URL may contain a proof, which must not leak in a Referer.
        .with("Referrer-Policy", "no-referrer")
}

/// A file that pages load; a new version is seen within minutes.
pub fn asset(media_type: &str, text: &str) -> Response {
    Response::text(200, media_type, text.to_owned())
        .with("X-Content-Type-Options", "nosniff")
        .with("Referrer-Policy", "no-referrer")
        .with("Cache-Control", "public, max-age=300")
}

/// Escapes text for HTML.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

/// Checks that a request is the form of a page, with its button `field`.
///
/// # Errors
/// 415 and 400 for anything else.
pub fn check_form(request: &Request, field: &str) -> Result<(), Problem> {
    let media_type = request.content_type.as_deref().unwrap_or_default().split(';').next().unwrap_or_default();
    if !media_type.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        let detail = "This URL is for a person with a web browser: open it and agree with the button there.";
        return Err(Problem::malformed(detail).with_status(415));
    }
    let form = request.body.as_deref().unwrap_or_default();
    if form.split(|byte| *byte == b'&').any(|found| found == field.as_bytes()) {
        return Ok(());
    }
    Err(Problem::malformed(format!("The form does not say {field}; nothing was changed.")))
}
