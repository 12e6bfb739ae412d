//! Grants for an order's identifiers under the effective policy.

use crate::pki::{Issuer, Profile};
use crate::policy::{Grant, Rules, Verdict};
use crate::records::acme::problem::Named;
use crate::records::{Kind, Problem};
use crate::validation::Method;
use crate::values::Identifier;
use core::time::Duration;
use std::collections::BTreeMap;

/// The grants of an order whose identifiers are all allowed.
pub struct OrderGrants<'a> {
    rules: Rules<'a>,
    each: BTreeMap<Identifier, Grant>,
}

impl OrderGrants<'_> {
    /// The grant for one of the identifiers.
    ///
    /// # Errors
    /// `serverInternal` for another one.
    pub fn of(&self, identifier: &Identifier) -> Result<&Grant, Problem> {
        self.each.get(identifier).ok_or_else(|| Problem::internal(format!("{identifier} was not asked about")))
    }

    /// Whether the account may use this profile.
    pub fn profile_allowed(&self, name: &str) -> bool {
        self.rules.profile_allowed(name)
    }

    /// Whether certificates of this profile get a common name.
    pub fn common_name(&self, profile: &Profile) -> bool {
        self.rules.common_name(profile.common_name)
    }

    /// Maximum lifetime of a certificate of the account; `None` for its profile's.
    pub fn max_lifetime(&self) -> Option<Duration> {
        self.rules.max_lifetime()
    }
}

/// The grants of these rules for these identifiers.
///
/// # Errors
/// `rejectedIdentifier` with the deciding rule or name constraint. For several identifiers each is a subproblem, with
/// those `refused` before.
pub fn grant_order<'a>(
    rules: Rules<'a>,
    issuer: &Issuer,
    identifiers: &[&Identifier],
    mut refused: Vec<(Named, Problem)>,
) -> Result<OrderGrants<'a>, Problem> {
    let asked = identifiers.len() + refused.len();
    let mut each = BTreeMap::new();
    for &identifier in identifiers {
        match decide(&rules, issuer, identifier) {
            Ok(grant) => {
                each.insert(identifier.clone(), grant);
            }
            Err(why) => refused.push((Named::from(identifier), Problem::new(Kind::RejectedIdentifier, why))),
        }
    }
    Problem::join(refused, asked).map_or(Ok(OrderGrants { rules, each }), Err)
}

/// The decisions of [`grant_order`] for a dry run.
pub fn verdicts(rules: &Rules<'_>, issuer: &Issuer, identifiers: &[Identifier]) -> Vec<Verdict> {
    let verdict = |identifier: &Identifier| {
        let mut verdict = Verdict::of(identifier, decide(rules, issuer, identifier));
        let fitting = Method::ALL.into_iter().filter(|method| method.fits(identifier)).map(Method::name);
        let fitting: Vec<_> = fitting.collect();
        verdict.challenges.retain(|challenge| fitting.contains(&challenge.as_str()));
        verdict
    };
    identifiers.iter().map(verdict).collect()
}

/// The grant for an identifier, or the reason of a refusal. It is a sentence for the client.
fn decide(rules: &Rules<'_>, issuer: &Issuer, identifier: &Identifier) -> Result<Grant, String> {
    issuer.permits(identifier).map_err(|outside| format!("{outside}."))?;
    let grant = rules.decide(identifier).map_err(|refusal| format!("{refusal}."))?;
    if grant.preauthorized || provable(identifier, &grant) { Ok(grant) } else { Err(unprovable(identifier, &grant)) }
}

fn provable(identifier: &Identifier, grant: &Grant) -> bool {
    Method::ALL.iter().any(|method| method.fits(identifier) && grant.offers(method.name()))
}

fn unprovable(identifier: &Identifier, grant: &Grant) -> String {
    let offered = grant.challenges.join(", ");
    format!(
        "\"{identifier}\" is refused: none of the challenge types that are offered to this account ({offered}) can \
         prove it."
    )
}

#[cfg(test)]
mod tests;
