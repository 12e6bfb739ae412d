//! The setting ADMIN_TOKENS: operators' secrets.

use crate::jose;
use crate::records::operations::proof;
use crate::records::operations::role::Role;
use crate::values::Time;
use core::fmt;
use serde_json::Value;

/// Minimum length of a token in characters: `openssl rand -hex 16`.
const MIN_TOKEN: usize = 32;

/// Maximum length and number of tokens: each is compared with each request.
const MAX_TOKEN: usize = 256;

const MAX_TOKENS: usize = 20;

/// Maximum length of a token's name.
const MAX_NAME: usize = 40;

/// The members of an entry that is an object.
const MEMBERS: [&str; 3] = ["token", "role", "until"];

/// The admin tokens; `Debug` shows the names only.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct AdminTokens(Vec<AdminToken>);

/// An admin token.
#[derive(Clone, PartialEq, Eq)]
pub struct AdminToken {
    /// Its name.
    pub name: String,
    /// The role of its holder; the owner's where the entry has none.
    pub role: Role,
    /// Its end; `None` for never.
    pub until: Option<Time>,
    secret: String,
}

impl AdminTokens {
    /// Reads `ADMIN_TOKENS`, a JSON object from name to token; empty if not set.
    ///
    /// In place of a token there may be an object with `token`, `role` and `until`.
    ///
    /// # Errors
    /// A sentence for the operator, without any token.
    pub fn read(text: Option<&str>) -> Result<Self, String> {
        let Some(text) = text else { return Ok(Self::default()) };
        let entries = jose::read_object("ADMIN_TOKENS", text).map_err(|fault| format!("{fault}."))?;
        if entries.is_empty() || entries.len() > MAX_TOKENS {
            return Err(format!(
                "ADMIN_TOKENS has {} tokens; it has to have 1 to {MAX_TOKENS}, like {{\"ada\": \"…\"}}.",
                entries.len()
            ));
        }
        let mut tokens: Vec<AdminToken> = Vec::new();
        for (name, entry) in &entries {
            let token = AdminToken::read(name, entry)?;
            if let Some(other) = tokens.iter().find(|known| known.secret == token.secret) {
                return Err(format!(
                    "ADMIN_TOKENS.{name} is the same token as {:?}; each has to be different.",
                    other.name
                ));
            }
            tokens.push(token);
        }
        Ok(Self(tokens))
    }

    /// These tokens and one more, an owner's.
    #[must_use]
    pub fn with(mut self, name: &str, token: &str) -> Self {
        let (name, secret) = (name.to_owned(), token.to_owned());
        self.0.push(AdminToken { name, role: Role::Owner, until: None, secret });
        self
    }

    /// Whether the list is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The token that was sent. All are compared, each in constant time. `key` is any that the sender does not have.
    pub fn find(&self, key: &[u8; 32], sent: &str) -> Option<&AdminToken> {
        let found = self.0.iter().filter(|token| proof::same_secret(key, sent, &token.secret));
        found.fold(None, |found, token| found.or(Some(token)))
    }

    /// All tokens.
    pub fn all(&self) -> &[AdminToken] {
        &self.0
    }

    /// The tokens, for searches of outputs for secrets.
    #[cfg(any(test, feature = "testing"))]
    pub fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|token| (token.name.as_str(), token.secret.as_str()))
    }
}

impl AdminToken {
    fn read(name: &str, entry: &Value) -> Result<Self, String> {
        if name.len() > MAX_NAME || !is_name(name) {
            let shown = crate::values::quote::quote(name);
            let what = format!("1 to {MAX_NAME} of A-Z a-z 0-9 . _ - @");
            return Err(format!("ADMIN_TOKENS has a token named {shown}; a name has to be {what}."));
        }
        let wrong = |what: &str| Err(format!("ADMIN_TOKENS.{name}{what}."));
        let members = entry.as_object();
        if members.is_some_and(|members| members.keys().any(|member| !MEMBERS.contains(&member.as_str()))) {
            return wrong(" has an unknown member; expected are token, role, until");
        }
        let member = |member: &str| members.and_then(|members| members.get(member));
        let secret = member("token").or(Some(entry)).and_then(Value::as_str);
        let usable = |token: &&str| {
            (MIN_TOKEN..=MAX_TOKEN).contains(&token.len()) && token.bytes().all(|b| b.is_ascii_graphic())
        };
        let Some(secret) = secret.filter(usable) else {
            let place = if members.is_some() { ".token" } else { "" };
            return wrong(&format!(
                "{place} has to be a text of {MIN_TOKEN} to {MAX_TOKEN} ASCII characters without spaces; `openssl rand \
                 -hex 32` makes one"
            ));
        };
        let Some(role) = member("role").map_or(Some(Role::Owner), |role| role.as_str().and_then(Role::parse)) else {
            return wrong(&format!(".role has to be one of {}", Role::names()));
        };
        let until = member("until").map(|until| until.as_str().and_then(Time::parse_rfc3339));
        if until == Some(None) {
            return wrong(".until has to be a time like 2027-01-31T00:00:00Z");
        }
        Ok(Self { name: name.to_owned(), role, until: until.flatten(), secret: secret.to_owned() })
    }

