//! The CRL of a shard.

use crate::ca::config::issuers::MAX_SHARDS;
use crate::ca::http::message::{Answer, Body, Response, names_version};
use crate::ca::ledger::crl::CurrentCrl;
use crate::ca::ledger::kind::LedgerAt;
use crate::ca::runtime::ports::Ports;
use crate::records::Problem;
use crate::records::ledger::imported::COMPLETE;
use crate::values::b64;

/// How long caches may keep a CRL, in seconds. A revocation has to be visible within minutes.
const CACHED: u64 = 60;

/// Returns the CRL of this issuer's shard. It is public and not rate-limited; each isolate queries the ledger for a
/// shard at most once per second.
///
/// # Errors
/// 404 `malformed` for an issuer or a shard without certificates.
pub async fn show<P: Ports>(ports: &P, if_none_match: Option<&str>, issuer: &str, shard: u16) -> Answer {
    let settings = ports.settings();
    let unknown = || Problem::malformed("There is no CRL at this URL.").with_status(404);
    let issuer =
        settings.issuers.find(issuer).filter(|_| shard < MAX_SHARDS || shard == COMPLETE).ok_or_else(unknown)?;
    let found = match ports.memory().list(issuer.id(), shard, ports.now()) {
        Some(kept) => kept,
        None => {
            let found = ports.ask(&LedgerAt::from(issuer.id()), &CurrentCrl { shard }).await?;
            ports.memory().keep_list(issuer.id(), shard, found.as_ref(), ports.now());
            found
        }
    };
    let found = found.ok_or_else(unknown)?;
    let tag = format!("\"{}\"", found.number);
    // The front answers 304 then; a long CRL need not be decoded for it.
    let der = match names_version(if_none_match, &tag) {
        true => Vec::new(),
        false => b64::decode(&found.der).ok_or_else(|| Problem::internal("a stored CRL is broken"))?,
    };
    let response = Response { body: Body::Bytes(der), ..Response::empty(200) };
    let response = response.with("Content-Type", "application/pkix-crl");
    let fresh = ports.now().until(found.next_update).as_secs().min(CACHED);
    let response = response.with("Cache-Control", &format!("public, max-age={fresh}")).with("ETag", &tag);
    Ok(response.indexed(&settings.urls))
}
