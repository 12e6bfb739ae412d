//! The operators' page: static files without secrets, which call the operations API.

#[cfg(test)]
mod tests;

use crate::ca::http::html;
use crate::ca::http::message::Response;
use crate::ca::http::operator_files::File;

/// Everything is loaded from here; no inline script runs and no form is sent.
const CONTENT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                              connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'";

const INDEX: &str = include_str!("operator_page/index.html");

const STYLE: &str = include_str!("operator_page/page.css");

const SCRIPT: &str = include_str!("operator_page/page.js");

/// The response with this file.
pub fn asset(file: File) -> Response {
    match file {
        File::Index => html::guarded(INDEX.to_owned(), CONTENT_POLICY).with("Cache-Control", "no-store"),
        File::Style => html::asset("text/css; charset=utf-8", STYLE),
        File::Script => html::asset("text/javascript; charset=utf-8", SCRIPT),
    }
}
