//! The admin tokens of the operations API: the CA folder's file for the secret `ADMIN_TOKENS`.

use std::fmt::Write;

use anyhow::{Context, Result, bail};
use selvedge::records::operations::role::Role;
use selvedge::values::{Time, b64};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::common::host;
use crate::common::invocation::companion;

/// The file.
pub const ADMIN_TOKENS: &str = "admin.tokens";
/// The name of the token that `init` creates.
pub const OPERATOR: &str = "operator";
/// Most tokens that the Worker accepts.
const MAX_TOKENS: usize = 20;
/// Shortest token that the Worker accepts, in characters.
const MIN_TOKEN_CHARS: usize = 32;

/// Tokens by name; the audit record has the names.
#[derive(Default)]
pub struct Tokens(Vec<Token>);

/// A token with its rights.
pub struct Token {
    /// Its name.
    pub name: String,
    /// The role of its holder.
    pub role: Role,
    /// Its end; `None` for never.
    pub until: Option<Time>,
    secret: Zeroizing<String>,
}

impl Tokens {
    /// A set with one new token.
    ///
    /// # Errors
    /// When this machine has no random bytes.
    pub fn first(name: &str) -> Result<Self> {
        let mut tokens = Self::default();
        tokens.add(name, Role::Owner, None)?;
        Ok(tokens)
    }

    /// Parses the text of the file, as the Worker parses the secret.
    ///
    /// # Errors
    /// The fault, without a quoted token.
    pub fn read(text: &str) -> Result<Self> {
        let object: Map<String, Value> =
            serde_json::from_str(text).ok().context("it is not a JSON object from name to token")?;
        let mut all = Vec::new();
        for (name, entry) in object {
            all.push(Token::read(name, entry)?);
        }
        match all.len() {
            0 => bail!("it has no token"),
            n if n > MAX_TOKENS => bail!("it has {n} tokens; the maximum is {MAX_TOKENS}"),
            _ => Ok(Self(all)),
        }
    }

    /// The text of the file.
    pub fn text(&self) -> Zeroizing<String> {
        // By hand: serde_json would leave copies in memory; names and tokens need no other escaping.
        let mut out = Zeroizing::new(String::from("{"));
        for (at, Token { name, role, until, secret }) in self.0.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            let plain = *role == Role::Owner && until.is_none();
            let _ = write!(out, "{comma}\"{name}\":{}\"", if plain { "" } else { "{\"token\":" });
            secret.chars().for_each(|c| {
                if matches!(c, '"' | '\\') {
                    out.push('\\');
                }
                out.push(c);
            });
            out.push('"');
            if !plain {
                let until = until.map_or_else(String::new, |until| format!(",\"until\":\"{}\"", until.rfc3339()));
                let _ = write!(out, ",\"role\":\"{}\"{until}}}", role.name());
            }
        }
        out.push_str("}\n");
        out
    }

    /// Creates a token with this name, role and end: 32 random bytes.
    ///
    /// # Errors
    /// When the name is invalid or taken, or the limit is reached.
    pub fn add(&mut self, name: &str, role: Role, until: Option<Time>) -> Result<&str> {
        check_name(name)?;
        if self.get(name).is_some() {
            bail!("a token {name:?} already exists; remove it first, or choose another name");
        }
        if self.0.len() >= MAX_TOKENS {
            bail!("the maximum of {MAX_TOKENS} tokens is reached; remove one first");
        }
        let secret = Zeroizing::new(b64::encode(&*Zeroizing::new(host::random::<32>()?)));
        self.0.push(Token { name: name.to_owned(), role, until, secret });
        self.get(name).context("the new token is missing")
    }

    /// Removes the token with this name.
    ///
    /// # Errors
    /// When it does not exist, or is the only one.
    pub fn remove(&mut self, name: &str) -> Result<()> {
        if self.get(name).is_none() {
            bail!("no token has the name {name:?}; expected one of: {}", self.names().join(", "));
        }
        if self.0.len() == 1 {
            bail!(
                "{name:?} is the only token. Create another first; or, to switch operations off, delete {ADMIN_TOKENS} and the \
                 secret (`{} tool wrangler secret delete ADMIN_TOKENS`)",
                companion()
            );
        }
        self.0.retain(|other| other.name != name);
        Ok(())
    }

    /// The token with this name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|other| other.name == name).map(|token| token.secret.as_str())
    }

    /// All names.
    pub fn names(&self) -> Vec<&str> {
        self.0.iter().map(|token| token.name.as_str()).collect()
    }

    /// All tokens.
    pub fn all(&self) -> &[Token] {
        &self.0
    }
}

