//! Splitting of certificates into the octets of their parts.
//!
//! Names and keys are compared and copied as bytes; decoding and encoding again could change them.

use super::Time;
use const_oid::AssociatedOid;
use der::asn1::{AnyRef, BitStringRef};
use der::{Decode, ErrorKind, Reader, SliceReader, Tag, TagMode, TagNumber, Tagged};
use spki::AlgorithmIdentifierRef;
use x509_cert::ext::Extensions;

/// Encoded value of version 3.
const VERSION_3: u8 = 2;

/// Reads the version of a DER certificate (RFC 5280 §4.1.2.1): 1, 2 or 3.
///
/// # Errors
/// When it is not a certificate.
pub fn version(der: &[u8]) -> der::Result<u8> {
    let mut reader = SliceReader::new(der)?;
    reader.sequence(|r| {
        let mut tbs = SliceReader::new(r.tlv_bytes()?)?;
        let found = tbs.sequence(|r| {
            let found = r.context_specific::<u8>(TagNumber(0), TagMode::Explicit)?;
            r.drain(r.remaining_len())?;
            Ok::<_, der::Error>(found.unwrap_or_default())
        })?;
        r.drain(r.remaining_len())?;
        Ok::<_, der::Error>(found.saturating_add(1))
    })
}

/// Explains why a certificate (DER) cannot be read: the parser's reason, or its version.
pub fn reason(der: &[u8], error: &der::Error) -> String {
    match version(der) {
        Ok(version @ 1..=2) => format!(
            "it is an X.509 version {version} certificate, which has no extensions that make it a CA's (RFC 5280 §4.1.2.1, \
             §4.2.1.9); one of version 3 is needed"
        ),
        _ => error.to_string(),
    }
}

/// The parts of a v3 certificate ([RFC 5280 §4.1](https://www.rfc-editor.org/rfc/rfc5280#section-4.1)).
pub struct Parts<'a> {
    /// TBSCertificate, with its header.
    pub tbs: &'a [u8],
    /// Content octets of the serial number.
    pub serial: &'a [u8],
    /// The issuer's Name, with its header.
    pub issuer: &'a [u8],
    /// The first second of its validity.
    pub not_before: Time,
    /// The last second of its validity.
    pub not_after: Time,
    /// The subject's Name, with its header.
    pub subject: &'a [u8],
    /// SubjectPublicKeyInfo, with its header.
    pub spki: &'a [u8],
    /// All extensions, in their order.
    pub extensions: Extensions,
    /// The signature's algorithm, the same inside and outside of the signed part.
    pub algorithm: AlgorithmIdentifierRef<'a>,
    /// The signature as X.509 carries it.
    pub signature: &'a [u8],
}

/// The parts of a v3 certificate, its dates not read.
pub struct Undated<'a> {
    /// As in [`Parts`].
    pub tbs: &'a [u8],
    /// As in [`Parts`].
    pub serial: &'a [u8],
    /// As in [`Parts`].
    pub issuer: &'a [u8],
    /// Validity, with its header, not read.
    pub validity: &'a [u8],
    /// As in [`Parts`].
    pub subject: &'a [u8],
    /// As in [`Parts`].
    pub spki: &'a [u8],
    /// As in [`Parts`].
    pub extensions: Extensions,
    /// As in [`Parts`].
    pub algorithm: AlgorithmIdentifierRef<'a>,
    /// As in [`Parts`].
    pub signature: &'a [u8],
}

impl<'a> Parts<'a> {
    /// Splits a DER certificate.
    ///
    /// # Errors
    /// When it is not a certificate of version 3.
    pub fn read(der: &'a [u8]) -> der::Result<Self> {
        let Undated { tbs, serial, issuer, validity, subject, spki, extensions, algorithm, signature } =
            Undated::read(der)?;
        let mut reader = SliceReader::new(validity)?;
        let (not_before, not_after) = reader.sequence(|r| Ok::<_, der::Error>((time(r)?, time(r)?)))?;
        reader.finish()?;
        Ok(Self { tbs, serial, issuer, not_before, not_after, subject, spki, extensions, algorithm, signature })
    }
}

impl<'a> Undated<'a> {
    /// Splits a DER certificate without reading its validity.
    ///
    /// # Errors
    /// As [`Parts::read`].
    pub fn read(der: &'a [u8]) -> der::Result<Self> {
        let mut reader = SliceReader::new(der)?;
        let (tbs, algorithm, signature) = reader.sequence(|r| {
            let tbs = r.tlv_bytes()?;
            let algorithm = AlgorithmIdentifierRef::decode(r)?;
            let signature = BitStringRef::decode(r)?.as_bytes().ok_or_else(|| Tag::BitString.value_error())?;
            Ok::<_, der::Error>((tbs, algorithm, signature))
        })?;
        reader.finish()?;
        let mut reader = SliceReader::new(tbs)?;
        let parts = reader.sequence(|r| {
            if r.context_specific::<u8>(TagNumber(0), TagMode::Explicit)? != Some(VERSION_3) {
                return Err(ErrorKind::Failed.into());
            }
            let serial = AnyRef::decode(r)?;
            serial.tag().assert_eq(Tag::Integer)?;
            // RFC 5280 §4.1.1.2: the same in both places.
            if AlgorithmIdentifierRef::decode(r)? != algorithm {
                return Err(ErrorKind::Failed.into());
            }
            let issuer = r.tlv_bytes()?;
            let validity = r.tlv_bytes()?;
            let subject = r.tlv_bytes()?;
            let spki = r.tlv_bytes()?;
            let extensions = r.context_specific(TagNumber(3), TagMode::Explicit)?.unwrap_or_default();
            Ok::<_, der::Error>(Self {
                tbs,
                serial: serial.value(),
                issuer,
                validity,
                subject,
                spki,
                extensions,
                algorithm,
                signature,
            })
        })?;
        reader.finish()?;
        Ok(parts)
    }
}

impl Parts<'_> {
    /// The value of the extension `T`; `None` when it is absent.
    ///
    /// # Errors
    /// When it occurs twice or cannot be read.
    pub fn extension<'s, T: Decode<'s, Error = der::Error> + AssociatedOid>(&'s self) -> der::Result<Option<T>> {
        extension_of(&self.extensions)
    }
}

impl Undated<'_> {
    /// As [`Parts::extension`].
    ///
    /// # Errors
    /// As there.
    pub fn extension<'s, T: Decode<'s, Error = der::Error> + AssociatedOid>(&'s self) -> der::Result<Option<T>> {
        extension_of(&self.extensions)
    }
}

fn extension_of<'s, T: Decode<'s, Error = der::Error> + AssociatedOid>(all: &'s Extensions) -> der::Result<Option<T>> {
    let mut found = all.iter().filter(|extension| extension.extn_id == T::OID);
    match (found.next(), found.next()) {
        (None, _) => Ok(None),
        (Some(only), None) => T::from_der(only.extn_value.as_bytes()).map(Some),
        (Some(_), Some(_)) => Err(ErrorKind::Failed.into()),
    }
}

fn time<'a>(reader: &mut SliceReader<'a>) -> der::Result<Time> {
    Ok(Time::from_secs(x509_cert::time::Time::decode(reader)?.to_unix_duration().as_secs()))
}
