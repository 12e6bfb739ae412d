//! The operator API below /admin/v1: one file for each resource, and the dispatch after sign-in.

pub mod accounts;
pub mod approvals;
pub mod assertion;
pub mod audit;
pub mod backups;
pub mod body;
pub mod calendar;
pub mod calendar_url;
pub mod certificates;
pub mod clock;
pub mod csv;
pub mod external_keys;
pub mod failures;
pub mod faults;
pub mod feed;
pub mod health;
pub mod imports;
mod logs;
pub mod me;
pub mod notices;
pub mod operator;
pub mod overview;
pub mod policies;
pub mod recovery;
pub mod replacements;
pub mod restoration;
pub mod revocations;
pub mod sign_in;
pub mod state;
pub mod stored_backups;
pub mod test_cas;

use crate::ca::http::message::{Answer, Request, Response};
use crate::ca::http::operator_routes::AdminRoute;
use crate::ca::partitions::operations::kind::OperationsAt;
use crate::ca::partitions::operations::standing::ShowOperations;
use crate::ca::runtime::apart::apart;
use crate::ca::runtime::ports::Ports;
use crate::ca::telemetry::events::RequestLogContext;
use crate::records::Problem;
use approvals::Gate;
use body::Input;
use operator::Operator;
use serde_json::json;
use state::shown;

/// Answers a request to the operator API, after sign-in.
pub async fn answer<P: Ports>(
    ports: &P,
    request: &Request,
    route: &AdminRoute,
    context: &mut RequestLogContext,
) -> Response {
    let answer = match sign_in::operator(ports, request).await {
        Ok(operator) => {
            context.operator = Some(operator.name.clone());
            match sign_in::permit(ports, &operator, request, route).await {
                Ok(()) => act(ports, &operator, request, route).await,
                Err(problem) => Err(problem),
            }
        }
        Err(problem) => Err(problem),
    };
    let response = answer.unwrap_or_else(|problem| {
        if let Some(line) = &problem.log {
            ports.log(line);
        }
        Response::problem(&problem)
    });
    let response = match response.status {
        401 => response.with("WWW-Authenticate", "Bearer realm=\"operations\""),
        405 => response.with("Allow", route.described().0),
        _ => response,
    };
    let response = response.with("Cache-Control", "no-store").with("X-Content-Type-Options", "nosniff");
    response.indexed(&ports.settings().urls)
}

async fn act<P: Ports>(ports: &P, operator: &Operator, request: &Request, route: &AdminRoute) -> Answer {
    match request.method.as_str() {
        "GET" | "HEAD" => apart(read(ports, operator, request, route)).await,
        "POST" => match apart(approvals::gate(ports, operator, request, route)).await? {
            Gate::Open => apart(change(ports, operator, request, route)).await,
            Gate::Under(operator, request) => apart(change(ports, &operator, &request, route)).await,
            Gate::Waits(answer) => *answer,
        },
        _ => Err(not_allowed(request)),
    }
}

/// The lists, which take parameters.
const LISTS: &[AdminRoute] = &[
    AdminRoute::ExternalAccounts,
    AdminRoute::Certificates,
    AdminRoute::Accounts,
    AdminRoute::Audit,
    AdminRoute::Failures,
    AdminRoute::Paused,
    AdminRoute::Backups,
];

async fn read<P: Ports>(ports: &P, operator: &Operator, request: &Request, route: &AdminRoute) -> Answer {
    if !LISTS.contains(route) {
        Input::query(request, &[])?;
    }
    match route {
        AdminRoute::Status => apart(status(ports, operator)).await,
        AdminRoute::Me => Ok(me::show(operator)),
        AdminRoute::Health => apart(health::show(ports)).await,
        AdminRoute::Overview => apart(overview::show(ports)).await,
        AdminRoute::ExternalAccounts => apart(external_keys::list(ports, request)).await,
        AdminRoute::ExternalAccount(kid) => apart(external_keys::show(ports, kid)).await,
        AdminRoute::Certificates => apart(certificates::list(ports, request)).await,
        AdminRoute::Certificate(serial) => apart(certificates::show(ports, serial)).await,
        AdminRoute::Pem(serial) => apart(certificates::download(ports, serial)).await,
        AdminRoute::Accounts => apart(accounts::list(ports, request)).await,
        AdminRoute::Account(id) => apart(accounts::show(ports, id)).await,
        AdminRoute::Failures => apart(failures::list(ports, request)).await,
        AdminRoute::Paused => apart(failures::paused(ports, request)).await,
        AdminRoute::Replacements => apart(replacements::list(ports)).await,
        AdminRoute::Policy => apart(policies::show(ports)).await,
        AdminRoute::Shadow => apart(policies::findings(ports)).await,
        AdminRoute::Audit => apart(audit::list(ports, request)).await,
        AdminRoute::Approvals => apart(approvals::list(ports)).await,
        AdminRoute::Approval(id) => apart(approvals::show(ports, id)).await,
        AdminRoute::Notices => apart(notices::list(ports)).await,
        AdminRoute::Calendar => apart(calendar_url::calendar(ports)).await,
        AdminRoute::Faults => apart(faults::list(ports)).await,
        AdminRoute::Backups => apart(stored_backups::list(ports, request)).await,
        AdminRoute::Restoration => apart(restoration::show(ports)).await,
        AdminRoute::TestCas => apart(test_cas::list(ports)).await,
        AdminRoute::Clock => clock::show(ports),
        AdminRoute::Import
        | AdminRoute::Revoke(_)
        | AdminRoute::Revocations
        | AdminRoute::Confirm(_)
        | AdminRoute::Reject(_)
        | AdminRoute::Deactivate(_)
        | AdminRoute::Resume(_)
        | AdminRoute::Withdraw(_)
        | AdminRoute::Restore
        | AdminRoute::Check
        | AdminRoute::TestNotice
        | AdminRoute::ClearFaults
        | AdminRoute::EndTestCa
        | AdminRoute::BackupRows
        | AdminRoute::BackupObjects
        | AdminRoute::Recovery
        | AdminRoute::RestoredRows
        | AdminRoute::RestorationEnd
        | AdminRoute::RestorationUndo => Err(not_allowed(request)),
    }
}

