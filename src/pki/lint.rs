//! The lint before signing: parses the to-be-signed bytes and compares each part with the request.
//!
//! It shares only the request with the builder, on purpose: x509-cert parses, and values fixed by RFC 5280 are written
//! as bytes. A key signs only a [`LintedTbs`].

pub mod crl;
pub(super) mod report;

pub use report::{LintFault, LintedTbs};

use super::csr::TLS_FEATURE;
use super::key::KeyKind;
use super::leaf::LeafRequest;
use super::validity::MAX_AHEAD;
use crate::values::hex::encode as hex;
use crate::values::{Identifier, Time};
use const_oid::ObjectIdentifier;
use const_oid::db::rfc5280::{
    ID_CE_AUTHORITY_KEY_IDENTIFIER, ID_CE_BASIC_CONSTRAINTS, ID_CE_CRL_DISTRIBUTION_POINTS, ID_CE_EXT_KEY_USAGE,
    ID_CE_KEY_USAGE, ID_CE_SUBJECT_ALT_NAME, ID_CE_SUBJECT_KEY_IDENTIFIER, ID_KP_SERVER_AUTH,
    ID_PE_AUTHORITY_INFO_ACCESS,
};
use core::net::Ipv6Addr;
use der::{Decode, Encode};
use report::Lint;
use sha2::{Digest, Sha256};
use spki::SubjectPublicKeyInfoRef;
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName};
use x509_cert::ext::pkix::{
    AuthorityInfoAccessSyntax, CrlDistributionPoints, ExtendedKeyUsage, SubjectAltName, SubjectKeyIdentifier,
};
use x509_cert::time::Time as X509Time;
use x509_cert::{TbsCertificate, Version};

/// `ecdsa-with-SHA256` without parameters ([RFC 5758 §3.2](https://www.rfc-editor.org/rfc/rfc5758#section-3.2)).
const ECDSA_SHA256: &str = "300a06082a8648ce3d040302";
/// `ecdsa-with-SHA384`, the same.
const ECDSA_SHA384: &str = "300a06082a8648ce3d040303";
/// `sha256WithRSAEncryption` with NULL ([RFC 4055 §5](https://www.rfc-editor.org/rfc/rfc4055#section-5)).
const RSA_SHA256: &str = "300d06092a864886f70d01010b0500";
/// digitalSignature.
const KEY_USAGE_SIGN: &str = "03020780";
/// digitalSignature and keyEncipherment.
const KEY_USAGE_RSA: &str = "030205a0";
/// An empty SEQUENCE: not a CA.
const NOT_A_CA: &str = "3000";
/// The feature status_request alone (RFC 7633 §4).
const MUST_STAPLE: &str = "3003020105";

/// Checks every part of the to-be-signed certificate `tbs_der` against `request`.
///
/// # Errors
/// Every difference found, at least one.
pub fn check(tbs_der: &[u8], request: &LeafRequest<'_>) -> Result<LintedTbs, Vec<LintFault>> {
    let unreadable = |error: der::Error| {
        let expected = "a DER TBSCertificate".to_owned();
        vec![LintFault { part: "encoding", expected, found: error.to_string() }]
    };
    let tbs = TbsCertificate::from_der(tbs_der).map_err(unreadable)?;
    let mut lint = Lint(Vec::new());
    let canonical = tbs.to_der().map_err(unreadable)? == tbs_der;
    lint.holds("encoding", "the same bytes when encoded again", "others", canonical);
    fields(&mut lint, &tbs, request).map_err(unreadable)?;
    validity(&mut lint, &tbs, request);
    extensions(&mut lint, &tbs, request).map_err(unreadable)?;
    for name in request.names {
        let permitted = request.issuer.permits(name);
        lint.holds("subjectAltName", "within the issuer's name constraints", name, permitted.is_ok());
    }
    lint.verdict(tbs_der, request.issuer.algorithm())
}