impl Token {
    fn read(name: String, entry: Value) -> Result<Self> {
        check_name(&name)?;
        let (secret, mut members) = match entry {
            Value::Object(mut members) => (members.remove("token").unwrap_or_default(), members),
            other => (other, Map::new()),
        };
        let secret = match secret {
            Value::String(token) if is_token(&token) => Zeroizing::new(token),
            _ => bail!("the token {name:?} is not {MIN_TOKEN_CHARS} or more ASCII characters without spaces"),
        };
        let role = members.remove("role").map(|role| role.as_str().and_then(Role::parse));
        let Some(role) = role.unwrap_or(Some(Role::Owner)) else {
            bail!("the role of {name:?} is not one of {}", Role::names())
        };
        let until = members.remove("until").map(|until| until.as_str().and_then(Time::parse_rfc3339));
        if until == Some(None) {
            bail!("the end of {name:?} is not a time like 2027-01-31T00:00:00Z");
        }
        if !members.is_empty() {
            bail!("the token {name:?} has an unknown member; expected are token, role, until");
        }
        Ok(Self { name, role, until: until.flatten(), secret })
    }
}

/// Whether the Worker accepts this text as a token.
pub fn is_token(text: &str) -> bool {
    text.len() >= MIN_TOKEN_CHARS && text.bytes().all(|b| b.is_ascii_graphic())
}

fn check_name(name: &str) -> Result<()> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-@".contains(&b);
    if !(1..=40).contains(&name.len()) || !name.bytes().all(plain) {
        bail!("{name:?} is not a token name: 1 to 40 characters of A-Z a-z 0-9 . _ - @");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use selvedge::ca::config::admin_tokens::AdminTokens;

    #[test]
    fn tokens_are_written_as_they_are_read() {
        let mut tokens = Tokens::first(OPERATOR).unwrap();
        let made = tokens.add("ada@example.org", Role::Owner, None).unwrap().to_owned();
        assert!(made.len() == 43 && is_token(&made));
        let again = Tokens::read(&tokens.text()).unwrap();
        assert_eq!((again.names(), again.get("ada@example.org")), (vec![OPERATOR, "ada@example.org"], Some(&*made)));
        for bad in [OPERATOR, "a b", &"x".repeat(41)] {
            assert!(tokens.add(bad, Role::Owner, None).is_err(), "{bad}");
        }
        tokens.remove(OPERATOR).unwrap();
        assert!(tokens.remove(OPERATOR).is_err() && tokens.remove("ada@example.org").is_err());
        for n in 1..20 {
            tokens.add(&n.to_string(), Role::Owner, None).unwrap();
        }
        assert!(tokens.add("20", Role::Owner, None).is_err());
        let awkward = r#"{"a":"0123456789\"0123456789\\0123456789"}"#;
        assert_eq!(Tokens::read(awkward).unwrap().text().trim_end(), awkward);
    }

    #[test]
    fn role_and_end_are_written_as_the_worker_reads_them() {
        let end = Time::parse_rfc3339("2027-01-31T00:00:00Z");
        let mut tokens = Tokens::first(OPERATOR).unwrap();
        tokens.add("ben", Role::Auditor, end).unwrap();
        tokens.add("eve", Role::Revoker, None).unwrap();
        let text = tokens.text();
        let there = AdminTokens::read(Some(&text)).unwrap();
        let rights: Vec<_> = there.all().iter().map(|token| (token.role, token.until)).collect();
        assert_eq!(rights, [(Role::Owner, None), (Role::Auditor, end), (Role::Revoker, None)]);
        assert_eq!(Tokens::read(&text).unwrap().text(), text);
        let secret = tokens.get("ben").unwrap();
        for bad in ["\"role\":\"admin\"", "\"until\":\"soon\"", "\"rolle\":1"] {
            let said =
                format!("{:#}", Tokens::read(&format!("{{\"a\":{{\"token\":\"{secret}\",{bad}}}}}")).err().unwrap());
            assert!(!said.contains(secret), "{said}");
        }
    }

    #[test]
    fn invalid_tokens_are_refused_without_being_quoted() {
        let short = r#"{"a":"short-secret"}"#;
        let spaced = format!(r#"{{"a":"{}"}}"#, "secret ".repeat(10));
        for bad in ["", "[]", "{}", short, spaced.as_str(), r#"{"a":1}"#, r#"{"a b":"x"}"#, "secret"] {
            let said = format!("{:#}", Tokens::read(bad).err().unwrap());
            assert!(!said.contains("secret"), "{said}");
        }
    }
}
