//! A CRL as a verifier looks at it.

use der::asn1::BitStringRef;
use der::{Decode, Encode, Reader, SliceReader};
use selvedge::values::Time;
use selvedge::values::x509::Parts;
use spki::AlgorithmIdentifierRef;
use x509_cert::certificate::Rfc5280;
use x509_cert::crl::TbsCertList;
use x509_cert::ext::pkix::crl::CrlNumber;
use x509_cert::time::Time as X509Time;

use super::super::x509::{Signed, called};
use super::facts::Fetched;

/// Reads a CRL (DER) and checks that it is this issuer's: by name and by signature. The time is not looked at.
///
/// # Errors
/// What is wrong with it, as a clause about "it".
pub fn read(der: &[u8], issuer: &Parts<'_>, url: &str) -> Result<Fetched, String> {
    let signed = taken_apart(der).map_err(|error| format!("is no CRL in DER: {error}"))?;
    let list = TbsCertList::<Rfc5280>::from_der(signed.tbs).map_err(|error| format!("is no CRL in DER: {error}"))?;
    let name = list.issuer.to_der().map_err(|error| format!("has no issuer: {error}"))?;
    if name != issuer.subject {
        return Err(format!("is by {}, not by {}", called(&name), called(issuer.subject)));
    }
    if !signed.is_by(issuer.spki) {
        return Err(format!("is not signed by the key of {}", called(issuer.subject)));
    }
    let number = list.crl_extensions.iter().flatten().find_map(|one| {
        use const_oid::AssociatedOid;
        (one.extn_id == CrlNumber::OID).then(|| CrlNumber::from_der(one.extn_value.as_bytes()).ok())?
    });
    Ok(Fetched {
        url: url.to_owned(),
        number: number.map(|number| shown(number.0.as_bytes())).ok_or("has no CRL number")?,
        this_update: time(list.this_update),
        next_update: list.next_update.map(time).ok_or("does not say until when it is good (nextUpdate)")?,
        entries: list.revoked_certificates.map_or(0, |entries| entries.len()),
    })
}

/// The three parts of a signed list ([RFC 5280 §5.1](https://www.rfc-editor.org/rfc/rfc5280#section-5.1)), as they stand.
fn taken_apart(der: &[u8]) -> der::Result<Signed<'_>> {
    let mut reader = SliceReader::new(der)?;
    let signed = reader.sequence(|r| {
        let tbs = r.tlv_bytes()?;
        let algorithm = AlgorithmIdentifierRef::decode(r)?;
        let signature = BitStringRef::decode(r)?.as_bytes().unwrap_or_default();
        Ok::<_, der::Error>(Signed { tbs, algorithm, signature })
    })?;
    reader.finish()?;
    Ok(signed)
}

fn time(at: X509Time) -> Time {
    Time::from_secs(at.to_unix_duration().as_secs())
}

/// A number in decimal; a long one (up to 20 bytes, RFC 5280 §5.2.3) in hexadecimal.
fn shown(bytes: &[u8]) -> String {
    if bytes.len() > 8 {
        let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        return format!("0x{}", digits.concat());
    }
    bytes.iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operate::x509::ready;
    use core::time::Duration;
    use selvedge::pki::ceremony::{CertAndKey, create_intermediate, create_root};
    use selvedge::pki::{CrlRequest, Issuer, crl, lint, pem};
    use selvedge::values::crypto::Sign;
    use selvedge::values::native_crypto::NativeSigner;

    const NOW: Time = Time::from_secs(1_795_521_600);

    fn ca(name: &str) -> CertAndKey {
        create_intermediate(&create_root("root", NOW, 10).unwrap(), name, NOW, 5).unwrap()
    }

    fn list(ca: &CertAndKey, key: &str) -> Vec<u8> {
        let issuer = Issuer::from_pem_chain(&ca.certificate).unwrap();
        let next_update = NOW.plus(Duration::from_secs(86_400));
        let url = "http://ca.test/crl/1.crl";
        let request = CrlRequest { issuer: &issuer, number: 1000, this_update: NOW, next_update, url, entries: &[] };
        let tbs = lint::crl::check(&crl::build_tbs(&request).unwrap(), &request).unwrap();
        let signer = NativeSigner::from_pkcs8_pem(key).unwrap();
        crl::assemble(&tbs, &ready(signer.sign(tbs.as_bytes())).unwrap().unwrap()).unwrap()
    }

    fn read_as(der: &[u8], ca: &CertAndKey) -> Result<Fetched, String> {
        let ders = pem::read_certificates(&ca.certificate).unwrap();
        read(der, &Parts::read(&ders[0]).unwrap(), "u")
    }

    #[test]
    fn a_list_is_read_where_it_is_its_issuers() {
        let (one, other) = (ca("one"), ca("other"));
        let good = list(&one, &one.key);
        let found = read_as(&good, &one).unwrap();
        assert_eq!((found.number.as_str(), found.this_update, found.entries), ("1000", NOW, 0));
        assert!(read_as(&good, &other).unwrap_err().contains("is by one, not by other"));
        assert!(read_as(&good, &ca("one")).unwrap_err().contains("not signed by the key of one"));
        assert!(read_as(&list(&one, &other.key), &one).unwrap_err().contains("not signed"));
        let mut bent = good.clone();
        // One bit of a time: what is signed is no longer what was signed.
        let at = bent.windows(2).position(|two| two == [0x17, 13]).unwrap() + 5;
        bent[at] ^= 1;
        assert!(read_as(&bent, &one).is_err());
        assert!(read_as(b"<html>", &one).unwrap_err().contains("no CRL"));
        assert!(read_as(&good[..good.len() - 1], &one).is_err());
    }

    #[test]
    fn numbers_of_any_length_are_shown() {
        assert_eq!(shown(&[1, 0]), "256");
        assert_eq!(shown(&[255; 8]), u64::MAX.to_string());
        assert_eq!(shown(&[1, 0, 0, 0, 0, 0, 0, 0, 0]), "0x010000000000000000");
    }
}
