//! The clock of a test CA, or of the main CA of a test machine.

use super::audit::{Done, answer_with_audit};
use super::body::Input;
use super::operator::Operator;
use super::state::{not_found, shown};
use crate::ca::http::message::{Answer, Request};
use crate::ca::partitions::test_ca::{ChangeClock, TestCaAt};
use crate::ca::runtime::hosted::HostedCa;
use crate::ca::runtime::ports::Ports;
use crate::records::Problem;
use crate::records::operations::test_ca::{Clock, ClockChange};
use crate::values::{Time, span};
use serde_json::{Value, json};
use std::rc::Rc;

/// Handles GET of the clock.
///
/// # Errors
/// 404 for a CA without a clock of its own.
pub fn show<P: Ports>(ports: &P) -> Answer {
    let hosted = require_clock(ports)?;
    Ok(shown(200, &facts(&hosted.clock, ports.now())))
}

/// Handles POST that sets, advances, freezes or runs the clock.
///
/// # Errors
/// `malformed` for a time outside of the CA's certificates; 404 for a CA without a clock of its own.
pub async fn change<P: Ports>(ports: &P, operator: &Operator, request: &Request) -> Answer {
    let hosted = require_clock(ports)?;
    answer_with_audit(ports, (operator, request), ("clock.change", None), 200, async {
        let change = read(request)?;
        let clock = ports.ask(&TestCaAt(hosted.ca.clone()), &ChangeClock(change)).await?;
        // The present by the clock before, and what was asked of it, are exact to the time of this request.
        let now = change.advance.map_or(change.set.unwrap_or(ports.now()), |by| ports.now().plus(by));
        let now = clock.frozen.unwrap_or(now);
        Ok(Done::saying(facts(&clock, now), format!("it shows {}", now.rfc3339())))
    })
    .await
}

fn require_clock<P: Ports>(ports: &P) -> Result<&Rc<HostedCa>, Problem> {
    ports.hosted().ok_or_else(|| {
        let detail =
            "This CA has no clock of its own: test CAs have one, and a test machine with TEST_CLOCK set to true.";
        Problem { detail: detail.to_owned(), ..not_found("resource") }
    })
}

fn facts(clock: &Clock, now: Time) -> Value {
    json!({ "now": now.rfc3339(), "frozen": clock.frozen.is_some() })
}

/// Reads a change.
fn read(request: &Request) -> Result<ClockChange, Problem> {
    let members = Input::body(request, &["set", "advance", "frozen"])?;
    let change = ClockChange {
        set: members.time("set")?,
        advance: members.parsed("advance", span::LIKE, span::parse)?,
        frozen: members.flag("frozen")?,
    };
    match change {
        ClockChange { set: None, advance: None, frozen: None } => Err(Problem::malformed(
            "The body changes nothing; it takes set (a time) or advance (like 90d), and frozen (true or false).",
        )),
        ClockChange { set: Some(_), advance: Some(_), .. } => {
            Err(Problem::malformed("The body has both set and advance, which exclude each other; send one of them."))
        }
        change => Ok(change),
    }
}
