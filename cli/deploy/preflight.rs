//! The checks of the Cloudflare account before a deployment: subdomain, zone, and occupied names.
//!
//! Only reads. What the token may not read is a warning: the deployment may still work.

use std::net::ToSocketAddrs;

use anyhow::Result;
use serde_json::Value;
use url::Url;

use super::api::{Api, Refusal};
use super::check::{Finding, WORKERS_DEV};
use super::results::{deployed_var, list, text, unknown};
use super::store;
use crate::common::web::plain;
use crate::common::worker_config::WorkerConfig;

/// Cloudflare's number for "this account has no workers.dev subdomain".
const NO_SUBDOMAIN: i64 = 10007;
/// The records that give a host an address.
const ADDRESSES: [&str; 3] = ["A", "AAAA", "CNAME"];

/// Checks that BASE_URL's host can be given to the Worker.
///
/// # Errors
/// When Cloudflare's API does not answer.
pub fn check(api: &Api, config: &WorkerConfig, new_store: bool) -> Result<Vec<Finding>> {
    let url = config.var("BASE_URL").and_then(|base| Url::parse(base).ok());
    let Some(host) = url.as_ref().and_then(Url::host_str) else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    let deployed = api.worker_settings(config.name()?)?;
    jurisdiction(&deployed, config, &mut found);
    if !new_store {
        store::check(api, &deployed, config, &mut found)?;
    }
    match host.strip_suffix(WORKERS_DEV) {
        Some(_) => subdomain(api, config, host, &mut found)?,
        None => domain(api, config, host, &mut found)?,
    }
    Ok(found)
}

/// Checks that the deployed Worker keeps its objects in the same jurisdiction.
///
/// An object of another jurisdiction is another object, and empty.
fn jurisdiction(deployed: &Result<Value, Refusal>, config: &WorkerConfig, found: &mut Vec<Finding>) {
    match deployed {
        Ok(settings) => {
            let deployed = deployed_var(settings, "JURISDICTION");
            let wanted = config.var("JURISDICTION");
            if store::has_one(settings) && deployed.unwrap_or_default() != wanted.unwrap_or_default() {
                let shown = |value: Option<&str>| value.map_or("unset".to_owned(), |name| format!("{:?}", plain(name)));
                found.push(Finding::wrong(
                    format!(
                        "JURISDICTION is {}, and {} in the deployed Worker: it would start without its accounts, \
                         certificates and revocations, which stay where they are",
                        shown(wanted),
                        shown(deployed)
                    ),
                    "Set it back to what is deployed; for another jurisdiction start another CA",
                ));
            }
        }
        // Not deployed yet.
        Err(refusal) if refusal.status == 404 => {}
        Err(refusal) => {
            found.push(unknown("the deployed Worker's jurisdiction", refusal, "\"Workers Scripts: Read\""));
        }
    }
}

/// Checks that the host is that of the Worker below the account's subdomain.
fn subdomain(api: &Api, config: &WorkerConfig, host: &str, found: &mut Vec<Finding>) -> Result<()> {
    let (account, name) = (api.account(), config.name()?);
    match api.get(&format!("/accounts/{account}/workers/subdomain"))? {
        Ok(result) => {
            let own = format!("{name}.{}{WORKERS_DEV}", plain(text(&result, "subdomain")));
            if host != own {
                found.push(Finding::wrong(
                    format!("BASE_URL is at {host}, and this account's Worker {name:?} would answer at {own}"),
                    format!("Set BASE_URL to https://{own}, or log in to the account of the other address"),
                ));
            }
        }
        Err(refusal) if refusal.status == 404 || refusal.codes.contains(&NO_SUBDOMAIN) => found.push(Finding::wrong(
            format!("BASE_URL is at {host}, and this account has no subdomain of workers.dev yet"),
            format!(
                "Choose one at https://dash.cloudflare.com/{account}/workers/subdomain, and set BASE_URL to \
                 https://{name}.SUBDOMAIN.workers.dev"
            ),
        )),
        Err(refusal) => found.push(unknown("the account's subdomain", &refusal, "\"Workers Scripts: Read\"")),
    }
    Ok(())
}

