//! Faults on purpose in the operator API of a test CA.

use super::audit::{Done, answer_with_audit};
use super::body::Input;
use super::operator::Operator;
use super::state::{not_found, shown};
use crate::ca::http::message::{Answer, Request};
use crate::ca::partitions::faults::{AddFault, ClearFaults, FaultsAt, ListFaults};
use crate::ca::runtime::ports::Ports;
use crate::records::operations::fault::{
    Endpoint, FaultKind, FaultRecord, FaultRule, MAX_COUNT, MAX_DELAY, MAX_RETRY_AFTER, MAX_SECONDS, REASONS,
};
use crate::records::{Kind, Problem};
use crate::values::quote::quote;
use crate::values::{Id, Identifier, Time};
use core::ops::RangeInclusive;
use serde_json::{Value, json};

/// Maximum length of an account's URL, in characters.
const MAX_URL: usize = 255;

const MEMBERS: [&str; 12] = [
    "fault",
    "endpoints",
    "account",
    "name",
    "after",
    "retry_after",
    "delay",
    "reason",
    "count",
    "rate",
    "seed",
    "seconds",
];

/// Handles GET of the faults that are on.
///
/// # Errors
/// 404 for a CA without faults.
pub async fn list<P: Ports>(ports: &P) -> Answer {
    require_faults(ports)?;
    Ok(shown(200, &json!({ "faults": faults(&ports.ask(&FaultsAt, &ListFaults).await?) })))
}

/// Handles POST that adds a fault.
///
/// # Errors
/// `malformed` for a rule whose parts exclude each other, or that can never act; 404 for a CA without faults.
pub async fn add<P: Ports>(ports: &P, operator: &Operator, request: &Request) -> Answer {
    require_faults(ports)?;
    answer_with_audit(ports, (operator, request), ("fault.add", None), 201, async {
        let rule = read(ports, request)?;
        let added = ports.ask(&FaultsAt, &AddFault(rule)).await;
        // Without a reply it may have been added as well.
        ports.memory().faultless.forget();
        let record = added?;
        let text = record.rule.text();
        ports.log(&format!("fault {} is on: {text}", record.number));
        Ok(Done::saying(fault(&record), text))
    })
    .await
}

/// Handles POST that clears one fault, or all.
///
/// # Errors
/// 404 for a fault that is not on, and for a CA without faults.
pub async fn clear<P: Ports>(ports: &P, operator: &Operator, request: &Request) -> Answer {
    require_faults(ports)?;
    answer_with_audit(ports, (operator, request), ("fault.clear", None), 200, async {
        let members = Input::body(request, &["number"])?;
        let number = number(&members, "number", 1..=u32::MAX)?;
        let cleared = ports.ask(&FaultsAt, &ClearFaults { number }).await?;
        for record in &cleared {
            ports.log(&format!("fault {} is off: {}", record.number, record.rule.text()));
        }
        Ok(Done::saying(json!({ "cleared": faults(&cleared) }), format!("{} cleared", cleared.len())))
    })
    .await
}

fn require_faults<P: Ports>(ports: &P) -> Result<(), Problem> {
    if ports.settings().test_machine.faults {
        return Ok(());
    }
    let detail =
        "This CA has no faults: only a test machine has, with FAULTS set to true, as by `selvedge dev --faults`.";
    Err(Problem { detail: detail.to_owned(), ..not_found("resource") })
}

fn faults(records: &[FaultRecord]) -> Vec<Value> {
    records.iter().map(fault).collect()
}

/// Returns a fault as JSON.
fn fault(record: &FaultRecord) -> Value {
    let rule = &record.rule;
    let endpoints: Vec<&str> = rule.endpoints.iter().map(|endpoint| endpoint.name()).collect();
    json!({
        "number": record.number, "text": rule.text(), "fault": rule.fault.name(), "endpoints": endpoints,
        "account": rule.account, "name": rule.name, "after": rule.after, "retry_after": rule.retry_after,
        "delay": rule.delay, "reason": rule.reason.map(Kind::token), "count": rule.count, "rate": rule.rate,
        "seed": rule.seed, "acted": record.acted, "left": record.left(), "until": record.until.map(Time::rfc3339),
    })
}

