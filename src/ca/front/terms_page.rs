//! The page where a person agrees to new terms of service.

use crate::ca::account::kind::AccountAt;
use crate::ca::account::terms::AgreeToTerms;
use crate::ca::config::settings::Settings;
use crate::ca::http::html;
use crate::ca::http::message::{Answer, Request};
use crate::ca::runtime::ports::Ports;
use crate::records::Problem;
use crate::records::operations::proof;
use crate::records::operations::proof::Purpose;
use crate::values::Id;

/// Returns the terms of this URL, if its proof is for the current terms.
fn asked<'a>(settings: &'a Settings, account: &Id, proof: &str) -> Result<&'a str, Problem> {
    let terms = settings.meta.terms_of_service.as_deref();
    let proven = |terms: &&str| proof::proves_any(proof, settings.nonce_key.all(), Purpose::Terms, account, terms);
    terms.filter(proven).ok_or_else(|| {
        let detail = "There is nothing at this URL, or not any more: the terms of service may have changed again. Run \
                      your ACME client once more; its error has the right URL.";
        Problem::malformed(detail).with_status(404)
    })
}

/// The page that asks for agreement.
///
/// # Errors
/// 404 for a URL without a valid proof for the current terms.
pub fn page(settings: &Settings, account: &Id, proof: &str) -> Answer {
    let terms = html::escaped(asked(settings, account, proof)?);
    let account = html::escaped(&settings.urls.account(account));
    let body = format!(
        "<h1>New terms of service</h1>\
         <p>The terms of service of this certificate authority have changed. The ACME account <code>{account}</code> \
         gets no certificates until you agree to them.</p>\
         <p><a href=\"{terms}\" rel=\"noreferrer\">Read the terms of service: {terms}</a></p>\
         <form method=\"post\"><button name=\"agree\" value=\"yes\">I agree to these terms of service</button></form>"
    );
    Ok(html::html("New terms of service", &body).indexed(&settings.urls))
}

/// Handles the form of the page: records the agreement.
///
/// # Errors
/// As [`page()`]; 415 and 400 for anything but that form; `unauthorized` with 401 for a deactivated or revoked account.
pub async fn agree<P: Ports>(ports: &P, request: &Request, account: &Id, proof: &str) -> Answer {
    let terms = asked(ports.settings(), account, proof)?.to_owned();
    html::check_form(request, "agree=yes")?;
    ports.ask(&AccountAt(account.clone()), &AgreeToTerms { terms }).await?;
    let body = "<h1>Thank you</h1><p>You agreed to the terms of service. Run your ACME client again.</p>";
    Ok(html::html("Thank you", body))
}