/// Checks all fields except validity and extensions.
fn fields(lint: &mut Lint, tbs: &TbsCertificate, request: &LeafRequest<'_>) -> der::Result<()> {
    lint.holds("version", "3", format!("{:?}", tbs.version()), tbs.version() == Version::V3);
    let serial = tbs.serial_number().as_bytes();
    lint.same("serial number", request.serial.hex(), hex(serial));
    let positive = serial.first().is_some_and(|first| (1..0x80).contains(first));
    lint.holds("serial number", "8 to 20 octets, positive", hex(serial), positive && (8..=20).contains(&serial.len()));
    let algorithm = hex(&tbs.signature().to_der()?);
    lint.same("signature algorithm", signature_algorithm(request.issuer.public_key().kind()), algorithm);
    lint.same("issuer", hex(request.issuer.subject()), hex(&tbs.issuer().to_der()?));
    // As bytes: formatting a name needs a table of all attributes, 90 kB.
    lint.same("subject", hex(&subject(request)), hex(&tbs.subject().to_der()?));
    let validated = request.common_name.is_none_or(|name| request.names.iter().any(|other| other == name));
    lint.holds("subject", "a common name that is among the names", "another", validated);
    let spki = tbs.subject_public_key_info();
    lint.same("public key", hex(request.public_key.spki_der()), hex(&spki.to_der()?));
    lint.same("public key algorithm", key_algorithm(request.public_key.kind()), hex(&spki.algorithm.to_der()?));
    let unique = tbs.issuer_unique_id().is_some() || tbs.subject_unique_id().is_some();
    lint.holds("unique identifiers", "none", "one", !unique);
    Ok(())
}

/// The subject: empty, or `SEQUENCE { SET { SEQUENCE { 2.5.4.3, UTF8String } } }` with up to 64 characters.
fn subject(request: &LeafRequest<'_>) -> Vec<u8> {
    let Some(name) = request.common_name else { return vec![0x30, 0] };
    let text = name.value();
    // A longer one gives an invalid subject, which differs.
    let length = u8::try_from(text.len()).ok().filter(|length| *length <= 64).unwrap_or_default();
    let [sequence, set, attribute] = [11, 9, 7].map(|around| length.saturating_add(around));
    let mut der = vec![0x30, sequence, 0x31, set, 0x30, attribute, 6, 3, 0x55, 4, 3, 0x0c, length];
    der.extend_from_slice(text.as_bytes());
    der
}

/// The AlgorithmIdentifier of signatures by an issuer's key of this kind.
fn signature_algorithm(kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::EcP256 => ECDSA_SHA256,
        KeyKind::EcP384 => ECDSA_SHA384,
        KeyKind::Rsa { .. } => RSA_SHA256,
        KeyKind::Ed25519 => "none: issuers sign with P-256, P-384 or RSA",
    }
}

/// The AlgorithmIdentifier of a public key (RFC 3279 §2.3, RFC 5480 §2.1.1, RFC 8410 §3).
fn key_algorithm(kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::Rsa { .. } => "300d06092a864886f70d0101010500",
        KeyKind::EcP256 => "301306072a8648ce3d020106082a8648ce3d030107",
        KeyKind::EcP384 => "301006072a8648ce3d020106052b81040022",
        KeyKind::Ed25519 => "300506032b6570",
    }
}

