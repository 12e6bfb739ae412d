//! The service token with which the commands pass Cloudflare Access.

use anyhow::{Result, bail};

use crate::common::secret::Secret;

/// The variables with the parts of a service token, and the headers that carry them.
const PARTS: [(&str, &str); 2] =
    [("CF_ACCESS_CLIENT_ID", "CF-Access-Client-Id"), ("CF_ACCESS_CLIENT_SECRET", "CF-Access-Client-Secret")];

/// The headers of the environment's service token; empty without one.
///
/// # Errors
/// When only one of the variables is set.
pub fn headers() -> Result<Vec<(&'static str, Secret)>> {
    of(|name| std::env::var(name).ok())
}

fn of(variable: impl Fn(&str) -> Option<String>) -> Result<Vec<(&'static str, Secret)>> {
    let set = |name: &str| variable(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let found: Vec<_> = PARTS.iter().filter_map(|(name, header)| Some((*header, Secret::new(set(name)?)))).collect();
    if found.len() == 1 {
        let [(id, _), (secret, _)] = PARTS;
        bail!(
            "a service token of Cloudflare Access has two parts, and one of {id} and {secret} is not set: set both or none"
        );
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn service_token_has_both_parts_or_none() {
        let of = |id: &'static str, secret: &'static str| {
            of(move |name| Some(if name == "CF_ACCESS_CLIENT_ID" { id } else { secret }.to_owned()))
        };
        let found = of("a.access", " b ").unwrap();
        assert_eq!(
            found.iter().map(|(name, text)| (*name, text.reveal())).collect::<Vec<_>>(),
            [("CF-Access-Client-Id", "a.access"), ("CF-Access-Client-Secret", "b")]
        );
        assert!(of("", "").unwrap().is_empty());
        let said = of("a", "").unwrap_err().to_string();
        assert!(said.contains("CF_ACCESS_CLIENT_SECRET is not set"), "{said}");
    }
}
