//! newAccount ([RFC 8555 §7.3](https://www.rfc-editor.org/rfc/rfc8555#section-7.3)): one account per key, also under
//! races and crashes.
//!
//! The key is claimed at its partition first, then the account is created. Both steps may be repeated, so the next
//! request with the key repairs the state after a crash between them. A claim may belong to an account that does not
//! have the key, after an unfinished key change or one whose old key was not released. Such a claim is reassigned, but
//! only the account itself can decide that: it is asked first, and cancels its own pending change in the same step.

use super::external_binding;
use super::external_binding::VerifiedBinding;
use crate::ca::account::kind::AccountAt;
use crate::ca::account::resource::{CreateAccount, FindAccount, Holding};
use crate::ca::config::key_policy;
use crate::ca::config::key_policy::Use;
use crate::ca::http::address::ClientAddress;
use crate::ca::http::message::{Answer, Response};
use crate::ca::partitions::external_key::BindKey;
use crate::ca::partitions::key_owner::{ClaimKey, FindOwner, KeyAt, ReassignKey};
use crate::ca::partitions::{client_address, compromised_keys, external_key, roster};
use crate::ca::runtime::jws;
use crate::ca::runtime::ports::Ports;
use crate::jose::Verified;
use crate::records::acme::account::{AccountStatus, KeyOwner, NewAccount};
use crate::records::acme::contact;
use crate::records::{Kind, Problem};
use crate::values::Id;
use serde_json::Value;

/// How often a claim is reassigned before the request fails. Each reassignment requires a concurrent request, and each
/// of those takes the key at most twice.
const MAX_TRIES: usize = 8;

/// Answers a newAccount request with a valid signature, nonce and URL.
///
/// # Errors
/// `accountDoesNotExist` for an unknown key with `onlyReturnExisting`; `badPublicKey` for a key that is weak, blocked
/// or compromised; `userActionRequired` without agreement to the terms; `externalAccountRequired`, and `unauthorized`
/// or `malformed` for an invalid or spent binding; `rateLimited`, by client address or external account key;
/// `invalidContact`, `unsupportedContact`; `unauthorized` with 401 for a key whose account was deactivated or revoked.
pub async fn register<P: Ports>(ports: &P, verified: &Verified, address: Option<ClientAddress>) -> Answer {
    let mut wanted: NewAccount = verified.payload_json().map_err(|fault| jws::refuse_jws(&fault))?;
    let thumbprint = verified.thumbprint().as_str().to_owned();
    let sent = wanted.external_account_binding.take();
    let mut acceptable = check(ports, verified, &wanted, sent.as_ref());
    if acceptable.is_ok()
        && !wanted.only_return_existing
        && let Err(problem) =
            compromised_keys::check(ports, Use::Account("the account key"), verified.key().spki_der()).await
    {
        acceptable = Err(problem);
    }
    // Only new accounts are counted.
    let limited = client_address::limited(ports, address);
    if wanted.only_return_existing || limited.is_some() || !matches!(acceptable, Ok(None)) {
        // RFC 8555 §7.3.1: for a key that has an account, the rest of the request is ignored. So refusals, such as that
        // of a binding spent by this very account, come after the look-up of the account.
        if let Some((id, holding)) = find(ports, &thumbprint).await? {
            return respond(ports, &id, holding);
        }
    }
    if wanted.only_return_existing {
        let detail = "There is no account for this key, and onlyReturnExisting forbids to create one.";
        return Err(Problem::new(Kind::AccountDoesNotExist, detail));
    }
    let external = acceptable?;
    if let Some(verified) = &external {
        // Checked before the key is claimed, so that a request with a spent key changes nothing.
        spend(ports, verified, &thumbprint, None).await?;
    }
    client_address::count_account(ports, limited).await?;
    let key = serde_json::to_value(verified.key()).map_err(|e| Problem::internal(e.to_string()))?;
    let binding = external.as_ref().map(|verified| verified.binding.clone());
    let creation = CreateAccount { key, thumbprint, wanted, external: binding, created: ports.now() };
    let (id, holding) = create(ports, external.as_ref(), creation).await?;
    respond(ports, &id, holding)
}

