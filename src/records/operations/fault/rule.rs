//! The rules: a fault, and the requests that meet it.

use super::names::{Endpoint, FaultKind};
use crate::records::Kind;
use crate::values::Id;
use serde::{Deserialize, Serialize};

/// Maximum number of rules at once.
pub const MAX_FAULTS: usize = 100;

/// Maximum of a count.
pub const MAX_COUNT: u32 = 1_000_000;

/// Maximum time that a rule is on by `seconds`: 30 days.
pub const MAX_SECONDS: u32 = 30 * 86_400;

/// Maximum delay of an answer, in seconds.
pub const MAX_DELAY: u32 = 120;

/// Maximum `Retry-After`, in seconds.
pub const MAX_RETRY_AFTER: u32 = 86_400;

/// Reasons for which a validation fails on purpose.
pub const REASONS: [Kind; 8] = [
    Kind::Unauthorized,
    Kind::Dns,
    Kind::Connection,
    Kind::Tls,
    Kind::IncorrectResponse,
    Kind::Caa,
    Kind::Malformed,
    Kind::ServerInternal,
];

/// Whether a fault has a part.
type Takes = fn(FaultKind) -> bool;

/// A rule: a fault, and the requests that meet it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultRule {
    /// What goes wrong.
    pub fault: FaultKind,
    /// The endpoints; all that suit the fault where this is empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub endpoints: Vec<Endpoint>,
    /// The account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<Id>,
    /// An identifier, or `*.` and a name for all below that name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether the CA acts on the request before its answer is replaced.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub after: bool,
    /// `Retry-After` of the answer, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u32>,
    /// The delay of a slow answer, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay: Option<u32>,
    /// The reason of a failed validation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Kind>,
    /// How often it acts; `None` without a limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// The percentage of requests that meet it; `None` for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<u8>,
    /// The seed of the draws for the rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// How long it is on, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u32>,
}

impl FaultRule {
    /// Whether requests to an endpoint meet it.
    pub fn has(&self, endpoint: Endpoint) -> bool {
        if self.endpoints.is_empty() { self.fault.suits(endpoint) } else { self.endpoints.contains(&endpoint) }
    }

    /// All endpoints at which requests meet it.
    pub(super) fn all_endpoints(&self) -> impl Iterator<Item = Endpoint> + '_ {
        let fits = |endpoint: &Endpoint| {
            let known =
                (self.account.is_none() || endpoint.has_account()) && (self.name.is_none() || endpoint.has_names());
            known && self.has(*endpoint)
        };
        Endpoint::ALL.iter().copied().filter(fits)
    }

    /// Whether it acts on the answer, when the CA has acted on the request.
    pub fn follows(&self) -> bool {
        self.after || self.fault.changes_answers()
    }

    /// Checks that the parts of the rule go together.
    ///
    /// # Errors
    /// A sentence: the two parts that exclude each other.
    pub fn check(&self) -> Result<(), String> {
        let fault = self.fault.name();
        for endpoint in &self.endpoints {
            let name = endpoint.name();
            if !self.fault.suits(*endpoint) {
                let fits: Vec<&str> =
                    Endpoint::ALL.iter().filter(|one| self.fault.suits(**one)).map(|one| one.name()).collect();
                return Err(format!("{fault} has no effect at {name}; its endpoints are {}.", fits.join(", ")));
            }
            if self.account.is_some() && !endpoint.has_account() {
                return Err(format!("Requests to {name} name no account; leave out account or that endpoint."));
            }
            if self.name.is_some() && !endpoint.has_names() {
                return Err(format!("Requests to {name} are about no name; leave out name or that endpoint."));
            }
        }
        if self.all_endpoints().next().is_none() {
            return Err(format!("No endpoint of {fault} has that account or name; leave it out."));
        }
        self.check_parts()?;
        if self.fault == FaultKind::Slow && self.delay.is_none() {
            return Err("slow needs delay, the seconds that an answer waits.".to_owned());
        }
        if self.seed.is_some() && self.rate.is_none() {
            return Err(
                "seed is without effect without rate, whose draws it determines; add rate or leave it out.".to_owned()
            );
        }
        Ok(())
    }

    /// Checks that each part is one of this fault.
    fn check_parts(&self) -> Result<(), String> {
        let parts: [(&str, bool, Takes); 4] = [
            ("after", self.after, FaultKind::replaces_answers),
            ("retry_after", self.retry_after.is_some(), FaultKind::has_retry_after),
            ("delay", self.delay.is_some(), |kind| kind == FaultKind::Slow),
            ("reason", self.reason.is_some(), |kind| kind == FaultKind::FailedValidation),
        ];
        match parts.into_iter().find(|(_, given, takes)| *given && !takes(self.fault)) {
            Some((part, _, takes)) => {
                let with = FaultKind::ALL.iter().filter(|kind| takes(**kind)).map(|kind| kind.name());
                let with = with.collect::<Vec<_>>().join(", ");
                Err(format!("{part} excludes {}; it is for {with} only.", self.fault.name()))
            }
            None => Ok(()),
        }
    }

    /// Describes the rule in a line.
    pub fn text(&self) -> String {
        let mut text = self.fault.name().to_owned();
        if let Some(reason) = self.reason {
            text.push_str(&format!(" ({})", reason.token()));
        }
        if let Some(seconds) = self.delay {
            text.push_str(&format!(" by {seconds} s"));
        }
        if let Some(seconds) = self.retry_after {
            text.push_str(&format!(" with Retry-After {seconds}"));
        }
        let endpoints: Vec<&str> = self.endpoints.iter().map(|endpoint| endpoint.name()).collect();
        if !endpoints.is_empty() {
            text.push_str(&format!(" at {}", endpoints.join(", ")));
        }
        if let Some(name) = &self.name {
            text.push_str(&format!(" for {name}"));
        }
        if let Some(account) = &self.account {
            text.push_str(&format!(" of account {account}"));
        }
        if self.after {
            text.push_str(" after the request took effect");
        }
        if let Some(rate) = self.rate {
            text.push_str(&format!(", {rate} % with seed {}", self.seed.unwrap_or_default()));
        }
        if let Some(count) = self.count {
            text.push_str(&if count == 1 { ", once".to_owned() } else { format!(", {count} times") });
        }
        text
    }
}
