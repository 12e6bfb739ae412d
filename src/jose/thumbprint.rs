//! Key thumbprints.

use crate::values::b64;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;

/// The SHA-256 thumbprint of a public key, as 43 characters of base64url
/// ([RFC 7638 §3](https://www.rfc-editor.org/rfc/rfc7638#section-3)). Equal keys have equal thumbprints.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Thumbprint(String);

impl Thumbprint {
    /// The thumbprint of a key whose required members, in RFC 7638's canonical form, are `canonical`.
    pub(super) fn of_canonical(canonical: &str) -> Self {
        Self(b64::encode(&Sha256::digest(canonical.as_bytes())))
    }

    /// Reads a thumbprint; `None` when `text` is not 32 bytes in canonical base64url.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = (text.len() == 43).then(|| b64::decode(text))??;
        (bytes.len() == 32).then(|| Self(text.to_owned()))
    }

    /// The thumbprint as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Thumbprint> for String {
    fn from(thumbprint: Thumbprint) -> String {
        thumbprint.0
    }
}

impl TryFrom<String> for Thumbprint {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or_else(|| format!("{text:?} is not a thumbprint of 43 base64url characters"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn j12_a_thumbprint_is_43_canonical_characters() {
        let text = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs";
        assert_eq!(Thumbprint::parse(text).unwrap().as_str(), text);
        let json = format!("\"{text}\"");
        assert_eq!(serde_json::from_str::<Thumbprint>(&json).unwrap().to_string(), text);
        assert_eq!(serde_json::to_string(&Thumbprint::parse(text).unwrap()).unwrap(), json);
        for bad in ["", "NzbLsXh8", "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xt", &format!("{text}=")] {
            assert_eq!(Thumbprint::parse(bad), None, "{bad}");
        }
    }
}
