//! The check that a CA does not lose its store to a new, empty one.
//!
//! The Durable Objects of a CA belong to a Worker of one name. A Worker of another name has none of them, unless a
//! migration transfers them. So a rename in `wrangler.toml` would deploy a CA without accounts and revocations.

use anyhow::{Result, bail};
use serde_json::Value;

use super::api::{Api, Refusal};
use super::check::Finding;
use super::results::{bindings, deployed_var, list, text, unknown};
use super::secrets::RequiredSecret;
use crate::common::web;
use crate::common::web::plain;
use crate::common::worker_config::WorkerConfig;
use crate::status;
use crate::status::facts::Authority;

/// Most Workers whose settings are read.
const MAX_WORKERS: usize = 50;

/// What to do for a CA that is meant to be empty.
const MEANT: &str = "for a CA that is to be restored from a backup, set CLOSED to \"true\"; for one that is to begin without \
                     any accounts, deploy with --new-store";

/// Whether a deployed Worker has Durable Objects.
pub fn has_one(settings: &Value) -> bool {
    bindings(settings).any(|one| text(one, "type") == "durable_object_namespace")
}

/// Whether an empty store is as it should be: it is about to be restored.
pub fn is_to_be_restored(config: &WorkerConfig) -> bool {
    config.var("CLOSED") == Some("true")
}

/// Checks whether another Worker of the account has the store of this CA.
///
/// # Errors
/// When Cloudflare's API does not answer.
pub fn check(
    api: &Api,
    deployed: &Result<Value, Refusal>,
    config: &WorkerConfig,
    found: &mut Vec<Finding>,
) -> Result<()> {
    let is_new = match deployed {
        Ok(settings) => !has_one(settings),
        Err(refusal) => refusal.status == 404,
    };
    if !is_new || is_to_be_restored(config) {
        return Ok(());
    }
    let (account, name) = (api.account(), config.name()?);
    let stores = match api.get(&format!("/accounts/{account}/workers/durable_objects/namespaces?per_page=1000"))? {
        Ok(stores) => stores,
        Err(refusal) => {
            found.push(unknown("whether another Worker has the CA's store", &refusal, "\"Workers Scripts: Read\""));
            return Ok(());
        }
    };
    let mut workers: Vec<&str> = list(&stores).map(|one| text(one, "script")).collect();
    workers.sort_unstable();
    workers.dedup();
    for worker in workers.into_iter().filter(|worker| *worker != name && is_plain(worker)).take(MAX_WORKERS) {
        let Ok(settings) = api.worker_settings(worker)? else { continue };
        if is_same_ca(&settings, config) && !config.takes_over(worker) {
            found.push(renamed(worker, name, config));
        }
    }
    Ok(())
}

fn is_plain(worker: &str) -> bool {
    !worker.is_empty() && worker.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
}

/// Whether a deployed Worker is this CA: it has a store, and its BASE_URL.
fn is_same_ca(settings: &Value, config: &WorkerConfig) -> bool {
    let base = |text: &str| text.trim_end_matches('/').to_owned();
    let there = deployed_var(settings, "BASE_URL").map(base);
    has_one(settings) && there.is_some() && there == config.var("BASE_URL").map(base)
}

/// The finding about a Worker that was renamed in `wrangler.toml` only.
fn renamed(worker: &str, name: &str, config: &WorkerConfig) -> Finding {
    let file = config.file().display();
    let worker = plain(worker);
    Finding::wrong(
        format!(
            "the Worker {worker:?} of this account has the store of this CA, and {file} names the Worker {name:?}, whose \
             store would be empty: no accounts, no certificates, no revocations"
        ),
        format!(
            "Set name = {worker:?} again; or, to move the store to the new name, put this in place of all [[migrations]] in \
             {file}:\n\n{}\n\nOtherwise, {MEANT}",
            WorkerConfig::transfer(&worker)
        ),
    )
}

/// Refuses a first deployment while the CA answers at BASE_URL, since its store is elsewhere.
///
/// # Errors
/// With what to do.
pub fn refuse_second(config: &WorkerConfig, required: &[RequiredSecret<'_>], new_store: bool) -> Result<()> {
    let Some(base) = config.var("BASE_URL").filter(|_| !new_store && !is_to_be_restored(config)) else { return Ok(()) };
    if config.is_transferred() {
        return Ok(());
    }
    let asked = web::agent(None, None).and_then(|agent| status::authority(&agent, base));
    let Ok(Authority::Works(overview)) = asked else { return Ok(()) };
    let own = |id: &str| required.iter().any(|secret| secret.issuer.as_ref().is_some_and(|(_, own)| own == id));
    if !overview.issuers.iter().any(|issuer| own(&issuer.id)) {
        return Ok(());
    }
    bail!(
        "nothing was done: this CA answers at {} already, and there is no Worker {:?} yet, so its store would be empty: no \
         accounts, no certificates, no revocations. If it is the same Worker under another name, set the former name, or \
         see docs/OPERATIONS.md, \"Another name of the Worker\". If it runs elsewhere, see \"Moving house\": {MEANT}",
        plain(base),
        config.name()?
    )
}
