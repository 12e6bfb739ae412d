//! CRLs that are compared with a log.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result, anyhow, bail};
use selvedge::pki::crl::read::ReceivedCrl;
use selvedge::pki::pem::read_crl;
use selvedge::values::native_crypto::NativeCrypto;
use selvedge::values::x509::Parts;
use selvedge::values::{Time, hex};
use sha2::{Digest, Sha256};
use url::Url;

use super::certificate::serial;
use crate::common::web::{self, Answer};
use crate::common::x509::immediate;

/// A CRL.
pub struct List {
    /// Where it is from.
    pub place: String,
    /// Its hash in hex.
    pub sha256: String,
    /// The serial numbers in hex.
    pub serials: BTreeSet<String>,
    /// The URLs of its issuingDistributionPoint.
    pub urls: Vec<String>,
    /// Its thisUpdate.
    pub this_update: Time,
    read: ReceivedCrl,
}

impl List {
    /// Reads a CRL from a file or a URL.
    ///
    /// # Errors
    /// When it cannot be read, or is not a CRL.
    pub fn read(place: &str) -> Result<Self> {
        let octets = if place.contains("://") {
            fetch(place)?
        } else {
            fs::read(place).with_context(|| format!("cannot read {place}"))?
        };
        let der = match octets.first() {
            Some(0x30) => octets,
            _ => read_crl(&String::from_utf8_lossy(&octets)).with_context(|| format!("{place} is not a CRL"))?,
        };
        let read = ReceivedCrl::read(&der).map_err(|fault| anyhow!("{place} {fault}"))?;
        Ok(Self {
            place: place.to_owned(),
            sha256: hex::encode(&Sha256::digest(&der)),
            serials: read.entries.iter().map(|entry| serial(&entry.serial)).collect(),
            urls: read.urls.clone(),
            this_update: read.this_update,
            read,
        })
    }

    /// Whether an issuer signed it.
    pub fn is_by(&self, issuer: &Parts<'_>) -> bool {
        self.read.issuer == issuer.subject
            && immediate(self.read.is_signed_by(issuer.spki, &NativeCrypto)).is_some_and(|signed| signed == Ok(true))
    }
}

fn fetch(place: &str) -> Result<Vec<u8>> {
    let url = Url::parse(place).with_context(|| format!("{place:?} is not a URL"))?;
    let Answer { status, body, .. } = web::get(&web::agent(None, None)?, &url)?;
    if status != 200 {
        bail!("{place} answers with status {status}");
    }
    Ok(body)
}
