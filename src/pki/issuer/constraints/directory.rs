//! Directory names prepared for comparison ([RFC 5280 §7.1](https://www.rfc-editor.org/rfc/rfc5280#section-7.1)):
//! case-folded, with single blanks.

use core::fmt;
use der::asn1::Any;
use der::{Tag, Tagged};
use x509_cert::name::Name;

/// A directory name: its RDNs, each with sorted attributes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Directory(Vec<Vec<(String, String)>>);

impl From<&Name> for Directory {
    fn from(name: &Name) -> Self {
        let attributes = |rdn: &x509_cert::name::RelativeDistinguishedName| {
            let mut all: Vec<_> = rdn.iter().map(|one| (one.oid.to_string(), text(&one.value))).collect();
            all.sort();
            all
        };
        Self(name.iter_rdn().map(attributes).collect())
    }
}

impl Directory {
    /// Whether its first RDNs are those of `base`.
    pub(super) fn begins_with(&self, base: &Self) -> bool {
        self.0.len() >= base.0.len() && self.0.iter().zip(&base.0).all(|(one, other)| one == other)
    }
}

/// A value prepared for comparison: its text, or its octets in hexadecimal.
fn text(value: &Any) -> String {
    let octets = value.value();
    let text = match value.tag() {
        Tag::Utf8String | Tag::PrintableString | Tag::Ia5String => String::from_utf8_lossy(octets).into_owned(),
        Tag::TeletexString => octets.iter().map(|octet| char::from(*octet)).collect(),
        Tag::BmpString => {
            let units = octets.chunks(2).map(|pair| pair.iter().fold(0_u16, |sum, octet| sum << 8 | u16::from(*octet)));
            char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
        }
        _ => return crate::values::hex::encode(octets),
    };
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_ascii_lowercase()
}

/// Short names of attributes.
const SHORT_NAMES: [(&str, &str); 7] = [
    ("2.5.4.3", "CN"),
    ("2.5.4.6", "C"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("0.9.2342.19200300.100.1.25", "DC"),
];

impl fmt::Display for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("every directory name");
        }
        let attribute = |(oid, value): &(String, String)| {
            let name = SHORT_NAMES.iter().find(|(known, _)| known == oid).map_or(oid.as_str(), |(_, name)| name);
            format!("{name}={value}")
        };
        f.write_str(&self.0.iter().flatten().map(attribute).collect::<Vec<_>>().join(", "))
    }
}
