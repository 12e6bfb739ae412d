//! The setting ADMIN_TOKENS: operators' secrets.

use crate::jose;
use crate::records::operations::proof;
use core::fmt;

/// Minimum length of a token in characters: `openssl rand -hex 16`.
const MIN_TOKEN: usize = 32;

/// Maximum length and number of tokens: each is compared with each request.
const MAX_TOKEN: usize = 256;

const MAX_TOKENS: usize = 20;

/// Maximum length of a token's name.
const MAX_NAME: usize = 40;

/// The admin tokens with their names; `Debug` shows the names only.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct AdminTokens(Vec<(String, String)>);

impl AdminTokens {
    /// Reads `ADMIN_TOKENS`, a JSON object from name to token; empty if not set.
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
        let mut tokens: Vec<(String, String)> = Vec::new();
        for (name, token) in &entries {
            if name.len() > MAX_NAME || !is_name(name) {
                let shown = crate::values::quote::quote(name);
                let what = format!("1 to {MAX_NAME} of A-Z a-z 0-9 . _ - @");
                return Err(format!("ADMIN_TOKENS has a token named {shown}; a name has to be {what}."));
            }
            let usable = |token: &&str| {
                (MIN_TOKEN..=MAX_TOKEN).contains(&token.len()) && token.bytes().all(|b| b.is_ascii_graphic())
            };
            let Some(token) = token.as_str().filter(usable) else {
                return Err(format!(
                    "ADMIN_TOKENS.{name} has to be a text of {MIN_TOKEN} to {MAX_TOKEN} ASCII characters without \
                     spaces; `openssl rand -hex 32` makes one."
                ));
            };
            if let Some((other, _)) = tokens.iter().find(|(_, known)| known == token) {
                return Err(format!("ADMIN_TOKENS.{name} is the same token as {other:?}; each has to be different."));
            }
            tokens.push((name.clone(), token.to_owned()));
        }
        Ok(Self(tokens))
    }

    /// Whether the list is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The name of the token that was sent. All are compared, each in constant time. `key` is any that the sender
    /// does not have.
    pub fn name_of(&self, key: &[u8; 32], sent: &str) -> Option<&str> {
        let found = self.0.iter().filter(|(_, token)| proof::same_secret(key, sent, token));
        found.fold(None, |found, (name, _)| found.or(Some(name.as_str())))
    }

    /// The tokens, for searches of outputs for secrets.
    #[cfg(any(test, feature = "testing"))]
    pub fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, token)| (name.as_str(), token.as_str()))
    }
}

fn is_name(name: &str) -> bool {
    let letter = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'@');
    !name.is_empty() && name.bytes().all(letter)
}

impl fmt::Debug for AdminTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.0.iter().map(|(name, _)| name.as_str()).collect();
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
        assert_eq!(tokens.name_of(&[7; 32], ADA), Some("ada"));
        assert_eq!(tokens.name_of(&[7; 32], BEN), Some("ben@corp.example"));
        for other in ["", "ada", &ADA[1..], &format!("{ADA} "), &ADA.to_uppercase()] {
            assert_eq!(tokens.name_of(&[7; 32], other), None, "{other}");
        }
        assert!(AdminTokens::read(None).unwrap().is_empty());
        let shown = format!("{tokens:?}");
        assert!(shown.contains("ada") && !shown.contains(ADA) && !shown.contains(BEN), "{shown}");
    }

    #[test]
    fn admin_token_faults_name_the_member_and_no_token() {
        let short = &ADA[1..];
        for (text, said) in [
            ("{}".to_owned(), "ADMIN_TOKENS has 0 tokens"),
            (format!(r#"{{"ada":"{short}"}}"#), "ADMIN_TOKENS.ada has to be"),
            (format!(r#"{{"ada":"{ADA} x"}}"#), "ADMIN_TOKENS.ada has to be"),
            (format!(r#"{{"ada":["{ADA}"]}}"#), "ADMIN_TOKENS.ada has to be"),
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
