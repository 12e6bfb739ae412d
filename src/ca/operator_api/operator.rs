//! The operator of a request.

use crate::ca::http::message::Request;
use crate::ca::runtime::ports::Ports;
use crate::records::operations::audit::{Actor, AuthMethod, Event, Outcome};

/// An authenticated operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// Name of the token, or e-mail address or client id from Access.
    pub name: String,
    /// Authentication method.
    pub by: AuthMethod,
}

impl Operator {
    /// Returns this operator with the current time.
    pub fn acts<P: Ports>(&self, ports: &P) -> Actor {
        Actor { at: ports.now(), by: self.name.clone() }
    }

    /// Returns the event that this operator attempts an action, without a target.
    pub fn event<P: Ports>(&self, ports: &P, request: &Request, what: &str) -> Event {
        Event {
            at: ports.now(),
            who: self.name.clone(),
            by: self.by,
            what: what.to_owned(),
            target: None,
            outcome: Outcome::Attempted,
            of: None,
            detail: None,
            address: request.address.map(|address| address.to_string()),
        }
    }
}
