//! The health of the CA: its findings, and the counts that they follow from.

use super::failures::send_queued;
use super::logs;
use super::state::shown;
use super::stored_backups::state_shown;
use crate::ca::config::backups::Backups;
use crate::ca::health::backups::BackupFacts;
use crate::ca::health::finding::{Finding, Severity};
use crate::ca::health::issuers::{CrlFacts, IssuerFacts};
use crate::ca::health::operation::Facts;
use crate::ca::http::message::Answer;
use crate::ca::ledger::census::{InspectLedger, LedgerState};
use crate::ca::ledger::kind::LedgerAt;
use crate::ca::notices::delivery::{CountNotices, NoticeStore};
use crate::ca::partitions::backups::kind::BackupsAt;
use crate::ca::partitions::backups::list::{BackupsState, ShowBackups};
use crate::ca::partitions::failures::kind::FailuresAt;
use crate::ca::partitions::failures::list::{FailureSummary, SummarizeFailures};
use crate::ca::partitions::operations::approvals::ListApprovals;
use crate::ca::partitions::operations::kind::OperationsAt;
use crate::ca::runtime::ask::{Address, Ask};
use crate::ca::runtime::ports::Ports;
use crate::ca::runtime::schema::ShowSchema;
use crate::pki::{IssuerSlot, profile};
use crate::records::Problem;
use crate::records::ledger::census::{Census, DAYS_LEFT};
use crate::records::ledger::imported::no_owner;
use crate::values::Time;
use core::time::Duration;
use serde_json::{Map, Value, json};

/// The time for which failures are summed.
const RECENT: Duration = Duration::from_secs(86_400);

/// The health of the CA at a time.
#[derive(Clone, Debug)]
pub struct Health {
    /// The facts.
    pub facts: Facts,
    /// The findings, the gravest first.
    pub findings: Vec<Finding>,
    /// The counts of certificates of all issuers.
    pub census: Census,
    /// The time of the oldest count; `None` before the first.
    pub counted: Option<Time>,
    /// Whether a count is incomplete.
    pub counting: bool,
    /// Notices that wait for their delivery.
    pub waiting: u64,
    /// The failures of the last day.
    pub failures: FailureSummary,
    /// The signing times of the oldest current CRL, by the issuer's number.
    pub oldest_crls: Vec<(u8, Time)>,
    /// The state of the backups into a bucket.
    pub backups: Option<BackupsState>,
}

/// Looks at all partitions that have a part in the CA's health.
///
/// # Errors
/// When one does not answer.
pub async fn look<P: Ports>(ports: &P) -> Result<Health, Problem> {
    let (settings, now) = (ports.settings(), ports.now());
    let (mut issuers, mut late, mut oldest_crls) = (Vec::new(), Vec::new(), Vec::new());
    let (mut census, mut counted, mut counting) = (Census::default(), Some(now), false);
    let (mut waiting, mut given_up) = (0_u64, 0_u64);
    let (mut ledgers, mut log_facts) = (Vec::new(), Vec::new());
    let mut newer = Vec::new();
    for slot in settings.issuers.slots() {
        let Some(state) = seen(ports, &LedgerAt::from(slot.issuer.id()), &InspectLedger, &mut newer).await? else {
            continue;
        };
        let active = settings.issuers.active(now).id() == slot.issuer.id();
        let facts = issuer_facts(slot, active, &state);
        log_facts.extend(state.log.as_ref().map(|log| logs::facts(settings, slot.number, log)));
        ledgers.extend(active.then(|| (facts.named(), state.size)));
        late.extend(state.due.map(|due| (format!("the ledger of {}", facts.named()), due)));
        let current = state.shards.iter().filter(|(_, shard)| shard.due.is_some());
        oldest_crls.extend(current.filter_map(|(_, shard)| shard.signed).min().map(|at| (slot.number, at)));
        issuers.push(facts);
        census.add(&state.census);
        counted = counted.zip(state.counted).map(|(one, other)| one.min(other));
        counting |= state.counting || state.counted.is_none();
        waiting = waiting.saturating_add(state.notices.waiting);
        given_up = given_up.saturating_add(state.notices.given_up);
    }
    let notices = seen(ports, &NoticeStore::Operations, &CountNotices, &mut newer).await?.unwrap_or_default();
    late.extend(notices.due.map(|due| ("operations".to_owned(), due)));
    let approvals = waiting_approvals(ports, &mut newer).await?;
    let backups = backups(ports, &mut newer).await?;
    newer.dedup();
    let summarize = SummarizeFailures { since: now.minus(RECENT) };
    let failures = seen(ports, &FailuresAt, &summarize, &mut newer).await?.unwrap_or_default();
    let facts = Facts {
        now,
        longest: profile::all().iter().map(|profile| profile.validity).max().unwrap_or_default(),
        issuers,
        ledgers,
        logs: log_facts,
        problems: settings.problems.clone(),
        root: settings.root.as_ref().map(|root| (root.name().to_owned(), root.not_after())),
        root_list: settings.root_list.as_ref().map(|list| list.list().next_update),
        registration_open: !settings.external.required && !settings.dev,
        previous_nonce_key: settings.nonce_key.has_previous(),
        unrenewed: census.unrenewed,
        first_unrenewed: census.first.first().map(|one| (one.name.clone(), one.not_after)),
        late,
        given_up: given_up.saturating_add(notices.given_up),
        paused: failures.paused,
        failures: (failures.of_accounts(), failures.accounts),
        internal: failures.internal(),
        approvals,
        tokens: settings.admin.all().iter().filter_map(|token| Some((token.name.clone(), token.until?))).collect(),
        outside: settings.expiry_dates.clone(),
        backups: settings.backups.as_ref().zip(backups.as_ref()).map(|(wanted, state)| backup_facts(wanted, state)),
        newer,
    };
    let waiting = waiting.saturating_add(notices.waiting);
    Ok(Health { findings: facts.judge(), facts, census, counted, counting, waiting, failures, oldest_crls, backups })
}

