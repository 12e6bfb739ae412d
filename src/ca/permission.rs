//! What an account may order: the policies that it is under, applied to the identifiers of an order.

#[cfg(test)]
mod tests;

use super::cell::Cell;
use super::governing::Governing;
use super::ports::PartitionPorts;
use crate::acme::problem::Named;
use crate::acme::{AuthorizationRecord, Kind, OrderRecord, Problem};
use crate::pki::{Issuer, Profile, profile};
use crate::policy::{Grant, Known, Pattern, Policy, Rules, TextFault, Verdict};
use crate::store::Kv;
use crate::validation::Method;
use crate::values::Identifier;
use core::time::Duration;
use serde_json::Value;
use std::collections::BTreeMap;

/// The challenge types and profiles that there are, for policies to name.
pub(super) fn known() -> Known {
    Known {
        challenges: Method::ALL.into_iter().map(Method::name).collect(),
        offered: Method::ALL.into_iter().filter(|method| method.offered_by_default()).map(Method::name).collect(),
        profiles: profile::all().iter().map(|profile| profile.name).collect(),
    }
}

/// Reads the policy document that is called `path` in faults.
///
/// # Errors
/// A sentence for the operator that begins with the path of the faulty member.
pub fn read_policy(path: &str, document: &Value) -> Result<Policy, String> {
    Policy::read(path, document, &known()).map_err(|fault| format!("{fault}."))
}

/// Reads the text of a policy document; with the policy comes the document as it was written.
///
/// # Errors
/// What is wrong, and in which line.
pub fn read_policy_text(text: &str) -> Result<(Policy, Value), TextFault> {
    Policy::read_text(text, &known())
}

/// What a policy says that has no effect, each a sentence: it may stand there in error.
pub fn idle(policy: &Policy) -> Vec<String> {
    let allowed =
        |profile: &&Profile| policy.profiles.as_ref().is_none_or(|names| names.iter().any(|name| name == profile.name));
    let longest = profile::all().iter().filter(allowed).max_by_key(|profile| profile.validity);
    let (Some(limit), Some(longest)) = (policy.max_lifetime, longest) else { return Vec::new() };
    if limit <= longest.validity {
        return Vec::new();
    }
    vec![format!(
        "max_lifetime does nothing: it is {} hours, and of the profiles that the policy allows none is for longer than {} \
         hours ({}). A policy can make certificates shorter than their profile says, not longer.",
        limit.as_secs() / 3600,
        longest.validity.as_secs() / 3600,
        longest.name,
    )]
}

/// What an account may have for the identifiers of an order, all of which are allowed.
pub struct Permits<'a> {
    rules: Rules<'a>,
    each: BTreeMap<Identifier, Grant>,
}

impl Permits<'_> {
    /// The permit for an identifier that was asked about.
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
pub fn permit<'a>(
    rules: Rules<'a>,
    issuer: &Issuer,
    identifiers: &[&Identifier],
    mut refused: Vec<(Named, Problem)>,
) -> Result<Permits<'a>, Problem> {
    let asked = identifiers.len() + refused.len();
    let mut each = BTreeMap::new();
    for &identifier in identifiers {
        match decide(&rules, issuer, identifier) {
            Ok(permit) => {
                each.insert(identifier.clone(), permit);
            }
            Err(why) => refused.push((Named::from(identifier), Problem::new(Kind::RejectedIdentifier, why))),
        }
    }
    Problem::join(refused, asked).map_or(Ok(Permits { rules, each }), Err)
}

/// What orders for these identifiers would meet: the same decisions as [`permit`]'s, of which nothing comes.
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

