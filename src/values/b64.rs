//! Base64 as the protocol and the configuration write it.

use base64ct::Encoding;
use data_encoding::{BASE64, BASE64URL_NOPAD};

/// Encodes `bytes` in base64url without padding
/// ([RFC 8555 §6.1](https://www.rfc-editor.org/rfc/rfc8555#section-6.1)).
pub fn encode(bytes: &[u8]) -> String {
    BASE64URL_NOPAD.encode(bytes)
}

/// Decodes what is public, in canonical base64url without padding.
///
/// `None` for anything else: a trailing `=` (RFC 8555 §6.1: MUST be rejected), a character of another alphabet, white
/// space, or non-zero bits after the last byte. By data-encoding: it is fast, and its tables leak only public bytes.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    BASE64URL_NOPAD.decode(text.as_bytes()).ok()
}

/// Encodes `bytes` in base64 with padding ([RFC 4648 §4](https://www.rfc-editor.org/rfc/rfc4648#section-4)).
pub fn encode_padded(bytes: &[u8]) -> String {
    BASE64.encode(bytes)
}

/// Decodes what is public, in canonical base64 with padding at its end only.
pub fn decode_padded(text: &str) -> Option<Vec<u8>> {
    // data-encoding reads several padded texts one after the other too, as in `a04=A+aA`.
    let several = text.trim_end_matches('=').contains('=');
    if several { None } else { BASE64.decode(text.as_bytes()).ok() }
}

/// Decodes a secret; accepts what [`decode`] accepts.
///
/// By base64ct: without tables and branches on the characters, so that neither cache nor time depends on the secret.
pub fn decode_secret(text: &str) -> Option<Vec<u8>> {
    base64ct::Base64UrlUnpadded::decode_vec(text).ok()
}

/// Decodes a secret in canonical base64 with padding ([RFC 4648 §4](https://www.rfc-editor.org/rfc/rfc4648#section-4)).
///
/// By base64ct, for the reason of [`decode_secret`].
pub fn decode_padded_secret(text: &str) -> Option<Vec<u8>> {
    base64ct::Base64::decode_vec(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn h02_only_canonical_unpadded_base64url_is_read() {
        for decode in [decode, decode_secret] {
            assert_eq!(decode("AQID"), Some(vec![1, 2, 3]));
            assert_eq!(decode("AQ"), Some(vec![1]));
            assert_eq!(decode(""), Some(vec![]));
            for bad in ["AQ==", "AQ=", "A", "AR", "AQ\n", " AQ", "+/8", "AQI D", "é"] {
                assert_eq!(decode(bad), None, "{bad:?}");
            }
        }
        assert_eq!(encode(&[0xfb, 0xff]), "-_8");
    }

    proptest! {
        #[test]
        fn secrets_are_read_as_strictly_as_anything_else(text in "[A-Za-z0-9_=+/ -]{0,12}") {
            prop_assert_eq!(decode_secret(&text), decode(&text));
            prop_assert_eq!(decode_padded_secret(&text), decode_padded(&text));
        }

        #[test]
        fn padding_is_read_at_the_end_only(first: [u8; 2], second: [u8; 2]) {
            let text = encode_padded(&first) + &encode_padded(&second);
            prop_assert_eq!(decode_padded_secret(&text), None);
            prop_assert_eq!(decode_padded(&text), None);
        }

        #[test]
        fn secrets_are_read_back(bytes: Vec<u8>) {
            prop_assert_eq!(decode_secret(&encode(&bytes)), Some(bytes.clone()));
            prop_assert_eq!(decode_padded_secret(&encode_padded(&bytes)), Some(bytes.clone()));
            prop_assert_eq!(decode_padded(&encode_padded(&bytes)), Some(bytes));
        }
    }
}
