//! The HTTP challenge: a file under the name's `/.well-known/acme-challenge/`
//! ([RFC 8555 §8.3](https://www.rfc-editor.org/rfc/rfc8555#section-8.3)).

use super::http1::{self, HttpFault, MAX_BODY, MAX_RESPONSE, Response};
use super::outbound::{FetchAnswer, Outbound, OutboundFault};
use super::probe::{Addresses, Probe, refused};
use super::quote::quote;
use super::reach::{TIMEOUT, first_reached, outward};
use super::target::{Host, Target};
use super::{Failure, FailureKind, Subject};
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

/// Redirects followed, as Let's Encrypt has it.
pub const MAX_REDIRECTS: usize = 10;

/// Fetches the challenge's file from the identifier's host, following redirects, and judges it.
///
/// # Errors
/// Where the fetch ended, or how the file differs.
pub(super) async fn validate<O: Outbound>(probe: &Probe<'_, O>, subject: &Subject<'_>) -> Result<(), Failure> {
    let port = probe.config().http01_port;
    let first = Target::first(subject.identifier, subject.token, port)
        .map_err(|fault| unusable(format!("the challenge would be at a URL {fault}")))?;
    let mut at = first.clone();
    let mut visited = Vec::new();
    loop {
        let elsewhere = |failure| after(visited.len(), &first, failure);
        let Some(next) = step(probe, &at, subject.key_authorization).await.map_err(elsewhere)? else { return Ok(()) };
        if next == at || visited.contains(&next) {
            return Err(elsewhere(unusable(format!("{at} redirects in a circle, to {next}"))));
        }
        if visited.len() == MAX_REDIRECTS {
            return Err(elsewhere(unusable(format!("{at} redirects once more, which is not followed"))));
        }
        visited.push(core::mem::replace(&mut at, next));
    }
}

/// Asks one URL. Gives where it redirects to, or `None` when it proves control.
async fn step<O: Outbound>(
    probe: &Probe<'_, O>,
    target: &Target,
    key_authorization: &str,
) -> Result<Option<Target>, Failure> {
    let response = request(probe, target).await?;
    if http1::is_redirect(response.status) {
        return redirect(target, &response, probe.config().http01_port).map(Some);
    }
    judge(target, &response, key_authorization).map(|()| None)
}

/// Says in `failure` that it happened elsewhere than at the challenge's URL.
fn after(redirects: usize, first: &Target, failure: Failure) -> Failure {
    let plural = if redirects == 1 { "" } else { "s" };
    match redirects {
        0 => failure,
        _ => Failure {
            detail: format!("after {redirects} redirect{plural} from {first}: {}", failure.detail),
            ..failure
        },
    }
}

/// A failure that is the answer's own fault and will be the same next time.
fn unusable(detail: String) -> Failure {
    Failure { kind: FailureKind::IncorrectResponse, detail, retry: false }
}

fn redirect(target: &Target, response: &Response, port: u16) -> Result<Target, Failure> {
    let status = response.status;
    let location = response
        .location
        .as_deref()
        .ok_or_else(|| unusable(format!("{target} answered {status} without a usable Location header")))?;
    target.redirected(location, port).map_err(|fault| {
        unusable(format!("{target} redirects to {}, {fault}; that is not followed", quote(location.as_bytes())))
    })
}

/// Whether `response` to a request for `target` proves control: status 200, and the key authorization as body,
/// white space at its end aside.
///
/// # Errors
/// What was expected and what came, which is quoted in part only.
pub fn judge(target: &Target, response: &Response, key_authorization: &str) -> Result<(), Failure> {
    let body = response.body.trim_ascii_end();
    let status = response.status;
    if status != 200 {
        // A file that is late (RFC 8555 §8.2) or a server in trouble may do better later.
        let retry = matches!(status, 404 | 429 | 500..);
        let detail = format!("{target} answered {status} instead of 200, with {}", quote(body));
        return Err(Failure { kind: FailureKind::Unauthorized, detail, retry });
    }
    if body != key_authorization.as_bytes() {
        let detail = format!(
            "{target} has to contain the key authorization \"{key_authorization}\", but contains {}",
            quote(body)
        );
        return Err(Failure { kind: FailureKind::Unauthorized, detail, retry: false });
    }
    Ok(())
}

/// One request, its host looked up and its address guarded just now.
async fn request<O: Outbound>(probe: &Probe<'_, O>, target: &Target) -> Result<Response, Failure> {
    let addresses = match target.host() {
        Host::Name(name) => probe.addresses(name).await?,
        Host::Address(address) => probe.guard(&target.to_string(), vec![*address])?,
    };
    if target.is_https() {
        return fetch(probe, target, &addresses).await;
    }
    let attempt = async |address, timeout| exchange(probe, target, address, timeout).await;
    match first_reached(&addresses.usable, attempt).await? {
        Ok(response) => Ok(response),
        Err(unreached) if unreached.is_refused() => fetch(probe, target, &addresses).await,
        Err(unreached) => Err(unreached.failure(&format!("asked for {target}"))),
    }
}

/// One request to one address. A fault of the network is the inner error, what another address cannot mend the
/// outer one.
async fn exchange<O: Outbound>(
    probe: &Probe<'_, O>,
    target: &Target,
    address: IpAddr,
    timeout: Duration,
) -> Result<Result<Response, OutboundFault>, Failure> {
    let limits = probe.limits(timeout, MAX_RESPONSE)?;
    let mut reader = http1::Reader::default();
    let mut done = |bytes: &[u8]| !matches!(reader.advance(bytes), Ok(false));
    let at = SocketAddr::new(address, target.port());
    match probe.outbound().exchange(at, &target.request(), limits, &mut done).await {
        Ok(bytes) => reader.finish(&bytes).map(Ok).map_err(|fault| unreadable(target, address, &fault)),
        Err(fault) => Ok(Err(fault)),
    }
}

fn unreadable(target: &Target, address: IpAddr, fault: &HttpFault) -> Failure {
    let retry = *fault == HttpFault::Incomplete;
    Failure { retry, ..unusable(format!("asked {address} for {target}: it {fault}")) }
}

/// A request by the platform's HTTP client, which looks the host up once more by itself: so all of the host's
/// addresses have to be usable ones.
async fn fetch<O: Outbound>(probe: &Probe<'_, O>, target: &Target, addresses: &Addresses) -> Result<Response, Failure> {
    if !addresses.refused.is_empty() {
        return Err(refused(&target.to_string(), &addresses.refused));
    }
    let limits = probe.limits(TIMEOUT, MAX_BODY)?;
    match probe.outbound().fetch(target.url(), limits).await {
        Ok(FetchAnswer { status, location, body }) => Ok(Response { status, location, body }),
        Err(OutboundFault::TooLarge) => Err(unusable(format!("asked for {target}: it {}", HttpFault::BodyTooLarge))),
        Err(fault) => Err(Failure { detail: format!("asked for {target}: {fault}"), ..outward(&fault) }),
    }
}

#[cfg(test)]
mod tests;
