//! The page where a person ends a pause.

use crate::ca::account::kind::AccountAt;
use crate::ca::account::pause::Unpause;
use crate::ca::config::settings::Settings;
use crate::ca::http::html;
use crate::ca::http::message::{Answer, Request};
use crate::ca::http::pause_link::Pause;
use crate::ca::runtime::ports::Ports;

/// The page that asks for confirmation to end the pause.
///
/// # Errors
/// 404 for a URL without a valid proof.
pub fn page(settings: &Settings, pause: &Pause, proof: &str) -> Answer {
    pause.check(settings.nonce_key.all(), proof)?;
    let (name, account) = (html::escaped(&pause.subject), html::escaped(&settings.urls.account(&pause.account)));
    let body = format!(
        "<h1>A name is paused</h1>\
         <p>The ACME account <code>{account}</code> has asked for certificates for <code>{name}</code> over and over, and \
         could never prove that it controls it. Since {} it is not asked any more.</p>\
         <p>Find the cause first: does the name still point to the machine that asks? If it is mended, go on.</p>\
         <form method=\"post\"><button name=\"resume\" value=\"yes\">Let the account ask for this name again</button></form>",
        pause.since.rfc3339(),
    );
    Ok(html::html("A name is paused", &body).indexed(&settings.urls))
}

/// Handles the form of the page: ends the pause.
///
/// # Errors
/// As [`page()`]; 415 and 400 for anything but that form; `unauthorized` with 401 for a deactivated or revoked account.
pub async fn resume<P: Ports>(ports: &P, request: &Request, pause: &Pause, proof: &str) -> Answer {
    pause.check(ports.settings().nonce_key.all(), proof)?;
    html::check_form(request, "resume=yes")?;
    let unpause = Unpause { subject: pause.subject.clone(), since: pause.since };
    ports.ask(&AccountAt(pause.account.clone()), &unpause).await?;
    Ok(html::html("Thank you", "<h1>Thank you</h1><p>The name is not paused. Run your ACME client again.</p>"))
}