/// Checks the zone of a domain, and what else has its name.
fn domain(api: &Api, config: &WorkerConfig, host: &str, found: &mut Vec<Finding>) -> Result<()> {
    let zone = match zone(api, host)? {
        Ok(Some(zone)) => zone,
        Ok(None) => {
            found.push(Finding::wrong(
                format!("BASE_URL is at {host}, and this login has no zone for it, nor for a domain above it"),
                "Add the domain at https://dash.cloudflare.com to the account that the Worker is deployed to, log in to the \
                 account that has it, or use an address below workers.dev",
            ));
            return Ok(());
        }
        Err(refusal) => {
            found.push(unknown(&format!("the zone of {host}"), &refusal, "\"Zone: Read\""));
            return Ok(());
        }
    };
    let (id, name, status) = (text(&zone, "id"), plain(text(&zone, "name")), plain(text(&zone, "status")));
    let owner = zone.get("account").map_or("", |account| text(account, "id"));
    if owner != api.account() {
        found.push(Finding::wrong(
            format!("the zone {name} of BASE_URL is in the account {}, not in {}", plain(owner), api.account()),
            "Deploy to that account (account_id in wrangler.toml, or --account), or move the zone",
        ));
        return Ok(());
    }
    if status != "active" {
        found.push(Finding::wrong(
            format!("the zone {name} of BASE_URL is not active ({status}), so {host} does not lead to Cloudflare"),
            "Set the domain's name servers to those that the dashboard shows, and wait until the zone is active",
        ));
    }
    let custom = config.routes.iter().any(|route| route.custom_domain && route.covers(host));
    if custom {
        occupied(api, config, host, id, found)?;
    } else {
        unrouted(api, host, id, found)?;
    }
    // The probe finds it out where the token may not read it.
    if let Ok(setting) = api.get(&format!("/zones/{id}/settings/always_use_https"))?
        && text(&setting, "value") == "on"
    {
        found.push(Finding::warning(
            format!("the zone {name} redirects plain http (\"Always Use HTTPS\"), which verifiers use for CRLs"),
            format!("Switch it off for {host} by a Configuration Rule, or for the zone (SSL/TLS, Edge Certificates)"),
        ));
    }
    Ok(())
}

/// The zone of a host, the most specific first.
fn zone(api: &Api, host: &str) -> Result<Result<Option<Value>, Refusal>> {
    let mut name = host;
    while name.contains('.') {
        match api.get(&format!("/zones?name={name}"))? {
            Ok(zones) => {
                if let Some(zone) = list(&zones).next() {
                    return Ok(Ok(Some(zone.clone())));
                }
            }
            Err(refusal) => return Ok(Err(refusal)),
        }
        name = name.split_once('.').map_or("", |(_, above)| above);
    }
    Ok(Ok(None))
}

/// Checks that no other Worker and no DNS record has a custom domain's name.
///
/// Wrangler would replace both unasked.
fn occupied(api: &Api, config: &WorkerConfig, host: &str, zone: &str, found: &mut Vec<Finding>) -> Result<()> {
    let name = config.name()?;
    match api.get(&format!("/accounts/{}/workers/domains?hostname={host}", api.account()))? {
        Ok(domains) => {
            if let Some(domain) = list(&domains).find(|domain| text(domain, "hostname") == host) {
                let service = text(domain, "service");
                if service != name && !config.takes_over(service) {
                    found.push(Finding::wrong(
                        format!("{host} is the domain of another Worker, {:?}", plain(service)),
                        format!(
                            "Remove it there, choose another BASE_URL, or name this Worker {:?}; docs/OPERATIONS.md, \"Another \
                             name of the Worker\", shows how to rename one",
                            plain(service)
                        ),
                    ));
                }
                // Its DNS record is Cloudflare's own.
                return Ok(());
            }
        }
        Err(refusal) => {
            found.push(unknown("whether another Worker has the host", &refusal, "\"Workers Scripts: Read\""))
        }
    }
    match api.get(&format!("/zones/{zone}/dns_records?name={host}"))? {
        Ok(records) => {
            if let Some(record) = list(&records).find(|record| ADDRESSES.contains(&text(record, "type"))) {
                let (kind, content) = (plain(text(record, "type")), plain(text(record, "content")));
                found.push(Finding::wrong(
                    format!("{host} has a DNS record already ({kind} {content}), which the deployment would replace"),
                    "Delete that record if nothing uses it, or choose another BASE_URL",
                ));
            }
        }
        Err(refusal) if resolves(host) => found.push(Finding::wrong(
            format!(
                "{host} leads to an address already, and the token may not read its DNS records (status {}: {}), which the \
                 deployment would replace",
                refusal.status, refusal.said
            ),
            "Give the token the permission \"DNS: Read\", delete the record if nothing uses it, or choose another BASE_URL",
        )),
        Err(refusal) => found.push(unknown("whether the host has DNS records", &refusal, "\"DNS: Read\"")),
    }
    Ok(())
}

/// Whether this machine's resolver knows an address of the host.
fn resolves(host: &str) -> bool {
    (host, 443).to_socket_addrs().is_ok_and(|mut addresses| addresses.next().is_some())
}

/// Checks that a route's host leads to Cloudflare: a route makes no DNS record.
fn unrouted(api: &Api, host: &str, zone: &str, found: &mut Vec<Finding>) -> Result<()> {
    match api.get(&format!("/zones/{zone}/dns_records?name={host}"))? {
        Ok(records) => {
            let proxied = |record: &Value| record.get("proxied").and_then(Value::as_bool) == Some(true);
            if !list(&records).any(proxied) {
                found.push(Finding::wrong(
                    format!(
                        "{host} has a route to the Worker and no proxied DNS record, so nothing would answer there"
                    ),
                    "Write the route as a custom domain (custom_domain = true), or add a proxied record, as AAAA 100::",
                ));
            }
        }
        Err(refusal) => found.push(unknown("whether the host has DNS records", &refusal, "\"DNS: Read\"")),
    }
    Ok(())
}
