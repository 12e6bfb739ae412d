//! The operator of a request.

use crate::ca::http::message::Request;
use crate::ca::http::operator_routes::AdminRoute;
use crate::ca::runtime::ports::Ports;
use crate::records::operations::audit::{Actor, AuthMethod, Event, Outcome};
use crate::records::operations::role::Role;
use crate::records::{Kind, Problem};
use crate::values::Time;

/// An authenticated operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// Name of the token, or e-mail address or client id from Access.
    pub name: String,
    /// Authentication method.
    pub by: AuthMethod,
    /// The role; `None` before sign-in.
    pub role: Option<Role>,
    /// End of the token, if it has one.
    pub until: Option<Time>,
    /// The second person of an action, in words for the audit record.
    pub confirmed: Option<String>,
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
            detail: self.confirmed.clone(),
            address: request.address.map(|address| address.to_string()),
            role: self.role,
        }
    }

    /// Refuses a request for which the role has no permission.
    ///
    /// # Errors
    /// 403, with the least role that has it.
    pub fn check(&self, route: &AdminRoute, method: &str) -> Result<(), Problem> {
        let permission = route.permission(method);
        if self.role.is_some_and(|role| permission.is_of(role)) {
            return Ok(());
        }
        let detail = format!(
            "Refused: this needs the permission {:?}, which the role {} has; {} has the role {}. Nothing was changed.",
            permission.name(),
            permission.least().name(),
            self.name,
            self.role.map_or("none", Role::name)
        );
        Err(Problem::new(Kind::Unauthorized, detail))
    }
}
