//! The setting ACCESS_ROLES: roles of the people and programs that Cloudflare Access admits.

use crate::jose;
use crate::records::operations::role::Role;
use crate::values::quote::quote;

/// Maximum number of entries.
const MAX_ENTRIES: usize = 100;

/// Maximum length of a pattern: that of a mail address (RFC 5321 §4.5.3.1.3).
const MAX_PATTERN: usize = 254;

/// The prefix of a group's name.
const GROUP: &str = "group:";

/// The subject of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Pattern {
    /// An address or the client id of a service token.
    Name(String),
    /// All addresses of a domain.
    Domain(String),
    /// A group of the identity provider.
    Group(String),
    /// Everybody that Access admits.
    All,
}

/// The roles by address, client id, domain or group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessRoles(Vec<(Pattern, Role)>);

impl AccessRoles {
    /// Reads `ACCESS_ROLES`, a JSON object from pattern to role.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub fn read(text: &str) -> Result<Self, String> {
        let entries = jose::read_object("ACCESS_ROLES", text).map_err(|fault| format!("{fault}."))?;
        if entries.is_empty() || entries.len() > MAX_ENTRIES {
            let like = "{\"ann@example.org\": \"owner\", \"*@example.org\": \"auditor\"}";
            return Err(format!(
                "ACCESS_ROLES has {} entries; it has to have 1 to {MAX_ENTRIES}, like {like}.",
                entries.len()
            ));
        }
        let read = |(pattern, role): (&String, &serde_json::Value)| {
            let shown = quote(pattern);
            let parsed = Pattern::parse(pattern).ok_or_else(|| {
                format!(
                    "ACCESS_ROLES has {shown}; a pattern has to be an address, *@DOMAIN, {GROUP}NAME, the client id of \
                     a service token, or * for everybody."
                )
            })?;
            let role = role.as_str().and_then(Role::parse);
            let role = role.ok_or_else(|| format!("ACCESS_ROLES.{shown} has to be one of {}.", Role::names()))?;
            Ok((parsed, role))
        };
        entries.iter().map(read).collect::<Result<Vec<_>, String>>().map(Self)
    }

    /// The role of an identity. A name of its own decides alone, otherwise the greatest of what fits.
    pub fn of(&self, name: &str, groups: &[String]) -> Option<Role> {
        let named =
            self.0.iter().find(|(pattern, _)| matches!(pattern, Pattern::Name(one) if one.eq_ignore_ascii_case(name)));
        if let Some((_, role)) = named {
            return Some(*role);
        }
        let domain = name.rsplit_once('@').map(|(_, domain)| domain);
        let fits = |pattern: &Pattern| match pattern {
            Pattern::Name(_) => false,
            Pattern::Domain(one) => domain.is_some_and(|domain| domain.eq_ignore_ascii_case(one)),
            Pattern::Group(one) => groups.contains(one),
            Pattern::All => true,
        };
        self.0.iter().filter(|(pattern, _)| fits(pattern)).map(|(_, role)| *role).max()
    }
}

impl Pattern {
    fn parse(text: &str) -> Option<Self> {
        if text.len() > MAX_PATTERN || text.chars().any(char::is_control) {
            return None;
        }
        if let Some(group) = text.strip_prefix(GROUP) {
            return (!group.trim().is_empty()).then(|| Self::Group(group.to_owned()));
        }
        let plain = |text: &str| !text.is_empty() && !text.contains(['*', ' ']);
        match text.strip_prefix("*@") {
            _ if text == "*" => Some(Self::All),
            Some(domain) => (plain(domain) && !domain.contains('@')).then(|| Self::Domain(domain.to_owned())),
            None => plain(text).then(|| Self::Name(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roles(text: &str) -> AccessRoles {
        AccessRoles::read(text).unwrap()
    }

    #[test]
    fn own_name_decides_alone_and_otherwise_the_greatest_role_that_fits() {
        let roles = roles(
            r#"{"ann@example.org":"auditor","*@example.org":"revoker","group:ca admins":"owner","0123.access":"operator"}"#,
        );
        let admins = ["ca admins".to_owned()];
        assert_eq!(roles.of("ann@example.org", &admins), Some(Role::Auditor));
        assert_eq!(roles.of("Ann@Example.org", &[]), Some(Role::Auditor));
        assert_eq!(roles.of("ben@EXAMPLE.org", &[]), Some(Role::Revoker));
        assert_eq!(roles.of("ben@example.org", &admins), Some(Role::Owner));
        assert_eq!(roles.of("0123.access", &[]), Some(Role::Operator));
        for other in ["ben@sub.example.org", "ben@notexample.org", "example.org", "ann@example.org.test"] {
            assert_eq!(roles.of(other, &["ca admin".to_owned()]), None, "{other}");
        }
        assert_eq!(self::roles(r#"{"*":"auditor"}"#).of("x", &[]), Some(Role::Auditor));
    }

    #[test]
    fn faults_name_the_pattern_and_what_is_expected() {
        for (text, says) in [
            ("[]", "ACCESS_ROLES"),
            ("{}", "has 0 entries"),
            (r#"{"a*@example.org":"owner"}"#, "\"a*@example.org\"; a pattern has to be"),
            (r#"{"*@":"owner"}"#, "a pattern has to be"),
            (r#"{"group: ":"owner"}"#, "a pattern has to be"),
            (r#"{"":"owner"}"#, "a pattern has to be"),
            (r#"{"a@b.test":"admin"}"#, "has to be one of owner, operator, revoker, auditor"),
            (r#"{"a@b.test":1}"#, "has to be one of owner"),
        ] {
            let fault = AccessRoles::read(text).unwrap_err();
            assert!(fault.contains(says), "{fault}");
        }
    }
}
