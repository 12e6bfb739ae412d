//! Who asks: an admin token, or somebody whom Cloudflare Access vouches for.

use super::assertion::{Unproven, identity, is_from_elsewhere};
use super::audit;
use super::body::place;
use super::operator::Operator;
use crate::ca::config::access::Access;
use crate::ca::http::message::Request;
use crate::ca::runtime::ports::Ports;
use crate::records::operations::audit::{AuthMethod, Event, Outcome};
use crate::records::operations::limit::Limit;
use crate::records::{Kind, Problem};
use core::time::Duration;

/// How many wrong tokens and assertions an address may try: a person mistypes, and nobody guesses 32 characters with ten
/// tries in ten minutes.
const WRONG: Limit = Limit { count: 10, period: Duration::from_secs(600) };

/// How many of them all addresses together are put into the audit record with: it is kept for good.
const RECORDED: Limit = Limit { count: 60, period: Duration::from_secs(3600) };

/// Finds out who asks. A token that is sent decides, whatever Access says: who sends one wants to be known by it.
///
/// What is right is taken whatever came from the same address before: a stranger behind it shuts no operator out.
///
/// # Errors
/// 404 where nobody can be known; 401 `unauthorized` for who is not, 403 for what a page of another site has a browser ask;
/// `rateLimited` for what is wrong, from an address that sent too much of that; 503 while Access' word cannot be checked.
pub async fn operator<P: Ports>(ports: &P, request: &Request) -> Result<Operator, Problem> {
    let settings = ports.settings();
    if !settings.operations_on() {
        return Err(crate::ca::http::message::unknown_path());
    }
    let sent = request.authorization.as_deref().and_then(|text| text.split_once(' '));
    let token = sent.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("Bearer")).map(|(_, token)| token.trim());
    // Compared also where none was sent, so that all refusals cost the same.
    if let Some(name) = settings.admin.name_of(&settings.nonce_key, token.unwrap_or_default()) {
        return Ok(Operator { name: name.to_owned(), by: AuthMethod::Token });
    }
    let wrong = match (token, &settings.access, request.access.as_deref()) {
        (Some(_), ..) => "a wrong token".to_owned(),
        (None, Some(access), Some(assertion)) => match by_access(ports, request, access, assertion).await? {
            Ok(operator) => return Ok(operator),
            Err(why) => format!("a wrong assertion: {why}"),
        },
        (None, ..) => return Err(unauthorized()),
    };
    // As everywhere, an address that is not known meets no limit: it would be one for all.
    let (who, now) = (request.address.map(|address| format!("operator/{address}")), ports.now());
    if let Some(Err(at)) = who.as_ref().map(|who| ports.memory().take(WRONG, who, now)) {
        return Err(too_many(now.until(at)));
    }
    record(ports, request, &nobody(), wrong.clone()).await;
    let refused = unauthorized();
    Err(match token {
        Some(_) => refused,
        // No claim is quoted in it.
        None => Problem { detail: format!("{} What was sent is {wrong}.", refused.detail), ..refused },
    })
}

/// Whom Access vouches for, or why its assertion is wrong.
async fn by_access<P: Ports>(
    ports: &P,
    request: &Request,
    access: &Access,
    assertion: &str,
) -> Result<Result<Operator, String>, Problem> {
    let identity = match identity(ports, access, assertion).await {
        Ok(identity) => identity,
        Err(Unproven::Wrong(why)) => return Ok(Err(why)),
        Err(Unproven::Unchecked(why)) => return Err(Problem::internal(why).with_status(503)),
    };
    let operator = Operator { name: identity.name().to_owned(), by: AuthMethod::Access };
    if request.method == "POST" && is_from_elsewhere(request, &ports.settings().urls) {
        // Not counted: it is not the operator's doing, who would be shut out by it.
        record(ports, request, &operator, "a request by a page of another site".to_owned()).await;
        let detail = "A page of another site had your browser send this. Nothing was done.";
        return Err(Problem::new(Kind::Unauthorized, detail));
    }
    Ok(Ok(operator))
}

/// Who is not known.
fn nobody() -> Operator {
    Operator { name: "nobody".to_owned(), by: AuthMethod::None }
}

/// Puts what was refused into the audit record, if there was not too much of it lately. What fails there refuses nobody
/// less.
async fn record<P: Ports>(ports: &P, request: &Request, who: &Operator, why: String) {
    audit::count(ports, "sign-in", Outcome::Refused);
    if ports.memory().take(RECORDED, "operators/refused", ports.now()).is_err() {
        return;
    }
    let event = Event {
        at: ports.now(),
        who: who.name.clone(),
        by: who.by,
        what: "sign-in".to_owned(),
        target: Some(place(request)),
        outcome: Outcome::Refused,
        of: None,
        detail: Some(why),
        address: request.address.map(|address| address.to_string()),
    };
    if let Err(problem) = audit::note(ports, event).await {
        ports.log(&format!("the audit record: {}", problem.log.unwrap_or(problem.detail)));
    }
}

fn unauthorized() -> Problem {
    let detail = "Operations are for operators: send an admin token as Authorization: Bearer TOKEN, or come by way of \
                  Cloudflare Access where it stands before this CA.";
    Problem::new(Kind::Unauthorized, detail).with_status(401)
}

fn too_many(wait: Duration) -> Problem {
    let seconds = u32::try_from(wait.as_secs()).unwrap_or(u32::MAX);
    let detail = "Too many wrong tokens came from this address, and this one is wrong too; send one of ADMIN_TOKENS.";
    Problem { retry_after: Some(seconds.max(1)), ..Problem::new(Kind::RateLimited, detail) }
}
