//! The operator of a request.

use super::assertion::{Unproven, identity, is_from_elsewhere};
use super::body::place;
use crate::acme::act::{Act, By, Event, Outcome};
use crate::acme::limit::Limit;
use crate::acme::{Kind, Problem};
use crate::ca::config::access::Access;
use crate::ca::http::message::Request;
use crate::ca::runtime::ports::Ports;
use core::time::Duration;

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// The name of the token, or the address of the person.
    pub name: String,
    /// How that is known.
    pub by: By,
}

impl Operator {
    /// That this one does something now.
    pub fn acts<P: Ports>(&self, ports: &P) -> Act {
        Act { at: ports.now(), by: self.name.clone() }
    }
}
