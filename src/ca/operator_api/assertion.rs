//! Checks assertions of Cloudflare Access with the team's keys. The keys are fetched and cached in memory.

use crate::ca::config::access::Access;
use crate::ca::http::message::Request;
use crate::ca::http::routes::Urls;
use crate::ca::runtime::ports::Ports;
use crate::jose::Jwk;
use crate::jose::access::keys::MAX_DOCUMENT;
use crate::jose::access::{AccessFault, AccessKeys, Assertion, Identity, Lookup};
use crate::validation::outbound::Limits;
use core::time::Duration;

/// Timeout for fetching the team's keys: the operator's request waits for it.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);

/// Why an assertion gives no identity.
pub enum Unproven {
    /// It is wrong.
    Wrong(String),
    /// It could not be checked; with a line for the log.
    Unchecked(String),
}

impl From<AccessFault> for Unproven {
    fn from(fault: AccessFault) -> Self {
        match fault {
            AccessFault::Provider(failure) => Self::Unchecked(failure.to_string()),
            fault => Self::Wrong(fault.to_string()),
        }
    }
}

/// Verifies an assertion and returns its identity with its groups.
///
/// # Errors
/// [`Unproven`].
pub async fn identity<P: Ports>(ports: &P, access: &Access, text: &str) -> Result<(Identity, Vec<String>), Unproven> {
    let assertion = Assertion::parse(text)?;
    let key = key(ports, access, assertion.kid()).await?;
    let verified = assertion.verify(&key, ports).await?;
    Ok((verified.identity(&access.expected, ports.now())?, verified.groups()))
}

/// Returns the team's key with this `kid`.
async fn key<P: Ports>(ports: &P, access: &Access, kid: &str) -> Result<Jwk, Unproven> {
    let look_up = || ports.memory().access_keys(|keys| (keys.look_up(kid, ports.now()), keys.usable(ports.now())));
    let (found, usable) = look_up();
    match found {
        Lookup::Key(key) => return Ok(*key),
        Lookup::None if usable => return Err(unknown()),
        // Another request fetched them just now, perhaps without success.
        Lookup::None => return Err(Unproven::Unchecked("the Access team's keys are not available yet".to_owned())),
        Lookup::Fetch => {}
    }
    ports.memory().access_keys(|keys| keys.asking(ports.now()));
    let fetched = fetch(ports, access).await;
    if let Ok(keys) = &fetched {
        ports.memory().access_keys(|kept| kept.fetched(keys.clone(), ports.now()));
    }
    match (look_up().0, fetched) {
        (Lookup::Key(key), fetched) => {
            // Cached keys remain usable for a while, during which the logged fault can be corrected.
            fetched.err().into_iter().for_each(|why| ports.log(&why));
            Ok(*key)
        }
        (_, Ok(_)) => Err(unknown()),
        (_, Err(why)) => Err(Unproven::Unchecked(why)),
    }
}

fn unknown() -> Unproven {
    Unproven::Wrong("`kid` of the Access assertion matches none of the team's keys".to_owned())
}

async fn fetch<P: Ports>(ports: &P, access: &Access) -> Result<AccessKeys, String> {
    let url = access.keys_url();
    let says = |why: &str| format!("the Access team's keys cannot be fetched from {url}: {why}");
    let limits = Limits { max_bytes: MAX_DOCUMENT, timeout: FETCH_TIMEOUT };
    let answer = ports.fetch(&url, limits).await.map_err(|fault| says(&fault.to_string()))?;
    if answer.status != 200 {
        return Err(says(&format!("HTTP status {}", answer.status)));
    }
    AccessKeys::parse(&answer.body).map_err(|fault| says(&fault.to_string()))
}

/// Whether a page of another site made a browser send this request. The browser adds its Access credentials, so the
/// request looks like the operator's own; but a page cannot change `Sec-Fetch-Site` and `Origin`. A request with
/// neither is not from a browser.
pub fn is_from_elsewhere(request: &Request, urls: &Urls) -> bool {
    match (request.fetch_site.as_deref(), request.origin.as_deref()) {
        (Some("same-origin"), _) => false,
        (_, Some(origin)) => origin != urls.of_path(""),
        (site, None) => site.is_some(),
    }
}
