//! The operator's part of `status`.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Result;
use serde::Deserialize;
use serde_json::Value;

use super::client::Client;
use super::target::{KnownTarget, ResolvedTarget, Target};
use crate::common::web::{plain, safe_url};

/// The operator's view of an authority: the shown part of `GET /admin/v1/status`.
#[derive(Clone, Debug, Deserialize)]
pub struct OperatorStatus {
    /// The policy in force.
    pub policy: Policy,
    /// Whether accounts need an external account key.
    pub external_account_required: bool,
    /// The webhook.
    pub webhook: Webhook,
    /// The whole response.
    #[serde(skip)]
    pub answer: Value,
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
        let read = Self::deserialize(&answer).map(|read| Self { answer, ..read });
        Ok(Some(read.map_err(|error| plain(&format!("the status cannot be read: {error}")))))
    }
}