fn validity(lint: &mut Lint, tbs: &TbsCertificate, request: &LeafRequest<'_>) {
    let (from, until) = (tbs.validity().not_before, tbs.validity().not_after);
    lint.time_form("validity", from);
    lint.time_form("validity", until);
    let (from, until) = (seconds(from), seconds(until));
    let wanted = request.period;
    lint.same("notBefore", wanted.not_before.rfc3339(), from.rfc3339());
    lint.same("notAfter", wanted.not_after.rfc3339(), until.rfc3339());
    // Both the first and the last second count.
    let length = (until.secs() + 1).saturating_sub(from.secs());
    let allowed = (1..=request.profile.validity.as_secs()).contains(&length);
    lint.holds("length of validity in seconds", "no more than the profile's", length, allowed);
    let (now, latest) = (request.now.secs(), request.now.plus(MAX_AHEAD).secs());
    let useful = from.secs() <= latest && until.secs() >= now;
    lint.holds("validity", "one that begins soon and has not expired", format!("{} at {now}", until.rfc3339()), useful);
    let issuer = request.issuer;
    let within = from.secs() >= issuer.not_before().secs() && until.secs() <= issuer.not_after().secs();
    lint.holds("validity", "within the issuer's", format!("{} to {}", from.rfc3339(), until.rfc3339()), within);
}

fn seconds(time: X509Time) -> Time {
    Time::from_secs(time.to_unix_duration().as_secs())
}

/// Checks that each expected extension appears exactly once, and no other.
fn extensions(lint: &mut Lint, tbs: &TbsCertificate, request: &LeafRequest<'_>) -> der::Result<()> {
    let found = tbs.extensions().map_or(&[][..], |extensions| extensions);
    compare(lint, found, &expected_extensions(request)?, read_value);
    Ok(())
}

/// Compares extensions with the expected ones; `read` formats a value for comparison.
fn compare(
    lint: &mut Lint,
    found: &[Extension],
    expected: &[Expected],
    read: impl Fn(&Extension) -> der::Result<String>,
) {
    for (oid, part, critical, value) in expected {
        let all: Vec<_> = found.iter().filter(|extension| extension.extn_id == *oid).collect();
        match all.as_slice() {
            [one] => {
                lint.same(part, criticality(*critical), criticality(one.critical));
                lint.same(part, value, read(one).unwrap_or_else(|error| error.to_string()));
            }
            _ => lint.same(part, "it once", format!("it {} times", all.len())),
        }
    }
    for extension in found.iter().filter(|extension| expected.iter().all(|(oid, ..)| *oid != extension.extn_id)) {
        lint.same("extensions", "no other", extension.extn_id);
    }
}

/// An expected extension: OID, name, criticality, and value as of [`read_value`].
type Expected = (ObjectIdentifier, &'static str, bool, String);

fn expected_extensions(request: &LeafRequest<'_>) -> der::Result<Vec<Expected>> {
    let server = request.profile.purposes.contains(&ID_KP_SERVER_AUTH);
    let key_usage = match request.public_key.kind() {
        KeyKind::Rsa { .. } if server => KEY_USAGE_RSA,
        KeyKind::Rsa { .. } | KeyKind::EcP256 | KeyKind::EcP384 | KeyKind::Ed25519 => KEY_USAGE_SIGN,
    };
    let nameless = request.common_name.is_none();
    let mut expected = vec![
        (
            ID_CE_AUTHORITY_KEY_IDENTIFIER,
            "authorityKeyIdentifier",
            false,
            hex(&authority_key_id(request.issuer.key_id())),
        ),
        (ID_CE_KEY_USAGE, "keyUsage", true, key_usage.to_owned()),
        (ID_CE_BASIC_CONSTRAINTS, "basicConstraints", true, NOT_A_CA.to_owned()),
        (ID_CE_EXT_KEY_USAGE, "extKeyUsage", false, list(request.profile.purposes)),
        (ID_CE_SUBJECT_ALT_NAME, "subjectAltName", nameless, list(request.names.iter().map(wanted_name))),
    ];
    if request.profile.subject_key_id {
        expected.push((ID_CE_SUBJECT_KEY_IDENTIFIER, "subjectKeyIdentifier", false, hex(&subject_key_id(request)?)));
    }
    let access = [("OCSP", request.ocsp), ("caIssuers", request.ca_issuers)];
    let access: Vec<String> =
        access.into_iter().filter_map(|(method, url)| Some(format!("{method} {}", url?))).collect();
    if !access.is_empty() {
        expected.push((ID_PE_AUTHORITY_INFO_ACCESS, "authorityInfoAccess", false, list(access)));
    }
    if request.must_staple {
        expected.push((TLS_FEATURE, "tlsFeature", false, MUST_STAPLE.to_owned()));
    }
    if let Some(url) = request.crl_pointer() {
        expected.push((ID_CE_CRL_DISTRIBUTION_POINTS, "cRLDistributionPoints", false, url.to_owned()));
    }
    Ok(expected)
}

/// The first 20 bytes of the SHA-256 of the key's BIT STRING (RFC 7093 §2, method 1).
fn subject_key_id(request: &LeafRequest<'_>) -> der::Result<Vec<u8>> {
    let spki = SubjectPublicKeyInfoRef::from_der(request.public_key.spki_der())?;
    Ok(Sha256::digest(spki.subject_public_key.raw_bytes()).iter().take(20).copied().collect())
}

fn criticality(critical: bool) -> &'static str {
    if critical { "critical" } else { "not critical" }
}

