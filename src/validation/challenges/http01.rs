//! The HTTP challenge: a file below `/.well-known/acme-challenge/`
//! ([RFC 8555 §8.3](https://www.rfc-editor.org/rfc/rfc8555#section-8.3)).

mod ask;

use crate::validation::config::Config;
use crate::validation::http1::{self, Response};
use crate::validation::outbound::Outbound;
use crate::validation::outcome::{Failure, FailureKind, unusable};
use crate::validation::probe::Probe;
use crate::validation::subject::Subject;
use crate::validation::target::{Target, TargetFault};
use crate::values::quote::quote_octets;

/// Maximum number of redirects, as of Let's Encrypt.
pub const MAX_REDIRECTS: usize = 10;

/// Fetches the challenge's file from the identifier's host, following redirects, and judges it.
///
/// # Errors
/// A failed request, or the difference of the file.
pub(super) async fn validate<O: Outbound>(probe: &Probe<'_, O>, subject: &Subject<'_>) -> Result<(), Failure> {
    let first = Target::first(subject.identifier, subject.token, probe.config())
        .map_err(|fault| unusable(format!("the challenge would be at a URL {fault}")))?;
    let mut at = Hop { target: first.clone(), elsewhere: false };
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

/// One URL on the path of redirects.
struct Hop {
    target: Target,
    /// Whether redirects led away from the identifier's host.
    ///
    /// The client may not be entitled to read that page, so problems show only its status. With private addresses
    /// permitted, another path counts as elsewhere too: the name may resolve to another host by now.
    elsewhere: bool,
}

impl Hop {
    /// Follows `location`.
    fn redirected(&self, location: &str, config: &Config) -> Result<Self, TargetFault> {
        let target = self.target.redirected(location, config)?;
        // A URL from another host is hidden too.
        let target = if self.elsewhere { target.with_hidden_path() } else { target };
        let strayed = config.policy.allow_private && target.path() != self.target.path();
        let elsewhere = self.elsewhere || strayed || target.host() != self.target.host();
        Ok(Self { target, elsewhere })
    }

    /// Quotes bytes of an answer; `None` if they must not be shown.
    fn quote(&self, bytes: &[u8]) -> Option<String> {
        (!self.elsewhere).then(|| quote_octets(bytes))
    }
}

/// Requests one URL; returns the target of a redirect, or `None` if control is proven.
async fn step<O: Outbound>(probe: &Probe<'_, O>, visit: &Hop, key_authorization: &str) -> Result<Option<Hop>, Failure> {
    let answer = ask::request(probe, &visit.target, visit.elsewhere).await?;
    if http1::is_redirect(answer.response.status) {
        return redirect(visit, &answer.response, probe.config()).map(Some);
    }
    judge(visit, &answer, key_authorization).map(|()| None)
}

/// Prefixes the detail with the number of redirects.
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

fn redirect(visit: &Hop, response: &Response, config: &Config) -> Result<Hop, Failure> {
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

/// Checks `answer`: status 200 and the key authorization, trailing white space ignored.
///
/// # Errors
/// The expected and the received content, the latter shortened.
fn judge(visit: &Hop, answer: &ask::Answer, key_authorization: &str) -> Result<(), Failure> {
    let target = &visit.target;
    let Response { status, body, .. } = &answer.response;
    let body = body.trim_ascii_end();
    if *status != 200 {
        // A late file (RFC 8555 §8.2) or a failing server may be temporary.
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