async fn change<P: Ports>(ports: &P, operator: &Operator, request: &Request, route: &AdminRoute) -> Answer {
    match route {
        AdminRoute::ExternalAccounts => apart(external_keys::create(ports, operator, request)).await,
        AdminRoute::ExternalAccount(kid) => apart(external_keys::change(ports, operator, request, kid)).await,
        AdminRoute::Import => apart(imports::import(ports, operator, request)).await,
        AdminRoute::Revoke(serial) => apart(certificates::revoke(ports, operator, request, serial)).await,
        AdminRoute::Revocations => apart(revocations::step(ports, operator, request)).await,
        AdminRoute::Deactivate(id) => apart(accounts::deactivate(ports, operator, request, id)).await,
        AdminRoute::Resume(id) => apart(failures::resume(ports, operator, request, id)).await,
        AdminRoute::Replacements => apart(replacements::create(ports, operator, request)).await,
        AdminRoute::Withdraw(id) => apart(replacements::withdraw(ports, operator, request, id)).await,
        AdminRoute::Policy => apart(policies::put(ports, operator, request)).await,
        AdminRoute::Restore => apart(policies::restore(ports, operator, request)).await,
        AdminRoute::Check => apart(policies::check(ports, request)).await,
        AdminRoute::Shadow => apart(policies::put_shadow(ports, operator, request)).await,
        AdminRoute::Confirm(id) => apart(approvals::confirm(ports, operator, request, id)).await,
        AdminRoute::Reject(id) => apart(approvals::reject(ports, operator, request, id)).await,
        AdminRoute::TestNotice => apart(notices::test(ports, operator, request)).await,
        AdminRoute::Calendar => apart(calendar_url::move_calendar(ports, operator, request)).await,
        AdminRoute::Faults => apart(faults::add(ports, operator, request)).await,
        AdminRoute::ClearFaults => apart(faults::clear(ports, operator, request)).await,
        AdminRoute::TestCas => apart(test_cas::make_as(ports, operator, request)).await,
        AdminRoute::EndTestCa => apart(test_cas::end(ports, request)).await,
        AdminRoute::Clock => apart(clock::change(ports, operator, request)).await,
        AdminRoute::Backups => apart(backups::begin(ports, operator, request)).await,
        AdminRoute::BackupRows => apart(backups::rows(ports, request)).await,
        AdminRoute::BackupObjects => apart(stored_backups::object(ports, operator, request)).await,
        AdminRoute::Recovery => apart(recovery::step(ports, operator, request)).await,
        AdminRoute::Restoration => apart(restoration::begin(ports, operator, request)).await,
        AdminRoute::RestoredRows => apart(restoration::rows(ports, request)).await,
        AdminRoute::RestorationEnd => apart(restoration::end(ports, operator, request)).await,
        AdminRoute::RestorationUndo => apart(restoration::undo(ports, operator, request)).await,
        AdminRoute::Status
        | AdminRoute::Me
        | AdminRoute::Health
        | AdminRoute::Overview
        | AdminRoute::Certificates
        | AdminRoute::Certificate(_)
        | AdminRoute::Pem(_)
        | AdminRoute::Accounts
        | AdminRoute::Account(_)
        | AdminRoute::Failures
        | AdminRoute::Paused
        | AdminRoute::Audit
        | AdminRoute::Approvals
        | AdminRoute::Approval(_)
        | AdminRoute::Notices => Err(not_allowed(request)),
    }
}

fn not_allowed(request: &Request) -> Problem {
    let method = crate::values::quote::excerpt(&request.method);
    let detail = format!("{method} is not allowed here; docs/openapi.json lists the allowed methods.");
    Problem::malformed(detail).with_status(405)
}

/// Handles GET of the CA's status.
async fn status<P: Ports>(ports: &P, operator: &Operator) -> Answer {
    let settings = ports.settings();
    let state = ports.ask(&OperationsAt, &ShowOperations).await?;
    Ok(shown(
        200,
        &json!({
            "version": env!("CARGO_PKG_VERSION"), "directory": settings.urls.directory(),
            "policy": state.policy, "external_account_required": settings.external.required,
            "webhook": notices::standing(ports).await?,
            "audit": state.audit, "who": operator.name, "by": operator.by,
        }),
    ))
}
