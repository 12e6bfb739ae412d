//! Who asks: an admin token.

use super::audit;
use super::body::place;
use crate::acme::act::{Act, By, Event, Outcome};
use crate::acme::limit::Limit;
use crate::acme::{Kind, Problem};
use crate::ca::http::Request;
use crate::ca::ports::Ports;
use core::time::Duration;

/// How many wrong tokens an address may try: a person mistypes, and nobody guesses 32 characters with ten tries in ten
/// minutes.
const WRONG: Limit = Limit { count: 10, period: Duration::from_secs(600) };

/// How many wrong tokens all addresses together are put into the audit record with: it is kept for good.
const RECORDED: Limit = Limit { count: 60, period: Duration::from_secs(3600) };

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// The name of the token, or the address of the person.
    pub name: String,
    /// How that is known.
    pub by: By,
}

impl Operator {
    /// That this one does something now.
    pub fn acts<P: Ports>(&self, ports: &P) -> Act {
        Act { at: ports.now(), by: self.name.clone() }
    }
}

/// Finds out who asks.
///
/// # Errors
/// 404 where nobody can be known; 401 `unauthorized` for who is not; `rateLimited` for an address that sent too many wrong
/// tokens.
pub async fn operator<P: Ports>(ports: &P, request: &Request) -> Result<Operator, Problem> {
    let settings = ports.settings();
    if settings.admin.is_empty() {
        return Err(crate::ca::front::unknown_path());
    }
    let address = request.address.map(|address| address.to_string());
    let who = format!("operator/{}", address.as_deref().unwrap_or("-"));
    ports.memory().look(WRONG, &who, ports.now()).map_err(|at| too_many(at.secs() - ports.now().secs()))?;
    let sent = request.authorization.as_deref().and_then(|text| text.split_once(' '));
    let token = sent.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("Bearer")).map(|(_, token)| token.trim());
    // Compared also where none was sent, so that all refusals cost the same.
    if let Some(name) = settings.admin.name_of(&settings.nonce_key, token.unwrap_or_default()) {
        return Ok(Operator { name: name.to_owned(), by: By::Token });
    }
    if token.is_some() {
        ports.memory().count(WRONG, &who, ports.now());
        record(ports, request, address).await;
    }
    Err(unauthorized())
}

/// Puts a wrong token into the audit record, if there were not too many lately. What fails there refuses nobody less.
async fn record<P: Ports>(ports: &P, request: &Request, address: Option<String>) {
    audit::count(ports, "sign-in", Outcome::Refused);
    if ports.memory().take(RECORDED, "operators/refused", ports.now()).is_err() {
        return;
    }
    let event = Event {
        at: ports.now(),
        who: "nobody".to_owned(),
        by: By::None,
        what: "sign-in".to_owned(),
        target: Some(place(request)),
        outcome: Outcome::Refused,
        of: None,
        detail: Some("a wrong token".to_owned()),
        address,
    };
    if let Err(problem) = audit::note(ports, event).await {
        ports.log(&format!("the audit record: {}", problem.log.unwrap_or(problem.detail)));
    }
}

fn unauthorized() -> Problem {
    let detail = "Operations are for operators: send an admin token as Authorization: Bearer TOKEN.";
    Problem::new(Kind::Unauthorized, detail).with_status(401)
}

fn too_many(seconds: u64) -> Problem {
    let seconds = u32::try_from(seconds).unwrap_or(u32::MAX);
    let detail = "Too many wrong tokens came from this address; wait, and send one of ADMIN_TOKENS.";
    Problem { retry_after: Some(seconds.max(1)), ..Problem::new(Kind::RateLimited, detail) }
}
