//! Certificate download ([RFC 8555 §7.4.2](https://www.rfc-editor.org/rfc/rfc8555#section-7.4.2)).

use super::kind::Account;
use super::request::{Admitted, only_read};
use crate::ca::http::message::{Answer, Response};
use crate::ca::runtime::ports::PartitionPorts;
use crate::pki::{Issuer, Serial, pem};
use crate::records::{CertificateRecord, Problem};
use crate::store::Kv;

/// The relation of a certificate to the proof that it is in a transparency log.
const PROOF: &str = "https://c2sp.org/tlog-proof";

impl<P: PartitionPorts + 'static, K: Kv + 'static> Account<P, K> {
    /// Handles POST-as-GET of a certificate: the leaf, then its chain. Chain 0 is the default chain, without the root;
    /// others are the alternate chains, counted from 1. `alternate` links refer to the other chains.
    ///
    /// # Errors
    /// 404 for an unknown certificate or chain, `malformed` with a payload.
    pub fn post_certificate(&self, admitted: &Admitted, serial: &Serial, chain: usize) -> Answer {
        self.transact_as_account(admitted, |txn, _account| {
            only_read(admitted)?;
            let unknown = || Problem::not_found("certificate");
            let certificate = txn.get::<CertificateRecord>(&serial.hex())?.ok_or_else(unknown)?;
            let settings = self.ports.settings();
            // The chains of the issuer that signed it, which may differ from the active one.
            let issuer = settings.issuers.find(&certificate.issuer);
            let count = issuer.map_or(0, |issuer| issuer.alternates().len());
            let pem = match chain.checked_sub(1) {
                None => certificate.pem,
                Some(n) => alternate(&certificate, issuer, n)?.ok_or_else(unknown)?,
            };
            let (issuer_id, logged) = (certificate.issuer.as_str(), certificate.logged.is_some());
            let response = Response::text(200, "application/pem-certificate-chain", pem);
            // Before all other links: workerd joins links into one line, and acme.sh takes the first URL of it.
            let response = (0..=count).filter(|n| *n != chain).fold(response, |response, n| {
                response.linked(&settings.urls.certificate(&certificate.serial, n), "alternate")
            });
            if !logged {
                return Ok(response);
            }
            Ok(response.linked(&settings.urls.log_proof(issuer_id, &certificate.serial), PROOF))
        })
    }
}

/// The leaf with the `n`th alternate chain, counted from 0.
fn alternate(certificate: &CertificateRecord, issuer: Option<&Issuer>, n: usize) -> Result<Option<String>, Problem> {
    let Some(chain) = issuer.and_then(|issuer| issuer.alternates().get(n)) else { return Ok(None) };
    let broken = |what: &dyn ToString| {
        Problem::internal(format!("certificate {} is broken: {}", certificate.serial, what.to_string()))
    };
    let ders = pem::read_certificates(&certificate.pem).map_err(|fault| broken(&fault))?;
    let leaf = ders.first().ok_or_else(|| broken(&"no leaf"))?;
    Ok(Some(pem::write_certificate(leaf).map_err(|error| broken(&error))? + chain.pem()))
}
