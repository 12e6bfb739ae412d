//! The setting METRICS_TOKEN.

/// The token for reading metrics; `Debug` is redacted.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

/// Minimum length of a token in characters.
const MIN_TOKEN: usize = 16;

impl Token {
    /// Reads `METRICS_TOKEN`.
    ///
    /// # Errors
    /// A sentence for the operator, without the token.
    pub fn read(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.len() < MIN_TOKEN || !text.bytes().all(|b| b.is_ascii_graphic()) {
            let what = "has to be a text of 16 ASCII characters or more, without spaces";
            return Err(format!("METRICS_TOKEN {what}; `openssl rand -hex 16` makes one."));
        }
        Ok(Self(text.to_owned()))
    }

    pub(in crate::ca) fn text(&self) -> &str {
        &self.0
    }
}

impl core::fmt::Debug for Token {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Token(secret)")
    }
}
