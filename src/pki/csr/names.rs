//! The names in a CSR: subject alternative names and common names.

use super::fault::{CsrFault, MAX_CSR_NAMES};
use crate::values::Identifier;
use crate::values::hex::encode as hex;
use crate::values::identifier::IpName;
use const_oid::ObjectIdentifier;
use const_oid::db::rfc4519::COMMON_NAME;
use const_oid::db::rfc5280::ID_CE_SUBJECT_ALT_NAME;
use const_oid::db::rfc5912::ID_EXTENSION_REQ;
use core::net::IpAddr;
use der::asn1::{AnyRef, OctetStringRef};
use der::{Decode, Header, Reader, SliceReader, Tag, TagNumber, Tagged};
use std::collections::BTreeSet;

/// id-pe-tlsfeature ([RFC 7633 §6](https://www.rfc-editor.org/rfc/rfc7633#section-6)).
pub(in crate::pki) const TLS_FEATURE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.1.24");

/// The names in a CSR, not yet checked.
#[derive(Clone, Debug, Default)]
pub(super) struct Requested {
    alt_names: Vec<AltName>,
    /// Without empty ones.
    common_names: Vec<CommonName>,
    /// The values of the TLS feature extensions.
    features: Vec<Vec<u8>>,
}

/// A `Features` of status_request alone ([RFC 7633 §4](https://www.rfc-editor.org/rfc/rfc7633#section-4)).
const MUST_STAPLE: [u8; 5] = [0x30, 3, 2, 1, 5];

#[derive(Clone, Debug)]
enum AltName {
    Dns(String),
    /// Its octets.
    Ip(Vec<u8>),
    /// Its kind.
    Other(&'static str),
}

#[derive(Clone, Debug)]
enum CommonName {
    Text(String),
    Unreadable,
}

impl Requested {
    /// The names as identifiers, or the first name that cannot be one.
    pub(super) fn identifiers(&self) -> Result<BTreeSet<Identifier>, CsrFault> {
        let alt_names = self.alt_names.iter().map(alt_name);
        let common_names = self.common_names.iter().map(common_name);
        let names = alt_names.chain(common_names).collect::<Result<BTreeSet<_>, _>>()?;
        match names.len() {
            0 => Err(CsrFault::NoNames),
            1..=MAX_CSR_NAMES => Ok(names),
            count => Err(CsrFault::TooManyNames(count)),
        }
    }

    /// The names as in [`Requested::identifiers`], each once: DNS names in the CSR's order, then addresses.
    pub(super) fn in_order(&self) -> Result<Vec<Identifier>, CsrFault> {
        let count = self.identifiers()?.len();
        let all: Vec<Identifier> = self.alt_names.iter().filter_map(|name| alt_name(name).ok()).collect();
        let common = self.common_names.iter().filter_map(|name| common_name(name).ok());
        let mut ordered = Vec::with_capacity(count);
        let (dns, others): (Vec<_>, Vec<_>) =
            all.into_iter().chain(common).partition(|name| matches!(name, Identifier::Dns(_)));
        for name in dns.into_iter().chain(others) {
            if !ordered.contains(&name) {
                ordered.push(name);
            }
        }
        Ok(ordered)
    }

    /// Whether it asks for must-staple.
    ///
    /// # Errors
    /// [`CsrFault::TlsFeature`] for another feature, or several.
    pub(super) fn must_staple(&self) -> Result<bool, CsrFault> {
        match self.features.as_slice() {
            [] => Ok(false),
            [one] if *one == MUST_STAPLE => Ok(true),
            _ => Err(CsrFault::TlsFeature),
        }
    }