/// Reads the rule in a body.
fn read<P: Ports>(ports: &P, request: &Request) -> Result<FaultRule, Problem> {
    let members = Input::body(request, &MEMBERS)?;
    let rule = FaultRule {
        fault: kind(&members)?,
        endpoints: endpoints(&members)?,
        account: account(ports, &members)?,
        name: name(&members)?,
        after: members.flag("after")?.unwrap_or_default(),
        retry_after: number(&members, "retry_after", 0..=MAX_RETRY_AFTER)?,
        delay: number(&members, "delay", 1..=MAX_DELAY)?,
        reason: reason(&members)?,
        count: number(&members, "count", 1..=MAX_COUNT)?,
        rate: number(&members, "rate", 1..=99)?.and_then(|rate| rate.try_into().ok()),
        seed: number(&members, "seed", 0..=u32::MAX)?.map(u64::from),
        seconds: number(&members, "seconds", 1..=MAX_SECONDS)?,
    };
    if rule.fault == FaultKind::ExpiredIntermediate && ports.settings().test_machine.expired_issuers.is_empty() {
        return Err(Problem::malformed(
            "This CA has no expired certificate of its issuer to send: `dev --faults` and `pebble` make one, and \
             EXPIRED_ISSUERS sets it.",
        ));
    }
    Ok(rule)
}

fn kind(members: &Input) -> Result<FaultKind, Problem> {
    // A status may be a number.
    let text = match members.value("fault") {
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => members.text("fault", MAX_URL)?.map(str::to_owned),
    };
    let known = || FaultKind::ALL.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(", ");
    let text = text.ok_or_else(|| Problem::malformed(format!("The body has no fault; it is one of {}.", known())))?;
    FaultKind::parse(&text)
        .ok_or_else(|| Problem::malformed(format!("fault is {}; it has to be one of {}.", quote(&text), known())))
}

fn endpoints(members: &Input) -> Result<Vec<Endpoint>, Problem> {
    let Some(value) = members.value("endpoints") else { return Ok(Vec::new()) };
    let known = || Endpoint::ALL.iter().map(|endpoint| endpoint.name()).collect::<Vec<_>>().join(", ");
    let list = value.as_array().filter(|list| !list.is_empty() && list.len() <= Endpoint::ALL.len());
    let list = list.ok_or_else(|| Problem::malformed(format!("endpoints has to be a list of some of {}.", known())))?;
    let mut found = Vec::new();
    for one in list {
        let text = one.as_str().unwrap_or_default();
        let endpoint = Endpoint::parse(text).ok_or_else(|| {
            let shown = one.as_str().map_or_else(|| quote(&one.to_string()), quote);
            Problem::malformed(format!("endpoints has the unknown endpoint {shown}; known are {}.", known()))
        })?;
        if !found.contains(&endpoint) {
            found.push(endpoint);
        }
    }
    Ok(found)
}

fn account<P: Ports>(ports: &P, members: &Input) -> Result<Option<Id>, Problem> {
    let urls = &ports.settings().urls;
    members.parsed("account", "the URL or the id of an account of this CA", |text| {
        urls.account_of(text).or_else(|| Id::parse(text))
    })
}

/// Reads a name, or `*.` with the name above.
fn name(members: &Input) -> Result<Option<String>, Problem> {
    members.parsed("name", "a DNS name, *. with a DNS name for all below it, or an IP address", |text| {
        Identifier::parse(text).ok().map(|name| name.to_string())
    })
}

fn reason(members: &Input) -> Result<Option<Kind>, Problem> {
    let known: Vec<&str> = REASONS.iter().map(|kind| kind.token()).collect();
    members.parsed("reason", &format!("one of {}", known.join(", ")), |text| {
        REASONS.into_iter().find(|kind| kind.token() == text)
    })
}

/// Reads a whole number in a range.
fn number(members: &Input, name: &'static str, range: RangeInclusive<u32>) -> Result<Option<u32>, Problem> {
    let Some(found) = members.number(name)? else { return Ok(None) };
    let fits = u32::try_from(found).ok().filter(|number| range.contains(number));
    let (least, most) = (range.start(), range.end());
    let refused = || Problem::malformed(format!("{name} is {found}; it has to be a whole number, {least} to {most}."));
    fits.map(Some).ok_or_else(refused)
}
