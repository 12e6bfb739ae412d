//! The operators' page: static files without secrets, which call the operations API.

#[cfg(test)]
mod tests;

use crate::ca::http::html;
use crate::ca::http::message::Response;
use crate::ca::http::operator_files::File;
use crate::pki::Issuer;

/// Everything is loaded from here; no inline script runs and no form is sent.
const CONTENT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                              connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'";

const INDEX: &str = include_str!("operator_page/index.html");

/// The place of the CA's name in [`INDEX`].
const NAME: &str = "{{name}}";

const STYLE: &str = include_str!("operator_page/page.css");

/// One module in parts, so that a browser never has parts of two versions.
const SCRIPT: &str = concat!(
    include_str!("operator_page/basics.js"),
    include_str!("operator_page/pictures.js"),
    include_str!("operator_page/lists.js"),
    include_str!("operator_page/actions.js"),
    include_str!("operator_page/backups.js"),
    include_str!("operator_page/logs.js"),
    include_str!("operator_page/overview.js"),
    include_str!("operator_page/certificates.js"),
    include_str!("operator_page/failures.js"),
    include_str!("operator_page/accounts.js"),
    include_str!("operator_page/policy.js"),
    include_str!("operator_page/record.js"),
    include_str!("operator_page/test_cas.js"),
    include_str!("operator_page/main.js"),
);

/// The response with this file, of the CA with this issuer.
pub fn asset(file: File, issuer: &Issuer) -> Response {
    match file {
        File::Index => {
            let index = INDEX.replace(NAME, &html::escaped(issuer.name()));
            html::guarded(index, CONTENT_POLICY).with("Cache-Control", "no-store")
        }
        File::Style => html::asset("text/css; charset=utf-8", STYLE),
        File::Script => html::asset("text/javascript; charset=utf-8", SCRIPT),
    }
}
