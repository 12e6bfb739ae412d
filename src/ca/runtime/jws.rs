//! The checks of every POST ([RFC 8555 §6.2–6.5](https://www.rfc-editor.org/rfc/rfc8555#section-6.2)).
//!
//! Their order: media type, size, JWS form, key, signature, nonce, url. The nonce is redeemed after the signature is
//! verified, so that only the signer can use it up, and before any other processing.

use super::ports::{PartitionPorts, Ports};
use crate::ca::config::settings::RETRIES_ACCEPTED;
use crate::ca::http::message::{MAX_BODY, Request};
use crate::jose::{ALGORITHMS, FaultKind, Jwk, JwsFault, KeyRef, Unverified, Verified, VerifyFault};
use crate::records::acme::nonce;
use crate::records::acme::nonce::{Nonce, NonceFault};
use crate::records::{Home, Kind, Problem};
use crate::values::Id;

/// Reads the JWS in a POST.
///
/// # Errors
/// 415 for another media type (RFC 8555 §6.2), 413 for too long a body, and those of [`refuse_jws`] for a faulty JWS.
pub fn read(request: &Request) -> Result<Unverified, Problem> {
    let media_type = request.content_type.as_deref().unwrap_or_default();
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/jose+json") {
        let shown = crate::values::quote::quote(media_type);
        let detail = format!("The request has Content-Type {shown}; ACME requests have application/jose+json.");
        return Err(Problem::malformed(detail).with_status(415));
    }
    let Some(body) = &request.body else {
        let detail = format!("The request body is longer than {MAX_BODY} bytes, the most that is read.");
        return Err(Problem::malformed(detail).with_status(413));
    };
    parse(body)
}

/// Parses a JWS.
///
/// # Errors
/// As [`refuse_jws`].
pub fn parse(body: &[u8]) -> Result<Unverified, Problem> {
    Unverified::parse(body).map_err(|fault| refuse_jws(&fault))
}

/// Returns the problem for a faulty JWS.
pub fn refuse_jws(fault: &JwsFault) -> Problem {
    refuse(Some(fault.kind()), sentence(fault))
}

/// Returns the problem for a failed signature check.
pub fn refuse_signature(fault: &VerifyFault) -> Problem {
    refuse(fault.kind(), sentence(fault))
}

/// Returns the problem for this kind of fault; `None` is an internal failure.
pub fn refuse(kind: Option<FaultKind>, detail: String) -> Problem {
    match kind {
        None => Problem::internal(detail),
        Some(FaultKind::Malformed | FaultKind::BadSignature) => Problem::malformed(detail),
        Some(FaultKind::BadPublicKey) => Problem::new(Kind::BadPublicKey, detail),
        Some(FaultKind::Unauthorized) => Problem::new(Kind::Unauthorized, detail),
        Some(FaultKind::BadNonce) => bad_nonce(&detail),
        Some(FaultKind::BadSignatureAlgorithm) => Problem {
            algorithms: ALGORITHMS.iter().map(|alg| (*alg).to_owned()).collect(),
            ..Problem::new(Kind::BadSignatureAlgorithm, detail)
        },
    }
}

/// Turns a fault's clause into a sentence.
fn sentence(fault: &impl std::fmt::Display) -> String {
    format!("The request is refused: {fault}.")
}

/// Verifies the signature.
///
/// # Errors
/// `malformed` for a wrong signature, `badPublicKey` when key and algorithm do not match, `serverInternal` when the
/// crypto provider fails.
async fn verify<P: Ports>(ports: &P, jws: &Unverified, key: &Jwk) -> Result<Verified, Problem> {
    jws.verify(key, ports).await.map_err(|fault| match (&fault, jws.header().key()) {
        // The account's key is valid, but another key signed the request, such as the one before a key change.
        (VerifyFault::KeyMismatch { .. }, KeyRef::Kid(_)) => Problem::malformed(sentence(&fault)),
        _ => refuse_signature(&fault),
    })
}

/// A request with a valid signature, and what its other checks found.
pub struct Signed {
    /// The verified request.
    pub jws: Verified,
    /// Its nonce: `badNonce`, or `malformed` when it is missing or not base64url.
    pub nonce: Result<Nonce, Problem>,
    /// Whether it is signed for the requested URL: `unauthorized` if not.
    pub url: Result<(), Problem>,
}

