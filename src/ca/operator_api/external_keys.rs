//! External account keys that operators create (RFC 8555 §7.3.4).

use super::audit::{Done, answer_with_audit};
use super::body::{Input, MAX_VALUE};
use super::operator::Operator;
use super::state::{not_found, shown};
use crate::ca::config::external_accounts::MadeOf;
use crate::ca::config::{external_accounts, policy};
use crate::ca::http::message::{Answer, Request};
use crate::ca::http::operator_routes::is_plain;
use crate::ca::issuance_policy::effective;
use crate::ca::partitions::external_key::{ChangeKey, CreateKey, ExternalKeyAt, PolicyChange, ShowKey};
use crate::ca::partitions::operations::audit::act;
use crate::ca::partitions::operations::external_keys::{EnterKey, ListKeys};
use crate::ca::partitions::operations::kind::OperationsAt;
use crate::ca::runtime::ask::Page;
use crate::ca::runtime::policy_cache::InForce;
use crate::ca::runtime::ports::Ports;
use crate::records::Problem;
use crate::records::operations::external_key::{ExternalKeyRecord, Uses};
use crate::values::{Time, b64};
use serde_json::{Value, json};

/// Maximum length of a kid, in characters.
const MAX_KID: usize = 64;

/// Maximum length of a note, in characters.
const MAX_NOTE: usize = 200;

/// Handles GET of keys, those of the configuration first.
///
/// # Errors
/// `malformed` for a wrong query.
pub async fn list<P: Ports>(ports: &P, request: &Request) -> Answer {
    let query = Input::query(request, &["cursor", "limit"])?;
    let limit = query.page_size()?;
    let after = query.text("cursor", MAX_VALUE)?.map(str::to_owned);
    let in_force = effective::in_force(ports).await?;
    let mut all = Vec::new();
    if after.is_none() {
        for kid in ports.settings().external.keys.keys() {
            all.push(of_kid(ports, kid).await?);
        }
    }
    let page = ports.ask(&OperationsAt, &ListKeys(Page { after, limit })).await?;
    // A kid of the configuration takes precedence.
    for (created, kid) in page.entered.into_iter().filter(|(_, kid)| !ports.settings().external.keys.contains_key(kid))
    {
        let found = ports.ask(&ExternalKeyAt(kid), &ShowKey).await?;
        // Skips a key that was entered but never created, even if another with its kid was created later.
        if let Some(record) = found.record.filter(|record| record.created.at == created) {
            all.push(Some(wire(ports, &in_force, &record, &found.accounts)?));
        }
    }
    let all: Vec<Value> = all.into_iter().flatten().collect();
    Ok(shown(200, &json!({ "external_accounts": all, "next": page.next })))
}

/// Handles GET of a key.
///
/// # Errors
/// 404 for an unknown key.
pub async fn show<P: Ports>(ports: &P, kid: &str) -> Answer {
    of_kid(ports, kid).await?.map(|found| shown(200, &found)).ok_or_else(|| not_found("external account key"))
}

/// Returns a key as JSON; `None` for an unknown kid.
async fn of_kid<P: Ports>(ports: &P, kid: &str) -> Result<Option<Value>, Problem> {
    let found = ports.ask(&ExternalKeyAt(kid.to_owned()), &ShowKey).await?;
    let settings = ports.settings();
    let in_force = effective::in_force(ports).await?;
    if let Some(configured) = settings.external.keys.get(kid) {
        let used = configured.uses == Uses::Once && !found.accounts.is_empty();
        let policy = Some(&configured.document).filter(|document| !document.is_null());
        return Ok(Some(json!({
            "kid": kid, "note": null, "uses": configured.uses, "policy": policy, "created": null, "expires": null,
            "disabled": null, "source": "secret", "status": if used { "used" } else { "usable" },
            "accounts": found.accounts,
            "warnings": policy::warnings(in_force.policy(settings), (kid, &configured.policy), ports.issuer()),
            "previous_nonce_key": false,
        })));
    }
    let Some(record) = found.record else { return Ok(None) };
    wire(ports, &in_force, &record, &found.accounts).map(Some)
}

/// Returns a created key as JSON.
fn wire<P: Ports>(
    ports: &P,
    in_force: &InForce,
    record: &ExternalKeyRecord,
    accounts: &[String],
) -> Result<Value, Problem> {
    // A policy that this version can no longer read is shown without warnings.
    let policy = effective::policy_of(record).unwrap_or_default();
    let warnings = policy::warnings(in_force.policy(ports.settings()), (&record.kid, &policy), ports.issuer());
    let made_of = external_accounts::made_of(&ports.settings().nonce_key, &record.kid, &record.check);
    let status = if record.disabled.is_some() {
        "disabled"
    } else if made_of.is_none() {
        "unusable"
    } else if record.uses == Uses::Once && !accounts.is_empty() {
        "used"
    } else if record.expires.is_some_and(|at| at <= ports.now()) {
        "expired"
    } else {
        "usable"
    };
    Ok(json!({
        "kid": record.kid, "note": record.note, "uses": record.uses, "policy": record.policy,
        "created": act(&record.created), "expires": record.expires.map(Time::rfc3339),
        "disabled": record.disabled.as_ref().map(act), "source": "api", "status": status, "accounts": accounts,
        "warnings": warnings, "previous_nonce_key": made_of == Some(MadeOf::Previous),
    }))
}

