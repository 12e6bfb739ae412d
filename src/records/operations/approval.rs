//! Actions that one operator asked for, and another has to confirm.

use super::audit::{Actor, AuthMethod};
use super::role::Role;
use crate::store::{Record, Table};
use crate::values::Time;
use core::time::Duration;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Time for a confirmation, and for the steps of a confirmed revocation.
pub const OPEN: Duration = Duration::from_secs(86_400);

/// Time for which it is listed after its end.
const KEPT: Duration = Duration::from_secs(30 * 86_400);

/// An action that needs a second person, stored as `approval/{id}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalRecord {
    /// Its id.
    pub id: String,
    /// The operator that asked, with the time.
    pub asked: Actor,
    /// How that operator signed in.
    pub method: AuthMethod,
    /// The role of that operator.
    pub role: Role,
    /// The action, as in the audit record.
    pub action: String,
    /// Path of the request below the API's, with its query.
    pub path: String,
    /// Body of the request.
    pub body: String,
    /// End of the time in which it can be confirmed.
    pub until: Time,
    /// The decision of another operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided: Option<Decision>,
}

/// The decision about a requested action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Whether it was confirmed.
    pub confirmed: bool,
    /// The operator, with the time.
    pub made: Actor,
}

/// Why an action cannot be decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undecidable {
    /// It was decided before.
    Decided,
    /// Its time has passed.
    Ended,
    /// The operator asked for it.
    SamePerson,
}

impl Record for ApprovalRecord {
    const PREFIX: &'static str = "approval";
    const TABLE: Table = Table::Expiring;

    fn expires(&self) -> Option<Time> {
        Some(self.until.plus(KEPT))
    }
}

impl ApprovalRecord {
    /// Its state as text.
    pub fn state(&self, now: Time) -> &'static str {
        match &self.decided {
            Some(decision) if decision.confirmed => "confirmed",
            Some(_) => "rejected",
            None if self.until <= now => "ended",
            None => "pending",
        }
    }

    /// Whether a name is that of the operator that asked. Case does not matter, as in mail addresses.
    pub fn is_asker(&self, name: &str) -> bool {
        self.asked.by.eq_ignore_ascii_case(name)
    }

    /// Decides it.
    ///
    /// # Errors
    /// The reason why it cannot be decided.
    pub fn decide(&mut self, confirmed: bool, made: Actor) -> Result<(), Undecidable> {
        match self.state(made.at) {
            "pending" if confirmed && self.is_asker(&made.by) => Err(Undecidable::SamePerson),
            "pending" => {
                self.decided = Some(Decision { confirmed, made });
                Ok(())
            }
            "ended" => Err(Undecidable::Ended),
            _ => Err(Undecidable::Decided),
        }
    }

    /// Whether a confirmed revocation may go on, and for this operator.
    pub fn goes_on(&self, name: &str, now: Time) -> bool {
        self.decided.as_ref().is_some_and(|decision| {
            let party = self.is_asker(name) || decision.made.by.eq_ignore_ascii_case(name);
            decision.confirmed && party && now < decision.made.at.plus(OPEN)
        })
    }

    /// Its form in the API, without the body.
    pub fn wire(&self, now: Time) -> Value {
        let act = |actor: &Actor| json!({ "at": actor.at.rfc3339(), "by": actor.by });
        json!({
            "id": self.id, "action": self.action, "path": self.path, "state": self.state(now),
            "asked": act(&self.asked), "role": self.role, "until": self.until.rfc3339(),
            "decided": self.decided.as_ref().map(|decision| act(&decision.made)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_person_decides_once_and_in_time() {
        let at = |secs: u64| Time::from_secs(1_800_000_000 + secs);
        let by = |name: &str, secs| Actor { at: at(secs), by: name.to_owned() };
        let asked = ApprovalRecord {
            id: "a".to_owned(),
            asked: by("ann@example.org", 0),
            method: AuthMethod::Token,
            role: Role::Owner,
            action: "policy.put".to_owned(),
            path: "policy".to_owned(),
            body: "{}".to_owned(),
            until: at(10),
            decided: None,
        };
        let mut one = asked.clone();
        assert_eq!(one.decide(true, by("Ann@Example.org", 1)), Err(Undecidable::SamePerson));
        assert_eq!(one.decide(true, by("ben", 10)), Err(Undecidable::Ended));
        assert_eq!(one.decide(true, by("ben", 9)), Ok(()));
        assert_eq!(one.decide(true, by("eve", 9)), Err(Undecidable::Decided));
        assert!(one.goes_on("ben", at(9)) && one.goes_on("ann@example.org", at(9)));
        assert!(!one.goes_on("eve", at(9)) && !one.goes_on("ben", at(9).plus(OPEN)));
        // A request may be withdrawn by the operator that made it.
        let mut two = asked.clone();
        assert_eq!(two.decide(false, by("ann@example.org", 1)), Ok(()));
        assert!(!two.goes_on("ann@example.org", at(1)) && two.state(at(1)) == "rejected");
        assert_eq!((asked.state(at(9)), asked.state(at(10))), ("pending", "ended"));
    }
}
