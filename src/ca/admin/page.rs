//! The page for operators: files that are the same for everybody and hold no secret. What it shows, it asks of the API.

use crate::ca::http::Response;
use crate::ca::page;

/// All of it comes from here, and it asks nobody else. Nothing in the page itself is run, and no form is sent anywhere.
const CONTENT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                              connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'";

const INDEX: &str = include_str!("page/index.html");
const STYLE: &str = include_str!("page/page.css");
const SCRIPT: &str = include_str!("page/page.js");

/// The file at this path; `None` where there is none.
pub fn asset(path: &str) -> Option<Response> {
    Some(match path {
        "/admin" => page::guarded(INDEX.to_owned(), CONTENT_POLICY).with("Cache-Control", "no-store"),
        "/admin/page.css" => page::asset("text/css; charset=utf-8", STYLE),
        "/admin/page.js" => page::asset("text/javascript; charset=utf-8", SCRIPT),
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