/// Handles POST that creates a key.
///
/// # Errors
/// `malformed` for wrong members; 409 for a kid that is taken.
pub async fn create<P: Ports>(ports: &P, operator: &Operator, request: &Request) -> Answer {
    // The audit entry needs the kid before anything else.
    let members = Input::body(request, &["kid", "note", "uses", "policy", "expires"]);
    let asked = members.as_ref().ok().and_then(|members| members.text("kid", MAX_KID).ok().flatten());
    let kid = match asked {
        Some(kid) => kid.to_owned(),
        None => b64::encode(&ports.random::<12>()?).replace('-', ".").to_owned(),
    };
    let who = (operator, request);
    answer_with_audit(ports, who, ("external-account.create", Some(&kid)), 201, async {
        let record = new_record(ports, operator, &members?, &kid).await?;
        let (uses, created, expires) = (record.uses, record.created.at, record.expires);
        if of_kid(ports, &kid).await?.is_some() {
            return Err(taken(&kid));
        }
        ports.ask(&OperationsAt, &EnterKey { kid: kid.clone(), created, expires }).await?;
        if !ports.ask(&ExternalKeyAt(kid.clone()), &CreateKey(record.clone())).await? {
            return Err(taken(&kid));
        }
        ports.memory().forget_key_rule(&kid);
        let in_force = effective::in_force(ports).await?;
        let mut value = wire(ports, &in_force, &record, &[])?;
        if let Some(members) = value.as_object_mut() {
            let key = external_accounts::derived_key(&ports.settings().nonce_key, &kid);
            members.insert("key".into(), b64::encode(key.bytes()).into());
            members.insert("directory".into(), ports.settings().urls.directory().into());
        }
        Ok(Done::saying(
            value,
            if uses == Uses::Once { "for one account key" } else { "for any number of account keys" },
        ))
    })
    .await
}

async fn new_record<P: Ports>(
    ports: &P,
    operator: &Operator,
    members: &Input,
    kid: &str,
) -> Result<ExternalKeyRecord, Problem> {
    if members.text("kid", MAX_KID)?.is_some_and(|kid| !is_plain(kid)) {
        return Err(Problem::malformed("kid is empty or has characters other than A-Z a-z 0-9 . _ -."));
    }
    if ports.settings().external.keys.contains_key(kid) {
        return Err(taken(kid));
    }
    let uses = members.parsed("uses", "\"once\" or \"many\"", |text| match text {
        "once" => Some(Uses::Once),
        "many" => Some(Uses::Many),
        _ => None,
    })?;
    let expires = members.parsed("expires", "a time like 2027-01-31T00:00:00Z", Time::parse_rfc3339)?;
    if expires.is_some_and(|at| at <= ports.now()) {
        return Err(Problem::malformed("expires is in the past; the key could not be used."));
    }
    let policy = members.value("policy").filter(|policy| !policy.is_null());
    if let Some(document) = policy {
        check_policy(ports, document).await?;
    }
    let key = external_accounts::derived_key(&ports.settings().nonce_key, kid);
    Ok(ExternalKeyRecord {
        kid: kid.to_owned(),
        note: note_of(members)?,
        uses: uses.unwrap_or(Uses::Once),
        policy: policy.cloned(),
        created: operator.acts(ports),
        expires,
        disabled: None,
        check: external_accounts::check_of(&key),
    })
}

fn note_of(members: &Input) -> Result<Option<String>, Problem> {
    Ok(members.text("note", MAX_NOTE)?.map(str::to_owned).filter(|note| !note.is_empty()))
}

/// Refuses a key's policy that is malformed or has nothing in common with the CA's.
async fn check_policy<P: Ports>(ports: &P, document: &Value) -> Result<(), Problem> {
    let policy = policy::read_policy("policy", document).map_err(Problem::malformed)?;
    let in_force = effective::in_force(ports).await?;
    let against = policy.check_against(in_force.policy(ports.settings()), "policy");
    against.map_err(|fault| Problem::malformed(format!("{fault}.")))
}

fn taken(kid: &str) -> Problem {
    let detail = format!("The kid {kid:?} is or was in use; a kid is never reused.");
    Problem::malformed(detail).with_status(409)
}

/// Handles POST that disables or enables a key, or changes its policy or note.
///
/// # Errors
/// 404 for an unknown key; `malformed` for wrong members, and for a key of the configuration.
pub async fn change<P: Ports>(ports: &P, operator: &Operator, request: &Request, kid: &str) -> Answer {
    let members = Input::body(request, &["disabled", "policy", "note"]);
    let disabled = members.as_ref().ok().and_then(|members| members.flag("disabled").ok().flatten());
    let what = match disabled {
        Some(true) => "external-account.disable",
        Some(false) => "external-account.enable",
        None => "external-account.change",
    };
    answer_with_audit(ports, (operator, request), (what, Some(kid)), 200, async {
        let members = members?;
        if ports.settings().external.keys.contains_key(kid) {
            let detail = "This key is configured in the secret EAB_KEYS; change or remove it there.";
            return Err(Problem::malformed(detail));
        }
        let policy = match members.value("policy") {
            None => PolicyChange::Stays,
            Some(Value::Null) => PolicyChange::Ends,
            Some(document) => PolicyChange::Is(document.clone()),
        };
        if let PolicyChange::Is(document) = &policy {
            check_policy(ports, document).await?;
        }
        let note = members.text("note", MAX_NOTE)?.map(str::to_owned);
        let change = ChangeKey { disabled: members.flag("disabled")?, policy, note, by: operator.acts(ports) };
        let changed = ports.ask(&ExternalKeyAt(kid.to_owned()), &change).await?;
        ports.memory().forget_key_rule(kid);
        if !changed {
            return Err(not_found("external account key"));
        }
        let found = of_kid(ports, kid).await?;
        found.map(Done::from).ok_or_else(|| not_found("external account key"))
    })
    .await
}