    /// Whether the token has ended.
    pub fn has_ended(&self, now: Time) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

fn is_name(name: &str) -> bool {
    let letter = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'@');
    !name.is_empty() && name.bytes().all(letter)
}

impl fmt::Debug for AdminToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AdminToken({:?}, {})", self.name, self.role.name())
    }
}

impl fmt::Debug for AdminTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.0.iter().map(|token| token.name.as_str()).collect();
        write!(f, "AdminTokens({names:?})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADA: &str = "0123456789abcdef0123456789abcdef";
    const BEN: &str = "fedcba9876543210fedcba9876543210";

    #[test]
    fn admin_tokens_are_found_by_value() {
        let text = format!(r#"{{"ada":"{ADA}","ben@corp.example":"{BEN}"}}"#);
        let tokens = AdminTokens::read(Some(&text)).unwrap();
        let name_of = |sent: &str| tokens.find(&[7; 32], sent).map(|token| token.name.as_str());
        assert_eq!(name_of(ADA), Some("ada"));
        assert_eq!(name_of(BEN), Some("ben@corp.example"));
        for other in ["", "ada", &ADA[1..], &format!("{ADA} "), &ADA.to_uppercase()] {
            assert_eq!(name_of(other), None, "{other}");
        }
        assert!(AdminTokens::read(None).unwrap().is_empty());
        let shown = format!("{tokens:?}");
        assert!(shown.contains("ada") && !shown.contains(ADA) && !shown.contains(BEN), "{shown}");
    }

    #[test]
    fn token_without_a_role_is_the_owners_and_ends_never() {
        let text =
            format!(r#"{{"ada":"{ADA}","ben":{{"token":"{BEN}","role":"auditor","until":"2027-01-31T00:00:00Z"}}}}"#);
        let tokens = AdminTokens::read(Some(&text)).unwrap();
        let (ada, ben) = (tokens.find(&[7; 32], ADA).unwrap(), tokens.find(&[7; 32], BEN).unwrap());
        let end = Time::parse_rfc3339("2027-01-31T00:00:00Z").unwrap();
        assert_eq!((ada.role, ada.until, ben.role, ben.until), (Role::Owner, None, Role::Auditor, Some(end)));
        let before = Time::from_millis(end.millis() - 1);
        assert!(!ada.has_ended(end) && ben.has_ended(end) && !ben.has_ended(before));
        assert!(!format!("{ben:?}").contains(BEN));
    }

    #[test]
    fn admin_token_faults_name_the_member_and_no_token() {
        let short = &ADA[1..];
        for (text, said) in [
            ("{}".to_owned(), "ADMIN_TOKENS has 0 tokens"),
            (format!(r#"{{"ada":"{short}"}}"#), "ADMIN_TOKENS.ada has to be"),
            (format!(r#"{{"ada":"{ADA} x"}}"#), "ADMIN_TOKENS.ada has to be"),
            (format!(r#"{{"ada":["{ADA}"]}}"#), "ADMIN_TOKENS.ada has to be"),
            (r#"{"ada":{"role":"owner"}}"#.to_owned(), "ADMIN_TOKENS.ada.token has to be"),
            (
                format!(r#"{{"ada":{{"token":"{ADA}","role":"admin"}}}}"#),
                "ADMIN_TOKENS.ada.role has to be one of owner,",
            ),
            (format!(r#"{{"ada":{{"token":"{ADA}","until":"soon"}}}}"#), "ADMIN_TOKENS.ada.until has to be a time"),
            (format!(r#"{{"ada":{{"token":"{ADA}","until":null}}}}"#), "ADMIN_TOKENS.ada.until has to be a time"),
            (format!(r#"{{"ada":{{"token":"{ADA}","rolle":"owner"}}}}"#), "ADMIN_TOKENS.ada has an unknown member"),
            (format!(r#"{{"a b":"{ADA}"}}"#), "ADMIN_TOKENS has a token named \"a b\""),
            (format!(r#"{{"":"{ADA}"}}"#), "ADMIN_TOKENS has a token named \"\""),
            (format!(r#"{{"ada":"{ADA}","ben":"{ADA}"}}"#), "ADMIN_TOKENS.ben is the same token as \"ada\""),
            (format!(r#"{{"ada":"{ADA}","ada":"{BEN}"}}"#), "ADMIN_TOKENS"),
            (format!(r#""{ADA}""#), "ADMIN_TOKENS"),
        ] {
            let fault = AdminTokens::read(Some(&text)).unwrap_err();
            assert!(fault.starts_with(said) && !fault.contains(short), "{fault}");
        }
        let many: Vec<String> = (0..21).map(|n| format!(r#""n{n}":"{n:032}""#)).collect();
        let fault = AdminTokens::read(Some(&format!("{{{}}}", many.join(",")))).unwrap_err();
        assert!(fault.contains("21 tokens"), "{fault}");
    }
}
