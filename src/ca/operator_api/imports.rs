//! Certificates of other programs, taken into the inventory.

use super::audit::{Done, answer_with_audit};
use super::body::Input;
use super::operator::Operator;
use super::state::shown;
use crate::ca::config::issuers::MAX_SHARDS;
use crate::ca::http::message::{Answer, Request};
use crate::ca::ledger::import::{CertificateToImport, Fate, ImportCertificates};
use crate::ca::ledger::kind::LedgerAt;
use crate::ca::partitions::compromised_keys::fingerprint;
use crate::ca::runtime::ports::Ports;
use crate::pki::certificate::{parse_presented, sha256};
use crate::pki::{Issuer, foreign};
use crate::records::Problem;
use crate::records::ledger::entry::{Authority, LedgerEntry, Revocation, check_reason};
use crate::records::ledger::imported::{COMPLETE, Imported, no_owner};
use crate::values::members::Members;
use crate::values::x509::Parts;
use crate::values::{Time, b64};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Maximum number of certificates in a request.
///
/// The key of each may have to be blocked, and Cloudflare's free plan allows 50 subrequests for each request to a Worker.
pub const MAX_CERTIFICATES: usize = 25;

/// The form of an element.
const LIKE: &str = "an object with \"der\" and, if it is revoked, \"revoked\"";

/// Certificates of a request.
#[derive(Default)]
struct Batch {
    /// By the ledger that takes them, with their places in the request.
    ledgers: BTreeMap<String, Vec<(usize, CertificateToImport)>>,
    /// What became of each.
    fates: Vec<Value>,
}

/// Handles POST that imports certificates, or only checks them.
///
/// # Errors
/// `malformed` with the place of the certificate and the reason; 409 for a serial number that another one has.
pub async fn import<P: Ports>(ports: &P, operator: &Operator, request: &Request) -> Answer {
    let members = Input::body(request, &["certificates", "check"])?;
    if members.flag("check")?.unwrap_or_default() {
        let mut batch = read(ports, operator, &members).await?;
        take(ports, &mut batch, true).await?;
        return Ok(shown(200, &json!({ "certificates": batch.fates })));
    }
    answer_with_audit(ports, (operator, request), ("certificates.import", None), 200, async {
        let mut batch = read(ports, operator, &members).await?;
        if batch.ledgers.len() > 1 {
            // All are checked before the first is stored. One ledger takes all or none by itself.
            take(ports, &mut batch, true).await?;
        }
        take(ports, &mut batch, false).await?;
        let said = batch.said();
        Ok(Done::saying(json!({ "certificates": batch.fates }), said))
    })
    .await
}

/// Counts the certificates that an import would mark as revoked, and that are not yet.
///
/// A request that the import refuses counts none.
///
/// # Errors
/// When a partition does not answer.
pub async fn revocations<P: Ports>(ports: &P, operator: &Operator, request: &Request) -> Result<usize, Problem> {
    let counted = async {
        let members = Input::body(request, &["certificates", "check"])?;
        if members.flag("check")?.unwrap_or_default() {
            return Ok(0);
        }
        let mut batch = read(ports, operator, &members).await?;
        take(ports, &mut batch, true).await?;
        Ok(batch.revocations())
    };
    counted.await.or_else(|problem: Problem| if problem.status < 500 { Ok(0) } else { Err(problem) })
}

impl Batch {
    /// Counts the certificates that their import revokes here, or whose keys it blocks.
    fn revocations(&self) -> usize {
        let revokes = |(at, one): &&(usize, CertificateToImport)| {
            let fate = self.fates.get(*at).and_then(|fate| fate.get("fate"));
            let is_here = one.entry.foreign().is_none() || one.entry.blocks_key();
            one.entry.revoked.is_some() && is_here && fate.is_some_and(|fate| fate != "known")
        };
        self.ledgers.values().flatten().filter(revokes).count()
    }

    /// Counts the fates, for the audit record.
    fn said(&self) -> String {
        let count = |fate: &str| self.fates.iter().filter(|one| one.get("fate").is_some_and(|is| is == fate)).count();
        let foreign = self.fates.iter().filter(|one| one.get("foreign").is_some_and(Value::is_string)).count();
        format!(
            "{} imported, {} revoked, {} known, {} expired; {foreign} of other CAs",
            count("imported"),
            count("revoked"),
            count("known"),
            count("expired")
        )
    }
}

/// Has the ledgers take the certificates, or only check them.
async fn take<P: Ports>(ports: &P, batch: &mut Batch, check: bool) -> Result<(), Problem> {
    for (issuer, all) in &batch.ledgers {
        let certificates = all.iter().map(|(_, one)| one.clone()).collect();
        let ask = ImportCertificates { certificates, check };
        let fates: Vec<Fate> = ports.ask(&LedgerAt::from(issuer.as_str()), &ask).await?;
        for ((at, _), fate) in all.iter().zip(fates) {
            if let Some(members) = batch.fates.get_mut(*at).and_then(Value::as_object_mut) {
                members.insert("fate".to_owned(), json!(fate));
            }
        }
    }
    Ok(())
}

