//! Names that this CA issues for, by its issuer's certificate and its policy.

use crate::ca::config::policy::known;
use crate::pki::Issuer;
use crate::policy::{Pattern, Policy, Rules};
use crate::values::Identifier;
use crate::values::identifier::DnsName;

/// Maximum number of names in the sentence.
const MAX_NAMES: usize = 20;

/// A name for examples: `usual` if permitted, otherwise one made from a permitted pattern. `None` if no permitted DNS
/// name is found.
pub fn example(issuer: &Issuer, policy: &Policy, usual: &str) -> Option<String> {
    let bases = policy.allow.iter().flatten().filter_map(base_of).chain(issuer.permitted_dns());
    let below = bases.flat_map(|base| [format!("www.{base}"), base]);
    core::iter::once(usual.to_owned()).chain(below).find(|name| is_permitted(issuer, policy, name))
}

/// Whether a text is a DNS name or wildcard that name constraints and policy allow.
pub fn is_permitted(issuer: &Issuer, policy: &Policy, name: &str) -> bool {
    let rules = Rules { ca: policy, key: None, trusted: false, known: known() };
    let name = DnsName::parse(name).map(Identifier::Dns);
    name.is_ok_and(|name| issuer.permits(&name).is_ok() && rules.decide(&name).is_ok())
}

fn base_of(pattern: &Pattern) -> Option<String> {
    pattern.name().map(|name| name.as_str().to_owned())
}

/// The sentence about permitted names; `None` if nothing limits them.
pub fn permitted(issuer: &Issuer, policy: &Policy) -> Option<String> {
    let mut limits = Vec::new();
    if let Some(constraints) = issuer.constraints_text() {
        limits.push(format!("its issuer's certificate is good for {constraints}"));
    }
    if let Some(allow) = &policy.allow {
        let all: Vec<String> = allow.iter().map(ToString::to_string).collect();
        limits.push(match listed(&all) {
            list if list.is_empty() => {
                "its policy allows no names but those that its operator pre-authorised".to_owned()
            }
            list => format!("its policy allows {list}"),
        });
    }
    if !policy.deny.is_empty() {
        limits.push("some names are denied".to_owned());
    }
    if !policy.wildcards {
        limits.push("there are no wildcards".to_owned());
    }
    (!limits.is_empty()).then(|| format!("Not every name gets a certificate here: {}.", limits.join("; ")))
}

fn listed(all: &[String]) -> String {
    let more = if all.len() > MAX_NAMES { ", …" } else { "" };
    format!("{}{more}", all.iter().take(MAX_NAMES).map(String::as_str).collect::<Vec<_>>().join(", "))
}
