//! The CRL of the root, and the file with all CRLs.

use crate::ca::http::message::{Answer, Body, Response};
use crate::ca::http::routes::CrlFile;
use crate::ca::ledger::crl::{CrlPage, ListCrls};
use crate::ca::ledger::kind::LedgerAt;
use crate::ca::runtime::ports::Ports;
use crate::pki::pem;
use crate::records::Problem;
use crate::values::b64;

/// How long caches may keep the root's CRL, in seconds.
const ROOT_CACHED: u64 = 3600;

/// How long caches may keep the file of all CRLs, in seconds. As long as each CRL in it.
const ALL_CACHED: u64 = 60;

/// Returns the requested CRL file.
///
/// # Errors
/// 404 `malformed` if the root's CRL is not configured; when a ledger does not answer.
pub async fn show<P: Ports>(ports: &P, which: CrlFile) -> Answer {
    match which {
        CrlFile::Root => root(ports),
        CrlFile::All => all(ports).await,
    }
}

pub(in crate::ca) fn root<P: Ports>(ports: &P) -> Answer {
    let settings = ports.settings();
    let unknown = || {
        let detail = "This CA does not publish its root's CRL (ROOT_CRL). The root's certificates say where it is.";
        Problem::malformed(detail).with_status(404)
    };
    let found = settings.root_list.as_ref().ok_or_else(unknown)?;
    let tag = format!("\"{}\"", found.list.number_text());
    let response = Response { body: Body::Bytes(found.list.der.clone()), ..Response::empty(200) };
    let response = response.with("Content-Type", "application/pkix-crl");
    let fresh = ports.now().until(found.list.next_update).as_secs().min(ROOT_CACHED);
    Ok(response.with("Cache-Control", &format!("public, max-age={fresh}")).with("ETag", &tag).indexed(&settings.urls))
}

/// The CRLs of all shards with certificates, of all issuers, and of the root. For servers that read CRLs from a file.
async fn all<P: Ports>(ports: &P) -> Answer {
    let settings = ports.settings();
    let text = match ports.memory().bundle(ports.now()) {
        Some(kept) => kept,
        None => {
            let made = bundle(ports).await?;
            ports.memory().keep_bundle(&made, ports.now());
            made
        }
    };
    Ok(Response { body: Body::Text(text), ..Response::empty(200) }
        .with("Content-Type", "application/x-pem-file")
        .with("Cache-Control", &format!("public, max-age={ALL_CACHED}"))
        .indexed(&settings.urls))
}

async fn bundle<P: Ports>(ports: &P) -> Result<String, Problem> {
    let settings = ports.settings();
    let broken = || Problem::internal("a stored CRL is broken");
    let mut text = settings.root_list.as_ref().map_or_else(String::new, |root| root.pem.clone());
    for slot in settings.issuers.slots() {
        let ledger = LedgerAt::from(slot.issuer.id());
        let mut from = Some(0);
        while let Some(shard) = from {
            let CrlPage { lists, next } = ports.ask(&ledger, &ListCrls { from: shard }).await?;
            for list in lists {
                let der = b64::decode(&list).ok_or_else(broken)?;
                text.push_str(&pem::write(pem::CRL, &der).map_err(|_| broken())?);
            }
            from = next.filter(|next| *next > shard);
        }
    }
    Ok(text)
}
