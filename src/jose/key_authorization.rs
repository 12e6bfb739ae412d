//! The key authorization of a challenge, and its form in DNS.

use super::Thumbprint;
use crate::values::b64;
use sha2::{Digest, Sha256};

/// The key authorization of a challenge: token and account key in one text, `token.thumbprint`
/// ([RFC 8555 §8.1](https://www.rfc-editor.org/rfc/rfc8555#section-8.1)).
pub fn key_authorization(token: &str, account_key: &Thumbprint) -> String {
    format!("{token}.{account_key}")
}

/// The TXT value of a dns-01 challenge: base64url of the key authorization's SHA-256 digest
/// ([RFC 8555 §8.4](https://www.rfc-editor.org/rfc/rfc8555#section-8.4)).
pub fn dns01_value(key_authorization: &str) -> String {
    b64::encode(&Sha256::digest(key_authorization.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Token and key of the examples in RFC 8555 §8.4 and RFC 7638 §3.1.
    ///
    /// The digest was computed with
    /// `printf %s KEY_AUTHORIZATION | openssl dgst -sha256 -binary | basenc --base64url`.
    #[test]
    fn key_authorization_and_its_digest() {
        let thumbprint = Thumbprint::parse("NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs").unwrap();
        let text = key_authorization("evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA", &thumbprint);
        assert_eq!(text, "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA.NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
        assert_eq!(dns01_value(&text), "ZTRx1Ckl1-tM05o5zaizTTA0yUy5AGereMgSNWC6Ll8");
    }
}
