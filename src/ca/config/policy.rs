//! The setting POLICY.

use super::values::Values;
use crate::jose;
use crate::pki::{Issuer, Profile, profile};
use crate::policy::{Known, Pattern, Policy, Rules, TextFault};
use crate::validation::Method;
use serde_json::Value;

/// The challenge types and profiles that policies may name.
pub(in crate::ca) fn known() -> Known {
    Known {
        challenges: Method::ALL.into_iter().map(Method::name).collect(),
        offered: Method::ALL.into_iter().filter(|method| method.offered_by_default()).map(Method::name).collect(),
        profiles: profile::all().iter().map(|profile| profile.name).collect(),
    }
}

/// Reads a policy document that faults call `path`.
///
/// # Errors
/// A sentence for the operator that begins with the path of the faulty member.
pub fn read_policy(path: &str, document: &Value) -> Result<Policy, String> {
    Policy::read(path, document, &known()).map_err(|fault| format!("{fault}."))
}

/// Reads the text of a policy document and returns the policy with its document.
///
/// # Errors
/// The fault with its line.
pub fn read_policy_text(text: &str) -> Result<(Policy, Value), TextFault> {
    Policy::read_text(text, &known())
}

/// Parts of a policy without effect, each a sentence: probably mistakes.
pub fn idle(policy: &Policy) -> Vec<String> {
    let allowed =
        |profile: &&Profile| policy.profiles.as_ref().is_none_or(|names| names.iter().any(|name| name == profile.name));
    let longest = profile::all().iter().filter(allowed).max_by_key(|profile| profile.validity);
    let (Some(limit), Some(longest)) = (policy.max_lifetime, longest) else { return Vec::new() };
    if limit <= longest.validity {
        return Vec::new();
    }
    vec![format!(
        "max_lifetime has no effect: it is {} hours, and the longest allowed profile has {} hours ({}). A policy can \
         shorten a profile's lifetime, not extend it.",
        limit.as_secs() / 3600,
        longest.validity.as_secs() / 3600,
        longest.name,
    )]
}

/// Grants of an external account key's policy that are refused, and parts without effect.
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
        // A refusal within a grant is an exception that the policy makes.
        let refused = || {
            let refusals: Option<Vec<_>> = samples.iter().map(|sample| rules.decide(sample).err()).collect();
            refusals.and_then(|refusals| refusals.last().map(ToString::to_string))
        };
        let why = outside.or_else(refused)?;
        Some(format!("{list} has \"{pattern}\", but orders for such names are refused: {why}."))
    };
    patterns.filter_map(warning).chain(idle(policy)).collect()
}

pub(in crate::ca) fn policy(value: Values<'_>) -> Result<Policy, String> {
    let Some(text) = value("POLICY") else { return Ok(Policy::default()) };
    let document = jose::read_object("POLICY", &text).map_err(|fault| format!("{fault}."))?;
    read_policy("POLICY", &Value::Object(document))
}
