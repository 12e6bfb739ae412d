//! Hexadecimal text.

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

/// Encodes `bytes` in lower case, two digits each.
pub fn encode(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}

/// Decodes pairs of lower-case digits.
///
/// `None` for an odd number of digits, upper case, white space and any other character.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    HEXLOWER.decode(text.as_bytes()).ok()
}

/// SHA-256 fingerprint of a DER structure as OpenSSL and browsers show it: `0A:1B:…`.
pub fn fingerprint(der: &[u8]) -> String {
    Sha256::digest(der).iter().map(|octet| encode(&[*octet]).to_uppercase()).collect::<Vec<_>>().join(":")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_is_read_in_lower_case_pairs_only() {
        assert_eq!(encode(&[0, 0x0a, 0xff]), "000aff");
        assert_eq!(decode("000aff"), Some(vec![0, 0x0a, 0xff]));
        assert_eq!(decode(""), Some(vec![]));
        for bad in ["0", "0A", "0g", "0a ", " 0a", "0x0a", "0a\n", "é", "+1"] {
            assert_eq!(decode(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_fingerprint_is_what_openssl_prints() {
        // printf abc | openssl dgst -sha256 -c
        let wanted = "BA:78:16:BF:8F:01:CF:EA:41:41:40:DE:5D:AE:22:23:B0:03:61:A3:96:17:7A:9C:B4:10:FF:61:F2:00:15:AD";
        assert_eq!(fingerprint(b"abc"), wanted);
    }
}
