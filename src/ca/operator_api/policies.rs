//! The policy in force: versions, restoring, dry runs and the shadow policy.

use super::audit::{Done, answer_with_audit};
use super::body;
use super::body::Input;
use super::operator::Operator;
use super::state::shown;
use crate::ca::config::policy;
use crate::ca::http::message::{Answer, Request, Response};
use crate::ca::http::operator_routes::is_plain;
use crate::ca::issuance_policy::{effective, grant};
use crate::ca::partitions::operations::audit::act;
use crate::ca::partitions::operations::kind::OperationsAt;
use crate::ca::partitions::operations::policies::{
    ListPolicies, PutPolicy, PutShadow, Restored, StoredPolicies, no_version,
};
use crate::ca::partitions::operations::shadow::ListFindings;
use crate::ca::runtime::ports::Ports;
use crate::records::Problem;
use crate::records::operations::policies::PolicyRecord;
use crate::values::Identifier;
use serde_json::{Value, json};

/// Maximum length of a note, in characters.
const MAX_NOTE: usize = 200;

/// Maximum number of names of a dry run.
const MAX_CHECKED: usize = 100;

/// Returns a policy version as JSON. `None` is version 0, the configuration's policy.
pub(in crate::ca) fn version<P: Ports>(ports: &P, record: Option<&PolicyRecord>) -> Value {
    let document = record.and_then(|record| record.document.clone());
    let document = document.unwrap_or_else(|| ports.settings().policy.document());
    let warnings = warnings(&document);
    match record {
        None => json!({
            "version": 0, "made": null, "note": null, "restores": null, "document": document, "warnings": warnings,
        }),
        Some(record) => json!({
            "version": record.version, "made": act(&record.made), "note": record.note, "restores": record.restores,
            "document": document, "warnings": warnings,
        }),
    }
}

/// Returns warnings about parts of a document without effect. Empty if this version can no longer read the document.
fn warnings(document: &Value) -> Vec<String> {
    policy::read_policy("the document", document).map(|policy| policy::idle(&policy)).unwrap_or_default()
}

/// Handles GET of the policy.
///
/// # Errors
/// `serverInternal`.
pub async fn show<P: Ports>(ports: &P) -> Answer {
    Ok(shown(200, &state(ports).await?))
}

async fn state<P: Ports>(ports: &P) -> Result<Value, Problem> {
    let StoredPolicies { versions, shadow } = ports.ask(&OperationsAt, &ListPolicies).await?;
    let all: Vec<Value> = versions.iter().map(|record| version(ports, Some(record))).collect();
    let shadow = shadow.map(|shadow| {
        let warnings = warnings(&shadow.document);
        json!({ "made": act(&shadow.made), "document": shadow.document, "warnings": warnings })
    });
    Ok(json!({ "in_force": version(ports, versions.first()), "versions": all, "shadow": shadow }))
}

/// Reads the policy document in a body; the refusal has the line and the reason.
fn document(request: &Request) -> Result<Value, Problem> {
    let (_, document) = policy::read_policy_text(body::text(request)?)
        .map_err(|fault| Problem::malformed(format!("The policy is refused: {fault}.")))?;
    Ok(document)
}

/// Whether the document in a body is refused.
pub fn is_wrong(request: &Request) -> bool {
    document(request).is_err()
}

/// Handles POST that puts a policy in force at once.
///
/// # Errors
/// `malformed` for a wrong document, with line and reason; the policy in force stays.
pub async fn put<P: Ports>(ports: &P, operator: &Operator, request: &Request) -> Answer {
    answer_with_audit(ports, (operator, request), ("policy.put", None), 201, async {
        let note = Input::query(request, &["note"])?.parsed("note", "at most 200 characters long", |text| {
            (text.chars().count() <= MAX_NOTE).then(|| text.to_owned())
        })?;
        let document = Some(document(request)?);
        put_in_force(ports, PutPolicy { document, restores: None, note, by: operator.acts(ports) }).await
    })
    .await
}

async fn put_in_force<P: Ports>(ports: &P, policy: PutPolicy) -> Result<Done<Value>, Problem> {
    let record = ports.ask(&OperationsAt, &policy).await?;
    ports.memory().forget_policies();
    Ok(Done::saying(version(ports, Some(&record)), format!("version {}", record.version)))
}

