//! Sign-in of operators: by an admin token, or by Cloudflare Access.

use super::assertion::{Unproven, identity, is_from_elsewhere};
use super::audit;
use super::body::place;
use super::operator::Operator;
use crate::ca::config::access::Access;
use crate::ca::config::admin_tokens::AdminToken;
use crate::ca::http::message::Request;
use crate::ca::http::operator_routes::AdminRoute;
use crate::ca::runtime::ports::Ports;
use crate::records::operations::audit::{AuthMethod, Event, Outcome};
use crate::records::operations::limit::Limit;
use crate::records::{Kind, Problem};
use core::time::Duration;

/// Limit of wrong tokens and assertions per address. It tolerates typing errors; ten tries in ten minutes cannot guess
/// 32 characters.
const REFUSALS: Limit = Limit { count: 10, period: Duration::from_secs(600) };

/// Limit of audit entries about these, for all addresses together: entries are kept permanently.
const RECORDED_REFUSALS: Limit = Limit { count: 60, period: Duration::from_secs(3600) };

/// Authenticates the operator of a request. A token that is sent takes precedence over Access.
///
/// Correct credentials are accepted even over the limit: others behind the same address cannot lock an operator out.
///
/// # Errors
/// 404 without a configured method; 401 `unauthorized` for missing or wrong credentials; 403 for a request by a page of
/// another site; `rateLimited` for wrong credentials from an address over the limit; 503 while an assertion cannot be
/// checked. An ended token is 401, and 403 an identity without a role.
pub async fn operator<P: Ports>(ports: &P, request: &Request) -> Result<Operator, Problem> {
    let settings = ports.settings();
    if !settings.operations_on() {
        return Err(crate::ca::http::message::unknown_path());
    }
    let sent = request.authorization.as_deref().and_then(|text| text.split_once(' '));
    let token = sent.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("Bearer")).map(|(_, token)| token.trim());
    // Compared even without a token, so that all refusals take the same time.
    if let Some(found) = settings.admin.find(&settings.nonce_key, token.unwrap_or_default()) {
        return by_token(ports, request, found).await;
    }
    let wrong = match (token, &settings.access, request.access.as_deref()) {
        (Some(_), ..) => "an invalid token".to_owned(),
        (None, Some(access), Some(assertion)) => match by_access(ports, request, access, assertion).await? {
            Ok(operator) => return Ok(operator),
            Err(why) => format!("an invalid assertion: {why}"),
        },
        (None, ..) => return Err(unauthorized()),
    };
    // As everywhere, an unknown address has no limit: all such requests would share it.
    let (who, now) = (request.address.map(|address| format!("operator/{address}")), ports.now());
    if let Some(Err(at)) = who.as_ref().map(|who| ports.memory().take(REFUSALS, who, now)) {
        return Err(too_many(now.until(at)));
    }
    record(ports, request, &anonymous(), "sign-in", wrong.clone()).await;
    let refused = unauthorized();
    Err(match token {
        Some(_) => refused,
        // It quotes no claim.
        None => Problem { detail: format!("{} The request has {wrong}.", refused.detail), ..refused },
    })
}

/// Returns the operator of a token, unless it has ended.
///
/// # Errors
/// 401 for an ended token, with its end: its holder may know.
async fn by_token<P: Ports>(ports: &P, request: &Request, token: &AdminToken) -> Result<Operator, Problem> {
    let AdminToken { name, role, until, .. } = token;
    let operator =
        Operator { name: name.clone(), by: AuthMethod::Token, role: Some(*role), until: *until, confirmed: None };
    let Some(end) = until.filter(|_| token.has_ended(ports.now())) else { return Ok(operator) };
    record(ports, request, &operator, "sign-in", "a token that has ended".to_owned()).await;
    let detail = format!("The admin token {name:?} ended at {}; ask an owner for another.", end.rfc3339());
    Err(Problem::new(Kind::Unauthorized, detail).with_status(401))
}

/// Returns the operator of an Access assertion, or why it is wrong.
async fn by_access<P: Ports>(
    ports: &P,
    request: &Request,
    access: &Access,
    assertion: &str,
) -> Result<Result<Operator, String>, Problem> {
    let (identity, groups) = match identity(ports, access, assertion).await {
        Ok(identity) => identity,
        Err(Unproven::Wrong(why)) => return Ok(Err(why)),
        Err(Unproven::Unchecked(why)) => return Err(Problem::internal(why).with_status(503)),
    };
    let role = access.role_of(identity.name(), &groups);
    let operator =
        Operator { name: identity.name().to_owned(), by: AuthMethod::Access, role, until: None, confirmed: None };
    if request.method == "POST" && is_from_elsewhere(request, &ports.settings().urls) {
        // Not counted against the limit: the operator did not cause it and would be locked out.
        record(ports, request, &operator, "sign-in", "a cross-site request".to_owned()).await;
        let detail = "Refused: a page of another site sent this request through your browser. Nothing was changed.";
        return Err(Problem::new(Kind::Unauthorized, detail));
    }
    if role.is_none() {
        record(ports, request, &operator, "sign-in", "no role".to_owned()).await;
        let detail = format!(
            "Cloudflare Access admits {}, but ACCESS_ROLES has no role for this name or its groups; ask an owner for one.",
            operator.name
        );
        return Err(Problem::new(Kind::Unauthorized, detail));
    }
    Ok(Ok(operator))
}

/// Refuses a request for which an operator's role has no permission, and records that.
///
/// # Errors
/// As [`Operator::check`].
pub async fn permit<P: Ports>(
    ports: &P,
    operator: &Operator,
    request: &Request,
    route: &AdminRoute,
) -> Result<(), Problem> {
    let checked = operator.check(route, &request.method);
    if let Err(problem) = &checked {
        record(ports, request, operator, "permission", problem.detail.clone()).await;
    }
    checked
}

/// An unauthenticated sender.
fn anonymous() -> Operator {
    Operator { name: "nobody".to_owned(), by: AuthMethod::None, role: None, until: None, confirmed: None }
}

/// Records a refusal in the audit record, within the limit for such entries. A failure is only logged; the request is
/// refused all the same.
async fn record<P: Ports>(ports: &P, request: &Request, who: &Operator, what: &'static str, why: String) {
    audit::count(ports, what, Outcome::Refused);
    if ports.memory().take(RECORDED_REFUSALS, "operators/refused", ports.now()).is_err() {
        return;
    }
    let event = Event {
        target: Some(place(request)),
        outcome: Outcome::Refused,
        detail: Some(why),
        ..who.event(ports, request, what)
    };
    if let Err(problem) = audit::note(ports, event).await {
        ports.log(&format!("the audit record: {}", problem.log.unwrap_or(problem.detail)));
    }
}

fn unauthorized() -> Problem {
    let detail = "Operations require authentication: send an admin token as Authorization: Bearer TOKEN, or sign in \
                  through Cloudflare Access if this CA uses it.";
    Problem::new(Kind::Unauthorized, detail).with_status(401)
}

fn too_many(wait: Duration) -> Problem {
    let seconds = u32::try_from(wait.as_secs()).unwrap_or(u32::MAX);
    let detail =
        "Too many sign-ins from this address failed, and these credentials are invalid too; send one of ADMIN_TOKENS.";
    Problem { retry_after: Some(seconds.max(1)), ..Problem::new(Kind::RateLimited, detail) }
}
