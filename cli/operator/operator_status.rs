//! The operator's part of `status`.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Result;
use serde::Deserialize;
use serde_json::Value;

use selvedge::ca::health::finding::Finding;

use super::client::Client;
use super::operator_logs::Log;
use super::target::{KnownTarget, ResolvedTarget, Target};
use crate::common::web::{Unreachable, plain, safe_url};

/// Largest number of requests in which certificates are counted, some thousand in each.
const MAX_STEPS: usize = 100;

/// The operator's view of an authority: the shown part of `GET /admin/v1/status`.
#[derive(Clone, Debug, Deserialize)]
pub struct OperatorStatus {
    /// The policy in force.
    pub policy: Policy,
    /// Whether accounts need an external account key.
    pub external_account_required: bool,
    /// The webhook.
    pub webhook: Webhook,
    /// The health as the authority judges it; `None` for an earlier version.
    #[serde(skip)]
    pub health: Option<OwnHealth>,
    /// The whole response.
    #[serde(skip)]
    pub answer: Value,
}

/// The health: the shown part of `GET /admin/v1/health`.
#[derive(Clone, Debug, Deserialize)]
pub struct OwnHealth {
    /// The findings.
    pub findings: Vec<Finding>,
    /// The certificates.
    pub certificates: Certificates,
    /// The transparency logs.
    #[serde(default)]
    pub logs: Vec<Log>,
    /// Whether a count of certificates is incomplete.
    counting: bool,
}

/// Counts of certificates.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Certificates {
    /// Valid ones.
    pub valid: u64,
    /// Those with a successor.
    pub renewed: u64,
    /// Those near their end without one.
    pub unrenewed: u64,
}

/// The policy in force.
#[derive(Clone, Debug, Deserialize)]
pub struct Policy {
    /// Its version; 0 is the configuration's.
    pub version: u64,
    /// Whether there is a shadow policy.
    pub shadow: bool,
}

/// The webhook.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Webhook {
    /// Whether one is configured.
    pub configured: bool,
    /// Notices waiting for delivery.
    pub waiting: u64,
    /// Notices whose delivery was given up.
    pub given_up: u64,
}

/// The status, or the reason why it was refused.
pub type OperatorAnswer = Result<OperatorStatus, String>;

impl OperatorStatus {
    /// The findings of the authority itself.
    pub fn findings(&self) -> Option<&[Finding]> {
        self.health.as_ref().map(|health| health.findings.as_slice())
    }

    /// Fetches the status, if a token for the authority is known.
    ///
    /// # Errors
    /// When a file with a token cannot be used.
    pub fn fetch(
        known: &KnownTarget<'_>,
        root: Option<PathBuf>,
        address: Option<SocketAddr>,
    ) -> Result<Option<OperatorAnswer>> {
        crate::common::host::disable_core_dumps()?;
        let Some(token) = Target::token_for(known)? else { return Ok(None) };
        let base = safe_url(known.url)?;
        let client = Client::new(ResolvedTarget { base, token, token_from: "its file".to_owned(), root, address })?;
        let answer = match client.get(&["status"], &[]) {
            Ok(answer) => answer.value,
            // The authority was reached before: an earlier version has no operations API.
            Err(refused) => return Ok(Some(Err(plain(&format!("{refused:#}"))))),
        };
        let read = Self::deserialize(&answer).map_err(|error| plain(&format!("the status cannot be read: {error}")));
        let (read, health) = match (read, health(&client)) {
            (Ok(read), Ok(health)) => (read, health),
            (Err(why), _) | (_, Err(why)) => return Ok(Some(Err(why))),
        };
        let (mut answer, health) = (answer, health);
        if let (Some(members), Some((whole, _))) = (answer.as_object_mut(), &health) {
            members.insert("health".to_owned(), whole.clone());
        }
        Ok(Some(Ok(Self { answer, health: health.map(|(_, health)| health), ..read })))
    }
}

/// The health, once all certificates are counted; `None` where the authority has no such resource.
fn health(client: &Client) -> Result<Option<(Value, OwnHealth)>, String> {
    let mut last = None;
    for _ in 0..MAX_STEPS {
        let answer = match client.get(&["health"], &[]) {
            Ok(answer) => answer.value,
            Err(_) if last.is_some() => break,
            Err(error) if error.downcast_ref::<Unreachable>().is_some() => return Err(plain(&format!("{error:#}"))),
            // An earlier version.
            Err(_) => return Ok(None),
        };
        let read = OwnHealth::deserialize(&answer);
        let read = read.map_err(|error| plain(&format!("the health cannot be read: {error}")))?;
        let counting = read.counting;
        last = Some((answer, read));
        if !counting {
            break;
        }
    }
    Ok(last)
}
