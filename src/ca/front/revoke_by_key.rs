//! Revocation signed with the key of the certificate (RFC 8555 §7.6).

use crate::ca::http::message::Answer;
use crate::ca::ledger::revocation_request::{read, tell_ledger};
use crate::ca::runtime::message::Requester;
use crate::ca::runtime::ports::Ports;
use crate::jose::Verified;
use crate::records::{Kind, Problem};

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
