//! The stateless front: one file for each public resource, and the dispatch to them.

pub mod answers;
pub mod crl;
pub mod crl_files;
pub mod external_binding;
pub mod fault_answers;
pub mod faults;
pub mod handler;
pub mod issuers;
pub mod log;
pub mod metrics_page;
pub mod new_account;
pub mod pause_page;
pub mod renewal_info;
pub mod reported;
pub mod revoke_by_key;
pub mod terms_page;
pub mod test_cas;
pub mod transport;

use crate::ca::documents::{certificates, landing, operator_page};
use crate::ca::http::message::{Answer, Request, unknown_path};
use crate::ca::http::routes::PublicRoute;
use crate::ca::issuance_policy::effective;
use crate::ca::operator_api::feed;
use crate::ca::partitions::faults::{FaultsAt, ListFaults};
use crate::ca::runtime::apart::apart;
use crate::ca::runtime::ports::Ports;

/// Answers a GET or HEAD of a public resource.
pub async fn get<P: Ports>(ports: &P, request: &Request, route: &PublicRoute) -> Answer {
    let settings = ports.settings();
    match route {
        PublicRoute::Metrics => apart(metrics_page::show(ports, request)).await.unwrap_or_else(|| Err(unknown_path())),
        PublicRoute::Home => apart(home(ports, request)).await,
        PublicRoute::Style => Ok(landing::style(&settings.urls)),
        PublicRoute::Root(encoding) => landing::root(settings, *encoding),
        // The page asks the main CA.
        PublicRoute::Inventory(file) if settings.operations_on() && settings.test_ca.is_none() => {
            Ok(operator_page::asset(*file, ports.issuer()).indexed(&settings.urls))
        }
        // Without operators, a calendar URL could not be revoked.
        PublicRoute::Calendar(proof) if settings.operations_on() => apart(feed::show(ports, request, proof)).await,
        PublicRoute::Inventory(_) | PublicRoute::Calendar(_) => Err(unknown_path()),
        PublicRoute::Issuer(id) => certificates::certificate(settings, id),
        PublicRoute::Issuers => apart(issuers::overview(ports)).await,
        PublicRoute::Crl(issuer, shard) => {
            apart(crl::show(ports, request.if_none_match.as_deref(), issuer, *shard)).await
        }
        PublicRoute::CrlFile(which) => apart(crl_files::show(ports, *which)).await,
        PublicRoute::Log(issuer, route) => apart(log::show(ports, request, issuer, route)).await,
        PublicRoute::RenewalInfo(id) => apart(renewal_info::renewal_info(ports, id)).await,
    }
}

/// Answers GET of the landing page.
async fn home<P: Ports>(ports: &P, request: &Request) -> Answer {
    let settings = ports.settings();
    let in_force = effective::in_force_shown(ports).await?;
    let policy = in_force.policy(settings);
    let faults = match settings.test_machine.faults {
        true => ports.ask(&FaultsAt, &ListFaults).await?.iter().map(|record| record.rule.text()).collect(),
        false => Vec::new(),
    };
    let operators = settings.operations_on() && settings.test_ca.is_none();
    let response = landing::home(settings, ports.issuer(), policy, request.accept.as_deref(), operators);
    Ok(landing::with_faults(response, &faults))
}
