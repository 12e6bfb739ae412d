//! Basic constraints ([RFC 5280 §4.2.1.9](https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.9)) as other CAs write them.

use const_oid::db::rfc5280::ID_CE_BASIC_CONSTRAINTS;
use const_oid::{AssociatedOid, ObjectIdentifier};
use der::asn1::UintRef;
use der::{Decode, Reader};

/// The value of the extension basicConstraints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::pki) struct BasicConstraints {
    /// Whether the certificate is a CA's.
    pub ca: bool,
    /// The path length constraint, an unbounded INTEGER, capped at `u32::MAX`.
    pub path_length: Option<u32>,
}

impl AssociatedOid for BasicConstraints {
    const OID: ObjectIdentifier = ID_CE_BASIC_CONSTRAINTS;
}

impl<'a> Decode<'a> for BasicConstraints {
    type Error = der::Error;

    fn decode<R: Reader<'a>>(reader: &mut R) -> der::Result<Self> {
        reader.sequence(|r| {
            let ca = Option::<bool>::decode(r)?.unwrap_or_default();
            let length = Option::<UintRef<'a>>::decode(r)?;
            Ok(Self { ca, path_length: length.map(|length| saturated(length.as_bytes())) })
        })
    }
}

/// Decodes a big-endian number, capped at `u32::MAX`.
fn saturated(octets: &[u8]) -> u32 {
    octets.iter().try_fold(0_u32, |sum, octet| sum.checked_mul(256)?.checked_add(u32::from(*octet))).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_length_of_any_size_is_read() {
        for (der, ca, path_length) in [
            (&[0x30, 0][..], false, None),
            (&[0x30, 3, 1, 1, 0], false, None),
            (&[0x30, 3, 1, 1, 0xff], true, None),
            (&[0x30, 6, 1, 1, 0xff, 2, 1, 0], true, Some(0)),
            (&[0x30, 7, 1, 1, 0xff, 2, 2, 0, 0xff], true, Some(255)),
            (&[0x30, 7, 1, 1, 0xff, 2, 2, 1, 0], true, Some(256)),
            (&[0x30, 9, 1, 1, 0xff, 2, 4, 0x7f, 0xff, 0xff, 0xff], true, Some(0x7fff_ffff)),
            (&[0x30, 11, 1, 1, 0xff, 2, 6, 1, 0, 0, 0, 0, 0], true, Some(u32::MAX)),
        ] {
            assert_eq!(BasicConstraints::from_der(der), Ok(BasicConstraints { ca, path_length }), "{der:?}");
        }
        // A negative one, one with octets to spare, and one with something after it are none.
        for der in [&[0x30, 6, 1, 1, 0xff, 2, 1, 0xff][..], &[0x30, 7, 1, 1, 0xff, 2, 2, 0, 1], &[0x30, 2, 5, 0]] {
            assert!(BasicConstraints::from_der(der).is_err(), "{der:?}");
        }
    }
}
