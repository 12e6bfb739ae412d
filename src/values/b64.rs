//! base64url without padding, as [RFC 8555 §6.1](https://www.rfc-editor.org/rfc/rfc8555#section-6.1) wants it.

use data_encoding::BASE64URL_NOPAD;

/// The unpadded base64url text of `bytes`.
pub fn encode(bytes: &[u8]) -> String {
    BASE64URL_NOPAD.encode(bytes)
}

/// The bytes that `text` stands for.
///
/// `None` for anything but canonical unpadded base64url: a trailing `=` (RFC 8555 §6.1 says it MUST be
/// rejected), a character of another alphabet, white space, or non-zero bits after the last byte.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    BASE64URL_NOPAD.decode(text.as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h02_only_canonical_unpadded_base64url_is_read() {
        assert_eq!(decode("AQID"), Some(vec![1, 2, 3]));
        assert_eq!(decode("AQ"), Some(vec![1]));
        assert_eq!(decode(""), Some(vec![]));
        for bad in ["AQ==", "AQ=", "A", "AR", "AQ\n", " AQ", "+/8", "AQI D", "é"] {
            assert_eq!(decode(bad), None, "{bad:?}");
        }
        assert_eq!(encode(&[0xfb, 0xff]), "-_8");
    }
}