    /// The first common name that can be an identifier.
    pub(super) fn common_name(&self) -> Option<Identifier> {
        self.common_names.iter().find_map(|name| common_name(name).ok())
    }
}

fn alt_name(name: &AltName) -> Result<Identifier, CsrFault> {
    match name {
        AltName::Dns(name) => Identifier::dns(name).map_err(|fault| CsrFault::Name(name.clone(), fault)),
        AltName::Ip(octets) => IpName::from_octets(octets).map(Identifier::Ip).ok_or_else(|| CsrFault::Ip(hex(octets))),
        AltName::Other(kind) => Err(CsrFault::OtherName(kind)),
    }
}

fn common_name(name: &CommonName) -> Result<Identifier, CsrFault> {
    let CommonName::Text(name) = name else { return Err(CsrFault::CommonNameEncoding) };
    // Clients also put the address of an IP certificate here (C-03), in any spelling.
    if let Ok(address) = name.parse::<IpAddr>() {
        return IpName::try_from(address).map(Identifier::Ip).map_err(|_| CsrFault::Ip(name.clone()));
    }
    Identifier::dns(name).map_err(|fault| CsrFault::CommonName(name.clone(), fault))
}

/// Reads the names of a CSR's subject and attributes, both with their headers.
pub(super) fn read(subject: &[u8], attributes: Option<&[u8]>) -> Result<Requested, CsrFault> {
    let (mut alt_names, mut features) = (None, Vec::new());
    if let Some(attributes) = attributes {
        let requested = extension_request(attributes).map_err(CsrFault::Unreadable)?;
        if requested.len() > 1 {
            return Err(CsrFault::Repeated("an extensionRequest attribute"));
        }
        for extensions in requested {
            let RelevantExtensions { alt_names: found, features: asked } =
                read_extensions(extensions).map_err(CsrFault::Unreadable)?;
            if found.len() > 1 {
                return Err(CsrFault::Repeated("a subjectAltName extension"));
            }
            alt_names = found.into_iter().next();
            features = asked;
        }
    }
    Ok(Requested {
        alt_names: alt_names.map_or(Ok(Vec::new()), general_names).map_err(CsrFault::Unreadable)?,
        common_names: common_names(subject).map_err(CsrFault::Unreadable)?,
        features: features.into_iter().map(<[u8]>::to_vec).collect(),
    })
}

/// Calls `each` for every element of a SEQUENCE, SET or the like.
fn elements<'a>(
    bytes: &'a [u8],
    tag: Tag,
    mut each: impl FnMut(&mut SliceReader<'a>) -> der::Result<()>,
) -> der::Result<()> {
    let mut reader = SliceReader::new(bytes)?;
    Header::peek(&reader)?.tag().assert_eq(tag)?;
    let value = AnyRef::decode(&mut reader)?.value();
    reader.finish()?;
    let mut reader = SliceReader::new(value)?;
    while !reader.is_finished() {
        each(&mut reader)?;
    }
    Ok(())
}

/// The values of the extensionRequest attributes (RFC 2985 §5.4.2): each a SEQUENCE of extensions.
fn extension_request(attributes: &[u8]) -> der::Result<Vec<&[u8]>> {
    let mut found = Vec::new();
    let tag = Tag::ContextSpecific { constructed: true, number: TagNumber(0) };
    elements(attributes, tag, |r| {
        let (oid, values) = r.sequence(|r| Ok::<_, der::Error>((ObjectIdentifier::decode(r)?, r.tlv_bytes()?)))?;
        if oid == ID_EXTENSION_REQ {
            elements(values, Tag::Set, |r| r.tlv_bytes().map(|value| found.push(value)))?;
        }
        Ok(())
    })?;
    Ok(found)
}

/// The requested extensions that have an effect.
#[derive(Default)]
struct RelevantExtensions<'a> {
    /// The values of the subjectAltName extensions.
    alt_names: Vec<&'a [u8]>,
    /// The values of the TLS feature extensions.
    features: Vec<&'a [u8]>,
}

/// Finds the relevant extensions; the others are not decoded.
fn read_extensions(extensions: &[u8]) -> der::Result<RelevantExtensions<'_>> {
    let mut found = RelevantExtensions::default();
    elements(extensions, Tag::Sequence, |r| {
        let (oid, value) = r.sequence(|r| {
            let oid = ObjectIdentifier::decode(r)?;
            let _critical = Option::<bool>::decode(r)?;
            Ok::<_, der::Error>((oid, <&OctetStringRef>::decode(r)?.as_bytes()))
        })?;
        match oid {
            ID_CE_SUBJECT_ALT_NAME => found.alt_names.push(value),
            TLS_FEATURE => found.features.push(value),
            _ => {}
        }
        Ok(())
    })?;
    Ok(found)
}

/// `GeneralNames` ([RFC 5280 §4.2.1.6](https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.6)).
fn general_names(bytes: &[u8]) -> der::Result<Vec<AltName>> {
    let mut names = Vec::new();
    elements(bytes, Tag::Sequence, |r| {
        let name = AnyRef::decode(r)?;
        let Tag::ContextSpecific { number, .. } = name.tag() else {
            return Err(name.tag().value_error().into());
        };
        names.push(match number.value() {
            0 => AltName::Other("otherName"),
            1 => AltName::Other("email address"),
            // IA5String, which is ASCII; other bytes make an invalid name, refused later.
            2 => AltName::Dns(String::from_utf8_lossy(name.value()).into_owned()),
            3 => AltName::Other("x400Address"),
            4 => AltName::Other("directory name"),
            5 => AltName::Other("ediPartyName"),
            6 => AltName::Other("URI"),
            7 => AltName::Ip(name.value().to_vec()),
            8 => AltName::Other("registered ID"),
            _ => return Err(name.tag().value_error().into()),
        });
        Ok(())
    })?;
    Ok(names)
}

/// The common names of a `Name` in order, without empty ones (`CN=`).
fn common_names(subject: &[u8]) -> der::Result<Vec<CommonName>> {
    let mut names = Vec::new();
    elements(subject, Tag::Sequence, |r| {
        elements(r.tlv_bytes()?, Tag::Set, |r| {
            let (oid, value) =
                r.sequence(|r| Ok::<_, der::Error>((ObjectIdentifier::decode(r)?, AnyRef::decode(r)?)))?;
            if oid == COMMON_NAME && !value.value().is_empty() {
                names.push(text(value));
            }
            Ok(())
        })
    })?;
    Ok(names)
}

/// A DirectoryString. All but BMPString are ASCII, or UTF-8, where they hold a host name.
fn text(value: AnyRef<'_>) -> CommonName {
    let text = match value.tag() {
        Tag::Utf8String | Tag::PrintableString | Tag::Ia5String | Tag::TeletexString => {
            String::from_utf8(value.value().to_vec()).ok()
        }
        Tag::BmpString => {
            let units: Vec<_> = value
                .value()
                .chunks(2)
                .map(|pair| pair.iter().fold(0, |unit, byte| unit << 8 | u16::from(*byte)))
                .collect();
            String::from_utf16(&units).ok()
        }
        _ => None,
    };
    text.map_or(CommonName::Unreadable, CommonName::Text)
}