/// Handles POST that puts an earlier policy in force again.
///
/// # Errors
/// `malformed` for an unknown version.
pub async fn restore<P: Ports>(ports: &P, operator: &Operator, request: &Request) -> Answer {
    answer_with_audit(ports, (operator, request), ("policy.restore", None), 201, async {
        let wanted = Input::body(request, &["version"])?.number("version")?;
        let restores = match wanted {
            None => Restored::Before,
            Some(n) => Restored::Version(u32::try_from(n).map_err(|_| no_version())?),
        };
        let by = operator.acts(ports);
        put_in_force(ports, PutPolicy { document: None, restores: Some(restores), note: None, by }).await
    })
    .await
}

/// Handles POST of the shadow policy; `null` removes it.
///
/// # Errors
/// As [`put`].
pub async fn put_shadow<P: Ports>(ports: &P, operator: &Operator, request: &Request) -> Answer {
    answer_with_audit(ports, (operator, request), ("policy.shadow", None), 200, async {
        Input::query(request, &[])?;
        let ends = body::text(request)?.trim() == "null";
        let document = if ends { None } else { Some(document(request)?) };
        let by = operator.acts(ports);
        ports.ask(&OperationsAt, &PutShadow { document, by }).await?;
        ports.memory().forget_policies();
        Ok(Done::saying(state(ports).await?, if ends { "ended" } else { "put" }))
    })
    .await
}

/// Handles GET of what the shadow policy would have refused.
///
/// # Errors
/// `serverInternal`.
pub async fn findings<P: Ports>(ports: &P) -> Answer {
    Ok(shown(200, &ports.ask(&OperationsAt, &ListFindings).await?))
}

/// Handles POST of a dry run: returns the verdicts and the deciding rules. Changes nothing.
///
/// # Errors
/// `malformed` for a wrong question.
pub async fn check<P: Ports>(ports: &P, request: &Request) -> Answer {
    let settings = ports.settings();
    let members = Input::body(request, &["identifiers", "external_account", "profile", "document"])?;
    let names =
        members.value("identifiers").and_then(Value::as_array).filter(|names| (1..=MAX_CHECKED).contains(&names.len()));
    let names =
        names.ok_or_else(|| Problem::malformed("identifiers has to be a list of 1 to 100 names and addresses."))?;
    let identifiers = names.iter().map(asked).collect::<Result<Vec<Identifier>, Problem>>()?;
    let kid = members.text("external_account", 128)?;
    let unknown = || {
        let shown = crate::values::quote::quote(kid.unwrap_or_default());
        Problem::malformed(format!("external_account is {shown}, which is not a key of this CA, or no longer one."))
    };
    // An impossible kid costs no call.
    if kid.is_some_and(|kid| !is_plain(kid) && !settings.external.keys.contains_key(kid)) {
        return Err(unknown());
    }
    let key = kid.map(|kid| (kid, !settings.external.keys.contains_key(kid)));
    let governing = effective::for_external_key(ports, key).await?;
    let other = members.value("document").filter(|document| !document.is_null());
    let other = other.map(|document| policy::read_policy("document", document)).transpose();
    let other = other.map_err(Problem::malformed)?;
    let ca = other.as_ref().unwrap_or_else(|| governing.in_force.policy(settings));
    let rules = governing.rules_under(ca, settings).map_err(|_| unknown())?;
    let verdicts = grant::verdicts(&rules, ports.issuer(), &identifiers);
    let profile = members.text("profile", 40)?.map(|name| json_of(&rules.explain_profile(name))).transpose()?;
    let version = if other.is_some() { Value::Null } else { governing.in_force.version.into() };
    let answer = json!({
        "version": version, "identifiers": json_of(&verdicts)?, "profile": profile,
        "max_lifetime": rules.max_lifetime().map(|longest| longest.as_secs()), "warnings": policy::idle(ca),
    });
    Ok(Response::json(200, &answer))
}

fn asked(name: &Value) -> Result<Identifier, Problem> {
    let text = name.as_str().unwrap_or_default();
    let shown = crate::values::quote::quote(text);
    let named = |fault: String| Problem::malformed(format!("identifiers has {shown}, which {fault}."));
    match Identifier::ip(text) {
        Ok(address) => Ok(address),
        Err(_) => Identifier::dns(text).map_err(|fault| named(fault.to_string())),
    }
}

/// Converts a value to JSON.
///
/// # Errors
/// `serverInternal` for a value that JSON cannot represent.
fn json_of<T: serde::Serialize>(value: &T) -> Result<Value, Problem> {
    serde_json::to_value(value).map_err(|e| Problem::internal(e.to_string()))
}
