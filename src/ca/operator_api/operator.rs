//! The operator of a request.

use crate::ca::runtime::ports::Ports;
use crate::records::operations::audit::{Actor, AuthMethod};

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
}
