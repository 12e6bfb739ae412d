//! Which fault a request meets.

use super::names::{Endpoint, FaultKind, is_below};
use super::record::{Fault, FaultRecord};
use crate::values::Id;
use serde::{Deserialize, Serialize};

/// A request, or a validation, and its successful answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Encounter {
    /// Where.
    pub endpoint: Endpoint,
    /// The account that it names.
    pub account: Option<Id>,
    /// The names that it is about; `None` if they are not known.
    pub names: Option<Vec<String>>,
    /// Its answer; `None` before the CA acts on it.
    pub answered: Option<AnswerShape>,
}

/// What a fault may change in a successful answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerShape {
    /// Whether it is JSON.
    pub json: bool,
    /// Whether it is an object with a decided status.
    pub decided: bool,
    /// Whether it is a certificate with an issuer's.
    pub chain: bool,
    /// Whether there is an expired certificate of that issuer.
    pub expired: bool,
}

/// What an encounter meets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DrawnFault {
    /// No fault, for any request: no rule is on.
    NoRule,
    /// No fault.
    Nothing,
    /// The names decide. Nothing is drawn yet.
    NamesNeeded,
    /// No fault of the request, but perhaps one of its answer.
    Afterwards,
    /// This fault.
    Acts(Fault),
}

/// Draws what an encounter meets, of the rules that are on.
///
/// In the order of their numbers, the first that fires acts. Counts change in the records.
pub fn draw(records: &mut [FaultRecord], met: &Encounter) -> DrawnFault {
    if records.is_empty() {
        return DrawnFault::NoRule;
    }
    let about = |record: &FaultRecord| {
        let rule = &record.rule;
        rule.has(met.endpoint) && (rule.account.is_none() || rule.account == met.account)
    };
    let by_name = |record: &FaultRecord| about(record) && record.rule.name.is_some();
    if met.names.is_none() && met.endpoint.has_names() && records.iter().any(by_name) {
        return DrawnFault::NamesNeeded;
    }
    let names = met.names.as_deref().unwrap_or_default();
    let named = |record: &FaultRecord| {
        let pattern = record.rule.name.as_ref();
        pattern.is_none_or(|pattern| names.iter().any(|name| name == pattern || is_below(pattern, name)))
    };
    let fits = |record: &FaultRecord| match met.answered {
        None => !record.rule.follows(),
        Some(shape) => record.rule.follows() && shape.fits(record.rule.fault),
    };
    let mut later = false;
    for record in records.iter_mut().filter(|record| about(record) && named(record)) {
        if fits(record) {
            if let Some(fault) = record.fire() {
                return DrawnFault::Acts(fault);
            }
        } else {
            later |= met.answered.is_none();
        }
    }
    if later { DrawnFault::Afterwards } else { DrawnFault::Nothing }
}

impl AnswerShape {
    fn fits(self, fault: FaultKind) -> bool {
        match fault {
            FaultKind::Processing => self.decided,
            FaultKind::MalformedJson => self.json,
            FaultKind::ChainOrder => self.chain,
            FaultKind::ExpiredIntermediate => self.expired,
            _ => true,
        }
    }
}