/// Verifies the signature of a request by `key`, and checks its nonce and URL.
///
/// # Errors
/// `malformed` for a wrong signature, `badPublicKey` when key and algorithm do not match, `serverInternal` when the
/// crypto provider fails.
pub async fn signed<P: Ports>(ports: &P, jws: &Unverified, key: &Jwk, path: &str) -> Result<Signed, Problem> {
    let jws = verify(ports, jws, key).await?;
    Ok(Signed { nonce: nonce_of(ports, &jws), url: check_url(ports, &jws, path), jws })
}

/// Returns the nonce of a verified request, issued here and not expired. Its home must still redeem it.
///
/// # Errors
/// `badNonce`, or `malformed` when it is missing or not base64url (RFC 8555 §6.5.2).
fn nonce_of<P: Ports>(ports: &P, verified: &Verified) -> Result<Nonce, Problem> {
    let text = verified.header().require_nonce().map_err(|fault| refuse_jws(&fault))?;
    let settings = ports.settings();
    let lifetime = settings.life(nonce::LIFETIME);
    let nonce =
        nonce::check_any(settings.nonce_key.all(), text, ports.now(), lifetime).map_err(|fault| match fault {
            NonceFault::Unknown => bad_nonce("it was not issued by this server"),
            NonceFault::TooOld => bad_nonce("it is too old"),
        })?;
    if nonce.lot() < settings.refuse_nonces {
        return Err(bad_nonce("this test server refuses some good ones, to see what the client makes of it"));
    }
    Ok(nonce)
}

/// Returns the `badNonce` problem. acme.sh matches the first words of its detail before it retries.
pub fn bad_nonce(why: &str) -> Problem {
    let why = why.trim_end_matches('.');
    let detail = format!("JWS has an invalid anti-replay nonce: {why}. Try again with the one in this response.");
    Problem::new(Kind::BadNonce, detail)
}

/// Returns the problem for a nonce that was used before.
pub fn used_nonce() -> Problem {
    bad_nonce("it was used before")
}

/// Checks that the signed URL is the requested one (RFC 8555 §6.4.1).
///
/// # Errors
/// `unauthorized` for another URL or a missing one.
fn check_url<P: Ports>(ports: &P, verified: &Verified, path: &str) -> Result<(), Problem> {
    let asked = ports.settings().urls.to_sign(path, verified.header().url());
    verified.header().require_url(&asked).map_err(|fault| refuse_jws(&fault))
}

/// Which nonce a response carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fresh {
    /// Any.
    Any,
    /// One for the retry after `badNonce`, which a test server does not refuse. certbot retries only once. It takes
    /// that nonce from new-nonce, so new-nonce returns this kind too.
    Retry,
}

impl Fresh {
    /// Returns the kind of nonce to send with this problem.
    pub fn after(problem: &Problem) -> Self {
        if problem.kind == Kind::BadNonce { Self::Retry } else { Self::Any }
    }
}

/// Maximum number of draws of a nonce for a retry. Where these are accepted, at most half are refused, so this suffices.
const MAX_DRAWS: usize = 64;

/// Returns a fresh nonce for a shard of nonces without an account.
///
/// # Errors
/// `serverInternal` without randomness.
pub fn fresh_nonce<P: Ports>(ports: &P, shard: u8, fresh: Fresh) -> Result<String, Problem> {
    let mut random = draw(ports, fresh)?;
    ports.memory().next_nonce(shard, || ports.random())?.write(&mut random);
    Ok(nonce::issue(&ports.settings().nonce_key, &Home::Shard(shard), ports.now(), random))
}

/// Returns a fresh nonce of this account, by its partition.
///
/// # Errors
/// `serverInternal` without randomness.
pub fn fresh_account_nonce<P: PartitionPorts>(ports: &P, account: &Id, fresh: Fresh) -> Result<String, Problem> {
    let mut random = draw(ports, fresh)?;
    ports.next_nonce()?.write(&mut random);
    Ok(nonce::issue(&ports.settings().nonce_key, &Home::Account(account.clone()), ports.now(), random))
}

/// Draws the random bytes of a nonce. A test server that refuses at most half accepts those for a retry.
fn draw<P: Ports>(ports: &P, fresh: Fresh) -> Result<[u8; 16], Problem> {
    let settings = ports.settings();
    let mut random = ports.random()?;
    let any = fresh == Fresh::Any || settings.refuse_nonces > RETRIES_ACCEPTED;
    for _ in 0..MAX_DRAWS {
        if any || nonce::lot(&random) >= settings.refuse_nonces {
            break;
        }
        random = ports.random()?;
    }
    Ok(random)
}
