//! Revocation signed with the certificate's key (RFC 8555 §7.6).

use crate::ca::http::message::Answer;
use crate::ca::ledger::entry::Requester;
use crate::ca::ledger::revocation_request::{read, revoke};
use crate::ca::runtime::ports::Ports;
use crate::jose::Verified;
use crate::records::{Kind, Problem};

/// Revokes a certificate, by a request signed with its key.
///
/// # Errors
/// `malformed`, `unauthorized`, `badRevocationReason`, `alreadyRevoked`.
pub async fn revoke_by_key<P: Ports>(ports: &P, jws: &Verified) -> Answer {
    let wanted = read(jws)?;
    if wanted.presented.spki_der != jws.key().spki_der() {
        let detail = "The request is signed with a key that is not the certificate's. Sign it with the certificate's \
                      key in jwk, or with the key of the account in kid.";
        return Err(Problem::new(Kind::Unauthorized, detail));
    }
    revoke(ports, &wanted, Requester::Key).await
}
