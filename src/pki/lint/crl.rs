//! The lint of CRLs: parses the to-be-signed bytes and compares each part with the request.

use super::report::{Lint, LintFault, LintedTbs};
use super::{Expected, authority_key_id, found_url, list, seconds, signature_algorithm};
use crate::pki::crl::{CrlEntry, CrlRequest};
use crate::values::hex::encode as hex;
use const_oid::db::rfc5280::{
    ID_CE_AUTHORITY_KEY_IDENTIFIER, ID_CE_CRL_NUMBER, ID_CE_CRL_REASONS, ID_CE_ISSUING_DISTRIBUTION_POINT,
};
use core::time::Duration;
use der::{Decode, Encode};
use x509_cert::Version;
use x509_cert::crl::{RevokedCert, TbsCertList};
use x509_cert::ext::pkix::crl::IssuingDistributionPoint;
use x509_cert::ext::pkix::name::DistributionPointName;
use x509_cert::ext::{Extension, Extensions};

/// Maximum time from thisUpdate to nextUpdate (Baseline Requirements 4.9.7: ten days for those of subscribers).
pub const MAX_VALIDITY: Duration = Duration::from_secs(10 * 24 * 60 * 60);

/// Checks every part of the to-be-signed CRL `tbs_der` against `request`.
///
/// # Errors
/// Every difference found, at least one.
pub fn check(tbs_der: &[u8], request: &CrlRequest<'_>) -> Result<LintedTbs, Vec<LintFault>> {
    let unreadable = |error: der::Error| {
        let expected = "a DER TBSCertList".to_owned();
        vec![LintFault { part: "encoding", expected, found: error.to_string() }]
    };
    let tbs = TbsCertList::from_der(tbs_der).map_err(unreadable)?;
    let mut lint = Lint(Vec::new());
    let canonical = tbs.to_der().map_err(unreadable)? == tbs_der;
    lint.holds("encoding", "the same bytes when encoded again", "others", canonical);
    lint.holds("version", "2", format!("{:?}", tbs.version), tbs.version == Version::V2);
    let algorithm = hex(&tbs.signature.to_der().map_err(unreadable)?);
    lint.same("signature algorithm", signature_algorithm(request.issuer.public_key().kind()), algorithm);
    lint.same("issuer", hex(request.issuer.subject()), hex(&tbs.issuer.to_der().map_err(unreadable)?));
    times(&mut lint, &tbs, request);
    entries(&mut lint, &tbs, request);
    extensions(&mut lint, &tbs, request).map_err(unreadable)?;
    lint.verdict(tbs_der, request.issuer.algorithm())
}

fn times(lint: &mut Lint, tbs: &TbsCertList, request: &CrlRequest<'_>) {
    let all = tbs.revoked_certificates.iter().flatten().map(|entry| entry.revocation_date);
    for time in [tbs.this_update].into_iter().chain(tbs.next_update).chain(all) {
        lint.time_form("time", time);
    }
    let this = seconds(tbs.this_update);
    let next = tbs.next_update.map(seconds);
    lint.same("thisUpdate", request.this_update.secs(), this.secs());
    lint.same("nextUpdate", request.next_update.secs(), next.map_or(0, |next| next.secs()));
    let good = next.is_some_and(|next| next > this && this.until(next) <= MAX_VALIDITY);
    lint.holds("nextUpdate", "after thisUpdate, by ten days at most", next.map_or(0, |next| next.secs()), good);
    let valid = request.issuer.check_time(this).is_ok();
    lint.holds("thisUpdate", "within the issuer's validity", this.rfc3339(), valid);
}

