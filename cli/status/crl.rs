//! The verification of a fetched CRL.

use selvedge::pki::crl::read::ReceivedCrl;
use selvedge::values::native_crypto::NativeCrypto;
use selvedge::values::x509::Parts;

use super::facts::FetchedCrl;
use crate::common::x509::{display_name, immediate};

/// Parses a CRL (DER) and checks issuer name, signature and distribution point.
///
/// The validity time is not checked.
///
/// # Errors
/// The problem, as a clause about the CRL.
pub fn read(der: &[u8], issuer: &Parts<'_>, url: &str) -> Result<FetchedCrl, String> {
    let list = ReceivedCrl::read(der).map_err(|fault| fault.to_string())?;
    if list.issuer != issuer.subject {
        return Err(format!("was issued by {}, not by {}", display_name(&list.issuer), display_name(issuer.subject)));
    }
    if immediate(list.is_signed_by(issuer.spki, &NativeCrypto)).is_none_or(|signed| signed != Ok(true)) {
        return Err(format!("is not signed by the key of {}", display_name(issuer.subject)));
    }
    // RFC 5280 §6.3.3 (b) (2): otherwise a verifier takes it for another list.
    if !list.urls.is_empty() && !list.urls.iter().any(|named| named == url) {
        return Err(format!(
            "is for certificates that point to {} only (issuingDistributionPoint)",
            list.urls.join(", ")
        ));
    }
    Ok(FetchedCrl {
        url: url.to_owned(),
        number: list.number_text(),
        this_update: list.this_update,
        next_update: list.next_update,
        entries: list.entries.len(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;
    use selvedge::pki::ceremony::{CertAndKey, create_intermediate, create_root};
    use selvedge::pki::{CrlRequest, Issuer, crl, lint, pem};
    use selvedge::values::Time;
    use selvedge::values::crypto::Sign;
    use selvedge::values::native_crypto::NativeSigner;

    const NOW: Time = Time::from_secs(1_795_521_600);
    const URL: &str = "http://ca.test/crl/1.crl";

    fn ca(name: &str) -> CertAndKey {
        create_intermediate(&create_root("root", NOW, 10).unwrap(), name, NOW, 5).unwrap()
    }

    fn list(ca: &CertAndKey, key: &str) -> Vec<u8> {
        let issuer = Issuer::from_pem_chain(&ca.certificate).unwrap();
        let next_update = NOW.plus(Duration::from_secs(86_400));
        let urls = &[URL.to_owned()];
        let request = CrlRequest {
            issuer: &issuer,
            number: 1000,
            this_update: NOW,
            next_update,
            urls,
            complete: false,
            entries: &[],
        };
        let tbs = lint::crl::check(&crl::build_tbs(&request).unwrap(), &request).unwrap();
        let signer = NativeSigner::from_pkcs8_pem(key).unwrap();
        crl::assemble(&tbs, &immediate(signer.sign(tbs.as_bytes())).unwrap().unwrap()).unwrap()
    }

    fn read_as(der: &[u8], ca: &CertAndKey) -> Result<FetchedCrl, String> {
        let ders = pem::read_certificates(&ca.certificate).unwrap();
        read(der, &Parts::read(&ders[0]).unwrap(), URL)
    }

    #[test]
    fn crl_is_accepted_only_from_its_issuer() {
        let (one, other) = (ca("one"), ca("other"));
        let good = list(&one, &one.key);
        let found = read_as(&good, &one).unwrap();
        assert_eq!((found.number.as_str(), found.this_update, found.entries), ("1000", NOW, 0));
        assert!(read_as(&good, &other).unwrap_err().contains("was issued by one, not by other"));
        assert!(read_as(&good, &ca("one")).unwrap_err().contains("not signed by the key of one"));
        assert!(read_as(&list(&one, &other.key), &one).unwrap_err().contains("not signed"));
        let mut bent = good.clone();
        // One bit of a time: the signed bytes differ.
        let at = bent.windows(2).position(|two| two == [0x17, 13]).unwrap() + 5;
        bent[at] ^= 1;
        assert!(read_as(&bent, &one).is_err());
        let ders = pem::read_certificates(&one.certificate).unwrap();
        let elsewhere = read(&good, &Parts::read(&ders[0]).unwrap(), "http://old.test/crl/1.crl").unwrap_err();
        assert!(elsewhere.contains("certificates that point to http://ca.test/crl/1.crl only"), "{elsewhere}");
        assert!(read_as(b"<html>", &one).unwrap_err().contains("not a CRL"));
        assert!(read_as(&good[..good.len() - 1], &one).is_err());
    }
}
