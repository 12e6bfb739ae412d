//! What an account may order: the policies that it is under, applied to the identifiers of an order.

use crate::pki::{Issuer, Profile};
use crate::policy::{Grant, Rules, Verdict};
use crate::records::acme::problem::Named;
use crate::records::{Kind, Problem};
use crate::validation::Method;
use crate::values::Identifier;
use core::time::Duration;
use std::collections::BTreeMap;

/// What an account may have for the identifiers of an order, all of which are allowed.
pub struct OrderGrants<'a> {
    rules: Rules<'a>,
    each: BTreeMap<Identifier, Grant>,
}

impl OrderGrants<'_> {
    /// The grant for an identifier that was asked about.
    ///
    /// # Errors
    /// `serverInternal` for one that was not.
    pub fn of(&self, identifier: &Identifier) -> Result<&Grant, Problem> {
        self.each.get(identifier).ok_or_else(|| Problem::internal(format!("{identifier} was not asked about")))
    }

    /// Whether certificates of this profile are issued to the account.
    pub fn profile_allowed(&self, name: &str) -> bool {
        self.rules.profile_allowed(name)
    }

    /// Whether certificates of this profile have a common name.
    pub fn common_name(&self, profile: &Profile) -> bool {
        self.rules.common_name(profile.common_name)
    }

    /// The longest life of a certificate of the account; `None` for that of its profile.
    pub fn max_lifetime(&self) -> Option<Duration> {
        self.rules.max_lifetime()
    }
}

/// What these rules give for these identifiers.
///
/// # Errors
/// `rejectedIdentifier`, saying which rule, or which name constraint of the issuer's certificate, decided; of several
/// identifiers each in a subproblem, beside those that were `refused` before.
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

/// What orders for these identifiers would meet: the same decisions as [`grant_order`]'s, of which nothing comes.
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

/// What an account under these rules may have for an identifier; else why nothing, in a sentence for the client.
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
