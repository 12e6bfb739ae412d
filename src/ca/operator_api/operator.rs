//! The operator of a request.

use crate::ca::runtime::ports::Ports;
use crate::records::operations::audit::{Actor, AuthMethod};

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// The name of the token, or the address of the person.
    pub name: String,
    /// How that is known.
    pub by: AuthMethod,
}

impl Operator {
    /// That this one does something now.
    pub fn acts<P: Ports>(&self, ports: &P) -> Actor {
        Actor { at: ports.now(), by: self.name.clone() }
    }
}
