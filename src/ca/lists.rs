//! The CRLs that are no shard's: the root's own, and all of them in one file.

use super::authority::Published;
use super::http::{Answer, Body, Request, Response};
use super::ladder;
use super::message::{Message, Partition, Reply};
use super::ports::Ports;
use super::routes::Lists;
use super::settings::Values;
use crate::acme::Problem;
use crate::ca::authority::Root;
use crate::pki::crl::read::ReceivedCrl;
use crate::pki::{Issuer, Issuers, pem};
use crate::values::{CryptoFailure, Time, Verify, b64};
use serde_json::{Value, json};

/// How long caches on the way may keep the root's list, in seconds.
const ROOT_CACHED: u64 = 3600;

/// How long they may keep the file of all lists: as each of them.
const ALL_CACHED: u64 = 60;

/// The root's CRL: which intermediates are revoked (RFC 5280 §5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootList {
    list: ReceivedCrl,
    pem: String,
}

impl RootList {
    /// Reads `ROOT_CRL`, PEM. What is wrong with it is one of the `problems`: the CA goes on without it, or with one that is over,
    /// for that is more than nothing.
    pub fn read(
        value: Values<'_>,
        root: Option<&Root>,
        issuers: &Issuers,
        now: Time,
        problems: &mut Vec<String>,
    ) -> Option<Self> {
        let text = value("ROOT_CRL")?;
        match Self::parse(&text, root) {
            Ok(found) => {
                problems.extend(found.problems(issuers, now));
                Some(found)
            }
            Err(what) => {
                problems.push(format!("ROOT_CRL cannot be used: {what}."));
                None
            }
        }
    }

    /// Reads a CRL of this root from PEM.
    ///
    /// # Errors
    /// A clause about the text.
    pub fn parse(text: &str, root: Option<&Root>) -> Result<Self, String> {
        let root = root.ok_or("ROOT_CERTIFICATE is not set, whose CRL it has to be")?;
        let der = pem::read_crl(text).map_err(|fault| fault.to_string())?;
        let list = ReceivedCrl::read(&der).map_err(|fault| format!("it {fault}"))?;
        if list.issuer != root.subject() {
            return Err("it is by another CA than ROOT_CERTIFICATE".to_owned());
        }
        let pem = pem::write(pem::CRL, &der).map_err(|error| error.to_string())?;
        Ok(Self { list, pem })
    }

    fn problems(&self, issuers: &Issuers, now: Time) -> Vec<String> {
        let mut found = Vec::new();
        let end = self.list.next_update;
        if end <= now {
            found.push(format!(
                "ROOT_CRL was good until {}: verifiers that check the issuer refuse every certificate. Sign another with \
                 `selvedge issuer crl` and deploy.",
                end.rfc3339()
            ));
        }
        let active = issuers.active_slot(now);
        if let Some(at) = self.revoked(&active.issuer) {
            found.push(format!(
                "The issuer {} that signs now was revoked by the root at {}: verifiers that check it refuse its \
                 certificates. Make another with `selvedge issuer new` and deploy.",
                active.number,
                at.rfc3339()
            ));
        }
        found
    }

    /// Whether the root signed it.
    ///
    /// # Errors
    /// When the crypto provider fails.
    pub async fn is_by(&self, root: &Root, crypto: &impl Verify) -> Result<bool, CryptoFailure> {
        self.list.is_signed_by(root.spki_der(), crypto).await
    }

    /// The list itself.
    pub fn list(&self) -> &ReceivedCrl {
        &self.list
    }

    /// When the root revoked the intermediate at the end of this issuer's chain; `None` when it did not.
    pub fn revoked(&self, issuer: &Issuer) -> Option<Time> {
        Some(self.list.entry(&issuer.serial_below_root()?)?.at)
    }

    /// What `/issuers` says of it.
    pub fn shown(&self, published: Option<&Published>) -> Value {
        json!({
            "url": published.map(|published| published.lists(Lists::Root)),
            "number": self.list.number_text(),
            "signed": self.list.this_update.rfc3339(),
            "next_update": self.list.next_update.rfc3339(),
            "entries": self.list.entries.len(),
        })
    }
}

/// The file of lists that was asked for.
///
/// # Errors
/// 404 `malformed` where the root's CRL is not configured; when a ledger does not answer.
pub async fn show<P: Ports>(ports: &P, request: &Request, which: Lists) -> Answer {
    match which {
        Lists::Root => root(ports, request),
        Lists::All => all(ports).await,
    }
}

fn root<P: Ports>(ports: &P, request: &Request) -> Answer {
    let settings = ports.settings();
    let unknown = || {
        let detail = "This CA does not publish its root's CRL (ROOT_CRL). The root's certificates say where it is.";
        Problem::malformed(detail).with_status(404)
    };
    let found = settings.root_list.as_ref().ok_or_else(unknown)?;
    let tag = format!("\"{}\"", found.list.number_text());
    let unchanged = request.if_none_match.as_deref().is_some_and(|tags| tags.split(',').any(|one| one.trim() == tag));
    let response = match unchanged {
        true => Response::empty(304),
        false => Response { body: Body::Bytes(found.list.der.clone()), ..Response::empty(200) }
            .with("Content-Type", "application/pkix-crl"),
    };
    let fresh = ports.now().until(found.list.next_update).as_secs().min(ROOT_CACHED);
    Ok(response.with("Cache-Control", &format!("public, max-age={fresh}")).with("ETag", &tag).indexed(&settings.urls))
}

/// The lists of all shards that have certificates, of all issuers, and the root's: what a server needs that reads a file.
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
        let ledger = Partition::Ledger(slot.issuer.id().to_owned());
        let mut from = Some(0);
        while let Some(shard) = from {
            match ports.ask(&ledger, &Message::Lists { from: shard }).await? {
                Reply::Lists { lists, next } => {
                    for list in lists {
                        let der = b64::decode(&list).ok_or_else(broken)?;
                        text.push_str(&pem::write(pem::CRL, &der).map_err(|_| broken())?);
                    }
                    from = next.filter(|next| *next > shard);
                }
                other => return Err(ladder::unexpected(&other)),
            }
        }
    }
    Ok(text)
}
