//! The payload of newOrder ([RFC 8555 §7.4](https://www.rfc-editor.org/rfc/rfc8555#section-7.4)), read and checked.

use super::problem::Named;
use super::{Kind, Problem};
use crate::values::Identifier;
use serde::Deserialize;
use serde_json::Value;

/// The most names in one order, as many as Let's Encrypt's classic profile has.
pub const MAX_IDENTIFIERS: usize = 100;

/// The payload of new-order (RFC 8555 §7.4). Unknown members are ignored.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewOrder {
    /// The identifiers as the client wrote them.
    pub identifiers: Vec<WireIdentifier>,
    /// The wished beginning of validity.
    #[serde(default)]
    pub not_before: Option<Value>,
    /// The wished end of validity.
    #[serde(default)]
    pub not_after: Option<Value>,
}

/// An identifier as it came in, unchecked.
#[derive(Clone, Debug, Deserialize)]
pub struct WireIdentifier {
    /// `dns`, or something else.
    #[serde(rename = "type")]
    pub kind: String,
    /// The name.
    pub value: String,
}

impl NewOrder {
    /// The identifiers in certificate form, in the client's order, duplicates dropped.
    ///
    /// # Errors
    /// `malformed` when there are none or too many; `unsupportedIdentifier`, `malformed` or `compound` for those
    /// that cannot be read.
    pub fn checked(&self) -> Result<Vec<Identifier>, Problem> {
        if self.identifiers.is_empty() {
            return Err(Problem::malformed("The order has no identifiers; name at least one."));
        }
        if self.identifiers.len() > MAX_IDENTIFIERS {
            let n = self.identifiers.len();
            return Err(Problem::malformed(format!("The order has {n} identifiers; at most {MAX_IDENTIFIERS} fit.")));
        }
        let mut good: Vec<Identifier> = Vec::new();
        let mut bad = Vec::new();
        for wire in &self.identifiers {
            match wire.checked() {
                Ok(identifier) if good.contains(&identifier) => {}
                Ok(identifier) => good.push(identifier),
                Err(problem) => bad.push((wire.named(), problem)),
            }
        }
        Problem::join(bad).map_or(Ok(good), Err)
    }
}

impl WireIdentifier {
    /// As it is shown in a subproblem; what is overlong is cut.
    fn named(&self) -> Named {
        let shown = |text: &str| text.chars().take(253).collect();
        Named { kind: shown(&self.kind), value: shown(&self.value) }
    }

    fn checked(&self) -> Result<Identifier, Problem> {
        let shown: String = self.value.chars().take(80).collect();
        match self.kind.as_str() {
            "dns" => Identifier::dns(&self.value)
                .map_err(|fault| Problem::malformed(format!("The dns identifier {shown:?} {fault}."))),
            "ip" => Identifier::ip(&self.value)
                .map_err(|fault| Problem::malformed(format!("The ip identifier {shown:?} {fault}."))),
            other => {
                let other: String = other.chars().take(40).collect();
                let detail = format!("Identifier type {other:?} (for {shown:?}) is not supported; dns and ip are.");
                Err(Problem::new(Kind::UnsupportedIdentifier, detail))
            }
        }
    }
}
