//! Serial numbers ([RFC 5280 §4.1.2.2](https://www.rfc-editor.org/rfc/rfc5280#section-4.1.2.2)).

use crate::values::{Time, hex};
use core::fmt;
use serde::{Deserialize, Serialize};

/// Random bytes in a serial number of this CA: 144 bits. The Baseline Requirements require 64.
pub const SERIAL_RANDOM_BYTES: usize = 18;

/// Random bytes in the serial number of a leaf certificate: 104 bits.
pub const LEAF_RANDOM_BYTES: usize = 13;

/// The first octet of every serial number of this CA.
///
/// Neither zero nor with its top bit set: the number is positive and always 19 octets long, of at most 20.
const FIRST_OCTET: u8 = 0x01;

/// Maximum octets of a foreign serial number. RFC 5280 allows 20; some CAs add a leading zero.
const MAX_OCTETS: usize = 21;

/// A certificate's serial number: the unchanged content octets of its DER INTEGER.
///
/// Its text form, also in stored records, is lower-case hexadecimal of these octets.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Serial(Vec<u8>);

impl Serial {
    /// Makes a positive serial number of 19 octets from bytes of a CSPRNG.
    pub fn from_random(bytes: [u8; SERIAL_RANDOM_BYTES]) -> Self {
        Self([FIRST_OCTET].into_iter().chain(bytes).collect())
    }

    /// Makes the serial number of a leaf certificate.
    ///
    /// It has the certificate's end and bytes of a CSPRNG: 19 octets too. Serial numbers sort by the end of their certificates, so that a ledger needs no index by it.
    pub fn of_leaf(not_after: Time, random: [u8; LEAF_RANDOM_BYTES]) -> Self {
        let [_, _, _, end @ ..] = not_after.secs().to_be_bytes();
        Self([FIRST_OCTET].into_iter().chain(end).chain(random).collect())
    }

    /// The text before the serial numbers of leaf certificates that end at `not_after` or later.
    pub fn first_of(not_after: Time) -> String {
        let Self(mut octets) = Self::of_leaf(not_after, [0; LEAF_RANDOM_BYTES]);
        octets.truncate(octets.len().saturating_sub(LEAF_RANDOM_BYTES));
        hex::encode(&octets)
    }

    /// Reads the content octets of a certificate's serial number.
    ///
    /// `None` unless they are a positive DER INTEGER of at most 21 octets.
    pub fn from_octets(octets: &[u8]) -> Option<Self> {
        let minimal = match octets {
            [] => false,
            [0, second, ..] => second & 0x80 != 0,
            [0] => false,
            [first, ..] => first & 0x80 == 0,
        };
        (minimal && octets.len() <= MAX_OCTETS).then(|| Self(octets.to_vec()))
    }

    /// Reads the text form; `None` for anything else.
    pub fn from_hex(text: &str) -> Option<Self> {
        Self::from_octets(&hex::decode(text)?)
    }

    /// The content octets of the DER INTEGER.
    pub fn octets(&self) -> &[u8] {
        &self.0
    }

    /// The text form.
    pub fn hex(&self) -> String {
        hex::encode(&self.0)
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.hex())
    }
}

impl fmt::Debug for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.hex())
    }
}

impl From<Serial> for String {
    fn from(serial: Serial) -> String {
        serial.hex()
    }
}

impl TryFrom<String> for Serial {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::from_hex(&text).ok_or_else(|| format!("{text:?} is not a serial number in lower-case hexadecimal"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use der::asn1::UintRef;
    use der::{Decode, Encode};
    use proptest::prelude::*;

    #[test]
    fn serial_from_any_random_bytes_is_positive_and_19_octets() {
        for random in [[0; 18], [0xff; 18], [0x80; 18]] {
            let serial = Serial::from_random(random);
            assert_eq!(serial.octets().len(), 19);
            let der = UintRef::new(serial.octets()).unwrap().to_der().unwrap();
            assert_eq!(der, [&[2, 19], serial.octets()].concat(), "no sign octet is added");
            assert_eq!(UintRef::from_der(&der).unwrap().as_bytes(), serial.octets());
        }
        let serial = Serial::from_random([0xab; 18]);
        assert_eq!(serial.hex(), format!("01{}", "ab".repeat(18)));
    }

    #[test]
    fn leaf_serials_sort_by_the_end_of_their_certificates() {
        let of = |secs, random| Serial::of_leaf(Time::from_secs(secs), [random; LEAF_RANDOM_BYTES]).hex();
        let end = 1_803_293_999;
        assert_eq!(of(end, 0xab), format!("01006b7c152f{}", "ab".repeat(13)));
        assert_eq!(Serial::from_hex(&of(end, 0)).unwrap().octets().len(), 19);
        let first = Serial::first_of(Time::from_secs(end));
        assert!(of(end - 1, 0xff) < first && first < of(end, 0) && of(end, 0xff) < of(end + 1, 0));
        assert!(of(0, 0xff) < of(255, 0) && of(255, 0xff) < of(256, 0));
    }

    #[test]
    fn foreign_serial_keeps_leading_zero() {
        let serial = Serial::from_octets(&[0, 0x87, 0x65]).unwrap();
        assert_eq!(serial.hex(), "008765");
        for bad in [&[][..], &[0], &[0, 1], &[0x80], &[0xff, 1], &[1; 22]] {
            assert_eq!(Serial::from_octets(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn serial_text_is_parsed_strictly() {
        for bad in ["", "1", "0", "00", "0g", "AB", "0x01", "80", "é1", "01\n"] {
            assert_eq!(Serial::from_hex(bad), None, "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn serial_text_round_trips(random in any::<[u8; 18]>()) {
            let serial = Serial::from_random(random);
            prop_assert_eq!(Serial::from_hex(&serial.hex()), Some(serial.clone()));
            prop_assert_eq!(serde_json::from_str::<Serial>(&serde_json::to_string(&serial).unwrap()).unwrap(), serial);
        }
    }
}
