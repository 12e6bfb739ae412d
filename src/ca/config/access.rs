//! The settings of Cloudflare Access in front of the operations API.

use super::access_roles::AccessRoles;
use super::values::{Values, invalid, origin};
use crate::jose::access::Expected;
use crate::records::operations::role::Role;

/// The Access team and application that protect the operations API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// Expected issuer and audience of an assertion.
    pub expected: Expected,
    /// The roles of those admitted; without them all are owners.
    pub roles: Option<AccessRoles>,
}

/// Length of an application's tag in hex digits.
const TAG_LENGTH: usize = 64;

const TEAM_FORM: &str = "https://TEAM.cloudflareaccess.com";

impl Access {
    /// Reads `ACCESS_TEAM`, `ACCESS_AUDIENCE` and `ACCESS_ROLES`; `None` if none is set. With `dev` the team may be a test
    /// machine.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub fn read(value: Values<'_>, dev: bool) -> Result<Option<Self>, String> {
        let missing = |name: &str, other: &str, what: &str| {
            Err(format!("{other} is set, and {name} is not; it has to be {what}, set under [vars] in wrangler.toml."))
        };
        let roles = value("ACCESS_ROLES").map(|text| AccessRoles::read(&text)).transpose()?;
        match (value("ACCESS_TEAM"), value("ACCESS_AUDIENCE")) {
            (None, None) if roles.is_some() => missing("ACCESS_TEAM", "ACCESS_ROLES", "the URL of the Access team"),
            (None, None) => Ok(None),
            (Some(_), None) => missing("ACCESS_AUDIENCE", "ACCESS_TEAM", "the Access application's AUD tag"),
            (None, Some(_)) => missing("ACCESS_TEAM", "ACCESS_AUDIENCE", "the URL of the Access team"),
            (Some(team), Some(audience)) => {
                let expected = Expected { issuer: team_url(&team, dev)?, audience: tag(&audience)? };
                Ok(Some(Self { expected, roles }))
            }
        }
    }

    /// The role of an identity; `None` without one.
    pub fn role_of(&self, name: &str, groups: &[String]) -> Option<Role> {
        self.roles.as_ref().map_or(Some(Role::Owner), |roles| roles.of(name, groups))
    }

    /// URL of the team's keys.
    pub fn keys_url(&self) -> String {
        format!("{}/cdn-cgi/access/certs", self.expected.issuer)
    }
}

fn team_url(text: &str, dev: bool) -> Result<String, String> {
    let team = origin("ACCESS_TEAM", text, TEAM_FORM, |scheme| match scheme {
        "https" => Ok(()),
        "http" if dev => Ok(()),
        _ => Err("it has to begin with https://"),
    })?;
    // Another host could assert any operator.
    let name = team.strip_prefix("https://").and_then(|host| host.strip_suffix(".cloudflareaccess.com"));
    if !dev && name.is_none_or(|name| name.is_empty() || name.contains('.')) {
        return Err(invalid("ACCESS_TEAM", text, format_args!("the URL of an Access team, like {TEAM_FORM}")));
    }
    Ok(team)
}

fn tag(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.len() != TAG_LENGTH || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(invalid(
            "ACCESS_AUDIENCE",
            text,
            format_args!("the application's AUD tag of {TAG_LENGTH} hex digits"),
        ));
    }
    Ok(text.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEAM: &str = "https://team-a.cloudflareaccess.com";

    fn read(team: Option<&str>, audience: Option<&str>, dev: bool) -> Result<Option<Access>, String> {
        let value = |name: &str| match name {
            "ACCESS_TEAM" => team.map(str::to_owned),
            "ACCESS_AUDIENCE" => audience.map(str::to_owned),
            _ => None,
        };
        Access::read(&value, dev)
    }

    #[test]
    fn access_needs_team_and_audience() {
        let tag = "0a".repeat(32);
        assert_eq!(read(None, None, false), Ok(None));
        for (team, audience, missing) in
            [(Some(TEAM), None, "ACCESS_AUDIENCE is not"), (None, Some(tag.as_str()), "ACCESS_TEAM is not")]
        {
            let refusal = read(team, audience, false).unwrap_err();
            assert!(refusal.contains(missing) && refusal.contains("wrangler.toml"), "{refusal}");
        }
        let access = read(Some(&format!("{TEAM}/")), Some(&tag.to_uppercase()), false).unwrap().unwrap();
        assert_eq!(access.expected, Expected { issuer: TEAM.to_owned(), audience: tag });
        assert_eq!(access.keys_url(), format!("{TEAM}/cdn-cgi/access/certs"));
    }

    #[test]
    fn access_roles_need_a_team_and_without_them_all_are_owners() {
        let value = |name: &str| (name == "ACCESS_ROLES").then(|| r#"{"*":"auditor"}"#.to_owned());
        let refusal = Access::read(&value, false).unwrap_err();
        assert!(refusal.starts_with("ACCESS_ROLES is set, and ACCESS_TEAM is not"), "{refusal}");
        let access = read(Some(TEAM), Some(&"0a".repeat(32)), false).unwrap().unwrap();
        assert_eq!(access.role_of("ann@example.org", &[]), Some(Role::Owner));
    }

    #[test]
    fn access_team_has_to_be_cloudflares_except_on_a_test_machine() {
        let tag = "0a".repeat(32);
        for bad in [
            "",
            "team-a",
            "team-a.cloudflareaccess.com",
            "http://team-a.cloudflareaccess.com",
            "https://cloudflareaccess.com",
            "https://.cloudflareaccess.com",
            "https://a.b.cloudflareaccess.com",
            "https://team-a.cloudflareaccess.com:444",
            "https://team-a.cloudflareaccess.com/x",
            "https://team-a.cloudflareaccess.com.example.org",
            "https://team-acloudflareaccess.com",
            "https://example.org",
            "https://Team-A.cloudflareaccess.com",
        ] {
            let refusal = read(Some(bad), Some(&tag), false).unwrap_err();
            assert!(refusal.starts_with("ACCESS_TEAM is ") && refusal.contains(TEAM_FORM), "{refusal}");
        }
        assert!(read(Some("http://127.0.0.1:8080"), Some(&tag), true).is_ok());
        assert!(read(Some("http://127.0.0.1:8080/x"), Some(&tag), true).is_err());
    }

    #[test]
    fn access_audience_has_64_hex_digits() {
        for bad in ["", "0a", &"0a".repeat(33), &"0g".repeat(32), &format!("{}\u{e9}", "0a".repeat(31))] {
            let refusal = read(Some(TEAM), Some(bad), false).unwrap_err();
            assert!(refusal.starts_with("ACCESS_AUDIENCE is ") && refusal.contains("64 hex digits"), "{refusal}");
        }
    }
}
