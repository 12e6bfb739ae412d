//! Pages for a person with a web browser. Those made here are small, without anything to load or run, with one button at
//! the most.

use super::message::{Request, Response};
use crate::records::Problem;

/// Nothing is loaded, run or framed; the form goes back to where it came from.
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

/// A whole document with the headers that every page has; of what it may load and do, this policy decides.
pub fn guarded(document: String, content_policy: &str) -> Response {
    Response::text(200, "text/html; charset=utf-8", document)
        .with("Content-Security-Policy", content_policy)
        .with("X-Content-Type-Options", "nosniff")
        // The URL may be a proof; it is not to be told to the host of a link.
        .with("Referrer-Policy", "no-referrer")
}

/// A file that pages load. A new version is seen within minutes.
pub fn asset(media_type: &str, text: &str) -> Response {
    Response::text(200, media_type, text.to_owned())
        .with("X-Content-Type-Options", "nosniff")
        .with("Referrer-Policy", "no-referrer")
        .with("Cache-Control", "public, max-age=300")
}

/// Text as it may stand in a page.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

/// Whether a request is what a page's form sends when its button `field` is pressed.
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