/// Reads the certificates of a request.
///
/// # Errors
/// `malformed` for the first that cannot be imported.
async fn read<P: Ports>(ports: &P, operator: &Operator, members: &Input) -> Result<Batch, Problem> {
    let all = members.value("certificates").and_then(Value::as_array);
    let all = all.filter(|all| (1..=MAX_CERTIFICATES).contains(&all.len())).ok_or_else(|| {
        Problem::malformed(format!("certificates has to be an array of 1 to {MAX_CERTIFICATES} elements: {LIKE}."))
    })?;
    let mut batch = Batch::default();
    for (at, one) in all.iter().enumerate() {
        let refused = |why: String| {
            let why = why.trim_end_matches('.');
            Problem::malformed(format!("certificates[{at}] {why}. Nothing of this request was imported."))
        };
        let (der, revoked) = element(ports, operator, one).map_err(refused)?;
        let found = certificate(ports, &der).await?;
        let (issuer, mut entry) = found.map_err(refused)?;
        entry.revoked = revoked;
        let expired = entry.not_after < ports.now();
        batch.fates.push(json!({
            "serial": entry.serial(""), "names": entry.names, "not_after": entry.not_after.rfc3339(),
            "issuer": issuer, "foreign": entry.foreign(), "fate": "expired",
        }));
        if !expired {
            let one = CertificateToImport { entry, der: b64::encode(&der) };
            batch.ledgers.entry(issuer).or_default().push((at, one));
        }
    }
    Ok(batch)
}

/// Reads an element of a request: a certificate in DER, and its revocation.
fn element<P: Ports>(ports: &P, operator: &Operator, one: &Value) -> Result<(Vec<u8>, Option<Revocation>), String> {
    let members = Members::of(one, &["der", "revoked"], LIKE).map_err(|fault| fault.why)?;
    let der = members.parsed("der", "DER in base64url without padding", b64::decode);
    let der = der.map_err(|fault| format!("has a wrong \"der\", which {}", fault.why))?.ok_or("has no \"der\"")?;
    let Some(revoked) = members.get("revoked") else { return Ok((der, None)) };
    let wrong = |why: String| format!("has a wrong \"revoked\": {why}");
    let like = "an object with \"at\" and, if known, \"reason\"";
    let members = Members::of(revoked, &["at", "reason"], like).map_err(|fault| wrong(fault.below("it")))?;
    let at = members.parsed("at", "a time like 2027-01-31T00:00:00Z", Time::parse_rfc3339);
    let at = at.map_err(|fault| wrong(fault.below("it")))?.ok_or_else(|| wrong("it has no \"at\"".to_owned()))?;
    if at > ports.now() {
        return Err(wrong(format!("its time {} is in the future", at.rfc3339())));
    }
    let reason = members.integer("reason").map_err(|fault| wrong(fault.below("it")))?;
    let reason = check_reason(reason).map_err(|problem| wrong(problem.detail))?;
    Ok((der, Some(Revocation { at, reason, by: Authority::Operator(operator.name.clone()) })))
}

/// Reads a certificate. Returns the id of the issuer whose ledger takes it, with its entry.
///
/// Those of other CAs are in the ledger of the first issuer.
///
/// # Errors
/// A failure of the crypto provider. The inner error says why it cannot be imported.
async fn certificate<P: Ports>(ports: &P, der: &[u8]) -> Result<Result<(String, LedgerEntry), String>, Problem> {
    let parts = match readable(der) {
        Ok(parts) => parts,
        Err(why) => return Ok(Err(why)),
    };
    let issuers = &ports.settings().issuers;
    let mut signer = None;
    for slot in issuers.slots() {
        if signer.is_none() && foreign::is_signed_by(&parts, &slot.issuer, ports).await? {
            signer = Some(&slot.issuer);
        }
    }
    let first = issuers.slots().next().map(|slot| slot.issuer.id()).unwrap_or_default();
    let ledger = signer.map_or(first, Issuer::id).to_owned();
    Ok(entry(ports, der, &parts, signer).map(|entry| (ledger, entry)))
}

fn readable(der: &[u8]) -> Result<Parts<'_>, String> {
    let parts = Parts::read(der).map_err(|error| format!("is no DER X.509 certificate of version 3: {error}"))?;
    match foreign::is_ca(&parts) {
        Ok(false) => Ok(parts),
        Ok(true) => Err("is a CA's certificate; import those of its subscribers only".to_owned()),
        Err(error) => Err(format!("has basicConstraints that cannot be read: {error}")),
    }
}

fn entry<P: Ports>(ports: &P, der: &[u8], parts: &Parts<'_>, signer: Option<&Issuer>) -> Result<LedgerEntry, String> {
    let presented = parse_presented(der).map_err(|fault| fault.to_string())?;
    let unreadable = |error: der::Error| format!("has an extension that cannot be read: {error}");
    let shard = signer.map(|issuer| shard(ports, parts, issuer)).transpose().map_err(unreadable)?.flatten();
    Ok(LedgerEntry {
        account: no_owner(),
        order: no_owner(),
        external_account: None,
        tbs_digest: b64::encode(&presented.tbs_hash()),
        key: fingerprint(&presented.spki_der),
        names: foreign::names(parts, &presented).map_err(unreadable)?,
        profile: None,
        shard,
        recorded: parts.not_before.min(ports.now()),
        not_before: parts.not_before,
        not_after: parts.not_after,
        revoked: None,
        logged: None,
        imported: Some(Imported {
            serial: presented.serial.hex(),
            issuer: b64::encode(&sha256(parts.issuer)),
            at: ports.now(),
            foreign: signer.is_none().then(|| foreign::issuer_name(parts)),
        }),
    })
}

/// The CRL shard that a certificate points to, else the complete list.
///
/// A certificate that points to no list of this CA is in the scope of the complete list only (RFC 5280 §6.3.3 (b) (2) (i)).
fn shard<P: Ports>(ports: &P, parts: &Parts<'_>, issuer: &Issuer) -> der::Result<Option<u16>> {
    let Some(published) = &ports.settings().published else { return Ok(None) };
    let urls = foreign::crl_urls(parts)?;
    let named = (0..MAX_SHARDS).find(|shard| urls.contains(&published.crl(issuer.id(), *shard)));
    Ok(Some(named.unwrap_or(COMPLETE)))
}
