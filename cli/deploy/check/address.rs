//! The check that something will answer at BASE_URL, by the settings alone.

use url::{Host, Url};

use super::finding::Finding;
use crate::common::worker_config::{EXAMPLE_BASE_URL, WorkerConfig};

/// The domain of Workers without a domain of their own.
pub const WORKERS_DEV: &str = ".workers.dev";

/// Checks that BASE_URL is an address of the Worker, and the only one.
pub fn check(config: &WorkerConfig, found: &mut Vec<Finding>) {
    let Some(base) = config.var("BASE_URL").filter(|base| *base != EXAMPLE_BASE_URL) else { return };
    let Ok(url) = Url::parse(base) else { return };
    let host = url.host_str().unwrap_or_default();
    // Tests deploy for a double on this machine.
    if config.var("MODE") != Some("dev") {
        reachable(config, base, &url, found);
    }
    match host.strip_suffix(WORKERS_DEV) {
        Some(below) => workers_dev(config, base, below, found),
        None => domain(config, base, host, found),
    }
}

/// Checks that Cloudflare can serve the URL at all.
fn reachable(config: &WorkerConfig, base: &str, url: &Url, found: &mut Vec<Finding>) {
    let file = config.file().display();
    if !matches!(url.host(), Some(Host::Domain(name)) if name.contains('.')) {
        found.push(Finding::wrong(
            format!("BASE_URL in {file} is {base}, whose host is no domain, so Cloudflare cannot serve it"),
            "Set it to a host of a domain of yours at Cloudflare, as https://ca.example.org",
        ));
    }
    if let Some(port) = url.port() {
        found.push(Finding::wrong(
            format!("BASE_URL in {file} is {base}, and Cloudflare has Workers answer https at port 443, not {port}"),
            "Leave the port out",
        ));
    }
}

fn workers_dev(config: &WorkerConfig, base: &str, below: &str, found: &mut Vec<Finding>) {
    let file = config.file().display();
    let own = match config.workers_dev {
        Some(own) => own,
        // Wrangler's default.
        None => config.routes.is_empty(),
    };
    if !own {
        let (has, todo) = match config.workers_dev {
            Some(_) => ("workers_dev = false", "Remove workers_dev"),
            None => ("routes, which switch workers.dev off", "Write workers_dev = true above the tables of that file"),
        };
        found.push(Finding::wrong(
            format!("BASE_URL is {base}, and {file} has {has}, so nothing would answer there"),
            format!("{todo}, or set BASE_URL to the domain that is routed to the Worker"),
        ));
    }
    let name = config.name().unwrap_or_default();
    let subdomain = below.strip_prefix(name).and_then(|rest| rest.strip_prefix('.'));
    if subdomain.is_none_or(|subdomain| subdomain.is_empty() || subdomain.contains('.')) {
        found.push(Finding::wrong(
            format!("BASE_URL is {base}, and the Worker {name:?} of {file} would answer at another address"),
            format!("Set it to https://{name}.SUBDOMAIN.workers.dev with your account's subdomain"),
        ));
    }
}

fn domain(config: &WorkerConfig, base: &str, host: &str, found: &mut Vec<Finding>) {
    let file = config.file().display();
    if !config.routes.iter().any(|route| route.covers(host)) {
        found.push(Finding::wrong(
            format!("BASE_URL is {base}, and no route in {file} leads {host} to the Worker, so nothing would answer there"),
            format!(
                "Write `routes = [{{ pattern = \"{host}\", custom_domain = true }}]`, workers_dev = false and preview_urls = \
                 false above the tables of that file, as `selvedge init` does; the domain has to be in your Cloudflare account"
            ),
        ));
    }
    if config.workers_dev == Some(true) {
        found.push(Finding::warning(
            format!(
                "{file} does not disable the Worker's address below workers.dev. Requests there get 421, except for \
                 CRLs and issuer certificates, and every request is billed"
            ),
            "Write workers_dev = false and preview_urls = false above the tables of that file",
        ));
    }
}
