//! Parsing and signature check of received CRLs.

use crate::pki::key::check_spki;
use crate::pki::sigalg;
use crate::values::{CryptoFailure, Time, Verify};
use const_oid::db::rfc5280::{ID_CE_CRL_REASONS, ID_CE_ISSUING_DISTRIBUTION_POINT};
use der::asn1::BitStringRef;
use der::{Decode, Encode, Reader, SliceReader};
use spki::AlgorithmIdentifierRef;
use x509_cert::certificate::Rfc5280;
use x509_cert::crl::{RevokedCert, TbsCertList};
use x509_cert::ext::pkix::crl::{CrlNumber, IssuingDistributionPoint};
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName};
use x509_cert::time::Time as X509Time;

/// Maximum length of a CRL, in bytes: 400,000 entries.
pub const MAX_CRL_BYTES: usize = 16 * 1024 * 1024;

/// A revoked certificate on a received CRL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedCrlEntry {
    /// Its serial number: the octets of the INTEGER without leading zeros.
    pub serial: Vec<u8>,
    /// When it was revoked.
    pub at: Time,
    /// The CRLReason, if given.
    pub reason: Option<u8>,
}

/// A parsed CRL, whose signature [`ReceivedCrl::is_signed_by`] checks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedCrl {
    /// Its DER.
    pub der: Vec<u8>,
    /// Its issuer's Name in DER.
    pub issuer: Vec<u8>,
    /// Its number: the octets of the INTEGER without leading zeros.
    pub number: Vec<u8>,
    /// Its thisUpdate.
    pub this_update: Time,
    /// Its nextUpdate.
    pub next_update: Time,
    /// The revoked certificates.
    pub entries: Vec<ReceivedCrlEntry>,
    /// The URLs of its issuingDistributionPoint; empty for a CRL of all certificates of its issuer.
    pub urls: Vec<String>,
}

/// Why bytes are not a CRL; the text is a clause about "the CRL".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReceivedCrlFault {
    /// Longer than [`MAX_CRL_BYTES`]; how long.
    #[error("is {0} bytes long; at most {max} are read", max = MAX_CRL_BYTES)]
    TooLong(usize),
    /// Not a DER CRL of version 2; the parser's reason.
    #[error("is not a CRL in DER: {0}")]
    Unreadable(der::Error),
    /// No CRL number, which RFC 5280 §5.2.3 demands.
    #[error("has no CRL number (RFC 5280 §5.2.3)")]
    NoNumber,
    /// No nextUpdate, which RFC 5280 §5.1.2.5 demands.
    #[error("has no nextUpdate (RFC 5280 §5.1.2.5)")]
    NoNextUpdate,
}

impl From<der::Error> for ReceivedCrlFault {
    fn from(error: der::Error) -> Self {
        Self::Unreadable(error)
    }
}

/// The unchanged parts of a signed CRL (RFC 5280 §5.1).
struct Signed<'a> {
    tbs: &'a [u8],
    algorithm: AlgorithmIdentifierRef<'a>,
    signature: &'a [u8],
}

impl<'a> Signed<'a> {
    fn read(der: &'a [u8]) -> der::Result<Self> {
        let mut reader = SliceReader::new(der)?;
        let signed = reader.sequence(|r| {
            let tbs = r.tlv_bytes()?;
            let algorithm = AlgorithmIdentifierRef::decode(r)?;
            let signature = BitStringRef::decode(r)?.as_bytes().unwrap_or_default();
            Ok::<_, der::Error>(Self { tbs, algorithm, signature })
        })?;
        reader.finish()?;
        Ok(signed)
    }
}

