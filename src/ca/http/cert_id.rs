//! Certificate identifiers of renewal information (RFC 9773 §4.1), and the spread of renewals.

use crate::pki::Serial;
use crate::records::Problem;
use crate::values::b64;
use core::fmt;
use sha2::{Digest, Sha256};

/// Maximum length of a certID in characters. Key identifiers of 64 bytes and serial numbers of 21 fit.
const MAX_CERT_ID: usize = 128;

/// The identity of a certificate: its authority key identifier and its serial number ([RFC 9773
/// §4.1](https://www.rfc-editor.org/rfc/rfc9773#section-4.1)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertId {
    /// The keyIdentifier of the authority key identifier.
    pub key_id: Vec<u8>,
    /// The serial number.
    pub serial: Serial,
}

impl CertId {
    /// Reads the text: both parts in unpadded base64url, a dot between them.
    ///
    /// # Errors
    /// `malformed`.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        Self::read(text).ok_or_else(|| {
            let shown = crate::values::quote::quote(text);
            Problem::malformed(format!(
                "{shown} is no certID. It has to be the authority key identifier and the serial number of a \
                 certificate, each in base64url without padding, with a dot between them (RFC 9773 section 4.1)."
            ))
        })
    }

    pub(in crate::ca) fn read(text: &str) -> Option<Self> {
        let (key_id, serial) = Some(text).filter(|text| text.len() <= MAX_CERT_ID)?.split_once('.')?;
        let key_id = b64::decode(key_id).filter(|bytes| !bytes.is_empty())?;
        Some(Self { key_id, serial: Serial::from_octets(&b64::decode(serial)?)? })
    }
}

impl fmt::Display for CertId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", b64::encode(&self.key_id), b64::encode(self.serial.octets()))
    }
}

/// A number derived from the serial number, which spreads renewals.
pub(in crate::ca) fn spread(serial: &Serial) -> u64 {
    let digest = Sha256::digest(serial.octets());
    digest.iter().take(7).fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

/// As [`spread`], of a serial number in hex.
pub(in crate::ca) fn spread_of(serial: &str) -> u64 {
    Serial::from_hex(serial).as_ref().map_or(0, spread)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::Kind;

    #[test]
    fn ari_rfc_example_of_cert_id_round_trips() {
        let text = "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE";
        let id = CertId::parse(text).unwrap();
        assert_eq!(id.key_id.len(), 20);
        assert_eq!(id.key_id[..4], [0x69, 0x88, 0x5b, 0x6b]);
        assert_eq!(id.serial.octets(), [0, 0x87, 0x65, 0x43, 0x21], "the leading zero stays");
        assert_eq!(id.to_string(), text);
    }

    #[test]
    fn ari_malformed_cert_id_is_refused() {
        let long = format!("{}.AIdlQyE", "A".repeat(124));
        for bad in [
            "",
            ".",
            "aYhba4dGQEHhs3uEe6CuLN4ByNQ",
            "aYhba4dGQEHhs3uEe6CuLN4ByNQ.",
            ".AIdlQyE",
            "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE.",
            "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE=",
            "aYhba4dGQEHhs3uEe6CuLN4ByNR.AIdlQyE",
            "aYhba4dGQEHhs3uEe6CuLN4ByNQ.h2VDIQ",
            "aYhba4dGQEHhs3uEe6CuLN4ByNQ.AA",
            "aYhba4dGQEHhs3uEe6CuLN4ByNQ AIdlQyE",
            "aYhba4dGQEHhs3uEe6CuLN4ByNQ.\u{e9}",
            long.as_str(),
        ] {
            assert_eq!(CertId::parse(bad).unwrap_err().kind, Kind::Malformed, "{bad}");
        }
    }
}