/// Asks a partition. `None` for one that a newer release has stored, which is added to `newer`.
async fn seen<P: Ports, A: Ask>(
    ports: &P,
    at: &A::At,
    ask: &A,
    newer: &mut Vec<(String, u32)>,
) -> Result<Option<A::Reply>, Problem> {
    let problem = match ports.ask(at, ask).await {
        Ok(reply) => return Ok(Some(reply)),
        Err(problem) if problem.status == 503 => problem,
        Err(problem) => return Err(problem),
    };
    let state = ports.ask(&at.partition(), &ShowSchema).await?;
    let Some(stored) = state.stored.filter(|stored| *stored > state.reads) else { return Err(problem) };
    newer.push((at.partition().name(), stored));
    Ok(None)
}

/// Returns the number of actions that wait for a second person.
async fn waiting_approvals<P: Ports>(ports: &P, newer: &mut Vec<(String, u32)>) -> Result<u64, Problem> {
    if !ports.settings().four_eyes.is_on() {
        return Ok(0);
    }
    let all = seen(ports, &OperationsAt, &ListApprovals, newer).await?.unwrap_or_default();
    let waiting = all.iter().filter(|record| record.state(ports.now()) == "pending").count();
    Ok(u64::try_from(waiting).unwrap_or(u64::MAX))
}

/// Returns the state of the backups. Without a schedule nothing is asked.
async fn backups<P: Ports>(ports: &P, newer: &mut Vec<(String, u32)>) -> Result<Option<BackupsState>, Problem> {
    if ports.settings().backups.is_none() {
        return Ok(None);
    }
    Ok(seen(ports, &BackupsAt, &ShowBackups, newer).await?.flatten())
}

fn backup_facts(wanted: &Backups, state: &BackupsState) -> BackupFacts {
    BackupFacts {
        period: wanted.schedule.period(),
        since: state.since,
        last: state.last.as_ref().map(|last| last.begun),
        failed: state.failed.as_ref().map(|failed| (failed.at, failed.why.clone())),
    }
}

fn issuer_facts(slot: &IssuerSlot, active: bool, state: &LedgerState) -> IssuerFacts {
    let crl =
        |shard: &crate::records::ledger::crl::ShardRecord| CrlFacts { next_update: shard.next_update, due: shard.due };
    IssuerFacts {
        place: slot.number,
        name: slot.issuer.name().to_owned(),
        active,
        takes_over: slot.activation(),
        not_after: slot.issuer.not_after(),
        certificates_until: state.shards.iter().map(|(_, shard)| shard.until).max(),
        crls: state.shards.iter().map(|(_, shard)| crl(shard)).collect(),
    }
}

/// Handles GET of the health.
///
/// # Errors
/// When a partition does not answer.
pub async fn show<P: Ports>(ports: &P) -> Answer {
    send_queued(ports).await;
    Ok(shown(200, &wire(&look(ports).await?)))
}

/// Returns the health as JSON.
pub(super) fn wire(health: &Health) -> Value {
    let worst = health.findings.first().map(|finding| finding.severity);
    let status = worst.filter(|severity| *severity != Severity::Note).map_or("ok", Severity::name);
    let failures = &health.failures;
    json!({
        "at": health.facts.now.rfc3339(),
        "status": status,
        "counting": health.counting,
        "findings": health.findings,
        "certificates": certificates(health),
        "backups": health.backups.as_ref().map(state_shown),
        "logs": health.facts.logs.iter().map(logs::shown).collect::<Vec<_>>(),
        "notices": { "waiting": health.waiting, "given_up": health.facts.given_up },
        "failures": {
            "problems": failures.problems, "accounts": failures.accounts, "registrations": failures.registrations,
            "unsigned": failures.unsigned, "paused": failures.paused, "omitted": failures.omitted,
        },
    })
}

fn certificates(health: &Health) -> Value {
    let census = &health.census;
    let ending: Map<String, Value> =
        within(census).into_iter().map(|(days, count)| (days.to_string(), json!(count))).collect();
    let first: Vec<Value> = census
        .first
        .iter()
        .map(|one| {
            json!({
                "serial": one.serial, "name": one.name, "names_count": one.names_count,
                "not_after": one.not_after.rfc3339(), "account": Some(&one.account).filter(|id| **id != no_owner()),
            })
        })
        .collect();
    json!({
        "counted": health.counted.map(Time::rfc3339),
        "valid": census.valid, "revoked": census.revoked, "renewed": census.renewed, "ending": ending,
        "unrenewed": census.unrenewed, "first_unrenewed": first,
    })
}

/// Returns how many valid certificates end within each number of days.
pub fn within(census: &Census) -> Vec<(u64, u64)> {
    let mut sum = 0_u64;
    let add = |(days, count): (u64, u64)| {
        sum = sum.saturating_add(count);
        (days, sum)
    };
    DAYS_LEFT.into_iter().zip(census.ending).map(add).collect()
}
