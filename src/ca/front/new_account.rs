//! newAccount ([RFC 8555 §7.3](https://www.rfc-editor.org/rfc/rfc8555#section-7.3)): one account per key, also under
//! races and crashes.
//!
//! The key's partition is claimed first, then the account made. Both steps may be repeated, so whatever a crash
//! leaves between them is healed by the next request with that key. A claim whose account turns out not to have the
//! key (a key change that never finished, or one whose old key was not released) is handed on, which only the
//! account itself can decide: it is asked first, and calls off its own pending change in the same step.

use super::external_binding;
use crate::ca::account::kind::AccountAt;
use crate::ca::account::resource::{CreateAccount, FindAccount, Holding};
use crate::ca::config::key_policy;
use crate::ca::config::key_policy::Use;
use crate::ca::http::address::ClientAddress;
use crate::ca::http::message::{Answer, Response};
use crate::ca::partitions::key_owner::{ClaimKey, FindOwner, KeyAt, ReassignKey};
use crate::ca::partitions::{client_address, compromised_keys, external_key, roster};
use crate::ca::runtime::jws;
use crate::ca::runtime::ports::Ports;
use crate::jose::Verified;
use crate::records::acme::account::{AccountStatus, ExternalBinding, KeyOwner, NewAccount};
use crate::records::acme::contact;
use crate::records::{Kind, Problem};
use crate::values::Id;
use serde_json::Value;

/// How often a claim is handed on before giving up: each time, another request must have come in between. Each of those takes
/// the key at most twice.
const TRIES: usize = 8;

/// Answers a new-account request whose signature, nonce and URL are good.
///
/// # Errors
/// `accountDoesNotExist` for an unknown key with `onlyReturnExisting`; `badPublicKey` for a key that is weak,
/// blocked or compromised; `userActionRequired` without agreement to the terms; `externalAccountRequired`, and
/// `unauthorized` or `malformed` for a binding that does not hold or is spent; `rateLimited`, by client address or external
/// account key; `invalidContact`, `unsupportedContact`; `unauthorized` with 401 for a key whose account was deactivated.
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
    // Only accounts that do not exist yet are counted.
    let limited = client_address::limited(ports, address);
    if wanted.only_return_existing || limited.is_some() || !matches!(acceptable, Ok(None)) {
        // RFC 8555 §7.3.1: for a key that has an account, all else in the request is ignored. So what could be refused,
        // a binding that was used up by this very account among it, waits for the look for one.
        if let Some((id, holding)) = find(ports, &thumbprint).await? {
            return respond(ports, &id, holding);
        }
    }
    if wanted.only_return_existing {
        let detail = "There is no account for this key, and onlyReturnExisting forbids to create one.";
        return Err(Problem::new(Kind::AccountDoesNotExist, detail));
    }
    let external = acceptable?;
    if let Some(binding) = &external {
        // Asked before the key is claimed, so that who comes with a spent one changes nothing.
        external_key::spend(ports, &binding.kid, &thumbprint, None).await?;
    }
    client_address::count_account(ports, limited).await?;
    let key = serde_json::to_value(verified.key()).map_err(|e| Problem::internal(e.to_string()))?;
    let (id, holding) =
        create(ports, CreateAccount { key, thumbprint, wanted, external, created: ports.now() }).await?;
    respond(ports, &id, holding)
}

/// Whether an account may be made so; with the external account that it will belong to.
fn check<P: Ports>(
    ports: &P,
    verified: &Verified,
    wanted: &NewAccount,
    sent: Option<&Value>,
) -> Result<Option<ExternalBinding>, Problem> {
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

/// The account that has this key, if any.
async fn find<P: Ports>(ports: &P, thumbprint: &str) -> Result<Option<(Id, Holding)>, Problem> {
    let Some(owner) = ports.ask(&KeyAt(thumbprint.to_owned()), &FindOwner).await? else { return Ok(None) };
    let id = owner.account;
    let holding = ports.ask(&AccountAt(id.clone()), &FindAccount { thumbprint: thumbprint.to_owned() }).await?;
    Ok(holding.has().then_some((id, holding)))
}

async fn create<P: Ports>(ports: &P, creation: CreateAccount) -> Result<(Id, Holding), Problem> {
    let thumbprint = creation.thumbprint.clone();
    let (kid, created) = (creation.external.as_ref().map(|binding| binding.kid.clone()), creation.created);
    let key = KeyAt(thumbprint.clone());
    let mut fresh = fresh_claim(ports)?;
    let mut owner = ports.ask(&key, &ClaimKey(fresh.clone())).await?;
    for _ in 0..TRIES {
        let at = AccountAt(owner.account.clone());
        // An older claim belongs to an account, as a rule.
        let found = match owner == fresh {
            true => Holding::Nobody,
            false => ports.ask(&at, &FindAccount { thumbprint: thumbprint.clone() }).await?,
        };
        let holding = match found {
            Holding::Nobody => {
                roster::enrol(ports, &owner.account, created).await?;
                make(ports, kid.as_deref(), &at, &creation).await?
            }
            // It makes none where there is one, and has that give up a change to this key.
            Holding::OtherKey => ports.ask(&at, &creation).await?,
            holding @ Holding::Has { .. } => holding,
        };
        if holding.has() {
            return Ok((owner.account, holding));
        }
        fresh = fresh_claim(ports)?;
        owner = ports.ask(&key, &ReassignKey { from: owner, to: fresh.clone() }).await?;
    }
    Err(Problem::internal(format!("key {thumbprint} changed hands {TRIES} times during one request")))
}

/// Has an account made that is on the list of accounts, where none is to be missing; an external account key is spent on it
/// in the last moment.
async fn make<P: Ports>(
    ports: &P,
    kid: Option<&str>,
    at: &AccountAt,
    creation: &CreateAccount,
) -> Result<Holding, Problem> {
    if let Some(kid) = kid {
        external_key::spend(ports, kid, &creation.thumbprint, Some(&at.0)).await?;
    }
    ports.ask(at, creation).await
}

/// A claim for an account that nobody knows of yet.
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