/// What an external account key's policy grants and its accounts are refused, and what of it has no effect.
///
/// Each is a sentence; the first name the pattern, and the issuer's name constraint or the rule of the CA's policy.
pub fn warnings(ca: &Policy, (kid, policy): (&str, &Policy), issuer: &Issuer) -> Vec<String> {
    let rules = Rules { ca, key: Some((kid, policy)), trusted: true, known: known() };
    let lists =
        [("preauthorized", &policy.preauthorized), ("allow", policy.allow.as_ref().unwrap_or(const { &Vec::new() }))];
    let patterns = lists.into_iter().flat_map(|(list, patterns)| patterns.iter().map(move |pattern| (list, pattern)));
    let warning = |(list, pattern): (&str, &Pattern)| {
        let samples = pattern.samples();
        let outside = samples.iter().find_map(|sample| issuer.permits(sample).err()).map(|outside| outside.to_string());
        // One that is refused where another is not is an exception that the policy makes.
        let refused = || {
            let refusals: Option<Vec<_>> = samples.iter().map(|sample| rules.decide(sample).err()).collect();
            refusals.and_then(|refusals| refusals.last().map(ToString::to_string))
        };
        let why = outside.or_else(refused)?;
        Some(format!("{list} has \"{pattern}\", but orders for such names are refused: {why}."))
    };
    patterns.filter_map(warning).chain(idle(policy)).collect()
}

/// What an account under these rules may have for an identifier; else why nothing, in a sentence for the client.
fn decide(rules: &Rules<'_>, issuer: &Issuer, identifier: &Identifier) -> Result<Grant, String> {
    issuer.permits(identifier).map_err(|outside| format!("{outside}."))?;
    let permit = rules.decide(identifier).map_err(|refusal| format!("{refusal}."))?;
    if permit.preauthorized || provable(identifier, &permit) {
        Ok(permit)
    } else {
        Err(unprovable(identifier, &permit))
    }
}

fn provable(identifier: &Identifier, permit: &Grant) -> bool {
    Method::ALL.iter().any(|method| method.fits(identifier) && permit.offers(method.name()))
}

fn unprovable(identifier: &Identifier, permit: &Grant) -> String {
    let offered = permit.challenges.join(", ");
    format!(
        "\"{identifier}\" is refused: none of the challenge types that are offered to this account ({offered}) can \
         prove it."
    )
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Cell<P, K> {
    /// As [`permit`], by what the account is under today.
    ///
    /// # Errors
    /// As [`permit`]; `rejectedIdentifier` for names that are [too deep](Cell::too_deep); `unauthorized`: see [`Governing::rules`].
    pub fn permits<'a>(&'a self, governing: &'a Governing, identifiers: &[Identifier]) -> Result<Permits<'a>, Problem> {
        self.permits_beside(governing, identifiers, Vec::new())
    }

    /// As [`Cell::permits`], beside identifiers that were refused before.
    ///
    /// # Errors
    /// As [`Cell::permits`].
    pub fn permits_beside<'a>(
        &'a self,
        governing: &'a Governing,
        identifiers: &[Identifier],
        mut refused: Vec<(Named, Problem)>,
    ) -> Result<Permits<'a>, Problem> {
        let deep = |identifier: &&Identifier| self.too_deep(identifier).is_some();
        let (deep, others): (Vec<&Identifier>, Vec<&Identifier>) = identifiers.iter().partition(deep);
        let told = |identifier: &&Identifier| Some((Named::from(*identifier), self.too_deep(identifier)?));
        refused.extend(deep.iter().filter_map(told));
        permit(governing.rules(self.ports.settings())?, self.ports.issuer(), &others, refused)
    }

    /// Whether an order that was permitted when it was placed would be today: a policy that an operator tightens holds
    /// from then on, also for what has been proven, or pre-authorised, meanwhile.
    ///
    /// # Errors
    /// As [`permit`]; `unauthorized` for identifiers that were pre-authorised and are not any more.
    pub fn check_still_permitted(
        &self,
        governing: &Governing,
        order: &OrderRecord,
        authorizations: &[AuthorizationRecord],
    ) -> Result<(), Problem> {
        let permits = self.permits(governing, &order.identifiers)?;
        let mut refused = Vec::new();
        for authorization in authorizations.iter().filter(|authorization| authorization.challenges.is_empty()) {
            let granted = order.identifiers.iter().filter(|identifier| {
                identifier.base() == authorization.identifier && identifier.is_wildcard() == authorization.wildcard
            });
            for identifier in granted {
                if !permits.of(identifier)?.preauthorized {
                    let detail = format!(
                        "\"{identifier}\" was pre-authorised when the order was placed and is not any more. Place a \
                         new order and prove it by a challenge."
                    );
                    refused.push((Named::from(identifier), Problem::new(Kind::Unauthorized, detail)));
                }
            }
        }
        Problem::join(refused, order.identifiers.len()).map_or(Ok(()), Err)
    }
}
