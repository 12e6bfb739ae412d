//! The page that explains the transparency log to the holder of a certificate.

use super::blocks::block;
use crate::ca::config::settings::Settings;
use crate::ca::http::html;
use crate::ca::http::html::escaped;
use crate::pki::Issuer;

/// A log on the page.
#[derive(Clone, Debug)]
pub struct PageLog {
    /// Its URL prefix.
    pub url: String,
    /// Its key; `None` if it never signed.
    pub key: Option<String>,
    /// The number of leaves of its newest checkpoint.
    pub size: u64,
    /// Whether it takes no more leaves.
    pub is_closed: bool,
}

/// The page of an issuer's logs.
pub fn page(settings: &Settings, issuer: &Issuer, logs: &[PageLog]) -> String {
    let (name, proof) = (escaped(issuer.name()), settings.urls.log_proof(issuer.id(), "SERIAL"));
    let key = logs.last().and_then(|log| log.key.as_deref()).unwrap_or("KEY");
    let commands = format!(
        "# the serial number, in lower-case hex\nopenssl x509 -in cert.pem -noout -serial | cut -d= -f2 | tr A-F a-f\n\
         # the proof\ncurl -o cert.tlog-proof {proof}\n# the check, without this CA\n\
         selvedge log proof cert.pem --proof cert.tlog-proof --key '{key}'"
    );
    let shown = logs.iter().map(|log| {
        let state = if log.is_closed { "ended" } else { "open" };
        format!(
            "<li><a href=\"{}/checkpoint\">{}</a>: {} entries, {state}{}</li>",
            escaped(&log.url),
            escaped(&log.url),
            log.size,
            log.key.as_ref().map_or_else(String::new, |key| format!("; key <code>{}</code>", escaped(key)))
        )
    });
    let logs = match logs.is_empty() {
        true => "<p>It begins with the first certificate.</p>".to_owned(),
        false => format!("<ul>{}</ul>", shown.collect::<String>()),
    };
    let body = format!(
        "<header><h1>Transparency log of {name}</h1></header><main><section>\
         <p>This CA writes each certificate into a log before it signs it. Revocations and revocation lists follow.</p>\
         <p>The log only grows. Its checkpoint is a signed hash of all entries: with two of them anybody can prove that \
         nothing was changed or removed in between.</p>\
         <p>So a certificate that is not in the log was not issued properly, and the CA cannot hide one that is.</p>\
         <p>Your certificate has a proof, which is checked with the certificate and the log's key alone:</p>{}\
         <p>The hashes show no names. Entries, which have names, are read by the CA's operators{}.</p>\
         <p>Keep the log's key, so that you notice another log in its place:</p>{logs}</section></main>",
        block(&commands),
        match settings.log.as_ref().is_some_and(|log| log.is_public()) {
            true => " and everybody else",
            false => "",
        }
    );
    html::document(&format!("Transparency log of {name}"), &body)
}
