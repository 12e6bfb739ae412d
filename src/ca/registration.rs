//! newAccount ([RFC 8555 §7.3](https://www.rfc-editor.org/rfc/rfc8555#section-7.3)): one account per key, also under
//! races and crashes.
//!
//! The key's partition is claimed first, then the account made. Both steps may be repeated, so whatever a crash
//! leaves between them is healed by the next request with that key. A claim whose account turns out not to have the
//! key (a key change that never finished, or one whose old key was not released) is handed on, which only the
//! account itself can decide: it is asked first, and calls off its own pending change in the same step.

use super::http::{Answer, Response};
use super::ladder;
use super::message::{Creation, Holding, Message, Partition, Reply};
use super::ports::Ports;
use crate::acme::account::{AccountStatus, KeyOwner, NewAccount};
use crate::acme::{Kind, Problem, contact};
use crate::jose::Verified;
use crate::values::Id;

/// How often a claim is handed on before giving up: each time, another request must have come in between.
const TRIES: usize = 4;

/// Answers a new-account request whose signature, nonce and URL are good.
///
/// # Errors
/// `accountDoesNotExist` for an unknown key with `onlyReturnExisting`; `userActionRequired` without agreement to the
/// terms; `invalidContact`, `unsupportedContact`; `unauthorized` with 401 for a key whose account was deactivated.
pub async fn register<P: Ports>(ports: &P, verified: &Verified) -> Answer {
    let wanted: NewAccount = verified.payload_json().map_err(|fault| ladder::refuse_jws(&fault))?;
    let thumbprint = verified.thumbprint().as_str().to_owned();
    let acceptable = check(ports, &wanted);
    if wanted.only_return_existing || acceptable.is_err() {
        // RFC 8555 §7.3.1: for a key that has an account, all else in the request is ignored.
        return match find(ports, &thumbprint).await? {
            Some((id, holding)) => respond(ports, &id, holding),
            None if wanted.only_return_existing => Err(Problem::new(
                Kind::AccountDoesNotExist,
                "There is no account for this key, and onlyReturnExisting forbids to create one.",
            )),
            None => Err(acceptable.err().unwrap_or_else(|| Problem::internal("a refusal without a reason"))),
        };
    }
    let key = serde_json::to_value(verified.key()).map_err(|e| Problem::internal(e.to_string()))?;
    let (id, holding) = create(ports, Creation { key, thumbprint, wanted }).await?;
    respond(ports, &id, holding)
}

fn check<P: Ports>(ports: &P, wanted: &NewAccount) -> Result<(), Problem> {
    contact::check(wanted.contact.as_deref().unwrap_or_default())?;
    match &ports.settings().meta.terms_of_service {
        Some(terms) if !wanted.terms_of_service_agreed => Err(Problem::new(
            Kind::UserActionRequired,
            format!("Read the terms of service at {terms} and send termsOfServiceAgreed: true."),
        )),
        _ => Ok(()),
    }
}

/// The account that has this key, if any.
async fn find<P: Ports>(ports: &P, thumbprint: &str) -> Result<Option<(Id, Holding)>, Problem> {
    let Some(owner) = owner(ports, thumbprint, &Message::WhoOwns).await? else { return Ok(None) };
    let id = owner.account;
    let holding = ask_account(ports, &id, &Message::Find { thumbprint: thumbprint.to_owned() }).await?;
    Ok(holding.has().then_some((id, holding)))
}

async fn create<P: Ports>(ports: &P, creation: Creation) -> Result<(Id, Holding), Problem> {
    let thumbprint = creation.thumbprint.clone();
    let message = Message::Create(Box::new(creation));
    let mut claim = Message::Claim(fresh_claim(ports)?);
    for _ in 0..TRIES {
        let Some(owner) = owner(ports, &thumbprint, &claim).await? else {
            return Err(Problem::internal("a claimed key has no owner"));
        };
        let holding = ask_account(ports, &owner.account, &message).await?;
        if holding.has() {
            return Ok((owner.account, holding));
        }
        claim = Message::Reassign { from: owner, to: fresh_claim(ports)? };
    }
    Err(Problem::internal(format!("key {thumbprint} changed hands {TRIES} times during one request")))
}

/// A claim for an account that nobody knows of yet.
fn fresh_claim<P: Ports>(ports: &P) -> Result<KeyOwner, Problem> {
    Ok(KeyOwner { account: Id::from_random(ports.random()?), change: 0 })
}

/// Asks the partition of a key for its owner.
///
/// # Errors
/// `serverInternal` when it does not answer.
pub async fn owner<P: Ports>(ports: &P, thumbprint: &str, message: &Message) -> Result<Option<KeyOwner>, Problem> {
    match ports.ask(&Partition::Key(thumbprint.to_owned()), message).await? {
        Reply::Owner(owner) => Ok(owner),
        other => Err(ladder::unexpected(&other)),
    }
}

/// Asks an account whether it has a key.
///
/// # Errors
/// `serverInternal` when it does not answer.
pub async fn ask_account<P: Ports>(ports: &P, id: &Id, message: &Message) -> Result<Holding, Problem> {
    match ports.ask(&Partition::Account(id.clone()), message).await? {
        Reply::Account(holding) => Ok(holding),
        other => Err(ladder::unexpected(&other)),
    }
}

fn respond<P: Ports>(ports: &P, id: &Id, holding: Holding) -> Answer {
    match holding {
        Holding::Has { status: AccountStatus::Valid, object, created } => {
            let status = if created { 201 } else { 200 };
            Ok(Response::json(status, &object).located(&ports.settings().urls.account(id)))
        }
        Holding::Has { .. } => Err(super::cell::dead_account()),
        Holding::Nobody | Holding::OtherKey => {
            Err(Problem::internal("an account without the key was taken for its owner"))
        }
    }
}
