//! Revocation requests of clients: parsing them and asking the ledger.

use super::entry::{Requester, RevokeCertificate};
use super::kind::LedgerAt;
use crate::ca::http::message::{Answer, Response};
use crate::ca::runtime::jws;
use crate::ca::runtime::ports::Ports;
use crate::jose::Verified;
use crate::pki::certificate;
use crate::pki::certificate::PresentedCertificate;
use crate::records::Problem;
use crate::records::ledger::entry;
use crate::values::b64;
use serde::Deserialize;

#[derive(Deserialize)]
struct Revoke {
    certificate: String,
    #[serde(default)]
    reason: Option<i64>,
}

/// A parsed revocation request, not yet authorized.
pub(in crate::ca) struct RevocationRequest {
    pub(in crate::ca) presented: PresentedCertificate,
    reason: Option<u8>,
}

pub(in crate::ca) fn read(jws: &Verified) -> Result<RevocationRequest, Problem> {
    let Revoke { certificate, reason } = jws.payload_json().map_err(|fault| jws::refuse_jws(&fault))?;
    let reason = entry::check_reason(reason)?;
    let der = b64::decode(&certificate)
        .ok_or_else(|| Problem::malformed("certificate is not unpadded base64url of a DER-encoded certificate."))?;
    let presented =
        certificate::parse_presented(&der).map_err(|fault| Problem::malformed(format!("The certificate {fault}.")))?;
    Ok(RevocationRequest { presented, reason })
}

pub(in crate::ca) async fn revoke<P: Ports>(ports: &P, wanted: &RevocationRequest, by: Requester) -> Answer {
    let request = RevokeCertificate {
        serial: wanted.presented.serial.hex(),
        tbs_digest: b64::encode(&wanted.presented.tbs_hash()),
        reason: wanted.reason,
        by,
    };
    let presented = &wanted.presented;
    let issuer = ports.settings().issuers.of_leaf(presented.authority_key_id.as_deref(), &presented.issuer_name);
    let issuer = issuer.ok_or_else(entry::not_issued_here)?;
    ports.ask(&LedgerAt::from(issuer.id()), &request).await?;
    Ok(Response::empty(200))
}
