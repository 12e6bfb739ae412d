//! What an account may order: the policies that it is under, applied to the identifiers of an order.

#[cfg(test)]
mod tests;

use super::cell::Cell;
use super::ports::PartitionPorts;
use super::settings::Settings;
use crate::acme::problem::Named;
use crate::acme::{AccountRecord, AuthorizationRecord, Kind, OrderRecord, Problem};
use crate::pki::Issuer;
use crate::pki::profile;
use crate::policy::{Known, Permit, Policy, Rules, TextFault, Verdict};
use crate::store::Kv;
use crate::validation::Method;
use crate::values::Identifier;
use core::time::Duration;
use serde_json::Value;
use std::collections::BTreeMap;

/// The challenge types and profiles that there are, for policies to name.
fn known() -> Known {
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

/// What an account may have for the identifiers of an order, all of which are allowed.
pub struct Permits<'a> {
    rules: Rules<'a>,
    each: BTreeMap<Identifier, Permit>,
}

impl Permits<'_> {
    /// The permit for an identifier that was asked about.
    ///
    /// # Errors
    /// `serverInternal` for one that was not.
    pub fn of(&self, identifier: &Identifier) -> Result<&Permit, Problem> {
        self.each.get(identifier).ok_or_else(|| Problem::internal(format!("{identifier} was not asked about")))
    }

    /// Whether certificates of this profile are issued to the account.
    pub fn profile_allowed(&self, name: &str) -> bool {
        self.rules.profile_allowed(name)
    }

    /// The longest life of a certificate of the account; `None` for that of its profile.
    pub fn max_lifetime(&self) -> Option<Duration> {
        self.rules.max_lifetime()
    }
}

/// The policies that an account is under.
///
/// # Errors
/// `unauthorized` for an account whose external account key is not configured any more: taking a key away ends what
/// accounts made with it can order.
pub fn rules_of<'a>(settings: &'a Settings, account: &'a AccountRecord) -> Result<Rules<'a>, Problem> {
    let key = match &account.external {
        None => None,
        Some(bound) => {
            let key = settings.external.keys.get(&bound.kid).ok_or_else(|| retired(&bound.kid))?;
            Some((bound.kid.as_str(), &key.policy))
        }
    };
    // Anybody can have an account without external binding; only a test machine trusts it with names unproven.
    let trusted = key.is_some() || settings.dev;
    Ok(Rules { ca: &settings.policy, key, trusted, known: known() })
}

fn retired(kid: &str) -> Problem {
    let detail = format!(
        "This account was created with the external account key {kid:?}, which this CA does not accept any more, so it \
         can order nothing. Ask the operator for another key and create an account with it and a new account key."
    );
    Problem::new(Kind::Unauthorized, detail)
}

/// What `account` may have for these identifiers.
///
/// # Errors
/// `rejectedIdentifier`, saying which rule, or which name constraint of the issuer's certificate, decided; of several
/// identifiers each in a subproblem. `unauthorized`: see [`rules_of`].
pub fn permit<'a>(
    settings: &'a Settings,
    issuer: &Issuer,
    account: &'a AccountRecord,
    identifiers: &[Identifier],
) -> Result<Permits<'a>, Problem> {
    let rules = rules_of(settings, account)?;
    let (mut each, mut refused) = (BTreeMap::new(), Vec::new());
    for identifier in identifiers {
        match decide(&rules, issuer, identifier) {
            Ok(permit) => {
                each.insert(identifier.clone(), permit);
            }
            Err(why) => refused.push((Named::from(identifier), Problem::new(Kind::RejectedIdentifier, why))),
        }
    }
    Problem::join(refused).map_or(Ok(Permits { rules, each }), Err)
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

/// What an account under these rules may have for an identifier; else why nothing, in a sentence for the client.
fn decide(rules: &Rules<'_>, issuer: &Issuer, identifier: &Identifier) -> Result<Permit, String> {
    issuer.permits(identifier).map_err(|outside| format!("{outside}."))?;
    let permit = rules.permit(identifier).map_err(|refusal| format!("{refusal}."))?;
    if permit.preauthorized || provable(identifier, &permit) {
        Ok(permit)
    } else {
        Err(unprovable(identifier, &permit))
    }
}

fn provable(identifier: &Identifier, permit: &Permit) -> bool {
    Method::ALL.iter().any(|method| method.fits(identifier) && permit.offers(method.name()))
}

fn unprovable(identifier: &Identifier, permit: &Permit) -> String {
    let offered = permit.challenges.join(", ");
    format!(
        "\"{identifier}\" is refused: none of the challenge types that are offered to this account ({offered}) can \
         prove it."
    )
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Cell<P, K> {
    /// As [`permit`], by the configuration of today.
    ///
    /// # Errors
    /// As [`permit`].
    pub fn permits<'a>(
        &'a self,
        account: &'a AccountRecord,
        identifiers: &[Identifier],
    ) -> Result<Permits<'a>, Problem> {
        permit(self.ports.settings(), self.ports.issuer(), account, identifiers)
    }

    /// Whether an order that was permitted when it was placed would be today: a policy that an operator tightens holds
    /// from then on, also for what has been proven, or pre-authorised, meanwhile.
    ///
    /// # Errors
    /// As [`permit`]; `unauthorized` for an identifier that was pre-authorised and is not any more.
    pub fn check_still_permitted(
        &self,
        account: &AccountRecord,
        order: &OrderRecord,
        authorizations: &[AuthorizationRecord],
    ) -> Result<(), Problem> {
        let permits = self.permits(account, &order.identifiers)?;
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
                    return Err(Problem::new(Kind::Unauthorized, detail));
                }
            }
        }
        Ok(())
    }
}
