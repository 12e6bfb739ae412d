//! What the operators' page shows first: health, counts, and days.

use super::failures::send_queued;
use super::health::{self, Health};
use super::state::shown;
use crate::ca::http::message::Answer;
use crate::ca::partitions::operations::external_keys::ListKeys;
use crate::ca::partitions::operations::kind::OperationsAt;
use crate::ca::partitions::roster::{CountMembers, RosterAt};
use crate::ca::runtime::ask::Page;
use crate::ca::runtime::message::ROSTERS;
use crate::ca::runtime::ports::Ports;
use crate::pki::profile;
use crate::records::Problem;
use crate::records::ledger::census::{DAYS_AHEAD, DAYS_BACK, DayCount};
use crate::values::Time;
use serde_json::{Value, json};

/// The number at which counting stops, for each roster partition and for keys.
const MOST: usize = 500;

/// Handles GET of the overview. The number of rows that it reads is bounded.
///
/// # Errors
/// When a partition does not answer.
pub async fn show<P: Ports>(ports: &P) -> Answer {
    send_queued(ports).await;
    let health = health::look(ports).await?;
    let settings = ports.settings();
    let root = settings.root.as_ref().map(|root| {
        json!({ "name": root.name(), "not_after": root.not_after().rfc3339(), "fingerprint": root.fingerprint() })
    });
    let profiles: Vec<&str> = profile::offered(ports.issuer()).map(|profile| profile.name).collect();
    Ok(shown(
        200,
        &json!({
            "name": ports.issuer().name(),
            "health": health::wire(&health),
            "accounts": accounts(ports).await?,
            "external_accounts": keys(ports).await?,
            "ending": ending(&health),
            "issued": issued(&health),
            "failed": failed(&health),
            "root": root,
            "profiles": profiles,
            "test": settings.test_machine.faults,
            "test_cas": settings.test_cas.are_on(),
        }),
    ))
}

async fn accounts<P: Ports>(ports: &P) -> Result<Value, Problem> {
    let (mut count, mut more) = (0, false);
    for n in 0..ROSTERS {
        let found = ports.ask(&RosterAt(n), &CountMembers { most: MOST }).await?;
        count += found;
        more |= found == MOST;
    }
    Ok(json!({ "count": count, "more": more }))
}

async fn keys<P: Ports>(ports: &P) -> Result<Value, Problem> {
    let configured = &ports.settings().external.keys;
    let page = ports.ask(&OperationsAt, &ListKeys(Page { after: None, limit: MOST })).await?;
    let made = page.entered.iter().filter(|(_, kid)| !configured.contains_key(kid)).count();
    Ok(json!({ "count": configured.len() + made, "more": page.next.is_some() }))
}

/// The date of a day, as in `2027-01-31`.
fn date(day: u64) -> String {
    Time::of_day(day).rfc3339().chars().take(10).collect()
}

fn counts(health: &Health, day: u64) -> DayCount {
    health.census.days.get(&day).cloned().unwrap_or_default()
}

fn ending(health: &Health) -> Vec<Value> {
    let today = health.facts.now.day();
    let shown = |day| {
        let DayCount { renewed, unrenewed, .. } = counts(health, day);
        json!({ "day": date(day), "renewed": renewed, "unrenewed": unrenewed })
    };
    (today..today.saturating_add(DAYS_AHEAD)).map(shown).collect()
}

/// The last days, the oldest first.
fn last_days(health: &Health) -> impl Iterator<Item = u64> {
    let today = health.facts.now.day();
    today.saturating_sub(DAYS_BACK - 1)..today.saturating_add(1)
}

fn issued(health: &Health) -> Vec<Value> {
    last_days(health).map(|day| json!({ "day": date(day), "count": counts(health, day).issued })).collect()
}

fn failed(health: &Health) -> Vec<Value> {
    let of = |day| health.failures.days.get(&day).cloned().unwrap_or_default();
    last_days(health).map(|day| json!({ "day": date(day), "problems": of(day) })).collect()
}
