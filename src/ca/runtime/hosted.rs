//! The CA that a host works for, where it has a clock.
//!
//! It is a test CA, or the main CA of a test machine.

use super::memory::Memory;
use crate::ca::config::settings::Settings;
use crate::records::operations::test_ca::{Clock, TestAuthority};
use crate::values::{Id, Time};
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// Maximum number of test CAs that an isolate remembers.
const MAX_HOSTED: usize = 64;

/// How a test CA stands, or a main CA with a clock.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Standing {
    /// The clock.
    pub clock: Clock,
    /// The facts of a test CA; `None` for the main CA.
    pub authority: Option<TestAuthority>,
}

/// A CA with a clock: its settings, and the memory of this isolate for it.
#[derive(Debug)]
pub struct HostedCa {
    /// The id of a test CA; `None` for the main CA.
    pub ca: Option<Id>,
    /// The settings.
    pub settings: Rc<Settings>,
    /// The clock.
    pub clock: Clock,
    /// When a test CA ends, in real time.
    pub ends: Option<Time>,
    /// The memory. Its times are those of the clock, so it lasts until that is changed.
    pub memory: Memory,
}

impl HostedCa {
    /// The real time of an alarm for this time; `None` for no alarm.
    ///
    /// The end of a test CA gives each of its partitions an alarm, whatever its clock.
    pub fn alarm_for(&self, at: Time) -> Option<Time> {
        self.clock.real(at).into_iter().chain(self.ends).min()
    }
}

/// The hosted CAs that an isolate knows.
#[derive(Debug, Default)]
pub struct HostedCas(RefCell<BTreeMap<Option<Id>, Rc<HostedCa>>>);

impl HostedCas {
    /// Returns the hosted CA that stands like this.
    ///
    /// # Errors
    /// A sentence for the log: a certificate cannot be read.
    pub fn of(&self, main: &Settings, ca: Option<&Id>, standing: &Standing) -> Result<Rc<HostedCa>, String> {
        let ca = ca.cloned();
        let known = self.0.borrow().get(&ca).cloned();
        if let Some(hosted) = known.as_ref().filter(|hosted| hosted.clock == standing.clock) {
            return Ok(hosted.clone());
        }
        let settings = match (known, &ca, &standing.authority) {
            (Some(hosted), ..) => hosted.settings.clone(),
            (None, Some(id), Some(facts)) => Rc::new(main.of_test_ca(id, facts)?),
            (None, ..) => Rc::new(main.clone()),
        };
        let ends = standing.authority.as_ref().map(|facts| facts.ends);
        let hosted =
            Rc::new(HostedCa { ca: ca.clone(), settings, clock: standing.clock, ends, memory: Memory::default() });
        let mut hosted_cas = self.0.borrow_mut();
        if hosted_cas.len() >= MAX_HOSTED {
            // Each is made again when it is asked for.
            hosted_cas.clear();
        }
        hosted_cas.insert(ca, hosted.clone());
        Ok(hosted)
    }
}
