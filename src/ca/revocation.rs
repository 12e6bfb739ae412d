//! revokeCert ([RFC 8555 §7.6](https://www.rfc-editor.org/rfc/rfc8555#section-7.6)), by three authorities: the account that
//! a certificate was issued to, an account that could have it issued, and the certificate's own key.

use super::cell::{Admitted, Cell};
use super::http::{Answer, Response};
use super::ladder;
use super::message::{Message, Partition, Reply, Requester, RevocationRequest};
use super::ports::{PartitionPorts, Ports};
use crate::acme::authorization::AuthorizationStatus;
use crate::acme::{AuthorizationRecord, Kind, Problem, ledger};
use crate::jose::Verified;
use crate::pki::certificate::{self, PresentedCertificate};
use crate::store::{Kv, Txn};
use crate::values::{Identifier, b64};
use serde::Deserialize;
use std::collections::BTreeSet;

#[derive(Deserialize)]
struct Revoke {
    certificate: String,
    #[serde(default)]
    reason: Option<i64>,
}

/// A request to revoke, read but not yet judged.
struct Wish {
    presented: PresentedCertificate,
    reason: Option<u8>,
}

fn read(jws: &Verified) -> Result<Wish, Problem> {
    let Revoke { certificate, reason } = jws.payload_json().map_err(|fault| ladder::refuse_jws(&fault))?;
    let reason = ledger::check_reason(reason)?;
    let der = b64::decode(&certificate)
        .ok_or_else(|| Problem::malformed("certificate is not unpadded base64url of a DER-encoded certificate."))?;
    let presented =
        certificate::parse_presented(&der).map_err(|fault| Problem::malformed(format!("The certificate {fault}.")))?;
    Ok(Wish { presented, reason })
}

/// Revokes a certificate for the holder of its key: the request is signed with that key.
///
/// # Errors
/// `malformed`, `unauthorized`, `badRevocationReason`, `alreadyRevoked`.
pub async fn revoke_by_key<P: Ports>(ports: &P, jws: &Verified) -> Answer {
    let wish = read(jws)?;
    if wish.presented.spki_der != jws.key().spki_der() {
        let detail = "The request is signed with a key that is not the certificate's. Sign it with the certificate's \
                      key in jwk, or with the key of the account in kid.";
        return Err(Problem::new(Kind::Unauthorized, detail));
    }
    tell_ledger(ports, &wish, Requester::Key).await
}

async fn tell_ledger<P: Ports>(ports: &P, wish: &Wish, by: Requester) -> Answer {
    let request = RevocationRequest {
        serial: wish.presented.serial.hex(),
        tbs_digest: b64::encode(&wish.presented.tbs_hash()),
        reason: wish.reason,
        by,
    };
    let issuer = wish.presented.authority_key_id.as_deref().and_then(|id| ports.settings().issuers.with_key_id(id));
    let issuer = issuer.ok_or_else(ledger::not_issued_here)?;
    match ports.ask(&Partition::Ledger(issuer.id().to_owned()), &Message::Revoke(Box::new(request))).await? {
        Reply::Done => Ok(Response::empty(200)),
        other => Err(ladder::unexpected(&other)),
    }
}

impl<P: PartitionPorts + 'static, K: Kv + 'static> Cell<P, K> {
    /// revokeCert, signed with an account key.
    ///
    /// # Errors
    /// `malformed`, `unauthorized`, `badRevocationReason`, `alreadyRevoked`.
    pub async fn post_revoke(&self, admitted: &Admitted) -> Answer {
        let wish = self.enter(admitted, |_txn, _account| read(&admitted.jws))?;
        let id = &admitted.account;
        let asked = tell_ledger(&self.ports, &wish, Requester::Account { id: id.clone(), authorized: false }).await;
        match asked {
            // Not the account that it was issued to: does it hold authorizations for all of the names?
            Err(problem) if problem.kind == Kind::Unauthorized => {
                if self.transact(|txn| self.covers(txn, &wish.presented))? {
                    tell_ledger(&self.ports, &wish, Requester::Account { id: id.clone(), authorized: true }).await
                } else {
                    Err(problem)
                }
            }
            other => other,
        }
    }

    /// Whether the account holds valid authorizations for every name in the certificate.
    fn covers(&self, txn: &Txn<'_, K>, presented: &PresentedCertificate) -> Result<bool, Problem> {
        if presented.has_other_names || presented.names.is_empty() {
            return Ok(false);
        }
        let mut missing: BTreeSet<Identifier> = presented.names.clone();
        let mut after: Option<String> = None;
        while !missing.is_empty() {
            let page = txn.list::<AuthorizationRecord>(after.as_deref(), 100)?;
            let Some((last, _)) = page.last() else { return Ok(false) };
            after = Some(last.clone());
            for (_, authorization) in page {
                if authorization.status(self.ports.now()) == AuthorizationStatus::Valid {
                    missing.retain(|name| {
                        name.base() != authorization.identifier || name.is_wildcard() != authorization.wildcard
                    });
                }
            }
        }
        Ok(true)
    }
}
