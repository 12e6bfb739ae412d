//! A logged certificate, from before it was signed.

use anyhow::{Context, Result};
use der::asn1::Any;
use der::{Encode, Reader, SliceReader, Tag};
use selvedge::values::identifier::{DnsName, Identifier, IpName};
use selvedge::values::x509::Parts;
use selvedge::values::{Time, hex};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use crate::common::x509::crl_urls;

/// What is checked of a to-be-signed certificate.
pub struct Logged {
    /// The serial number in hex.
    pub serial: String,
    /// The issuer's Name in DER.
    pub issuer: Vec<u8>,
    /// Its names; those of another form as text.
    pub names: Vec<Result<Identifier, String>>,
    /// Start of validity.
    pub not_before: Time,
    /// End of validity.
    pub not_after: Time,
    /// Where its CRLs are.
    pub lists: Vec<String>,
}

/// Reads a to-be-signed certificate.
///
/// # Errors
/// When it is not one.
pub fn read(tbs: &[u8]) -> Result<Logged> {
    let der = with_signature(tbs).context("it is not a to-be-signed certificate")?;
    let parts = Parts::read(&der).context("it is not a to-be-signed certificate")?;
    let names = parts.extension::<SubjectAltName>().context("its names cannot be read")?;
    Ok(Logged {
        serial: serial(parts.serial),
        issuer: parts.issuer.to_vec(),
        names: names.map(|names| names.0.iter().map(name).collect()).unwrap_or_default(),
        not_before: parts.not_before,
        not_after: parts.not_after,
        lists: crl_urls(&der),
    })
}

/// A serial number in hex: the octets of the INTEGER without leading zeros.
pub fn serial(octets: &[u8]) -> String {
    let zeros = octets.iter().take_while(|octet| **octet == 0).count();
    hex::encode(octets.get(zeros..).unwrap_or_default())
}

/// The certificate with an empty signature.
fn with_signature(tbs: &[u8]) -> der::Result<Vec<u8>> {
    let mut reader = SliceReader::new(tbs)?;
    let algorithm = reader.sequence(|r| {
        if r.peek_byte() == Some(0xa0) {
            r.tlv_bytes()?;
        }
        // The serial number.
        r.tlv_bytes()?;
        let algorithm = r.tlv_bytes()?;
        r.drain(r.remaining_len())?;
        Ok::<_, der::Error>(algorithm)
    })?;
    reader.finish()?;
    Any::new(Tag::Sequence, [tbs, algorithm, &[0x03, 0x01, 0x00]].concat())?.to_der()
}

fn name(name: &GeneralName) -> Result<Identifier, String> {
    match name {
        GeneralName::DnsName(name) => {
            DnsName::parse(name.as_str()).map(Identifier::Dns).map_err(|_| format!("{:?}", name.as_str()))
        }
        GeneralName::IpAddress(octets) => {
            IpName::from_octets(octets.as_bytes()).map(Identifier::Ip).ok_or_else(|| format!("{:?}", octets.as_bytes()))
        }
        other => Err(format!("{other:?}")),
    }
}
