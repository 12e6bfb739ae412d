//! Reads and checks the payload of newOrder ([RFC 8555 §7.4](https://www.rfc-editor.org/rfc/rfc8555#section-7.4)).

use super::problem::Named;
use crate::records::{Kind, Problem};
use crate::values::{Identifier, Time};
use serde::Deserialize;

/// Maximum number of names in an order, as in Let's Encrypt's classic profile.
pub const MAX_IDENTIFIERS: usize = 100;

/// The payload of new-order (RFC 8555 §7.4). Unknown members are ignored.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewOrder {
    /// The identifiers as the client sent them.
    pub identifiers: Vec<WireIdentifier>,
    /// Requested start of validity, RFC 3339.
    #[serde(default)]
    pub not_before: Option<String>,
    /// Requested end of validity, RFC 3339.
    #[serde(default)]
    pub not_after: Option<String>,
    /// Requested profile (draft-ietf-acme-profiles §4).
    #[serde(default)]
    pub profile: Option<String>,
    /// The certificate to replace (RFC 9773 §5).
    #[serde(default)]
    pub replaces: Option<String>,
}

/// The payload of new-authz (RFC 8555 §7.4.1).
#[derive(Clone, Debug, Deserialize)]
pub struct NewAuthorization {
    /// The identifier as the client sent it.
    pub identifier: WireIdentifier,
}

impl NewAuthorization {
    /// The identifier in certificate form.
    ///
    /// # Errors
    /// `unsupportedIdentifier` or `malformed` for an invalid one; `malformed` for a wildcard.
    pub fn checked(&self) -> Result<Identifier, Problem> {
        let identifier = self.identifier.checked()?;
        if identifier.is_wildcard() {
            let detail =
                "An authorization cannot be asked for a wildcard (RFC 8555 section 7.4.1). Ask with new-order.";
            return Err(Problem::malformed(detail));
        }
        Ok(identifier)
    }
}

/// An identifier as received, unchecked.
#[derive(Clone, Debug, Deserialize)]
pub struct WireIdentifier {
    /// The type: `dns` or another.
    #[serde(rename = "type")]
    pub kind: String,
    /// The name.
    pub value: String,
}

impl NewOrder {
    /// The requested first and last second of validity.
    ///
    /// # Errors
    /// `malformed` for anything but an RFC 3339 date and time (RFC 8555 §7.1.3).
    pub fn validity(&self) -> Result<(Option<Time>, Option<Time>), Problem> {
        Ok((instant("notBefore", self.not_before.as_deref())?, instant("notAfter", self.not_after.as_deref())?))
    }

    /// The identifiers in certificate form.
    ///
    /// # Errors
    /// As [`NewOrder::read`]; `unsupportedIdentifier`, `malformed` or `compound` for invalid identifiers.
    pub fn checked(&self) -> Result<Vec<Identifier>, Problem> {
        let RequestedIdentifiers { valid, invalid } = self.read()?;
        let asked = valid.len() + invalid.len();
        Problem::join(invalid, asked).map_or(Ok(valid), Err)
    }

    /// The valid and the invalid identifiers.
    ///
    /// # Errors
    /// `malformed` for none or too many.
    pub fn read(&self) -> Result<RequestedIdentifiers, Problem> {
        if self.identifiers.is_empty() {
            return Err(Problem::malformed("The order has no identifiers; name at least one."));
        }
        if self.identifiers.len() > MAX_IDENTIFIERS {
            let n = self.identifiers.len();
            return Err(Problem::malformed(format!("The order has {n} identifiers; at most {MAX_IDENTIFIERS} fit.")));
        }
        let mut valid: Vec<Identifier> = Vec::new();
        let mut invalid = Vec::new();
        for wire in &self.identifiers {
            match wire.checked() {
                Ok(identifier) if valid.contains(&identifier) => {}
                Ok(identifier) => valid.push(identifier),
                Err(problem) => invalid.push((wire.named(), problem)),
            }
        }
        Ok(RequestedIdentifiers { valid, invalid })
    }
}

/// The identifiers of an order, parsed.
#[derive(Clone, Debug)]
pub struct RequestedIdentifiers {
    /// Valid identifiers in certificate form, in the client's order, without duplicates.
    pub valid: Vec<Identifier>,
    /// Invalid identifiers with the error: `unsupportedIdentifier` or `malformed`.
    pub invalid: Vec<(Named, Problem)>,
}

/// Parses a requested time; the zero time of a client's language counts as absent.
fn instant(name: &str, text: Option<&str>) -> Result<Option<Time>, Problem> {
    let Some(text) = text.filter(|text| !Time::is_unset(text)) else { return Ok(None) };
    Time::parse_rfc3339(text).map(Some).ok_or_else(|| {
        let shown = crate::values::quote::quote(text);
        let detail = format!("{name} is {shown}; it has to be like 2026-11-24T13:00:00Z (RFC 3339).");
        Problem::malformed(detail)
    })
}

impl WireIdentifier {
    /// Its form in a subproblem, with overlong parts cut.
    fn named(&self) -> Named {
        let shown = |text: &str| text.chars().take(253).collect();
        Named { kind: shown(&self.kind), value: shown(&self.value) }
    }

    fn checked(&self) -> Result<Identifier, Problem> {
        let shown = crate::values::quote::quote(&self.value);
        match self.kind.as_str() {
            "dns" => Identifier::dns(&self.value)
                .map_err(|fault| Problem::malformed(format!("The dns identifier {shown} {fault}."))),
            "ip" => Identifier::ip(&self.value)
                .map_err(|fault| Problem::malformed(format!("The ip identifier {shown} {fault}."))),
            other => {
                let other = crate::values::quote::quote(other);
                let detail = format!("Identifier type {other} (for {shown}) is not supported; dns and ip are.");
                Err(Problem::new(Kind::UnsupportedIdentifier, detail))
            }
        }
    }
}
