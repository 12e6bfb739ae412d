//! The settings CAA, CAA_IDENTITIES and CAA_INTERNAL.

use super::values::{Values, invalid};
use crate::validation::caa;
use crate::validation::caa::Config;
use crate::values::identifier::DnsName;
use crate::values::quote::quote;
use url::{Host, Url};

/// Maximum number of issuer names in a challenge (draft-ietf-acme-dns-persist-02 §3.1).
const MAX_IDENTITIES: usize = 10;

/// Identity of a `dev` CA at an IP address.
const DEV_IDENTITY: &str = "selvedge.test";

/// Reads CAA, CAA_IDENTITIES and CAA_INTERNAL. The default identity is the host of `base`, the CA's base URL.
///
/// # Errors
/// A sentence for the operator.
pub fn config(value: Values<'_>, base: &str, dev: bool) -> Result<Config, String> {
    let checked = match value("CAA").as_deref() {
        None | Some("on") => true,
        Some("off") => false,
        Some(other) => return Err(invalid("CAA", other, "\"on\" or \"off\"")),
    };
    let host = || match Url::parse(base).ok()?.host()? {
        Host::Domain(name) => Some(name.to_owned()),
        Host::Ipv4(_) | Host::Ipv6(_) => None,
    };
    let identities = match value("CAA_IDENTITIES") {
        Some(list) => names("CAA_IDENTITIES", &list)?,
        None => vec![host().or_else(|| dev.then(|| DEV_IDENTITY.to_owned())).ok_or(
            "CAA_IDENTITIES is not set, and the host of BASE_URL is an address; set it to a domain name of yours that \
             identifies this CA in DNS.",
        )?],
    };
    if identities.is_empty() || identities.len() > MAX_IDENTITIES {
        let n = identities.len();
        return Err(format!("CAA_IDENTITIES has {n} names; it has to have between 1 and {MAX_IDENTITIES}."));
    }
    let internal = match value("CAA_INTERNAL") {
        None => caa::INTERNAL.map(str::to_owned).to_vec(),
        Some(none) if none.trim() == "none" => Vec::new(),
        Some(list) => names("CAA_INTERNAL", &list)?,
    };
    Ok(Config { checked, identities, internal })
}

/// Parses a comma-separated list of domain names into lower case.
pub(in crate::ca) fn names(variable: &str, list: &str) -> Result<Vec<String>, String> {
    let parts = list.split(',').map(str::trim).filter(|part| !part.is_empty());
    let read = |part: &str| match DnsName::parse(part) {
        Ok(name) if !name.is_wildcard() => Ok(name.as_str().to_owned()),
        Ok(_) => Err(format!("{variable} has {}; leave the `*.` out.", quote(part))),
        Err(fault) => Err(format!("{variable} has {}, which {fault}.", quote(part))),
    };
    parts.map(read).collect()
}
