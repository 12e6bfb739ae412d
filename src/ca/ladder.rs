use crate::acme::nonce::{Nonce, NonceFault};
use crate::acme::{Home, Kind, Problem, nonce};
use crate::ca::http::message::{MAX_BODY, Request};
use crate::ca::runtime::jws::used_nonce;
use crate::ca::runtime::message::{Message, Partition, Redemption, Reply, unexpected};
use crate::ca::runtime::ports::Ports;
use crate::jose::{ALGORITHMS, FaultKind, Jwk, JwsFault, KeyRef, Unverified, Verified, VerifyFault};

/// Redeems a nonce at a partition that is not the caller's own.
///
/// # Errors
/// `badNonce` when it was used, `serverInternal` when its home cannot be asked.
pub async fn redeem_remotely<P: Ports>(ports: &P, nonce: &Nonce) -> Result<(), Problem> {
    match ports.ask(&Partition::from(&nonce.home), &Message::Redeem(Redemption::from(nonce))).await? {
        Reply::Redeemed(true) => Ok(()),
        Reply::Redeemed(false) => Err(used_nonce()),
        other => Err(unexpected(&other)),
    }
}