impl ReceivedCrl {
    /// Reads a CRL from DER.
    ///
    /// # Errors
    /// [`ReceivedCrlFault`].
    pub fn read(der: &[u8]) -> Result<Self, ReceivedCrlFault> {
        if der.len() > MAX_CRL_BYTES {
            return Err(ReceivedCrlFault::TooLong(der.len()));
        }
        let list = TbsCertList::<Rfc5280>::from_der(Signed::read(der)?.tbs)?;
        let extensions = list.crl_extensions.as_deref().unwrap_or_default();
        let value = |oid| extensions.iter().find(|one| one.extn_id == oid).map(|one| one.extn_value.as_bytes());
        let number = value(<CrlNumber as const_oid::AssociatedOid>::OID).ok_or(ReceivedCrlFault::NoNumber)?;
        let point = value(ID_CE_ISSUING_DISTRIBUTION_POINT).map(IssuingDistributionPoint::from_der).transpose()?;
        let urls = match point.and_then(|point| point.distribution_point) {
            Some(DistributionPointName::FullName(names)) => names.iter().filter_map(url).collect(),
            _ => Vec::new(),
        };
        Ok(Self {
            issuer: list.issuer.to_der()?,
            number: stripped(CrlNumber::from_der(number)?.0.as_bytes()),
            this_update: time(list.this_update),
            next_update: list.next_update.map(time).ok_or(ReceivedCrlFault::NoNextUpdate)?,
            entries: list.revoked_certificates.iter().flatten().map(listed).collect(),
            urls,
            der: der.to_vec(),
        })
    }

    /// Whether this key (DER SubjectPublicKeyInfo) signed it.
    ///
    /// `false` for keys and algorithms that are not accepted.
    ///
    /// # Errors
    /// A failure of the crypto provider.
    pub async fn is_signed_by(&self, spki: &[u8], crypto: &impl Verify) -> Result<bool, CryptoFailure> {
        let parts = || {
            let signed = Signed::read(&self.der).ok()?;
            let algorithm = sigalg::read(&signed.algorithm, check_spki(spki).ok()?.kind()).ok()?;
            Some((signed.tbs, algorithm, sigalg::from_x509(algorithm, signed.signature)?))
        };
        match parts() {
            Some((tbs, algorithm, raw)) => crypto.verify(algorithm, spki, tbs, &raw).await,
            None => Ok(false),
        }
    }

    /// Its number in decimal; a long one (up to 20 octets, RFC 5280 §5.2.3) in hexadecimal.
    pub fn number_text(&self) -> String {
        match <[u8; 8]>::try_from(padded(&self.number)) {
            Ok(octets) if self.number.len() <= 8 => u64::from_be_bytes(octets).to_string(),
            _ => format!("0x{}", crate::values::hex::encode(&self.number)),
        }
    }

    /// The entry of the certificate with this serial number, the content octets of its INTEGER.
    pub fn entry(&self, serial: &[u8]) -> Option<&ReceivedCrlEntry> {
        let serial = stripped(serial);
        self.entries.iter().find(|entry| entry.serial == serial)
    }
}

/// Pads to eight octets with leading zeros.
fn padded(octets: &[u8]) -> Vec<u8> {
    core::iter::repeat_n(0, 8_usize.saturating_sub(octets.len())).chain(octets.iter().copied()).collect()
}

fn url(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::UniformResourceIdentifier(url) => Some(url.as_str().to_owned()),
        _ => None,
    }
}

fn listed(entry: &RevokedCert<Rfc5280>) -> ReceivedCrlEntry {
    let mut extensions = entry.crl_entry_extensions.iter().flatten();
    let reason =
        extensions.find(|one| one.extn_id == ID_CE_CRL_REASONS).and_then(|one| match one.extn_value.as_bytes() {
            // ENUMERATED of one octet.
            [0x0a, 1, code] => Some(*code),
            _ => None,
        });
    ReceivedCrlEntry { serial: stripped(entry.serial_number.as_bytes()), at: time(entry.revocation_date), reason }
}

fn stripped(octets: &[u8]) -> Vec<u8> {
    octets.iter().copied().skip_while(|octet| *octet == 0).collect()
}

fn time(at: X509Time) -> Time {
    Time::from_secs(at.to_unix_duration().as_secs())
}