/// An AuthorityKeyIdentifier of a keyIdentifier alone, `SEQUENCE { [0] key_id }`, for ids up to 125 bytes.
fn authority_key_id(key_id: &[u8]) -> Vec<u8> {
    let length = u8::try_from(key_id.len()).unwrap_or(u8::MAX);
    let mut der = vec![0x30, length.saturating_add(2), 0x80, length];
    der.extend_from_slice(key_id);
    der
}

/// Formats an extension's value for comparison: parsed lists, or bytes.
fn read_value(extension: &Extension) -> der::Result<String> {
    let der = extension.extn_value.as_bytes();
    Ok(match extension.extn_id {
        ID_CE_EXT_KEY_USAGE => list(ExtendedKeyUsage::from_der(der)?.0),
        ID_CE_SUBJECT_ALT_NAME => list(SubjectAltName::from_der(der)?.0.iter().map(found_name)),
        ID_CE_SUBJECT_KEY_IDENTIFIER => hex(SubjectKeyIdentifier::from_der(der)?.0.as_bytes()),
        ID_PE_AUTHORITY_INFO_ACCESS => list(AuthorityInfoAccessSyntax::from_der(der)?.0.iter().map(|access| {
            let method = match access.access_method {
                const_oid::db::rfc5280::ID_AD_CA_ISSUERS => "caIssuers".to_owned(),
                const_oid::db::rfc5280::ID_AD_OCSP => "OCSP".to_owned(),
                other => other.to_string(),
            };
            format!("{method} {}", found_url(&access.access_location))
        })),
        ID_CE_CRL_DISTRIBUTION_POINTS => list(CrlDistributionPoints::from_der(der)?.0.iter().map(|point| {
            match (&point.distribution_point, &point.reasons, &point.crl_issuer) {
                (Some(DistributionPointName::FullName(names)), None, None) => list(names.iter().map(found_url)),
                _ => "a point of another form".to_owned(),
            }
        })),
        _ => hex(der),
    })
}

fn wanted_name(name: &Identifier) -> String {
    format!("{} {}", name.kind(), name.value())
}

fn found_name(name: &GeneralName) -> String {
    match name {
        GeneralName::DnsName(name) => format!("dns {}", name.as_str()),
        GeneralName::IpAddress(octets) => match *octets.as_bytes() {
            [a, b, c, d] => format!("ip {a}.{b}.{c}.{d}"),
            ref long => <[u8; 16]>::try_from(long)
                .map_or_else(|_| format!("ip of {} octets", long.len()), |v6| format!("ip {}", Ipv6Addr::from(v6))),
        },
        other => format!("{other:?}"),
    }
}

fn found_url(name: &GeneralName) -> String {
    match name {
        GeneralName::UniformResourceIdentifier(url) => url.as_str().to_owned(),
        other => format!("{other:?}"),
    }
}

fn list<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