/// Checks for the requested entries in the same order, without duplicates.
fn entries(lint: &mut Lint, tbs: &TbsCertList, request: &CrlRequest<'_>) {
    let found = tbs.revoked_certificates.as_deref();
    lint.holds("revokedCertificates", "none at all where none is revoked", "an empty list", found != Some(&[]));
    let found = found.unwrap_or_default();
    lint.same("revokedCertificates", request.entries.len(), found.len());
    for (wanted, found) in request.entries.iter().zip(found) {
        // Compared first: formatting all entries takes longer than building them.
        if !is_same(wanted, found) {
            lint.same("revokedCertificates", describe(wanted), format!("{found:?}"));
        }
    }
    let mut serials: Vec<_> = found.iter().map(|entry| entry.serial_number.as_bytes()).collect();
    serials.sort_unstable();
    serials.dedup();
    lint.same("serial numbers", found.len(), serials.len());
}

fn is_same(wanted: &CrlEntry, found: &RevokedCert) -> bool {
    let reason = match found.crl_entry_extensions.as_deref() {
        None => Some(None),
        // ENUMERATED of one octet.
        Some([Extension { extn_id: ID_CE_CRL_REASONS, critical: false, extn_value }]) => match extn_value.as_bytes() {
            [0x0a, 1, code] => Some(Some(*code)),
            _ => None,
        },
        Some(_) => None,
    };
    significant(found.serial_number.as_bytes()) == significant(wanted.serial.octets())
        && seconds(found.revocation_date).secs() == wanted.at.secs()
        && reason == Some(wanted.reason)
        // RFC 5280 §5.3.1: "unspecified" is left out; the other codes are not for subscribers.
        && wanted.reason.is_none_or(|code| matches!(code, 1 | 3 | 4 | 5))
}

/// The octets of an INTEGER without the zero before a high bit.
fn significant(octets: &[u8]) -> &[u8] {
    octets.strip_prefix(&[0]).unwrap_or(octets)
}

fn describe(entry: &CrlEntry) -> String {
    format!("{} at {} for {:?}", entry.serial, entry.at.rfc3339(), entry.reason)
}

/// Checks that each expected extension appears exactly once, and no other.
fn extensions(lint: &mut Lint, tbs: &TbsCertList, request: &CrlRequest<'_>) -> der::Result<()> {
    let none = Extensions::new();
    let found = tbs.crl_extensions.as_ref().unwrap_or(&none);
    let number = der::asn1::UintRef::new(&request.number.to_be_bytes())?.to_der()?;
    let expected: [Expected; 3] = [
        (
            ID_CE_AUTHORITY_KEY_IDENTIFIER,
            "authorityKeyIdentifier",
            false,
            hex(&authority_key_id(request.issuer.key_id())),
        ),
        (ID_CE_CRL_NUMBER, "cRLNumber", false, hex(&number)),
        (
            ID_CE_ISSUING_DISTRIBUTION_POINT,
            "issuingDistributionPoint",
            true,
            match request.complete {
                true => "certificates of subscribers".to_owned(),
                false => format!("certificates of subscribers that point to {}", request.urls.join(", ")),
            },
        ),
    ];
    super::compare(lint, found, &expected, |extension| match extension.extn_id {
        ID_CE_ISSUING_DISTRIBUTION_POINT => read_point(extension.extn_value.as_bytes()),
        _ => Ok(hex(extension.extn_value.as_bytes())),
    });
    Ok(())
}

fn read_point(der: &[u8]) -> der::Result<String> {
    let point = IssuingDistributionPoint::from_der(der)?;
    let plain = !point.only_contains_ca_certs
        && !point.indirect_crl
        && !point.only_contains_attribute_certs
        && point.only_some_reasons.is_none();
    let url = match point.distribution_point {
        None => String::new(),
        Some(DistributionPointName::FullName(names)) => {
            format!(" that point to {}", list(names.iter().map(found_url)))
        }
        Some(_) => " that point nowhere".to_owned(),
    };
    Ok(match (plain, point.only_contains_user_certs) {
        (true, true) => format!("certificates of subscribers{url}"),
        _ => "a list of another kind".to_owned(),
    })
}
