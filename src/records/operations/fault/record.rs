//! The records of rules that are on.

use super::names::{FaultKind, is_below};
use super::rule::FaultRule;
use crate::records::Kind;
use crate::store::{Record, Table};
use crate::values::Time;
use core::time::Duration;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A rule that is on, stored as `fault/{number, 8 digits}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultRecord {
    /// Its number.
    pub number: u32,
    /// The rule.
    #[serde(flatten)]
    pub rule: FaultRule,
    /// When it ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
    /// Number of requests for which its rate was drawn.
    pub drawn: u64,
    /// How often it has acted.
    pub acted: u32,
}

/// A fault that acts on a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// The number of its rule.
    pub number: u32,
    /// What goes wrong.
    pub fault: FaultKind,
    /// As in [`FaultRule`].
    pub retry_after: Option<u32>,
    /// As in [`FaultRule`].
    pub delay: Option<u32>,
    /// As in [`FaultRule`].
    pub reason: Option<Kind>,
}

impl Record for FaultRecord {
    const PREFIX: &'static str = "fault";
    const TABLE: Table = Table::Expiring;

    fn expires(&self) -> Option<Time> {
        self.until
    }
}

impl FaultRecord {
    /// Starts a rule at `now`.
    pub fn new(number: u32, rule: FaultRule, now: Time) -> Self {
        let until = rule.seconds.map(|seconds| now.plus(Duration::from_secs(seconds.into())));
        Self { number, rule, until, drawn: 0, acted: 0 }
    }

    /// The id of a rule's record.
    pub fn id_of(number: u32) -> String {
        format!("{number:08}")
    }

    /// How often it still acts; `None` without a limit.
    pub fn left(&self) -> Option<u32> {
        self.rule.count.map(|count| count.saturating_sub(self.acted))
    }

    /// Whether it may still act at `now`.
    pub fn is_on(&self, now: Time) -> bool {
        self.left() != Some(0) && self.until.is_none_or(|until| now < until)
    }

    /// Whether it leaves no request to a later rule, until that one's end.
    pub fn excludes(&self, later: &FaultRule, later_until: Option<Time>) -> bool {
        let rule = &self.rule;
        let always = rule.rate.is_none() && rule.count.is_none();
        let as_long = self.until.is_none_or(|until| later_until.is_some_and(|later| later <= until));
        // A rule about requests goes before every rule about answers; of two about answers, either may not fit.
        let before = !rule.follows() || (later.follows() && (rule.after || rule.fault == later.fault));
        let account = rule.account.is_none() || rule.account == later.account;
        let name = rule
            .name
            .as_ref()
            .is_none_or(|wide| later.name.as_ref().is_some_and(|narrow| narrow == wide || is_below(wide, narrow)));
        always && as_long && before && account && name && later.all_endpoints().all(|endpoint| rule.has(endpoint))
    }

    /// Counts an encounter, and returns the fault if it acts.
    pub(super) fn fire(&mut self) -> Option<Fault> {
        if let Some(rate) = self.rule.rate {
            let lot = lot(self.rule.seed.unwrap_or_default(), self.drawn);
            self.drawn = self.drawn.saturating_add(1);
            if lot >= rate {
                return None;
            }
        }
        self.acted = self.acted.saturating_add(1);
        let rule = &self.rule;
        Some(Fault {
            number: self.number,
            fault: rule.fault,
            retry_after: rule.retry_after,
            delay: rule.delay,
            reason: rule.reason,
        })
    }
}

/// Draws a number from 0 to 99, by seed and number of the draw.
///
/// It is of the SHA-256 of both as big-endian 64-bit numbers.
fn lot(seed: u64, number: u64) -> u8 {
    let digest = Sha256::digest([seed.to_be_bytes(), number.to_be_bytes()].concat());
    let sum = digest.iter().take(4).fold(0_u32, |sum, byte| sum << 8 | u32::from(*byte));
    u8::try_from(sum % 100).unwrap_or_default()
}
