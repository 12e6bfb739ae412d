//! The page at `/` for users: directory, root certificate and lines for clients.
//!
//! Programs that do not accept HTML get a few lines of text.

mod clients;
pub mod names;
#[cfg(test)]
mod tests;
mod trust;

use super::blocks::block;
use crate::ca::config::settings::Settings;
use crate::ca::http::html;
use crate::ca::http::html::escaped;
use crate::ca::http::message::{Answer, Body, Response};
use crate::ca::http::routes::{Encoding, Urls};
use crate::pki::Issuer;
use crate::policy::Policy;
use crate::records::Problem;

/// Only its style sheet is loaded; `data:` is the empty icon.
const CONTENT_POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'none'; \
                              frame-ancestors 'none'; base-uri 'none'";

/// The style sheet of all pages.
const STYLE: &str = include_str!("landing/page.css");

/// The page, or its text if `accept` has no HTML, for the policy in force. `operations` adds the link to the
/// operators' page.
pub fn home(settings: &Settings, issuer: &Issuer, policy: &Policy, accept: Option<&str>, operations: bool) -> Response {
    let response = if html::is_wanted(accept) {
        html::guarded(document(settings, issuer, policy, operations), CONTENT_POLICY)
    } else {
        Response::text(200, "text/plain; charset=utf-8", text(settings, issuer, policy))
    };
    // Caches must not mix the two forms.
    response.with("Vary", "Accept").with("Cache-Control", "public, max-age=60").indexed(&settings.urls)
}

/// Adds the faults of a test CA to the page or its text.
pub fn with_faults(mut response: Response, faults: &[String]) -> Response {
    let (Body::Text(text), false) = (&mut response.body, faults.is_empty()) else { return response };
    let said = "This test server fails on purpose:";
    match text.rfind("</main>") {
        Some(end) => {
            let items: String = faults.iter().map(|fault| format!("<li>{}</li>", escaped(fault))).collect();
            text.insert_str(end, &format!("<section><h2>Faults</h2><p>{said}</p><ul>{items}</ul></section>"));
        }
        None => text.push_str(&format!("\n{said}\n{}\n", faults.join("\n"))),
    }
    response.headers.retain(|(name, _)| name != "Cache-Control");
    response.with("Cache-Control", "no-store")
}

/// The style sheet.
pub fn style(urls: &Urls) -> Response {
    html::asset("text/css; charset=utf-8", STYLE).indexed(urls)
}

/// The root certificate.
///
/// # Errors
/// 404 `malformed` if none is configured.
pub fn root(settings: &Settings, encoding: Encoding) -> Answer {
    let unknown = || {
        let detail = "This CA has no root certificate configured (ROOT_CERTIFICATE). Ask its operator for it.";
        Problem::malformed(detail).with_status(404)
    };
    let root = settings.root.as_ref().ok_or_else(unknown)?;
    let (body, media_type) = match encoding {
        Encoding::Der => (Body::Bytes(root.der().to_vec()), "application/pkix-cert"),
        Encoding::Pem => (Body::Text(root.pem().to_owned()), "application/x-pem-file"),
    };
    Ok(Response { body, ..Response::empty(200) }
        .with("Content-Type", media_type)
        .with("X-Content-Type-Options", "nosniff")
        .with("Cache-Control", "public, max-age=3600")
        .indexed(&settings.urls))
}

pub(in crate::ca) fn text(settings: &Settings, issuer: &Issuer, policy: &Policy) -> String {
    let urls = &settings.urls;
    let root = settings.root.as_ref().map_or_else(String::new, |root| {
        let (url, fingerprint) = (urls.root(Encoding::Pem), root.fingerprint());
        format!("\nIts root certificate, and the SHA-256 fingerprint to compare:\n{url}\n{fingerprint}\n")
    });
    format!(
        "This is a certificate authority. Point an ACME client at its directory:\n{}\n\nIts issuing certificate:\n{}\n{root}{}",
        urls.directory(),
        urls.issuer(issuer.id()),
        names::permitted(issuer, policy).map_or_else(String::new, |said| format!("\n{said}\n")),
    )
}

fn document(settings: &Settings, issuer: &Issuer, policy: &Policy, operations: bool) -> String {
    let urls = &settings.urls;
    let (name, directory) = (escaped(issuer.name()), escaped(&urls.directory()));
    let body = [
        format!(
            "<header><h1>{name}</h1><p>This is a certificate authority. It issues certificates to ACME clients, which \
             are given this URL, its directory:</p><p class=\"big\"><code>{directory}</code></p></header><main>"
        ),
        root_section(settings, issuer),
        clients::section(settings, issuer, policy),
        trust::section(settings),
        more(settings, issuer, operations),
        "</main>".to_owned(),
    ];
    html::document(&name, &body.concat())
}

fn root_section(settings: &Settings, issuer: &Issuer) -> String {
    let urls = &settings.urls;
    let issued_by = format!(
        "<p>Certificates are signed by the issuer <a href=\"{}\">{}</a>; clients get its certificate with theirs.</p>",
        escaped(&urls.issuer(issuer.id())),
        escaped(issuer.name())
    );
    let Some(root) = &settings.root else {
        return format!(
            "<section><h2>Root certificate</h2><p>To trust this CA is to trust its root certificate. It is not \
             served here: ask the operator of this CA for it and for its SHA-256 fingerprint.</p>{issued_by}</section>"
        );
    };
    let (pem, der) = (urls.root(Encoding::Pem), urls.root(Encoding::Der));
    let fingerprint = root.fingerprint();
    let compare = format!(
        "curl -o root.pem {pem}\nopenssl x509 -in root.pem -noout -fingerprint -sha256\n\n# the same of root.crt, without \
         the colons:\nsha256sum root.crt                   # Linux\nshasum -a 256 root.crt               # macOS\n\
         certutil -hashfile root.crt SHA256   # Windows"
    );
    format!(
        "<section><h2>Root certificate</h2><p>To trust this CA is to trust <strong>{}</strong>: \
         <a href=\"{}\" download>root.crt</a> (DER), <a href=\"{}\" download>root.pem</a> (PEM).</p>\
         <p>SHA-256 fingerprint:</p><p class=\"big\"><code>{fingerprint}</code></p>\
         <p>Compare it with the one that the operator gave you another way, on paper or by telephone: an attacker who \
         can change this page can change its fingerprint too. These commands print the fingerprint of your download \
         (<code>curl -k</code> if the machine does not trust this server yet):</p>\
         {}{issued_by}</section>",
        escaped(root.name()),
        escaped(&der),
        escaped(&pem),
        block(&compare)
    )
}

fn more(settings: &Settings, issuer: &Issuer, operations: bool) -> String {
    let (urls, meta) = (&settings.urls, &settings.meta);
    let mut links = vec![(urls.issuers(), "Status of the issuers and their CRLs (JSON)")];
    links.extend(
        settings.log.as_ref().map(|_| (urls.logs(issuer.id()), "The transparency log: proofs of certificates")),
    );
    links.extend(meta.terms_of_service.clone().map(|url| (url, "Terms of service")));
    links.extend(meta.website.clone().map(|url| (url, "About this CA")));
    if operations {
        links.push((urls.of_path("/admin"), "For operators: certificates, accounts, audit record"));
    }
    let items = links.iter().map(|(url, what)| format!("<li><a href=\"{}\">{what}</a></li>", escaped(url)));
    format!("<section><h2>More</h2><ul>{}</ul></section>", items.collect::<String>())
}
