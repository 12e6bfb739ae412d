//! Pages for web browsers: small, without scripts, with one button at most. Errors are such pages too.

use super::message::{Request, Response};
use crate::records::Problem;

/// Loads the style sheet only, runs nothing, and sends the form to its own origin.
pub const CONTENT_POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; \
                              frame-ancestors 'none'; base-uri 'none'";

/// The document of a page with the style sheet of all pages.
pub fn document(title: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{title}</title>\
         <link rel=\"icon\" href=\"data:,\"><link rel=\"stylesheet\" href=\"/page.css\"></head><body>{body}</body></html>"
    )
}

/// A page with a message.
pub fn html(title: &str, body: &str) -> Response {
    let page = document(title, &format!("<main class=\"message\">{body}</main>"));
    guarded(page, CONTENT_POLICY).with("Cache-Control", "no-store")
}

/// A problem as a page, for browsers.
pub fn problem_page(problem: &Problem) -> Response {
    let title = match problem.status {
        404 => "Not found",
        429 => "Too many requests",
        500.. => "The authority has a fault",
        _ => "This did not work",
    };
    let mut page = html(title, &format!("<h1>{title}</h1><p>{}</p>", escaped(&problem.detail)));
    page.status = problem.status;
    let kept = Response::problem(problem).headers.into_iter().filter(|(name, _)| name != "Content-Type");
    page.headers.extend(kept);
    page
}

/// Whether HTML is accepted. Browsers send `text/html`; curl and ACME clients `*/*` or nothing.
pub fn is_wanted(accept: Option<&str>) -> bool {
    accept.unwrap_or_default().split(',').any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let html = parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case("text/html"));
        let refused = |part: &str| {
            let weight = part.strip_prefix("q=").or_else(|| part.strip_prefix("Q="));
            weight.is_some_and(|weight| weight.parse() == Ok(0.0))
        };
        html && !parts.any(refused)
    })
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
