//! The admin tokens of the operations API: the CA folder's file for the secret `ADMIN_TOKENS`.

use std::fmt::Write;

use anyhow::{Context, Result, bail};
use selvedge::values::b64;
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
pub struct Tokens(Vec<(String, Zeroizing<String>)>);

impl Tokens {
    /// A set with one new token.
    ///
    /// # Errors
    /// When this machine has no random bytes.
    pub fn first(name: &str) -> Result<Self> {
        let mut tokens = Self::default();
        tokens.add(name)?;
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
        for (name, token) in object {
            check_name(&name)?;
            let token = match token {
                Value::String(token) if is_token(&token) => Zeroizing::new(token),
                _ => bail!("the token {name:?} is not {MIN_TOKEN_CHARS} or more ASCII characters without spaces"),
            };
            all.push((name, token));
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
        for (at, (name, token)) in self.0.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            let _ = write!(out, "{comma}\"{name}\":\"");
            token.chars().for_each(|c| {
                if matches!(c, '"' | '\\') {
                    out.push('\\');
                }
                out.push(c);
            });
            out.push('"');
        }
        out.push_str("}\n");
        out
    }

    /// Creates a token with this name: 32 random bytes.
    ///
    /// # Errors
    /// When the name is invalid or taken, or the limit is reached.
    pub fn add(&mut self, name: &str) -> Result<&str> {
        check_name(name)?;
        if self.get(name).is_some() {
            bail!("a token {name:?} already exists; remove it first, or choose another name");
        }
        if self.0.len() >= MAX_TOKENS {
            bail!("the maximum of {MAX_TOKENS} tokens is reached; remove one first");
        }
        let token = Zeroizing::new(b64::encode(&*Zeroizing::new(host::random::<32>()?)));
        self.0.push((name.to_owned(), token));
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
        self.0.retain(|(other, _)| other != name);
        Ok(())
    }

    /// The token with this name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, token)| token.as_str())
    }

    /// All names.
    pub fn names(&self) -> Vec<&str> {
        self.0.iter().map(|(name, _)| name.as_str()).collect()
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

    #[test]
    fn tokens_are_written_as_they_are_read() {
        let mut tokens = Tokens::first(OPERATOR).unwrap();
        let made = tokens.add("ada@example.org").unwrap().to_owned();
        assert!(made.len() == 43 && is_token(&made));
        let again = Tokens::read(&tokens.text()).unwrap();
        assert_eq!((again.names(), again.get("ada@example.org")), (vec![OPERATOR, "ada@example.org"], Some(&*made)));
        assert!(tokens.add(OPERATOR).is_err() && tokens.add("a b").is_err() && tokens.add(&"x".repeat(41)).is_err());
        tokens.remove(OPERATOR).unwrap();
        assert!(tokens.remove(OPERATOR).is_err() && tokens.remove("ada@example.org").is_err());
        for n in 1..20 {
            tokens.add(&n.to_string()).unwrap();
        }
        assert!(tokens.add("20").is_err());
        let awkward = r#"{"a":"0123456789\"0123456789\\0123456789"}"#;
        assert_eq!(Tokens::read(awkward).unwrap().text().trim_end(), awkward);
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
