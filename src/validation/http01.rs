//! The HTTP challenge: a file under the name's `/.well-known/acme-challenge/`
//! ([RFC 8555 §8.3](https://www.rfc-editor.org/rfc/rfc8555#section-8.3)).

mod ask;

use super::config::Config;
use super::http1::{self, Response};
use super::outbound::Outbound;
use super::outcome::{Failure, FailureKind, unusable};
use super::probe::Probe;
use super::subject::Subject;
use super::target::{Target, TargetFault};
use crate::values::quote::quote_octets;

/// Redirects followed, as Let's Encrypt has it.
pub const MAX_REDIRECTS: usize = 10;

/// Fetches the challenge's file from the identifier's host, following redirects, and judges it.
///
/// # Errors
/// Where the fetch ended, or how the file differs.
pub(super) async fn validate<O: Outbound>(probe: &Probe<'_, O>, subject: &Subject<'_>) -> Result<(), Failure> {
    let first = Target::first(subject.identifier, subject.token, probe.config())
        .map_err(|fault| unusable(format!("the challenge would be at a URL {fault}")))?;
    let mut at = Visit { target: first.clone(), elsewhere: false };
    let mut visited = Vec::new();
    loop {
        let elsewhere = |failure| after(visited.len(), &first, failure);
        let Some(next) = step(probe, &at, subject.key_authorization).await.map_err(elsewhere)? else { return Ok(()) };
        let has_been = |target: &Target| target.url() == next.target.url();
        if has_been(&at.target) || visited.iter().any(has_been) {
            return Err(elsewhere(unusable(format!("{} redirects in a circle, to {}", at.target, next.target))));
        }
        if visited.len() == MAX_REDIRECTS {
            return Err(elsewhere(unusable(format!("{} redirects once more, which is not followed", at.target))));
        }
        visited.push(core::mem::replace(&mut at, next).target);
    }
}

/// One of the URLs that a validation comes to.
struct Visit {
    target: Target,
    /// Whether redirects led away from the identifier's host. Whoever asked for the validation may have pointed it at
    /// a page that is not theirs to read, so problems show nothing of what comes back from there but its status. Where
    /// private addresses are connected to, another path is elsewhere too: the name may lead to another host by now.
    elsewhere: bool,
}

impl Visit {
    /// Where `location` leads.
    fn redirected(&self, location: &str, config: &Config) -> Result<Self, TargetFault> {
        let target = self.target.redirected(location, config)?;
        // A URL that another host gave is its words too.
        let target = if self.elsewhere { target.veiled() } else { target };
        let strayed = config.policy.allow_private && target.path() != self.target.path();
        let elsewhere = self.elsewhere || strayed || target.host() != self.target.host();
        Ok(Self { target, elsewhere })
    }

    /// `bytes` of an answer, quoted; `None` where they are not to be shown.
    fn quote(&self, bytes: &[u8]) -> Option<String> {
        (!self.elsewhere).then(|| quote_octets(bytes))
    }
}

/// Asks one URL. Gives where it redirects to, or `None` when it proves control.
async fn step<O: Outbound>(
    probe: &Probe<'_, O>,
    visit: &Visit,
    key_authorization: &str,
) -> Result<Option<Visit>, Failure> {
    let answer = ask::request(probe, &visit.target, visit.elsewhere).await?;
    if http1::is_redirect(answer.response.status) {
        return redirect(visit, &answer.response, probe.config()).map(Some);
    }
    judge(visit, &answer, key_authorization).map(|()| None)
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

fn redirect(visit: &Visit, response: &Response, config: &Config) -> Result<Visit, Failure> {
    let (target, status) = (&visit.target, response.status);
    let location = response
        .location
        .as_deref()
        .ok_or_else(|| unusable(format!("{target} answered {status} without a usable Location header")))?;
    visit.redirected(location, config).map_err(|fault| {
        let shown = visit.quote(location.as_bytes());
        let led = shown.map_or_else(|| "a URL".to_owned(), |location| format!("{location}, {fault}"));
        unusable(format!("{target} answered {status} and redirects to {led}; that is not followed"))
    })
}

/// Whether `answer` proves control: status 200, and the key authorization as body, white space at its end aside.
///
/// # Errors
/// What was expected and what came, which is quoted in part only.
fn judge(visit: &Visit, answer: &ask::Answer, key_authorization: &str) -> Result<(), Failure> {
    let target = &visit.target;
    let Response { status, body, .. } = &answer.response;
    let body = body.trim_ascii_end();
    if *status != 200 {
        // A file that is late (RFC 8555 §8.2) or a server in trouble may do better later.
        let retry = matches!(status, 404 | 429 | 500..);
        let with = visit.quote(body).map(|body| format!(", with {body}")).unwrap_or_default();
        let note = answer.note.unwrap_or_default();
        let detail = format!("{target} answered {status} instead of 200{with}{note}");
        return Err(Failure { kind: FailureKind::Unauthorized, detail, retry });
    }
    if body != key_authorization.as_bytes() {
        let found = visit.quote(body).unwrap_or_else(|| "something else".to_owned());
        let detail =
            format!("{target} has to contain the key authorization \"{key_authorization}\", but contains {found}");
        return Err(Failure { kind: FailureKind::Unauthorized, detail, retry: false });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