/// Spends the external account key of a binding; without an account, checks only.
async fn spend<P: Ports>(
    ports: &P,
    verified: &VerifiedBinding,
    thumbprint: &str,
    account: Option<&Id>,
) -> Result<(), Problem> {
    let (thumbprint, check) = (thumbprint.to_owned(), verified.check.clone());
    external_key::spend(ports, &verified.binding.kid, BindKey { thumbprint, account: account.cloned(), check }).await
}

/// Checks a new account and returns its external account, if any.
fn check<P: Ports>(
    ports: &P,
    verified: &Verified,
    wanted: &NewAccount,
    sent: Option<&Value>,
) -> Result<Option<VerifiedBinding>, Problem> {
    key_policy::check_account_key(ports.settings(), "the account key", verified.key())?;
    contact::check(wanted.contact.as_deref().unwrap_or_default())?;
    if let Some(terms) = &ports.settings().meta.terms_of_service
        && !wanted.terms_of_service_agreed
    {
        let detail = format!("Read the terms of service at {terms} and send termsOfServiceAgreed: true.");
        return Err(Problem { terms: Some(terms.clone()), ..Problem::new(Kind::UserActionRequired, detail) });
    }
    external_binding::verify(ports.settings(), verified, sent)
}

/// Returns the account that has this key, if any.
async fn find<P: Ports>(ports: &P, thumbprint: &str) -> Result<Option<(Id, Holding)>, Problem> {
    let Some(owner) = ports.ask(&KeyAt(thumbprint.to_owned()), &FindOwner).await? else { return Ok(None) };
    let id = owner.account;
    let holding = ports.ask(&AccountAt(id.clone()), &FindAccount { thumbprint: thumbprint.to_owned() }).await?;
    Ok(holding.has().then_some((id, holding)))
}

async fn create<P: Ports>(
    ports: &P,
    external: Option<&VerifiedBinding>,
    creation: CreateAccount,
) -> Result<(Id, Holding), Problem> {
    let (thumbprint, created) = (creation.thumbprint.clone(), creation.created);
    let key = KeyAt(thumbprint.clone());
    let mut fresh = fresh_claim(ports)?;
    let mut owner = ports.ask(&key, &ClaimKey(fresh.clone())).await?;
    for _ in 0..MAX_TRIES {
        let at = AccountAt(owner.account.clone());
        // An older claim usually belongs to an existing account.
        let found = match owner == fresh {
            true => Holding::Nobody,
            false => ports.ask(&at, &FindAccount { thumbprint: thumbprint.clone() }).await?,
        };
        let holding = match found {
            Holding::Nobody => {
                roster::enrol(ports, &owner.account, created).await?;
                make(ports, external, &at, &creation).await?
            }
            // An existing account is not created again; it cancels its pending change to this key.
            Holding::OtherKey => ports.ask(&at, &creation).await?,
            holding @ Holding::Has { .. } => holding,
        };
        if holding.has() {
            return Ok((owner.account, holding));
        }
        fresh = fresh_claim(ports)?;
        owner = ports.ask(&key, &ReassignKey { from: owner, to: fresh.clone() }).await?;
    }
    Err(Problem::internal(format!("key {thumbprint} changed hands {MAX_TRIES} times during one request")))
}

/// Creates an account that is already in the list of accounts. The list must be complete. An external account key is
/// spent immediately before.
async fn make<P: Ports>(
    ports: &P,
    external: Option<&VerifiedBinding>,
    at: &AccountAt,
    creation: &CreateAccount,
) -> Result<Holding, Problem> {
    if let Some(verified) = external {
        spend(ports, verified, &creation.thumbprint, Some(&at.0)).await?;
    }
    ports.ask(at, creation).await
}

/// Makes a claim with a new account id.
fn fresh_claim<P: Ports>(ports: &P) -> Result<KeyOwner, Problem> {
    Ok(KeyOwner { account: Id::from_random(ports.random()?), change: 0 })
}

fn respond<P: Ports>(ports: &P, id: &Id, holding: Holding) -> Answer {
    match holding {
        Holding::Has { status: AccountStatus::Valid, object, created } => {
            let status = if created { 201 } else { 200 };
            Ok(Response::json(status, &object).located(&ports.settings().urls.account(id)))
        }
        Holding::Has { .. } => Err(crate::ca::runtime::problems::dead_account()),
        Holding::Nobody | Holding::OtherKey => {
            Err(Problem::internal("an account without the key was taken for its owner"))
        }
    }
}
